package cloud

import (
	"context"
	"net"
	"sync"
	"time"
)

// answerTimeout is how long a write that failed waits for the answer to be read. A connection that is broken is heard of at once.
const answerTimeout = time.Second

// dialContext is what a net.Dialer and net/http call it.
type dialContext func(ctx context.Context, network, address string) (net.Conn, error)

// heard makes connections whose answers are not lost when a write fails.
func heard(dial dialContext) dialContext {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &hearing{Conn: c, over: make(chan struct{})}, nil
	}
}

// hearing is a connection whose failed write waits until the answer has been read. A server that refuses a large request by its
// head answers and closes the connection on the bytes that still come: the next write fails, and net/http then drops the connection
// together with the refusal, which lies in the socket already.
type hearing struct {
	net.Conn
	once sync.Once
	over chan struct{} // closed when nothing more can be read
}

func (c *hearing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *hearing) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		select {
		case <-c.over:
		case <-time.After(answerTimeout):
		}
	}
	return n, err
}

func (c *hearing) Close() error {
	c.end()
	return c.Conn.Close()
}

func (c *hearing) end() { c.once.Do(func() { close(c.over) }) }

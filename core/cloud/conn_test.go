package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refusing is a connection to a server that answers by the head of a request and is gone: a write fails, and what was answered can
// be read only afterwards.
type refusing struct {
	net.Conn // nil: nothing else of it may be used
	answer   io.Reader
	failed   chan struct{}
	once     sync.Once
}

func (c *refusing) Write([]byte) (int, error) {
	c.once.Do(func() { close(c.failed) })
	return 0, syscall.ECONNRESET
}

func (c *refusing) Read(p []byte) (int, error) {
	<-c.failed
	time.Sleep(20 * time.Millisecond) // long enough for net/http to have dropped the connection
	n, err := c.answer.Read(p)
	if err == io.EOF {
		err = syscall.ECONNRESET
	}
	return n, err
}

func (c *refusing) Close() error                  { return nil }
func (*refusing) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (*refusing) RemoteAddr() net.Addr            { return &net.TCPAddr{} }
func (*refusing) SetDeadline(time.Time) error     { return nil }
func (*refusing) SetReadDeadline(time.Time) error { return nil }

// TestAnswerOfAClosedConnection: what a server said before it closed the connection on the rest of a request is the answer; where it
// said nothing, the failure of the write is the error, at once.
func TestAnswerOfAClosedConnection(t *testing.T) {
	send := func(answer string) (*http.Response, error) {
		client := http.Client{Transport: &http.Transport{
			DialContext: heard(func(context.Context, string, string) (net.Conn, error) {
				return &refusing{answer: strings.NewReader(answer), failed: make(chan struct{})}, nil
			}),
		}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://s3.test/k", strings.NewReader(strings.Repeat("x", 1<<20)))
		require.NoError(t, err)
		return client.Do(request)
	}
	response, err := send("HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusPreconditionFailed, response.StatusCode)
	require.Equal(t, "no", string(body))

	begun := time.Now()
	_, err = send("")
	require.True(t, errors.Is(err, syscall.ECONNRESET), err)
	require.Less(t, time.Since(begun), answerTimeout)
}

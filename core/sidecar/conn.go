package sidecar

import (
	"encoding/binary"
	"encoding/json"
	"io"

	"numpywren/core/errs"
)

// A frame is 4 bytes, the length of the head; 8 bytes, the length of the body; the head, a JSON object; and the body. Numbers are
// little endian.
const prefix = 12

// maxHead bounds a head, so that a program that is none of ours is an error and no allocation.
const maxHead = 16 << 20

// Protocol is the version of what the frames say. A process says it first, in the head of a frame without a body.
const Protocol = 1

// Conn is the use of a process during one Do.
type Conn struct{ x *process }

// Send writes a frame. body, which may be nil, writes exactly size bytes.
func (c *Conn) Send(head any, size int64, body func(w io.Writer) error) error {
	text, err := json.Marshal(head)
	if err != nil {
		return errs.New(errs.Internal, "a head of a frame: %w", err)
	}
	var p [prefix]byte
	binary.LittleEndian.PutUint32(p[:], uint32(len(text)))
	binary.LittleEndian.PutUint64(p[4:], uint64(size))
	if _, err := c.x.w.Write(p[:]); err != nil {
		return err
	}
	if _, err := c.x.w.Write(text); err != nil {
		return err
	}
	if body != nil {
		counted := &counter{w: c.x.w}
		if err := body(counted); err != nil {
			return err
		}
		if counted.n != size {
			return errs.New(errs.Internal, "a body of %d bytes, %d were announced", counted.n, size)
		}
	}
	return c.x.w.Flush()
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Receive reads a frame's head into head. The body's size bytes are to be read from body before the next call.
func (c *Conn) Receive(head any) (size int64, body io.Reader, err error) { return c.x.receive(head) }

func (x *process) receive(head any) (size int64, body io.Reader, err error) {
	var p [prefix]byte
	if _, err := io.ReadFull(x.r, p[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(p[:])
	if n > maxHead {
		return 0, nil, errs.New(errs.Internal, "the process writes something else to its standard output than frames")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(x.r, text); err != nil {
		return 0, nil, err
	}
	if err := json.Unmarshal(text, head); err != nil {
		return 0, nil, errs.New(errs.Internal, "a frame of the process: %w", err)
	}
	size = int64(binary.LittleEndian.Uint64(p[4:]))
	return size, io.LimitReader(x.r, size), nil
}

// greet reads the frame that a process begins with.
func (x *process) greet() error {
	var hello struct {
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
	}
	if _, _, err := x.receive(&hello); err != nil {
		if x.hasEnded(err) {
			<-x.exited
			return &Died{State: x.state()}
		}
		return err
	}
	if hello.Protocol != Protocol {
		return errs.New(errs.OS, "it has numpywren %s, which speaks version %d of the protocol; this one speaks %d: install the same numpywren for both",
			hello.Version, hello.Protocol, Protocol)
	}
	return nil
}

// Log takes what the process printed so far in this Do. What it prints before it sends a frame is there when the frame is.
func (c *Conn) Log() string { return c.x.takeLog() }

// Knows says whether Learn was called with the key on this process, also in an earlier Do.
func (c *Conn) Knows(key string) bool {
	_, ok := c.x.known[key]
	return ok
}

// Learn notes that the process has something. full says that it has too much now, and knows nothing any more.
func (c *Conn) Learn(key string) (full bool) {
	if full = len(c.x.known) >= maxKnown; full {
		clear(c.x.known)
	}
	c.x.known[key] = struct{}{}
	return full
}

package blob

import (
	"io"
	"sync/atomic"
)

// Counters are the requests to a place for objects and the bytes of their bodies: what storage costs. A request that was tried
// again counts as often as it was sent.
type Counters struct {
	Gets, Puts, Lists, Heads, Deletes int64
	BytesIn, BytesOut                 int64
	Retries                           int64
}

// Sub is what happened since an earlier reading.
func (c Counters) Sub(before Counters) Counters {
	return Counters{
		Gets: c.Gets - before.Gets, Puts: c.Puts - before.Puts, Lists: c.Lists - before.Lists,
		Heads: c.Heads - before.Heads, Deletes: c.Deletes - before.Deletes,
		BytesIn: c.BytesIn - before.BytesIn, BytesOut: c.BytesOut - before.BytesOut, Retries: c.Retries - before.Retries,
	}
}

// Meter counts for a driver. The zero value is ready; it is safe for concurrent use.
type Meter struct {
	Gets, Puts, Lists, Heads, Deletes atomic.Int64
	BytesIn, BytesOut                 atomic.Int64
	Retries                           atomic.Int64
}

// Counters is what was counted so far.
func (m *Meter) Counters() Counters {
	return Counters{
		Gets: m.Gets.Load(), Puts: m.Puts.Load(), Lists: m.Lists.Load(), Heads: m.Heads.Load(), Deletes: m.Deletes.Load(),
		BytesIn: m.BytesIn.Load(), BytesOut: m.BytesOut.Load(), Retries: m.Retries.Load(),
	}
}

// reading counts what is read of a body.
type reading struct {
	io.Reader
	io.Closer
	bytes *atomic.Int64
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.bytes.Add(int64(n))
	return n, err
}

// Reading is a body whose bytes count as BytesIn.
func (m *Meter) Reading(body io.ReadCloser) io.ReadCloser { return &reading{body, body, &m.BytesIn} }

// writing counts what is written.
type writing struct {
	io.Writer
	bytes *atomic.Int64
}

func (w *writing) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.bytes.Add(int64(n))
	return n, err
}

// Writing is a writer whose bytes count as BytesOut.
func (m *Meter) Writing(w io.Writer) io.Writer { return &writing{w, &m.BytesOut} }

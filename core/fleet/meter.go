package fleet

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"numpywren/core/blob"
)

// Traffic is requests to the store by kind, and the bytes of objects.
type Traffic struct {
	Gets    int64 `json:"gets"`
	Puts    int64 `json:"puts"`
	Stats   int64 `json:"stats"`
	Lists   int64 `json:"lists"`
	Deletes int64 `json:"deletes"`
	Read    int64 `json:"bytes_read"`
	Written int64 `json:"bytes_written"`
}

func (t *Traffic) add(o Traffic) {
	t.Gets += o.Gets
	t.Puts += o.Puts
	t.Stats += o.Stats
	t.Lists += o.Lists
	t.Deletes += o.Deletes
	t.Read += o.Read
	t.Written += o.Written
}

// meter counts the requests of those who carry it in their context: the store is shared by all jobs of a worker, and so are the
// tiles of matrices that several of them read.
type meter struct{ gets, puts, stats, lists, deletes, read, written atomic.Int64 }

func (m *meter) traffic() Traffic {
	return Traffic{m.gets.Load(), m.puts.Load(), m.stats.Load(), m.lists.Load(), m.deletes.Load(), m.read.Load(), m.written.Load()}
}

type meterKey struct{}

func withMeter(ctx context.Context, m *meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

func meterOf(ctx context.Context) *meter {
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		return m
	}
	return new(meter)
}

// metered is a store whose users are counted.
func metered(s *blob.Store) *blob.Store { return blob.New(counted{s}) }

type counted struct{ store *blob.Store }

func (c counted) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	m := meterOf(ctx)
	m.gets.Add(1)
	r, err := c.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return &countedReader{r, m}, nil
}

// GetRange leaves the version out: what a fleet reads never changes.
func (c counted) GetRange(ctx context.Context, key string, offset, length int64, _ string) (io.ReadCloser, error) {
	m := meterOf(ctx)
	m.gets.Add(1)
	r, err := c.store.GetRange(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &countedReader{r, m}, nil
}

// Counters are those of all users together.
func (c counted) Counters() blob.Counters { return c.store.Counters() }

type countedReader struct {
	io.ReadCloser
	meter *meter
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.meter.read.Add(int64(n))
	return n, err
}

func (c counted) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	m := meterOf(ctx)
	m.puts.Add(1)
	m.written.Add(size)
	return c.store.Put(ctx, key, size, write, opts)
}

func (c counted) Stat(ctx context.Context, key string) (blob.Attr, error) {
	meterOf(ctx).stats.Add(1)
	return c.store.Stat(ctx, key)
}

func (c counted) Delete(ctx context.Context, key string) error {
	meterOf(ctx).deletes.Add(1)
	return c.store.Delete(ctx, key)
}

func (c counted) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	const page = 1000 // keys a request, of S3
	return func(yield func(string, error) bool) {
		m := meterOf(ctx)
		n := 0
		for key, err := range c.store.List(ctx, prefix) {
			if n%page == 0 {
				m.lists.Add(1)
			}
			n++
			if !yield(key, err) {
				return
			}
		}
		if n == 0 {
			m.lists.Add(1)
		}
	}
}

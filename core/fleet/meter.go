package fleet

import (
	"context"
	"io"
	"iter"

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

// trafficOf is what a meter counted.
func trafficOf(m *blob.Meter) Traffic {
	c := m.Counters()
	return Traffic{Gets: c.Gets, Puts: c.Puts, Stats: c.Heads, Lists: c.Lists, Deletes: c.Deletes, Read: c.BytesIn, Written: c.BytesOut}
}

type meterKey struct{}

// withMeter has m count the requests made with the context: the store is shared by all jobs of a worker, and so are the tiles of
// matrices that several of them read.
func withMeter(ctx context.Context, m *blob.Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// metered is a store whose users are counted.
func metered(s *blob.Store) *blob.Store { return blob.New(&counted{driver: s.Driver()}) }

// counted counts for the meter of each request's context; what has none counts for nobody.
type counted struct {
	driver blob.Driver
	nobody blob.Meter
}

func (c *counted) meter(ctx context.Context) *blob.Meter {
	if m, ok := ctx.Value(meterKey{}).(*blob.Meter); ok {
		return m
	}
	return &c.nobody
}

func (c *counted) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	m := c.meter(ctx)
	m.Gets.Add(1)
	r, err := c.driver.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return m.Reading(r), nil
}

func (c *counted) GetRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	m := c.meter(ctx)
	m.Gets.Add(1)
	r, err := c.driver.GetRange(ctx, key, offset, length, version)
	if err != nil {
		return nil, err
	}
	return m.Reading(r), nil
}

func (c *counted) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	m := c.meter(ctx)
	m.Puts.Add(1)
	m.BytesOut.Add(size)
	return c.driver.Put(ctx, key, size, write, opts)
}

func (c *counted) Stat(ctx context.Context, key string) (blob.Attr, error) {
	c.meter(ctx).Heads.Add(1)
	return c.driver.Stat(ctx, key)
}

func (c *counted) Delete(ctx context.Context, key string) error {
	c.meter(ctx).Deletes.Add(1)
	return c.driver.Delete(ctx, key)
}

func (c *counted) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	const page = 1000 // keys a request, of S3
	return func(yield func(string, error) bool) {
		m := c.meter(ctx)
		n := 0
		for key, err := range c.driver.List(ctx, prefix) {
			if n%page == 0 {
				m.Lists.Add(1)
			}
			n++
			if !yield(key, err) {
				return
			}
		}
		if n == 0 {
			m.Lists.Add(1)
		}
	}
}

// Counters are those of the store, whoever asked.
func (c *counted) Counters() blob.Counters { return c.driver.Counters() }

package pywren

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"numpywren/core/blob"
)

// inline is the size up to which objects are small.
const inline = 64 << 10

// spill is a driver of two: small objects, of which there are many, are in memory, and large ones elsewhere.
type spill struct{ small, large blob.Driver }

// NewSpill is a Store for the calls of one process: what is small stays in memory, what is large goes to the driver.
func NewSpill(large blob.Driver) *blob.Store { return blob.New(SpillDriver(large)) }

// SpillDriver is the driver of NewSpill.
func SpillDriver(large blob.Driver) blob.Driver { return spill{blob.MemoryDriver(), large} }

// of is the driver that has the object, or the one for large ones when there is none.
func (s spill) of(ctx context.Context, key string) blob.Driver {
	if _, err := s.small.Stat(ctx, key); err == nil {
		return s.small
	}
	return s.large
}

func (s spill) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return s.of(ctx, key).Get(ctx, key)
}

func (s spill) Stat(ctx context.Context, key string) (blob.Attr, error) {
	return s.of(ctx, key).Stat(ctx, key)
}

// Put writes the object where its size belongs, and removes one that was at the other place. A creator among several that want
// no other looks at both; where sizes differ so much two may win, and the small one is the one that is read.
func (s spill) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	to, other := s.small, s.large
	if size > inline {
		to, other = s.large, s.small
	}
	switch _, err := other.Stat(ctx, key); {
	case err == nil && opts.IfNoneMatch:
		return blob.ErrExists
	case err != nil && !errors.Is(err, blob.ErrNotExist):
		return err
	case err != nil:
		return to.Put(ctx, key, size, write, opts)
	}
	if err := to.Put(ctx, key, size, write, opts); err != nil {
		return err
	}
	return other.Delete(ctx, key)
}

func (s spill) Delete(ctx context.Context, key string) error {
	return errors.Join(s.small.Delete(ctx, key), s.large.Delete(ctx, key))
}

func (s spill) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var keys []string
		for _, d := range []blob.Driver{s.small, s.large} {
			for key, err := range d.List(ctx, prefix) {
				if err != nil {
					yield("", err)
					return
				}
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			if !yield(key, nil) {
				return
			}
		}
	}
}

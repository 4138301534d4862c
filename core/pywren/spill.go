package pywren

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"numpywren/core/blob"
)

// inline is the size up to which objects are small.
const inline = 64 << 10

// spill is a driver of two: small objects, of which there are many, are in memory, and large ones elsewhere. It has the other
// driver to itself, and knows without asking it what is there.
type spill struct {
	small, large blob.Driver

	mu   sync.RWMutex
	keys map[string]struct{} // of large
}

// NewSpill is a Store for the calls of one process: what is small stays in memory, what is large goes to the driver, which
// nobody else uses.
func NewSpill(large blob.Driver) *blob.Store { return blob.New(SpillDriver(large)) }

// SpillDriver is the driver of NewSpill.
func SpillDriver(large blob.Driver) blob.Driver {
	return &spill{small: blob.MemoryDriver(), large: large, keys: map[string]struct{}{}}
}

// isLarge says whether the object is with the large ones.
func (s *spill) isLarge(key string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.keys[key]
	return ok
}

func (s *spill) note(key string, large bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if large {
		s.keys[key] = struct{}{}
	} else {
		delete(s.keys, key)
	}
}

func (s *spill) of(key string) blob.Driver {
	if s.isLarge(key) {
		return s.large
	}
	return s.small
}

func (s *spill) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return s.of(key).Get(ctx, key)
}

func (s *spill) GetRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	return s.of(key).GetRange(ctx, key, offset, length, version)
}

func (s *spill) Counters() blob.Counters { return s.small.Counters().Add(s.large.Counters()) }

func (s *spill) Stat(ctx context.Context, key string) (blob.Attr, error) {
	return s.of(key).Stat(ctx, key)
}

// Put writes the object where its size belongs, and removes one that was at the other place. Of several creators of one object,
// a small and a large one, who come at the same moment, two may win: no result of a call is made twice in one process.
func (s *spill) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	was := s.isLarge(key)
	if size <= inline && !was {
		return s.small.Put(ctx, key, size, write, opts)
	}
	if _, err := s.of(key).Stat(ctx, key); err == nil && opts.IfNoneMatch {
		return blob.ErrExists
	}
	if size <= inline {
		if err := s.small.Put(ctx, key, size, write, opts); err != nil {
			return err
		}
		s.note(key, false)
		return s.large.Delete(ctx, key)
	}
	if err := s.large.Put(ctx, key, size, write, opts); err != nil {
		return err
	}
	s.note(key, true)
	return s.small.Delete(ctx, key)
}

func (s *spill) Delete(ctx context.Context, key string) error {
	if s.isLarge(key) {
		s.note(key, false)
		if err := s.large.Delete(ctx, key); err != nil {
			return err
		}
	}
	return s.small.Delete(ctx, key)
}

func (s *spill) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var keys []string
		for key, err := range s.small.List(ctx, prefix) {
			if err != nil {
				yield("", err)
				return
			}
			keys = append(keys, key)
		}
		s.mu.RLock()
		for key := range s.keys {
			if strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
		s.mu.RUnlock()
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			if !yield(key, nil) {
				return
			}
		}
	}
}

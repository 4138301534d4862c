// Package blob keeps objects, bytes under a key, in memory, in a folder, and later in S3. A Store is the type to use; what
// differs between places is behind Driver. It knows nothing of matrices: package matrix says what the keys and bytes are.
package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"

	"numpywren/core/errs"
)

// ErrNotExist and ErrExists are in the chain of errors about a missing object, and about one that was there when
// PutOptions.IfNoneMatch asked for none.
var (
	ErrNotExist = errors.New("no such object")
	ErrExists   = errors.New("the object exists already")
)

// Attr is what is known of an object without reading it.
type Attr struct{ Size int64 }

// PutOptions say how an object is created.
type PutOptions struct {
	// IfNoneMatch creates the object only if there is none, atomically: of several creators one succeeds.
	IfNoneMatch bool
}

// Driver is what a place for objects must do. Put is atomic: a reader sees the whole object or none. List gives the keys with
// a prefix in order.
type Driver interface {
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts PutOptions) error
	Stat(ctx context.Context, key string) (Attr, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// Store is a place for objects. It is safe for concurrent use.
type Store struct{ driver Driver }

// New makes a Store of a driver.
func New(d Driver) *Store { return &Store{d} }

// check refuses keys that could leave the store's folder, or mean something else to another driver.
func check(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\\") {
			return errs.New(errs.Value, "%q is no key: its parts, between slashes, must not be empty, '.', '..', nor hold a backslash or NUL", key)
		}
	}
	return nil
}

// Get opens an object for reading.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	return s.driver.Get(ctx, key)
}

// ReadAll is an object's bytes.
func (s *Store) ReadAll(ctx context.Context, key string) ([]byte, error) {
	r, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Put creates or replaces an object of the given size, whose bytes write gives.
func (s *Store) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts PutOptions) error {
	if err := check(key); err != nil {
		return err
	}
	return s.driver.Put(ctx, key, size, write, opts)
}

// PutBytes is Put of bytes that are at hand.
func (s *Store) PutBytes(ctx context.Context, key string, p []byte, opts PutOptions) error {
	return s.Put(ctx, key, int64(len(p)), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(p))
		return err
	}, opts)
}

// Stat tells of an object without reading it; ErrNotExist when there is none.
func (s *Store) Stat(ctx context.Context, key string) (Attr, error) {
	if err := check(key); err != nil {
		return Attr{}, err
	}
	return s.driver.Stat(ctx, key)
}

// Delete removes an object; one that does not exist is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(key); err != nil {
		return err
	}
	return s.driver.Delete(ctx, key)
}

// List yields the keys that begin with prefix, in order. Objects may be deleted meanwhile.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		if err := check(prefix[:at]); err != nil {
			return func(yield func(string, error) bool) { yield("", err) }
		}
	}
	return s.driver.List(ctx, prefix)
}

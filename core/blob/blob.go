// Package blob keeps objects, bytes under a key, in memory, in a folder, and in S3 (package s3, below this one, so that only who
// needs it links Amazon's library). A Store is the type to use; what differs between places is behind Driver. It knows nothing
// of matrices: package matrix says what the keys and bytes are.
package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"numpywren/core/errs"
)

// What is in the chain of errors that a caller can do something about.
var (
	ErrNotExist = errors.New("no such object")
	// ErrExists is about an object that was there when PutOptions.IfNoneMatch asked for none.
	ErrExists = errors.New("the object exists already")
	// ErrReplaced is about an object that became another one while it was read in several requests.
	ErrReplaced = errors.New("the object was replaced while it was read")
)

// Attr is what is known of an object without reading it.
type Attr struct {
	Size     int64
	Version  string    // differs between two objects that had the same key
	Modified time.Time // when it was put, by the place's clock
}

// PutOptions say how an object is created.
type PutOptions struct {
	// IfNoneMatch creates the object only if there is none, atomically: of several creators one succeeds. Over a network
	// ErrExists may be about an object that this very call made, when the answer to its first attempt was lost: who must know
	// whose it is puts its name into the content, and reads it.
	IfNoneMatch bool
}

// Driver is what a place for objects must do.
//
// Put is atomic: a reader sees the whole object or none. It gives write a writer and must get exactly size bytes; a single
// Write of PartSize or more may go out from the caller's memory. Between smaller ones, write must not wait for other objects of
// the store: drivers gather the bytes in buffers of which there are only so many.
//
// GetRange reads length bytes from offset on, or what there is of them. With a version (of Attr) it reads that one or fails with
// ErrReplaced. List gives the keys with a prefix in the order of their bytes.
type Driver interface {
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	GetRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error)
	Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts PutOptions) error
	Stat(ctx context.Context, key string) (Attr, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	Counters() Counters
}

// BatchDeleter is a driver that can delete many objects in one request.
type BatchDeleter interface {
	// DeleteBatch removes at most BatchSize objects; those that do not exist are no error.
	DeleteBatch(ctx context.Context, keys []string) error
}

// BatchSize is the most keys that DeleteBatch gets.
const BatchSize = 1000

// PartSize is the size of the pieces in which an object of the given size is best written: 8 MiB, more beyond 72 GB, since S3
// takes at most 10,000 parts.
func PartSize(size int64) int64 {
	const least, most = 8 << 20, 9000
	return max(least, (size/most+1<<20)>>20<<20)
}

// Store is a place for objects. It is safe for concurrent use.
type Store struct{ driver Driver }

// New makes a Store of a driver.
func New(d Driver) *Store { return &Store{d} }

// Driver is what is behind the Store, for a driver that stands in front of it.
func (s *Store) Driver() Driver { return s.driver }

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

// GetRange opens length bytes of an object for reading, from offset on. Where the object ends earlier, so do they.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	return s.getRange(ctx, key, offset, length, "")
}

func (s *Store) getRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 || offset > math.MaxInt64-length {
		return nil, errs.New(errs.Value, "%s: %d bytes from byte %d on are no range", key, length, offset)
	}
	return s.driver.GetRange(ctx, key, offset, length, version)
}

// readings is how often ReadAll begins again when the object is replaced meanwhile.
const readings = 10

// ReadAll is an object's bytes.
func (s *Store) ReadAll(ctx context.Context, key string) ([]byte, error) {
	for reading := 1; ; reading++ {
		p, err := s.readOnce(ctx, key)
		if !errors.Is(err, ErrReplaced) || reading == readings {
			return p, err
		}
	}
}

func (s *Store) readOnce(ctx context.Context, key string) ([]byte, error) {
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
	return s.driver.Put(ctx, key, size, func(w io.Writer) error {
		counted := &exactly{w, key, size}
		if err := write(counted); err != nil {
			return err
		}
		if counted.left != 0 {
			return errs.New(errs.Internal, "%s: %d of the %d bytes that were announced did not come", key, counted.left, size)
		}
		return nil
	}, opts)
}

// exactly is a writer for a number of bytes, not more.
type exactly struct {
	w    io.Writer
	key  string
	left int64
}

func (e *exactly) Write(p []byte) (int, error) {
	if int64(len(p)) > e.left {
		return 0, errs.New(errs.Internal, "%s: %d bytes more came than were announced", e.key, int64(len(p))-e.left)
	}
	n, err := e.w.Write(p)
	e.left -= int64(n)
	return n, err
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

// DeleteAll removes the objects of a list, such as List gives, in few requests where the place can. It stops at the first error.
func (s *Store) DeleteAll(ctx context.Context, keys iter.Seq2[string, error]) error {
	batch, can := s.driver.(BatchDeleter)
	var waiting []string
	for key, err := range keys {
		if err == nil {
			err = check(key)
		}
		if err == nil && !can {
			err = s.driver.Delete(ctx, key)
		}
		if err != nil {
			return err
		}
		if can {
			waiting = append(waiting, key)
		}
		if len(waiting) == BatchSize {
			if err := batch.DeleteBatch(ctx, waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	return batch.DeleteBatch(ctx, waiting)
}

// Check asks for one key, so that what is wrong with the place, its name or our rights shows at once.
func (s *Store) Check(ctx context.Context) error {
	for _, err := range s.List(ctx, "") {
		return err
	}
	return nil
}

// Counters tells what was asked of the place so far, through this Store and others of the same driver.
func (s *Store) Counters() Counters { return s.driver.Counters() }

// List yields the keys that begin with prefix, in order. Objects may be deleted meanwhile.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if err := checkPrefix(prefix); err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return s.driver.List(ctx, prefix)
}

func checkPrefix(prefix string) error {
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		return check(prefix[:at])
	}
	return nil
}

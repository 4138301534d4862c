package blob

import (
	"context"
	"errors"
	"io"
)

// ReaderAt is one version of an object as an io.ReaderAt: reads of an object that was replaced fail with ErrReplaced. It holds
// nothing open, and may be used by several goroutines at once.
type ReaderAt struct {
	store   *Store
	ctx     context.Context
	key     string
	size    int64
	version string
}

// ReaderAt looks an object up; its reads end with ctx.
func (s *Store) ReaderAt(ctx context.Context, key string) (*ReaderAt, error) {
	attr, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	return &ReaderAt{s, ctx, key, attr.Size, attr.Version}, nil
}

// Size is the object's.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt is io.ReaderAt's: one request, or several at once where the range is large.
func (r *ReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	return r.ReadAtContext(r.ctx, p, offset)
}

// ReadAtContext is ReadAt that ends with ctx.
func (r *ReaderAt) ReadAtContext(ctx context.Context, p []byte, offset int64) (int, error) {
	want := max(0, min(int64(len(p)), r.size-offset))
	if want == 0 && len(p) > 0 && offset >= 0 {
		return 0, io.EOF
	}
	body, err := r.store.getRange(ctx, r.key, offset, want, r.version)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p[:want])
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && want > 0 {
		return n, ErrReplaced // it was this long
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

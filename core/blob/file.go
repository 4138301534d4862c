package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"numpywren/core/errs"
)

// file keeps each object in a file of a folder. An object appears under its name only when it is whole: it is written beside
// and renamed, or linked, which of several creators lets one win.
type file struct {
	dir  string
	made sync.Map // folders that exist
}

// part begins the names of files that are being written. A crash leaves them behind; List passes over them.
const part = ".part-"

// NewFile is a Store in a folder, which is made when the first object is.
func NewFile(dir string) *Store { return New(&file{dir: dir}) }

func (f *file) path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

// failure gives an operating system's error the kind and the words that a user can act on.
func failure(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", key, ErrNotExist)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", key, ErrExists)
	}
	var e *errs.Error
	if errors.As(err, &e) {
		return err
	}
	return errs.New(errs.OS, "%w", err)
}

func (f *file) Get(_ context.Context, key string) (io.ReadCloser, error) {
	r, err := os.Open(f.path(key))
	if err != nil {
		return nil, failure(key, err)
	}
	return r, nil
}

func (f *file) Put(_ context.Context, key string, _ int64, write func(io.Writer) error, opts PutOptions) error {
	path := f.path(key)
	if err := f.folder(filepath.Dir(path)); err != nil {
		return failure(key, err)
	}
	w, err := os.CreateTemp(filepath.Dir(path), part)
	if errors.Is(err, fs.ErrNotExist) { // the folder went away since it was made
		f.made.Delete(filepath.Dir(path))
		if err = f.folder(filepath.Dir(path)); err == nil {
			w, err = os.CreateTemp(filepath.Dir(path), part)
		}
	}
	if err != nil {
		return errs.New(errs.OS, "%w", err)
	}
	defer os.Remove(w.Name()) // of no effect once it is renamed
	err = write(w)
	if e := w.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(w.Name(), 0o644)
	}
	if err == nil && opts.IfNoneMatch {
		err = os.Link(w.Name(), path)
	} else if err == nil {
		err = os.Rename(w.Name(), path)
	}
	return failure(key, err)
}

func (f *file) folder(dir string) error {
	if _, ok := f.made.Load(dir); ok {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return errs.New(errs.OS, "%w", err)
	}
	f.made.Store(dir, true)
	return nil
}

func (f *file) Stat(_ context.Context, key string) (Attr, error) {
	info, err := os.Stat(f.path(key))
	if err != nil {
		return Attr{}, failure(key, err)
	}
	return Attr{Size: info.Size()}, nil
}

func (f *file) Delete(_ context.Context, key string) error {
	err := os.Remove(f.path(key))
	if err == nil {
		f.prune(filepath.Dir(f.path(key)))
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return failure(key, err)
}

// prune removes folders that a Delete left empty, so that a deleted matrix leaves nothing.
func (f *file) prune(dir string) {
	for strings.HasPrefix(dir, f.dir+string(filepath.Separator)) && os.Remove(dir) == nil {
		f.made.Delete(dir)
		dir = filepath.Dir(dir)
	}
}

func (f *file) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	root := f.dir
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		root = f.path(prefix[:at])
	}
	return func(yield func(string, error) bool) {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			rel, _ := filepath.Rel(f.dir, path)
			key := filepath.ToSlash(rel)
			if d.IsDir() || !strings.HasPrefix(key, prefix) || strings.HasPrefix(d.Name(), part) {
				return nil
			}
			if !yield(key, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield("", failure(prefix, err))
		}
	}
}

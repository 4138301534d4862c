package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"numpywren/core/errs"
)

// file keeps each object in a file of a folder. An object appears under its name only when it is whole: it is written beside
// and renamed, or linked, which of several creators lets one win.
type file struct {
	Meter
	dir  string
	made sync.Map // folders that exist
}

// part begins the names of files that are being written. A crash leaves them behind; List passes over them.
const part = ".part-"

// NewFile is a Store in a folder, which is made when the first object is.
func NewFile(dir string) *Store { return New(FileDriver(dir)) }

// FileDriver is the driver of NewFile.
func FileDriver(dir string) Driver { return &file{dir: filepath.Clean(dir)} }

func (f *file) path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

// failure gives an operating system's error about an object the kind and the words that a user can act on.
func failure(key string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w", key, ErrNotExist)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", key, ErrExists)
	}
	return system(err)
}

// system is an operating system's error, not about an object, as errs.OS; an error that has a kind keeps it.
func system(err error) error {
	var e *errs.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return errs.New(errs.OS, "%w", err)
}

func (f *file) Get(_ context.Context, key string) (io.ReadCloser, error) {
	f.Gets.Add(1)
	r, _, err := f.openFile(key)
	if err != nil {
		return nil, err
	}
	return f.Reading(r), nil
}

func (f *file) GetRange(_ context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	f.Gets.Add(1)
	r, info, err := f.openFile(key)
	if err != nil {
		return nil, err
	}
	if version != "" && version != fileVersion(info) {
		_ = r.Close()
		return nil, fmt.Errorf("%s: %w", key, ErrReplaced)
	}
	return &reading{io.NewSectionReader(r, offset, length), r, &f.BytesIn}, nil
}

func (f *file) openFile(key string) (*os.File, fs.FileInfo, error) {
	r, err := os.OpenFile(f.path(key), os.O_RDONLY|syscall.O_NONBLOCK, 0) // or a pipe would wait for its writer
	if err != nil {
		return nil, nil, failure(key, err)
	}
	info, err := r.Stat()
	switch {
	case err != nil:
		err = failure(key, err)
	case info.IsDir():
		err = fmt.Errorf("%s: %w", key, ErrNotExist)
	case !info.Mode().IsRegular():
		err = errs.New(errs.OS, "%s is no regular file", key)
	}
	if err != nil {
		_ = r.Close()
		return nil, nil, err
	}
	return r, info, nil
}

// fileVersion tells a file from those that had its name before: each has an inode of its own and a time.
func fileVersion(info fs.FileInfo) string {
	inode := uint64(0)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(stat.Ino)
	}
	return fmt.Sprintf("%x-%x-%x", info.ModTime().UnixNano(), info.Size(), inode)
}

func (f *file) Put(_ context.Context, key string, _ int64, write func(io.Writer) error, opts PutOptions) error {
	f.Puts.Add(1)
	path := f.path(key)
	w, err := f.create(filepath.Dir(path))
	if err != nil {
		return system(err)
	}
	err = write(f.Writing(w))
	if e := w.Close(); err == nil {
		err = e
	}
	if err == nil && !opts.IfNoneMatch {
		if err = os.Rename(w.Name(), path); err == nil {
			return nil
		}
	}
	if err == nil {
		if err = os.Link(w.Name(), path); errors.Is(err, fs.ErrExist) {
			err = failure(key, err)
		}
	}
	_ = os.Remove(w.Name())
	f.prune(filepath.Dir(path)) // what else was there may have been deleted meanwhile
	if errors.Is(err, ErrExists) {
		return err
	}
	return system(err)
}

// create opens a file under a name that nobody has, in a folder that a Delete may remove at any time as long as it is empty.
func (f *file) create(dir string) (*os.File, error) {
	for attempt := 0; ; attempt++ {
		if err := f.folder(dir); err != nil {
			return nil, err
		}
		w, err := os.OpenFile(fmt.Sprintf("%s/%s%016x", dir, part, rand.Uint64()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if attempt == 100 || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return w, err
		}
		f.made.Delete(dir)
	}
}

func (f *file) folder(dir string) error {
	if _, ok := f.made.Load(dir); ok {
		return nil
	}
	// When a Delete removes a folder meanwhile, MkdirAll fails in one of these ways, and create tries again.
	if err := os.MkdirAll(dir, 0o777); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f.made.Store(dir, true)
	return nil
}

func (f *file) Stat(_ context.Context, key string) (Attr, error) {
	f.Heads.Add(1)
	info, err := os.Stat(f.path(key))
	if err != nil {
		return Attr{}, failure(key, err)
	}
	if info.IsDir() {
		return Attr{}, fmt.Errorf("%s: %w", key, ErrNotExist)
	}
	return Attr{Size: info.Size(), Version: fileVersion(info), Modified: info.ModTime()}, nil
}

func (f *file) Delete(_ context.Context, key string) error {
	f.Deletes.Add(1)
	err := os.Remove(f.path(key))
	if err == nil {
		f.prune(filepath.Dir(f.path(key)))
		return nil
	}
	if err = failure(key, err); errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}

// prune removes folders that a Delete or a failed Put left empty, so that a deleted matrix leaves nothing.
func (f *file) prune(dir string) {
	for strings.HasPrefix(dir, f.dir+string(filepath.Separator)) && os.Remove(dir) == nil {
		f.made.Delete(dir)
		dir = filepath.Dir(dir)
	}
}

func (f *file) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f.Lists.Add(1)
		folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if err := f.walk(ctx, folder, prefix, yield); err != nil && !errors.Is(err, fs.SkipAll) {
			yield("", system(err))
		}
	}
}

// walk lists a folder: its key with a slash at the end, or "". It gives fs.SkipAll when yield wants no more.
func (f *file) walk(ctx context.Context, folder, prefix string, yield func(string, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	keys, err := f.entries(folder, prefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			if err := f.walk(ctx, key, prefix, yield); err != nil {
				return err
			}
		} else if !yield(key, nil) {
			return fs.SkipAll
		}
	}
	return nil
}

// entries are the keys of what stands in a folder, of folders with a slash at the end, in the order of keys: those that begin with
// the prefix, and folders in which there may be some.
func (f *file) entries(folder, prefix string) ([]string, error) {
	entries, err := os.ReadDir(f.path(folder))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		key := folder + e.Name()
		if e.IsDir() {
			key += "/"
		}
		if !strings.HasPrefix(e.Name(), part) && (strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key) && e.IsDir()) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

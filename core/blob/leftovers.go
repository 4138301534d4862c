package blob

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"
	"regexp"
	"time"
)

// partName is the name of a file that create made, and of no other: folders may hold what is not ours.
var partName = regexp.MustCompile("^" + regexp.QuoteMeta(part) + "[0-9a-f]{16}$")

// Leftovers yields the files that were being written when their process was killed. Files change while they are written: one that
// did not for so long is nobody's.
func (f *file) Leftovers(ctx context.Context, before time.Time) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		err := filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || entry.IsDir() || !partName.MatchString(entry.Name()) {
				return ignoreMissing(err)
			}
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
				return ignoreMissing(err)
			}
			key, err := filepath.Rel(f.dir, path)
			if err != nil {
				return err
			}
			if !yield(Object{filepath.ToSlash(key), Attr{Size: info.Size(), Version: fileVersion(info), Modified: info.ModTime()}}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Object{}, system(err))
		}
	}
}

// ignoreMissing is an error, unless it is about what somebody deleted meanwhile.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

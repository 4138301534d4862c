package blob

import (
	"context"
	"iter"
	"strings"

	"numpywren/core/errs"
)

// Folderer is a driver that tells of folders without a look at every object in them.
type Folderer interface {
	// Folders is that of Store. It may tell of a folder in which there is no object.
	Folders(ctx context.Context, folder string) iter.Seq2[string, error]
}

// Folders yields the names of the folders in a folder, which is "" or ends in a slash: what stands behind that in keys, up to the next
// slash. They are in the order of keys, where the slash counts.
func (s *Store) Folders(ctx context.Context, folder string) iter.Seq2[string, error] {
	err := checkPrefix(folder)
	if err == nil && folder != "" && !strings.HasSuffix(folder, "/") {
		err = errs.New(errs.Value, "%q is no folder: its name ends in a slash", folder)
	}
	if err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	if f, ok := s.driver.(Folderer); ok {
		return f.Folders(ctx, folder)
	}
	return func(yield func(string, error) bool) {
		last := ""
		for key, err := range s.driver.List(ctx, folder) {
			name, _, inside := strings.Cut(strings.TrimPrefix(key, folder), "/")
			if err == nil && (!inside || name == last) {
				continue
			}
			last = name
			if !yield(name, err) || err != nil {
				return
			}
		}
	}
}

// Folders reads one folder.
func (f *file) Folders(_ context.Context, folder string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f.Lists.Add(1)
		keys, err := f.entries(folder, folder)
		if err != nil {
			yield("", system(err))
			return
		}
		for _, key := range keys {
			name, isFolder := strings.CutSuffix(key, "/")
			if isFolder && !yield(strings.TrimPrefix(name, folder), nil) {
				return
			}
		}
	}
}

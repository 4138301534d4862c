package core

import (
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// stored is a matrix that exists, as expressions hold it: counted by its users, and forgotten with the last one unless it has
// a name.
type stored struct {
	e     *Executor
	m     *matrix.BigMatrix
	key   string // what hashes of expressions know it by, the same in every process; "" when it is of this process alone
	name  string // "" for results without one
	where string // for people: "memory" or a folder
	refs  atomic.Int64
}

// keyed is a stored whose value has a name that outlives the process.
type keyed struct{ *stored }

// Key makes derived matrices have the same names in every process.
func (k keyed) Key() string { return k.key }

// Ref counts one more user.
func (s *stored) Ref() { s.refs.Add(1) }

// Unref counts one user less.
func (s *stored) Unref() {
	if s.refs.Add(-1) == 0 {
		s.e.space.Forget(s.m)
		s.e.mu.Lock()
		delete(s.e.live, s)
		s.e.mu.Unlock()
	}
}

// Folders of a durable executor's store. A name must not begin with a dot, so these are not in the way of names.
const derivedPrefix = ".numpywren/"

// checkName refuses names that cannot be folders.
func checkName(name string) error {
	switch {
	case name == "":
		return errs.New(errs.Value, "name must not be empty")
	case len(name) > 200:
		return errs.New(errs.Value, "name %.40q… has %d bytes: at most 200 are possible", name, len(name))
	case !utf8.ValidString(name):
		return errs.New(errs.Value, "name %q is not a text in Unicode", name)
	case strings.HasPrefix(name, "."), strings.ContainsAny(name, "/\\\x00"):
		return errs.New(errs.Value, "name %q must not begin with a dot nor contain a slash: it is the name of a folder", name)
	}
	return nil
}

// prefix is where a durable matrix lies in the store.
func (s *stored) prefix() string { return s.m.Prefix() }

// newMatrix makes a matrix without tiles. With a prefix it is durable, below that prefix; else it lives in memory and, when
// that is short, in the scratch folder.
func (e *Executor) newMatrix(display, prefix string, d tile.DType, g grid.Grid, low, high []int64) *matrix.BigMatrix {
	n := e.serial.Add(1)
	chunks := &matrix.Chunks{Store: e.local, Prefix: fmt.Sprintf("m%d/", n)}
	if prefix != "" {
		chunks = &matrix.Chunks{Store: e.durable, Prefix: prefix}
	}
	m := matrix.NewBigMatrix(strings.TrimSuffix(chunks.Prefix, "/"), display, d, g, low, high, chunks)
	m.Durable = prefix != ""
	return m
}

// adopt makes a stored of a matrix, with one user: the caller.
func (e *Executor) adopt(m *matrix.BigMatrix, key, name, where string) *stored {
	s := &stored{e: e, m: m, key: key, name: name, where: where}
	s.Ref()
	e.mu.Lock()
	e.live[s] = struct{}{}
	e.mu.Unlock()
	return s
}

// home is the place of the durable store, for people.
func (e *Executor) home() string {
	if e.cfg.Storage != "" {
		return strings.TrimSuffix(e.cfg.Storage, "/")
	}
	return e.cfg.Path
}

// where is the place of a matrix below prefix, for people.
func (e *Executor) where(prefix string) string {
	if prefix == "" {
		return "memory"
	}
	return e.home() + "/" + strings.TrimSuffix(prefix, "/")
}

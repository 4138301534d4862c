package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sort"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/grid"
	"numpywren/core/matrix"
)

// A named matrix of a durable executor is the folder of its name; with zarr.json it is whole. Derived matrices are folders
// below derivedPrefix named by the hash of what computes them. What zarr.json says beyond Zarr is under "numpywren".
// matrix.Marker names the expression whose tiles are in a folder that is not whole yet: a folder of another expression that
// crashed must not be gone on with.

// newKey gives a matrix the key that hashes know it by: the hash of its expression when that means the same in every process,
// or else a number that nothing else has.
func (e *Executor) newKey(m *matrix.BigMatrix, key string) string {
	if e.durable == nil {
		return ""
	}
	if key == "" {
		key = randomKey()
	}
	m.Identify(key)
	return key
}

func randomKey() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// claim makes a folder ready for the tiles of an expression: what another one left there is deleted.
func (e *Executor) claim(ctx context.Context, prefix, hash string) error {
	before, err := e.durable.ReadAll(ctx, prefix+matrix.Marker)
	switch {
	case err == nil && hash != "" && string(before) == hash:
		return nil
	case err == nil && e.fleet != nil:
		if err := e.vacated(ctx, prefix); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, blob.ErrNotExist):
		return err
	}
	if err := e.clear(ctx, prefix); err != nil {
		return err
	}
	err = e.durable.PutBytes(ctx, prefix+matrix.Marker, []byte(hash), blob.PutOptions{IfNoneMatch: true})
	if errors.Is(err, blob.ErrExists) {
		if there, e := e.durable.ReadAll(ctx, prefix+matrix.Marker); e == nil && string(there) == hash {
			return nil // it is ours, after an answer that was lost, or means the same
		}
		return errs.New(errs.Exists, "another process began to write a matrix named %q at this moment: choose another name", strings.TrimSuffix(prefix, "/"))
	}
	return err
}

// vacated waits until no worker can write to a folder any more: a job that is over may have left tasks in their hands, and one of
// which only the marker is there may be about to be submitted. One that goes on is an error.
func (e *Executor) vacated(ctx context.Context, prefix string) error {
	for end := time.Now().Add(vacating); ; {
		job, err := e.fleet.Writer(ctx, prefix)
		name := strings.TrimSuffix(prefix, "/")
		switch {
		case err != nil:
			return err
		case job == nil:
			marker, err := e.durable.Stat(ctx, prefix+matrix.Marker)
			if errors.Is(err, blob.ErrNotExist) {
				return nil
			}
			if err != nil || time.Since(marker.Modified) >= submitting || time.Now().After(end) {
				return err
			}
		case job.Open():
			return errs.New(errs.Exists, "job %s, which is %s, computes a matrix named %q: wait for it, cancel it, or choose another name", job.ID, job.State, name)
		case time.Now().After(end):
			return errs.New(errs.Exists, "workers still have tasks in hand of job %s, which is over (%s) and computed a matrix named %q: try again, or choose another name",
				job.ID, job.State, name)
		}
		timer := time.NewTimer(vacatingPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

const (
	vacating      = 30 * time.Second // workers are waited for; one that died is not taken to be there for so long
	submitting    = 5 * time.Second  // from the marker of a result to its job, at the longest
	vacatingPause = 200 * time.Millisecond
)

// clear deletes a folder of the durable store.
func (e *Executor) clear(ctx context.Context, prefix string) error {
	if err := e.durable.DeleteAll(ctx, e.durable.List(ctx, prefix)); err != nil {
		return errs.New(kindOr(err, errs.OS), "%s cannot be deleted: %w", e.where(prefix), err)
	}
	return nil
}

// whole marks a durable matrix as finished.
func (e *Executor) whole(ctx context.Context, m *matrix.BigMatrix, prefix string) error {
	if err := e.space.Flush(ctx, m); err != nil {
		return err
	}
	if err := m.SaveMeta(ctx); err != nil {
		return err
	}
	err := e.durable.Delete(ctx, prefix+matrix.Marker)
	if errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	return err
}

// free refuses a name that is taken.
func (e *Executor) free(name string) error {
	e.mu.Lock()
	_, taken := e.named[name]
	e.mu.Unlock()
	if !taken && e.durable != nil {
		_, err := e.durable.Stat(e.ctx, name+"/zarr.json")
		taken = err == nil
	}
	if taken {
		return errs.New(errs.Exists, "there is a matrix named %q already: delete(%q) it first, or choose another name", name, name)
	}
	return nil
}

// remember keeps a matrix under its name.
func (e *Executor) remember(s *stored) {
	s.Ref()
	e.mu.Lock()
	old := e.named[s.name]
	e.named[s.name] = s
	e.mu.Unlock()
	if old != nil {
		old.Unref()
	}
}

// OpenMatrix finds a matrix by its name.
func (e *Executor) OpenMatrix(name string) (*Array, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	s, err := e.lookup(e.ctx, name)
	if err != nil {
		return nil, err
	}
	a := e.arrayOf(s)
	if s.name == "" {
		s.Unref() // the array alone holds it
	}
	return a, nil
}

// arrayOf makes an array of a stored matrix.
func (e *Executor) arrayOf(s *stored) *Array {
	return e.newArray(expr.NewStored(s.asStored(), s.m.Grid, s.m.DType.String(), s.m.Display, true))
}

// isDerived says whether a name is the place of a derived matrix, as a job's list of matrices gives it.
func isDerived(name string) bool {
	hash, ok := strings.CutPrefix(name, derivedPrefix)
	return ok && checkName(hash) == nil
}

// lookup finds a named matrix in memory or in the store.
func (e *Executor) lookup(ctx context.Context, name string) (*stored, error) {
	e.mu.Lock()
	s := e.named[name]
	e.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if e.durable != nil && isDerived(name) {
		s, err := e.reopen(ctx, name+"/", "")
		if err == nil || errs.KindOf(err) != errs.Key {
			return s, err
		}
	}
	if e.durable != nil && checkName(name) == nil {
		s, err := e.reopen(ctx, name+"/", name)
		if err == nil {
			e.remember(s)
			s.Unref() // the name holds it now
			return s, nil
		}
		if errs.KindOf(err) != errs.Key {
			return nil, err
		}
	}
	return nil, errs.New(errs.Key, "there is no matrix named %q: list() tells those that there are", name)
}

// reopen makes a stored of a folder of the durable store; errs.Key when nothing whole is there.
func (e *Executor) reopen(ctx context.Context, prefix, name string) (*stored, error) {
	chunks := &matrix.Chunks{Store: e.durable, Prefix: prefix}
	m, err := openMatrix(ctx, chunks, name)
	if err != nil {
		return nil, err
	}
	m.Durable = true
	_, key := matrix.Attributes(m.Meta())
	if hash, derived := strings.CutPrefix(prefix, derivedPrefix); derived && key == "" {
		key = strings.TrimSuffix(hash, "/") // an intermediate matrix: its place is its name
	}
	return e.adopt(m, key, name, e.where(prefix)), nil
}

// openMatrix reads the metadata of a folder and makes its matrix. name is what it is displayed as, when the metadata does not
// say.
func openMatrix(ctx context.Context, chunks *matrix.Chunks, name string) (*matrix.BigMatrix, error) {
	meta, err := matrix.OpenChunks(ctx, chunks)
	if err != nil {
		return nil, err
	}
	chunks.Meta = meta
	g, err := grid.New(meta.Shape, meta.Chunk)
	if err != nil {
		return nil, err
	}
	display, _ := matrix.Attributes(meta)
	if display == "" {
		display = "BigMatrix(" + name + ")"
	}
	m := matrix.NewBigMatrix(name, display, meta.DType, g, nil, nil, chunks)
	m.Complete, m.Half = true, matrix.IsHalf(meta)
	return m, nil
}

// found sets a node's value to what an earlier run computed, if it did.
func (e *Executor) found(ctx context.Context, n *expr.Node) bool {
	if e.durable == nil {
		return false
	}
	s, err := e.reopen(ctx, derivedPrefix+n.Hash()+"/", "")
	if err != nil {
		return false
	}
	n.SetStored(s.asStored(), s.m.Display, true)
	s.Unref()
	return true
}

// List tells of the named matrices, as a JSON array of infos.
func (e *Executor) List() (string, error) {
	if err := e.open(); err != nil {
		return "", err
	}
	names := map[string]bool{} // whether it is of a matrix that is known to be there
	e.mu.Lock()
	for name := range e.named {
		names[name] = true
	}
	e.mu.Unlock()
	if e.durable != nil {
		for name, err := range e.durable.Folders(e.ctx, "") {
			if err != nil {
				return "", errs.New(kindOr(err, errs.OS), "%s cannot be listed: %w", e.home(), err)
			}
			if !names[name] && checkName(name) == nil {
				names[name] = false
			}
		}
	}
	infos := []info{}
	for name, known := range names {
		s, err := e.lookup(e.ctx, name)
		if !known && errs.KindOf(err) == errs.Key { // a folder that is no matrix, or not whole
			continue
		}
		if err != nil {
			return "", err
		}
		a := e.arrayOf(s)
		i := a.info()
		a.Close()
		i.Name = &name
		infos = append(infos, i)
	}
	sort.Slice(infos, func(a, b int) bool { return *infos[a].Name < *infos[b].Name })
	text, _ := json.Marshal(infos)
	return string(text), nil
}

// Delete forgets a named matrix and deletes its folder. Arrays that use it keep what is in memory of an ephemeral executor; of a
// durable one they fail when they are used.
func (e *Executor) Delete(name string) error {
	if err := e.open(); err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	s, err := e.lookup(e.ctx, name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	delete(e.named, name)
	e.mu.Unlock()
	if e.durable != nil {
		if err := e.space.Delete(e.ctx, s.m); err != nil {
			return err
		}
		if err := e.clear(e.ctx, name+"/"); err != nil {
			return err
		}
	}
	s.Unref()
	return nil
}

// kindOr is err's own kind, or the one given when it has none.
func kindOr(err error, kind errs.Kind) errs.Kind {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return kind
}

package matrix

import (
	"context"
	"errors"

	"numpywren/core/errs"
)

// writeBehind writes the tiles of durable matrices while the computation goes on.
func (s *Space) writeBehind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.behind) == 0 {
			if s.closed {
				return
			}
			s.changed.Wait()
		}
		e := s.behind[0]
		s.behind = s.behind[1:]
		e.queued = false
		if e.dirty && !e.busy && e.t != nil {
			_ = s.writeOut(context.Background(), e) // kept in e.m.err, for Flush
		}
		s.changed.Broadcast()
	}
}

// Flush waits until every tile of m that must be in the store is there, and gives the first failure of a write.
func (s *Space) Flush(ctx context.Context, m *BigMatrix) error {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for m.err == nil && ctx.Err() == nil && m.pending() {
		s.changed.Wait()
	}
	if m.err != nil {
		return m.err
	}
	return ctx.Err()
}

// pending says whether a tile of m waits to be written behind, or is being written.
func (m *BigMatrix) pending() bool {
	if !m.Durable {
		return false
	}
	for _, e := range m.tiles {
		if e.queued || e.busy {
			return true
		}
	}
	return false
}

// Err is the first failure to write a tile of m behind the computation.
func (s *Space) Err(m *BigMatrix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.err
}

// Retain counts one more user of a matrix of this Space.
func (m *BigMatrix) Retain() { m.refs.Add(1) }

// Release counts one user less; with the last one a matrix that only memory and the scratch folder hold is forgotten.
func (s *Space) Release(m *BigMatrix) {
	if m.refs.Add(-1) == 0 {
		s.Forget(m)
	}
}

// Forget drops all tiles of m from memory, and from the store unless they belong there.
func (s *Space) Forget(m *BigMatrix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*entry, 0, len(m.tiles))
	for _, e := range m.tiles {
		all = append(all, e)
	}
	for _, e := range all {
		e.dropped, e.queued = true, false
		s.settle(e)
	}
}

// Delete forgets m and deletes all of its objects in the store.
func (s *Space) Delete(ctx context.Context, m *BigMatrix) error {
	s.Forget(m)
	for key, err := range m.chunks.Store.List(ctx, m.chunks.Prefix) {
		if err == nil {
			err = m.chunks.Store.Delete(ctx, key)
		}
		if err != nil {
			return errs.New(kindOr(err, errs.OS), "%s cannot be deleted: %w", m.Name, err)
		}
	}
	return nil
}

// SaveMeta writes the matrix's zarr.json, so that others can open it. It comes after the tiles: a matrix with metadata is
// whole.
func (m *BigMatrix) SaveMeta(ctx context.Context) error {
	return m.chunks.SaveMeta(ctx)
}

// OpenChunks reads the metadata of a matrix in a store; the error is errs.Key when there is none.
func OpenChunks(ctx context.Context, c *Chunks) (*Meta, error) {
	meta, err := c.LoadMeta(ctx)
	if errors.Is(err, errNoMeta) {
		return nil, errs.New(errs.Key, "there is no matrix at %q", c.Prefix)
	}
	return meta, err
}

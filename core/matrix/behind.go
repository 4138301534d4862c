package matrix

import (
	"context"
	"errors"
	"maps"
	"slices"

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
			s.work.Wait()
		}
		e := s.behind[0]
		s.behind[0] = nil
		s.behind = s.behind[1:]
		if !e.queued {
			continue
		}
		e.queued = false
		if e.dirty && !e.busy && e.t != nil {
			_ = s.writeOut(context.Background(), e) // kept in e.m.err, for Flush
		}
		s.unwrite(e.m)
	}
}

// enqueue has an entry written behind.
func (s *Space) enqueue(e *entry) {
	e.queued = true
	e.m.writes++
	s.behind = append(s.behind, e)
	s.work.Signal()
}

// Flush waits until every tile of m that must be in the store is there, and gives the first failure of a write. What failed
// before is tried again.
func (s *Space) Flush(ctx context.Context, m *BigMatrix) error {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.err != nil {
		m.err = nil
		for _, e := range m.tiles {
			if e.dirty && e.t != nil && !e.queued && !e.busy {
				s.enqueue(e)
			}
		}
	}
	for m.Durable && m.writes > 0 && m.err == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.saved.Wait()
	}
	return m.err
}

// Err is the first failure to write a tile of m behind the computation.
func (s *Space) Err(m *BigMatrix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.err
}

// Save waits until a tile that Put gave is in the store. It writes the tile itself, unless another goroutine does so already; a
// failure leaves the tile in memory, so that Save can be tried again.
func (s *Space) Save(ctx context.Context, m *BigMatrix, i Index) error {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		e := m.tiles[i]
		switch {
		case e != nil && e.moving != nil:
			if err := s.await(ctx, e); err != nil {
				return err
			}
		case e == nil: // memory forgot it: because the store has it, or because another took it for its last reader
			s.mu.Unlock()
			there, err := m.exists(ctx, i)
			s.mu.Lock()
			if err == nil && !there {
				err = errs.New(errs.OS, "%s is no longer in memory, and was not written", m.where(i))
			}
			return err
		case !e.dirty:
			return nil
		case !e.busy:
			return s.writeOut(ctx, e)
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			s.room.Wait()
		}
	}
}

// Stored says whether the store has a tile, whatever memory knows of it.
func (s *Space) Stored(ctx context.Context, m *BigMatrix, i Index) (bool, error) {
	s.mu.Lock()
	e := m.tiles[i]
	known := e != nil && e.stored && !e.dirty
	s.mu.Unlock()
	if known {
		return true, nil
	}
	return m.exists(ctx, i)
}

// Retain counts one more user of a matrix of this Space.
func (m *BigMatrix) Retain() { m.refs.Add(1) }

// Release counts one user less; with the last one a matrix that only memory and the scratch folder hold is forgotten.
func (s *Space) Release(m *BigMatrix) {
	if m.refs.Add(-1) == 0 {
		s.Forget(m)
	}
}

// Forget drops all tiles of m from memory, and from the store unless they belong there. Tiles of a durable matrix that wait to be
// written go when they are; their failures have nobody to tell, so Flush comes first where it matters.
func (s *Space) Forget(m *BigMatrix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.forgotten = true
	s.drop(m)
}

func (s *Space) drop(m *BigMatrix) {
	all := slices.Collect(maps.Values(m.tiles)) // settle lets go of the lock
	for _, e := range all {
		e.dropped = true
	}
	for _, e := range all {
		s.settle(e)
	}
}

// Delete forgets m and deletes all of its objects in the store, the metadata first: what a crash leaves of it is no matrix.
func (s *Space) Delete(ctx context.Context, m *BigMatrix) error {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	m.deleted = true
	for _, e := range m.tiles {
		if e.queued {
			e.queued = false
			s.unwrite(m)
		}
	}
	s.drop(m)
	for m.writes > 0 && ctx.Err() == nil {
		s.saved.Wait()
	}
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	store := m.chunks.Store
	err := store.Delete(ctx, m.chunks.Prefix+metaKey)
	if err == nil {
		err = store.DeleteAll(ctx, store.List(ctx, m.chunks.Prefix))
	}
	if err != nil {
		return errs.New(kindOr(err, errs.OS), "%s cannot be deleted: %w", m.Name, err)
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

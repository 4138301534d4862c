package matrix

import (
	"context"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Put gives the Space a tile that now exists, its memory counted by Alloc or Take. readers is how many tasks will read it
// before it may be forgotten, or Kept. A tile that exists already is left as it is: it has the same bytes.
func (s *Space) Put(m *BigMatrix, i Index, t *tile.Tile, readers int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := tile.SizeOf(t.DType, t.Shape)
	old := m.tiles[i]
	for old != nil && old.moving != nil { // it may turn out not to exist
		_ = s.await(context.Background(), old)
		old = m.tiles[i]
	}
	if old != nil || readers == 0 && !m.Durable {
		if old != nil && old.dropped && readers != 0 {
			old.dropped, old.readers = false, readers
		}
		t.Release()
		s.resident -= bytes
		s.room.Broadcast()
		return
	}
	e := &entry{m: m, i: i, t: t, bytes: bytes, readers: readers, dirty: true, dropped: readers == 0}
	m.tiles[i] = e
	if m.Durable {
		s.enqueue(e)
	}
	s.settle(e)
}

// Pin reads a tile, from memory or from the store, and holds it there until Unpin. A nil tile stands for zeros: no such tile
// exists.
func (s *Space) Pin(ctx context.Context, m *BigMatrix, i Index) (*tile.Tile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		e := m.tiles[i]
		switch {
		case e == nil && m.deleted:
			return nil, errs.New(errs.Key, "%s was deleted", m.Display)
		case e == nil && !m.looksUp():
			return nil, nil
		case e == nil:
			e = &entry{m: m, i: i, readers: Kept}
			m.tiles[i] = e
			return s.load(ctx, e)
		case e.moving != nil:
			if err := s.await(ctx, e); err != nil {
				return nil, err
			}
		case e.t == nil:
			return s.load(ctx, e)
		default:
			s.pin(e)
			return e.t, nil
		}
	}
}

// TryPin is Pin for a tile that is in memory, or known not to exist.
func (s *Space) TryPin(m *BigMatrix, i Index) (t *tile.Tile, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil {
		return nil, !m.looksUp() && !m.deleted
	}
	if e.t == nil || e.moving != nil {
		return nil, false
	}
	s.pin(e)
	return e.t, true
}

func (s *Space) pin(e *entry) {
	s.idle.remove(e)
	e.pins++
}

// await waits until another goroutine has read or deleted e's chunk.
func (s *Space) await(ctx context.Context, e *entry) error {
	moving := e.moving
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-moving:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load reads e from the store and pins it. Called and returns with the lock held.
func (s *Space) load(ctx context.Context, e *entry) (*tile.Tile, error) {
	shape := e.m.TileShape(e.i)
	done := make(chan struct{})
	e.moving, e.bytes = done, tile.SizeOf(e.m.DType, shape)
	t, ok, err := s.fetch(ctx, e, shape)
	e.moving = nil
	close(done)
	if ok {
		e.t, e.stored = t, true
		e.pins++
		s.loaded += e.bytes
		return t, nil
	}
	if e.stored {
		if err == nil {
			err = errs.New(errs.OS, "%s is gone from the store: its folder must not be cleaned while it is in use", e.m.where(e.i))
		}
		s.settle(e) // it may have been dropped meanwhile
	} else if e.m.tiles[e.i] == e {
		delete(e.m.tiles, e.i)
	}
	return nil, err
}

// fetch makes room for e and reads it, without the lock. Not ok without an error is a chunk that does not exist.
func (s *Space) fetch(ctx context.Context, e *entry, shape []int64) (*tile.Tile, bool, error) {
	if err := s.makeRoom(ctx, e.bytes); err != nil {
		return nil, false, err
	}
	s.mu.Unlock()
	t, err := s.pool.New(e.m.DType, shape)
	ok := false
	if err == nil {
		if ok, err = e.m.read(ctx, e.i, t); !ok {
			t.Release()
		}
	}
	s.mu.Lock()
	if !ok {
		s.resident -= e.bytes
		s.room.Broadcast()
	}
	return t, ok, err
}

// Unpin lets go of a tile that Pin gave (not of one that does not exist).
func (s *Space) Unpin(m *BigMatrix, i Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil || e.pins == 0 {
		panic("matrix: Unpin of a tile that is not pinned: " + m.where(i))
	}
	e.pins--
	s.settle(e)
}

// Take hands over a pinned tile, to be overwritten in place, when the caller is the only task that will ever read it. It
// then counts as the caller's, like one from Alloc, and the entry is gone.
func (s *Space) Take(m *BigMatrix, i Index) (*tile.Tile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil || e.pins != 1 || e.readers != 1 || e.busy || e.dropped || m.Durable || m.Complete && e.stored {
		return nil, false
	}
	t := e.t
	e.t, e.pins, e.dropped = nil, 0, true
	s.vanish(e)
	return t, true
}

// Read counts one reader of a tile as done; a tile that nobody will read any more is forgotten, one of a durable matrix when
// the store has it.
func (s *Space) Read(m *BigMatrix, i Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil || e.readers <= 0 {
		return
	}
	if e.readers--; e.readers == 0 {
		e.dropped = true
		s.settle(e)
	}
}

// Has says whether a tile exists as far as memory knows; Exists asks the store too.
func (s *Space) Has(m *BigMatrix, i Index) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	return e != nil && (e.t != nil || e.stored)
}

// Exists says whether a tile exists, in memory or in the store of a durable or opened matrix.
func (s *Space) Exists(ctx context.Context, m *BigMatrix, i Index) (bool, error) {
	if has := s.Has(m, i); has || !m.looksUp() {
		return has, nil
	}
	return m.exists(ctx, i)
}

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
	if old := m.tiles[i]; old != nil || readers == 0 {
		s.resident -= tile.SizeOf(t.DType, t.Shape)
		t.Release()
		s.changed.Broadcast()
		return
	}
	e := &entry{m: m, i: i, t: t, bytes: tile.SizeOf(t.DType, t.Shape), readers: readers, dirty: true}
	m.tiles[i] = e
	s.idle.push(e)
	if m.Durable {
		e.queued = true
		s.behind = append(s.behind, e)
		s.changed.Broadcast()
	}
}

// Pin reads a tile, from memory or from the store, and holds it there until Unpin. A nil tile stands for zeros: no such tile
// exists.
func (s *Space) Pin(ctx context.Context, m *BigMatrix, i Index) (*tile.Tile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		e := m.tiles[i]
		switch {
		case e == nil && !m.Complete:
			return nil, nil
		case e == nil:
			e = &entry{m: m, i: i, readers: Kept}
			m.tiles[i] = e
			return s.load(ctx, e)
		case e.loading != nil:
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
		return nil, !m.Complete
	}
	if e.t == nil || e.loading != nil {
		return nil, false
	}
	s.pin(e)
	return e.t, true
}

func (s *Space) pin(e *entry) {
	s.idle.remove(e)
	e.pins++
}

// await waits for another goroutine's load of e.
func (s *Space) await(ctx context.Context, e *entry) error {
	loading := e.loading
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-loading:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load reads e from the store and pins it. Called and returns with the lock held.
func (s *Space) load(ctx context.Context, e *entry) (*tile.Tile, error) {
	shape := e.m.TileShape(e.i)
	done := make(chan struct{})
	e.loading, e.bytes = done, tile.SizeOf(e.m.DType, shape)
	t, ok, err := s.fetch(ctx, e, shape)
	e.loading = nil
	close(done)
	if err == nil && !ok && !e.m.Complete {
		err = errs.New(errs.Internal, "%s was written to the store and is not there: was the scratch directory cleaned?", e.m.where(e.i))
	}
	if err != nil || !ok {
		if e.m.Complete && e.m.tiles[e.i] == e {
			delete(e.m.tiles, e.i)
		}
		return nil, err
	}
	e.t = t
	e.pins++
	s.loaded += e.bytes
	return t, nil
}

// fetch makes room for e and reads it, without the lock.
func (s *Space) fetch(ctx context.Context, e *entry, shape []int64) (*tile.Tile, bool, error) {
	if err := s.makeRoom(ctx, e.bytes); err != nil {
		return nil, false, err
	}
	s.mu.Unlock()
	t, err := s.pool.New(e.m.DType, shape)
	ok := false
	if err == nil {
		ok, err = e.m.read(ctx, e.i, t)
		if !ok {
			t.Release()
		}
	}
	s.mu.Lock()
	if !ok {
		s.resident -= e.bytes
		s.changed.Broadcast()
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
	s.changed.Broadcast()
}

// Take hands over a pinned tile, to be overwritten in place, when the caller is the only task that will ever read it. It
// then counts as the caller's, like one from Alloc, and the entry is gone.
func (s *Space) Take(m *BigMatrix, i Index) (*tile.Tile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil || e.pins != 1 || e.readers != 1 || e.busy || e.queued || m.Durable {
		return nil, false
	}
	delete(m.tiles, i)
	if !e.dirty {
		s.unstore(e)
	}
	return e.t, true
}

// Read counts one reader of a tile as done; a tile that nobody will read any more is forgotten.
func (s *Space) Read(m *BigMatrix, i Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.tiles[i]
	if e == nil || e.readers == Kept {
		return
	}
	if e.readers--; e.readers == 0 {
		e.dropped = true
		s.settle(e)
	}
}

// unstore deletes the chunk of an entry that is gone. A chunk left behind in the scratch folder does no harm: it goes with
// the folder.
func (s *Space) unstore(e *entry) {
	if e.m.Durable || e.m.Complete {
		return
	}
	key, store := e.m.Key(e.i), e.m.chunks.Store
	s.mu.Unlock()
	_ = store.Delete(context.Background(), key)
	s.mu.Lock()
}

// Has says whether a tile exists as far as memory knows; Exists asks the store too.
func (s *Space) Has(m *BigMatrix, i Index) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.tiles[i] != nil
}

// Exists says whether a tile exists, in memory or in the store of a durable matrix.
func (s *Space) Exists(ctx context.Context, m *BigMatrix, i Index) (bool, error) {
	if s.Has(m, i) {
		return true, nil
	}
	if !m.Complete && !m.Durable {
		return false, nil
	}
	return m.exists(ctx, i)
}

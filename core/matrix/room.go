package matrix

import (
	"context"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Alloc gives a tile with unspecified content, within the caller's reservation. It ends in Put or Free.
func (s *Space) Alloc(ctx context.Context, d tile.DType, shape []int64) (*tile.Tile, error) {
	bytes := tile.SizeOf(d, shape)
	s.mu.Lock()
	err := s.makeRoom(ctx, bytes)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	t, err := s.pool.New(d, shape)
	if err != nil {
		s.uncount(bytes)
		return nil, err
	}
	return t, nil
}

// Free gives back a tile from Alloc or Take.
func (s *Space) Free(t *tile.Tile) {
	bytes := tile.SizeOf(t.DType, t.Shape)
	t.Release()
	s.uncount(bytes)
}

func (s *Space) uncount(bytes int64) {
	s.mu.Lock()
	s.resident -= bytes
	s.room.Broadcast()
	s.mu.Unlock()
}

// makeRoom evicts until bytes more fit, and counts them as resident. Called and returns with the lock held; it lets go of
// the lock while it writes or waits.
func (s *Space) makeRoom(ctx context.Context, bytes int64) error {
	if s.resident+bytes > s.limit {
		if err := s.evictFor(ctx, bytes); err != nil {
			return err
		}
	}
	s.resident += bytes
	return nil
}

func (s *Space) evictFor(ctx context.Context, bytes int64) error {
	if bytes > s.limit {
		return errs.New(errs.Memory, "a tile of %d bytes does not fit in the memory limit of %d: use smaller blocks or raise memory_limit", bytes, s.limit)
	}
	var stop func() bool
	for s.resident+bytes > s.limit {
		switch e := s.victim(); {
		case e == nil:
			// What is not held is being written, or another goroutine is about to give something back.
			if err := ctx.Err(); err != nil {
				return err
			}
			if stop == nil {
				stop = context.AfterFunc(ctx, s.wake)
				defer stop()
			}
			s.room.Wait()
		case e.dirty:
			if err := s.writeOut(ctx, e); err != nil {
				return err
			}
		default:
			s.evict(e)
		}
	}
	return nil
}

// victim is the entry to go next: the one that was used longest ago, unless somebody writes it already. Few are written at a
// time.
func (s *Space) victim() *entry {
	e := s.idle.oldest
	for e != nil && e.busy {
		e = e.newer
	}
	return e
}

func (s *Space) wake() {
	s.mu.Lock()
	s.room.Broadcast()
	s.saved.Broadcast()
	s.mu.Unlock()
}

// letGo gives back the memory of an entry that nobody holds.
func (s *Space) letGo(e *entry) {
	s.idle.remove(e)
	if e.t == nil {
		return
	}
	e.t.Release()
	e.t = nil
	s.resident -= e.bytes
	s.room.Broadcast()
}

// evict lets go of an idle tile that the store has.
func (s *Space) evict(e *entry) {
	s.letGo(e)
	if e.m.looksUp() && e.readers == Kept {
		delete(e.m.tiles, e.i) // the store knows it
	}
}

// Cool lets go of the memory of a tile that nobody here is going to read, if the store has it and nobody holds it: memory that is used
// again is cheaper than new.
func (s *Space) Cool(m *BigMatrix, i Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := m.tiles[i]; e != nil && e.t != nil && e.pins == 0 && e.moving == nil && e.stored && !e.dirty && !e.busy {
		s.evict(e)
	}
}

// writeOut writes a dirty entry to its store. The lock is held on entry and on return, not in between; the entry is busy
// meanwhile, so that nobody evicts or takes it. It keeps its place among the idle ones: once written, it is the next to go.
func (s *Space) writeOut(ctx context.Context, e *entry) error {
	e.busy = true
	e.m.writes++
	t := e.t
	s.mu.Unlock()
	err := e.m.write(context.WithoutCancel(ctx), e.i, t)
	s.mu.Lock()
	e.busy = false
	if err == nil {
		e.dirty, e.stored = false, true
		s.spilled += e.bytes
	} else if e.m.Durable && e.m.err == nil {
		e.m.err = err
	}
	s.unwrite(e.m)
	s.settle(e)
	s.room.Broadcast()
	return err
}

// unwrite counts one write less to wait for.
func (s *Space) unwrite(m *BigMatrix) {
	if m.writes--; m.writes == 0 {
		s.saved.Broadcast()
	}
}

// settle puts an entry that nobody holds any more where it belongs: forgotten when it was dropped, in the LRU list when it
// has a tile. It may let go of the lock for a moment, at its end.
func (s *Space) settle(e *entry) {
	switch {
	case e.pins > 0 || e.moving != nil:
	case e.dropped && !e.busy && !e.mustBeWritten():
		s.vanish(e)
	case e.t != nil && !e.inLRU:
		s.idle.push(e)
		s.room.Broadcast()
	}
}

// mustBeWritten says whether the store is to have the tile before memory forgets it. A matrix that is forgotten gets one try.
func (e *entry) mustBeWritten() bool {
	m := e.m
	return m.Durable && e.dirty && !m.deleted && (m.err == nil || !m.forgotten)
}

// vanish removes a dropped entry, and its chunk if that was only there to save memory. Until it is gone others who look for
// the tile wait, so that a new one under its name cannot lose its chunk.
func (s *Space) vanish(e *entry) {
	s.letGo(e)
	if e.m.tiles[e.i] != e {
		return
	}
	if e.stored && !e.m.looksUp() {
		done := make(chan struct{})
		e.moving, e.stored = done, false
		key, store := e.m.Key(e.i), e.m.chunks.Store
		s.mu.Unlock()
		_ = store.Delete(context.Background(), key) // what is left in the scratch folder goes with it
		s.mu.Lock()
		e.moving = nil
		close(done)
	}
	delete(e.m.tiles, e.i)
}

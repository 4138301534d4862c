package matrix

import (
	"context"
	"sync"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The Space's promise: the tiles in memory never take more than its limit.
//
// Two numbers keep it. `reserved` is what the running tasks said they need at most, all their tiles together; a task asks
// once, before it takes anything, so that no task holds tiles while it waits for room. `resident` is what really lies in
// memory: tiles that tasks hold (pinned, or allocated and not yet put) and, in what is left of the limit, tiles that nobody
// holds. The first kind is never more than `reserved` <= limit, so room for it can always be made by evicting the second kind:
// those that the store has are dropped, the others are written to it first.

// Space is the tiles of an executor in memory, in front of the stores of their matrices. It is safe for concurrent use.
type Space struct {
	pool  *tile.Pool
	limit int64

	mu       sync.Mutex
	changed  sync.Cond
	reserved int64
	resident int64
	waiters  []*waiter // tasks that wait for their reservation, in order
	idle     lru       // resident entries that nobody pins
	writing  int       // entries being written to a store
	behind   []*entry  // entries of durable matrices, to be written
	closed   bool
	writers  sync.WaitGroup

	spilled, loaded int64 // bytes, for reports
}

// entry is one tile that exists. It has a tile in memory, or a chunk in the store, or both.
type entry struct {
	m       *BigMatrix
	i       Index
	t       *tile.Tile
	loading chan struct{} // closed when a read from the store has ended
	err     error         // of that read
	bytes   int64
	pins    int32
	readers int64 // tasks that will still read it; Kept when it is not counted
	dirty   bool  // the store does not have it
	busy    bool  // it is being written to the store
	queued  bool  // in behind
	dropped bool  // forgotten: freed with the last pin

	older, newer *entry
	inLRU        bool
}

// Kept marks a tile that stays however often it is read.
const Kept = int64(-1)

type waiter struct {
	bytes int64
	ready chan struct{}
}

// NewSpace makes a Space of the given bytes with goroutines that write behind.
func NewSpace(limit int64, writers int) *Space {
	s := &Space{pool: tile.NewPool(limit), limit: limit}
	s.changed.L = &s.mu
	for range writers {
		s.writers.Go(s.writeBehind)
	}
	return s
}

// Limit is the memory that tiles may take, in bytes.
func (s *Space) Limit() int64 { return s.limit }

// Usage is the bytes of tiles in memory, and what went to and came from the stores since the Space was made.
func (s *Space) Usage() (resident, spilled, loaded int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resident, s.spilled, s.loaded
}

// Close stops the writers and unmaps all tiles. Nothing else may use the Space then.
func (s *Space) Close() {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.writers.Wait()
	s.pool.Close()
}

// Reserve waits until bytes more may be held; Unreserve gives them back. First come, first served.
func (s *Space) Reserve(ctx context.Context, bytes int64) error {
	s.mu.Lock()
	if bytes > s.limit {
		s.mu.Unlock()
		return errs.New(errs.Memory, "a task needs %d bytes of tiles at once, the memory limit is %d: use smaller blocks or raise memory_limit",
			bytes, s.limit)
	}
	if len(s.waiters) == 0 && s.reserved+bytes <= s.limit {
		s.reserved += bytes
		s.mu.Unlock()
		return nil
	}
	w := &waiter{bytes: bytes, ready: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		s.abandon(w)
		return ctx.Err()
	}
}

// TryReserve is Reserve that does not wait.
func (s *Space) TryReserve(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiters) > 0 || s.reserved+bytes > s.limit {
		return false
	}
	s.reserved += bytes
	return true
}

// abandon takes a waiter out of the line, or gives back what it was granted at the same moment.
func (s *Space) abandon(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, other := range s.waiters {
		if other == w {
			s.waiters = append(s.waiters[:k], s.waiters[k+1:]...)
			s.grant()
			return
		}
	}
	s.reserved -= w.bytes
	s.grant()
}

// Unreserve gives back what Reserve granted.
func (s *Space) Unreserve(bytes int64) {
	s.mu.Lock()
	s.reserved -= bytes
	s.grant()
	s.mu.Unlock()
}

func (s *Space) grant() {
	for len(s.waiters) > 0 && s.reserved+s.waiters[0].bytes <= s.limit {
		s.reserved += s.waiters[0].bytes
		close(s.waiters[0].ready)
		s.waiters = s.waiters[1:]
	}
}

// Alloc gives a tile with unspecified content, within the caller's reservation. It ends in Put or Free.
func (s *Space) Alloc(ctx context.Context, d tile.DType, shape []int64) (*tile.Tile, error) {
	s.mu.Lock()
	err := s.makeRoom(ctx, tile.SizeOf(d, shape))
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	t, err := s.pool.New(d, shape)
	if err != nil {
		s.forget(tile.SizeOf(d, shape))
		return nil, errs.New(errs.Memory, "no memory for a tile of %v %s: %w", shape, d, err)
	}
	return t, nil
}

// Free gives back a tile from Alloc or Take.
func (s *Space) Free(t *tile.Tile) {
	bytes := tile.SizeOf(t.DType, t.Shape)
	t.Release()
	s.forget(bytes)
}

func (s *Space) forget(bytes int64) {
	s.mu.Lock()
	s.resident -= bytes
	s.changed.Broadcast()
	s.mu.Unlock()
}

// makeRoom evicts until bytes more fit, and counts them as resident. Called and returns with the lock held; it lets go of
// the lock while it writes.
func (s *Space) makeRoom(ctx context.Context, bytes int64) error {
	var stop func() bool
	for s.resident+bytes > s.limit {
		e := s.idle.oldest
		switch {
		case e == nil:
			// What is not pinned is being written, or another goroutine is about to give something back.
			if stop == nil {
				stop = context.AfterFunc(ctx, s.wake)
				defer stop()
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.changed.Wait()
		case e.dirty:
			if err := s.writeOut(ctx, e); err != nil {
				return err
			}
		default:
			s.evict(e)
		}
	}
	s.resident += bytes
	return nil
}

func (s *Space) wake() {
	s.mu.Lock()
	s.changed.Broadcast()
	s.mu.Unlock()
}

// evict lets go of an idle tile that the store has.
func (s *Space) evict(e *entry) {
	s.idle.remove(e)
	e.t.Release()
	e.t = nil
	s.resident -= e.bytes
	if e.m.Complete && e.readers == Kept {
		delete(e.m.tiles, e.i) // the store knows it
	}
}

// writeOut writes a dirty entry to its store. The lock is held on entry and on return, not in between; the entry is busy
// meanwhile, so that nobody evicts or takes it.
func (s *Space) writeOut(ctx context.Context, e *entry) error {
	s.idle.remove(e)
	e.busy = true
	s.writing++
	s.mu.Unlock()
	err := e.m.write(context.WithoutCancel(ctx), e.i, e.t)
	s.mu.Lock()
	s.writing--
	e.busy = false
	if err == nil {
		e.dirty = false
		s.spilled += e.bytes
	} else if e.m.err == nil {
		e.m.err = err
	}
	s.settle(e)
	s.changed.Broadcast()
	return err
}

// settle puts an entry that nobody holds any more where it belongs: forgotten when it was dropped, in the LRU list when it
// has a tile. It may let go of the lock for a moment, at its end.
func (s *Space) settle(e *entry) {
	if e.pins > 0 || e.busy || e.loading != nil {
		return
	}
	if !e.dropped {
		if e.t != nil && !e.inLRU {
			s.idle.push(e)
		}
		return
	}
	s.idle.remove(e)
	if e.t != nil {
		e.t.Release()
		e.t = nil
		s.resident -= e.bytes
		s.changed.Broadcast()
	}
	if e.m.tiles[e.i] == e {
		delete(e.m.tiles, e.i)
		if !e.dirty {
			s.unstore(e)
		}
	}
}

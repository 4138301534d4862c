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
	room     sync.Cond // resident fell, or an entry became one that can be evicted
	work     sync.Cond // behind grew
	saved    sync.Cond // a matrix has no more writes to wait for
	reserved int64
	resident int64
	waiters  []*waiter // tasks that wait for their reservation, in order
	idle     lru       // resident entries that nobody pins
	behind   []*entry  // entries of durable matrices to be written; those whose queued is false are to be passed over
	closed   bool
	writers  sync.WaitGroup

	spilled, loaded int64 // bytes, for reports
}

// entry is one tile that exists, or a look whether it does. It has a tile in memory, or a chunk in the store, or both.
type entry struct {
	m       *BigMatrix
	i       Index
	t       *tile.Tile
	moving  chan struct{} // not nil while its chunk is read or deleted; closed when that has ended
	bytes   int64
	readers int64 // tasks that will still read it; Kept when it is not counted
	pins    int32
	dirty   bool // the store does not have it
	stored  bool // the store has a chunk of it
	busy    bool // it is being written to the store
	queued  bool // to be written behind
	dropped bool // forgotten with the last pin

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
	s.room.L, s.work.L, s.saved.L = &s.mu, &s.mu, &s.mu
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

// Close writes what waits to be written behind, and unmaps all tiles that nobody holds. Nothing else may use the Space then.
func (s *Space) Close() {
	s.mu.Lock()
	s.closed = true
	s.work.Broadcast()
	s.mu.Unlock()
	s.writers.Wait()
	s.mu.Lock()
	for e := s.idle.oldest; e != nil; e = s.idle.oldest {
		s.letGo(e)
	}
	s.mu.Unlock()
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

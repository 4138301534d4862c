package runtime

import (
	"sync"
	"sync/atomic"
	"time"
)

// share calls piece(0) … piece(n-1), each once: on this goroutine, which has a permit, and on one more for each permit that
// nobody else wants. A helper leaves after its piece when a task waits for a permit. It returns, or panics, when nobody works on
// a piece any more, and gives the time that helpers took.
func (r *Runtime) share(n int, piece func(k int)) time.Duration {
	s := &sharing{r: r, n: int64(n), piece: piece}
	err := s.lead()
	s.helpers.Wait()
	if err == nil {
		err = s.failure
	}
	if err != nil {
		panic(err)
	}
	return time.Duration(s.spent.Load())
}

// sharing is one call of share.
type sharing struct {
	r       *Runtime
	n       int64
	piece   func(k int)
	next    atomic.Int64 // piece that nobody has taken
	spent   atomic.Int64 // nanoseconds of helpers
	helpers sync.WaitGroup

	once    sync.Once
	failure error // the first panic of a helper
}

// lead takes pieces, and gets help as permits become free: no more of it than there are pieces left.
func (s *sharing) lead() (err error) {
	defer Recovered(&err)
	for k := s.next.Add(1) - 1; k < s.n; k = s.next.Add(1) - 1 {
		for left := s.n - s.next.Load(); left > 0 && s.r.tryAcquire(); left-- {
			s.helpers.Go(s.help)
		}
		s.piece(int(k))
	}
	return nil
}

// help takes pieces with a permit of its own.
func (s *sharing) help() {
	defer s.r.release()
	started := time.Now()
	var err error
	func() {
		defer Recovered(&err)
		for k := s.next.Add(1) - 1; k < s.n; k = s.next.Add(1) - 1 {
			s.piece(int(k))
			if s.r.wanted() {
				return
			}
		}
	}()
	if err != nil {
		s.once.Do(func() { s.failure = err })
	}
	s.spent.Add(int64(time.Since(started)))
}

// tryAcquire takes a permit that nobody wants.
func (r *Runtime) tryAcquire() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free <= 0 || len(r.waiting) > 0 {
		return false
	}
	r.free--
	return true
}

// idle is how many permits are free that nobody waits for.
func (r *Runtime) idle() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) > 0 {
		return 0
	}
	return max(r.free, 0)
}

// wanted says whether somebody waits for a permit.
func (r *Runtime) wanted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) > 0
}

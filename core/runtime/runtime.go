// Package runtime runs programs on this machine: the scheduler's state machine on real clocks, with the tiles in a
// matrix.Space and the arithmetic in package kernel.
//
// It is not the place for decisions about what runs next (package scheduler) nor about what a program means (package
// lambdapack). Package core calls it.
//
// The way through the files: runtime.go holds what jobs share, job.go the life of a job, slot.go does a Slot's actions,
// eval.go and stream.go compute a task, bits.go remembers what is done.
package runtime

import (
	"context"
	"runtime"
	"sync"

	"numpywren/core/matrix"
)

// Runtime is the workers of an executor. Jobs share them.
//
// A worker is a permit to compute, not a goroutine: each worker has Width slots, goroutines that take a task, read its
// tiles, wait for a permit, compute, and write. So the reads of one task and the writes of another overlap the kernels of a
// third, and never more than Workers kernels run at once.
type Runtime struct {
	space   *matrix.Space
	workers int
	width   int

	mu      sync.Mutex
	free    int        // permits
	waiting []*request // for a permit, in the order of asking
}

// request is a goroutine that waits for a permit.
type request struct {
	priority int64
	granted  chan struct{}
}

// New makes a Runtime of the given number of workers, each with width tasks in flight.
func New(space *matrix.Space, workers, width int) *Runtime {
	if runtime.GOMAXPROCS(0) < workers {
		runtime.GOMAXPROCS(workers)
	}
	return &Runtime{space: space, workers: workers, width: width, free: workers}
}

// Space is where the tiles are.
func (r *Runtime) Space() *matrix.Space { return r.space }

// Workers is how many kernels run at once.
func (r *Runtime) Workers() int { return r.workers }

// acquire waits for the permit to compute; of those who wait the largest priority gets it first, then the first to come.
func (r *Runtime) acquire(ctx context.Context, priority int64) error {
	r.mu.Lock()
	if r.free > 0 {
		r.free--
		r.mu.Unlock()
		return nil
	}
	q := &request{priority: priority, granted: make(chan struct{})}
	r.waiting = append(r.waiting, q)
	r.mu.Unlock()
	select {
	case <-q.granted:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	for n, other := range r.waiting {
		if other == q {
			r.waiting = append(r.waiting[:n], r.waiting[n+1:]...)
			r.mu.Unlock()
			return ctx.Err()
		}
	}
	r.mu.Unlock()
	r.release() // it was granted at the same moment
	return ctx.Err()
}

// release gives a permit to the best of those who wait.
func (r *Runtime) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 || r.free < 0 {
		r.free++
		return
	}
	best := 0
	for n, q := range r.waiting {
		if q.priority > r.waiting[best].priority {
			best = n
		}
	}
	close(r.waiting[best].granted)
	r.waiting = append(r.waiting[:best], r.waiting[best+1:]...)
}

// mustAcquire takes a permit that its caller is about to give back, when it cannot wait any more: there may be one more in use
// than there are workers, for a moment.
func (r *Runtime) mustAcquire() {
	r.mu.Lock()
	r.free--
	r.mu.Unlock()
}

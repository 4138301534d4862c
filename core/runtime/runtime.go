// Package runtime runs programs on this machine: the scheduler's state machine on real clocks, with the tiles in a
// matrix.Space and the arithmetic in package kernel.
//
// It is not the place for decisions about what runs next (package scheduler) nor about what a program means (package
// lambdapack). Package core calls it.
package runtime

import (
	"context"
	"runtime"

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
	permits chan struct{}
}

// New makes a Runtime of the given number of workers, each with width tasks in flight.
func New(space *matrix.Space, workers, width int) *Runtime {
	if runtime.GOMAXPROCS(0) < workers {
		runtime.GOMAXPROCS(workers)
	}
	return &Runtime{space: space, workers: workers, width: width, permits: make(chan struct{}, workers)}
}

// Space is where the tiles are.
func (r *Runtime) Space() *matrix.Space { return r.space }

// Workers is how many kernels run at once.
func (r *Runtime) Workers() int { return r.workers }

// acquire waits for the permit to compute.
func (r *Runtime) acquire(ctx context.Context) error {
	select {
	case r.permits <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runtime) release() { <-r.permits }

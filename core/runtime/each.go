package runtime

import (
	"context"
	"iter"
	"sync"

	"numpywren/core/grid"
	"numpywren/core/matrix"
)

// EachTile calls f for every tile of a grid, on as many goroutines as there are workers, each with the permit to compute and
// a reservation of bytes. It stops at the first error. What moves matrices in and out runs through it.
func (r *Runtime) EachTile(ctx context.Context, g grid.Grid, bytes int64, f func(ctx context.Context, i matrix.Index) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next, stop := iter.Pull(g.All())
	defer stop()
	var mu sync.Mutex
	take := func() (i matrix.Index, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		idx, ok := next()
		copy(i[:], idx)
		return i, ok
	}
	var done sync.WaitGroup
	for range int(min(int64(r.workers), max(1, g.NumTiles()))) {
		done.Go(func() {
			for {
				i, ok := take()
				if !ok || ctx.Err() != nil {
					return
				}
				if err := r.guarded(ctx, bytes, func() error { return f(ctx, i) }); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	done.Wait()
	return context.Cause(ctx)
}

// guarded runs f with a reservation and a permit; a panic in it becomes an error, because no other frame on this goroutine
// would keep it from ending the process.
func (r *Runtime) guarded(ctx context.Context, bytes int64, f func() error) (err error) {
	if err := r.space.Reserve(ctx, bytes); err != nil {
		return err
	}
	defer r.space.Unreserve(bytes)
	if err := r.acquire(ctx, 0); err != nil {
		return err
	}
	defer r.release()
	defer Recovered(&err)
	return f()
}

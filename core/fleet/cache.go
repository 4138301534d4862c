package fleet

import (
	"context"

	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/runtime"
)

// keptRuns is how many runs a worker remembers. One that is forgotten is read again.
const keptRuns = 64

// runOf is the run of a number: read once, by the first who asks.
func (w *Worker) runOf(ctx context.Context, id runID) (*run, error) {
	w.mu.Lock()
	o := w.runs[id]
	if o == nil {
		w.makeRoomForRun()
		o = &opening{ready: make(chan struct{}), used: w.clock.Now()}
		w.runs[id] = o
		w.mu.Unlock()
		func() {
			defer runtime.Recovered(&o.err)
			o.run, o.err = w.openRun(ctx, id)
		}()
		w.mu.Lock()
		if o.err != nil && w.runs[id] == o {
			delete(w.runs, id)
		}
		close(o.ready)
	}
	o.used = w.clock.Now()
	w.mu.Unlock()
	select {
	case <-o.ready:
		return o.run, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// makeRoomForRun forgets the run that was used longest ago, with its tiles, if nothing of it is in hand.
func (w *Worker) makeRoomForRun() {
	for len(w.runs) >= keptRuns {
		var oldest runID
		var found *opening
		for id, o := range w.runs {
			select {
			case <-o.ready:
			default:
				continue
			}
			if o.run != nil && o.run.inHand.Load() == 0 && (found == nil || o.used.Before(found.used)) {
				oldest, found = id, o
			}
		}
		if found == nil {
			return
		}
		delete(w.runs, oldest)
		w.closeRun(found.run)
	}
}

// closeRun forgets what memory has of a run's own matrices. Inputs stay: other jobs may read them.
func (w *Worker) closeRun(r *run) {
	r.close()
	for _, m := range r.own {
		w.space.Forget(m)
	}
}

func (w *Worker) closeRuns() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, o := range w.runs {
		select {
		case <-o.ready:
			if o.run != nil {
				w.closeRun(o.run)
			}
			delete(w.runs, id)
		default:
		}
	}
}

// matrixOf makes the matrix of the plan's number k, or finds that of another job with the same tiles: tiles never change, so
// what is in memory of them serves all.
func (w *Worker) matrixOf(ctx context.Context, m *Manifest, p *lambdapack.Plan, k int) (b *matrix.BigMatrix, shared bool, err error) {
	at := &m.Matrices[k]
	name := at.Prefix + " " + at.Key
	shared = p.Matrices[k].Role == lambdapack.RoleInput && at.Key != ""
	if shared {
		w.mu.Lock()
		b = w.shared[name]
		w.mu.Unlock()
		if b != nil {
			return b, true, nil
		}
	}
	if b, err = m.matrixOf(ctx, w.d.Store, p, k); err != nil || !shared {
		return b, shared, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.shared[name]; first != nil {
		return first, true, nil
	}
	w.shared[name] = b
	return b, true, nil
}

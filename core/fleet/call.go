package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/pywren"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
	"numpywren/core/sidecar"
	"numpywren/core/tile"
)

// CallLevel is the priority of calls: behind the tasks that hold a job up, before those that do not.
const CallLevel = Levels / 2

// mostCalls is how often a call is begun. It is less than the deliveries after which a message is dead: the last one is for saying so.
const mostCalls = 5

// always is a time for which a lease is renewed that has no other end. A call may take as long as it likes: its own limit is for
// its process, and the client takes it back by deleting its arguments.
const always = 1 << 62

// call runs a call, and tells whether its message is done with.
func (w *Worker) call(ctx context.Context, d queue.Delivery, lease *lease, id string) bool {
	lease.begin(always)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := &notice{w: w, id: id}
	defer n.away(context.WithoutCancel(ctx))
	defer w.every(w.opt.Look, func() { n.look(ctx, cancel) })()

	var err error
	if d.Attempt <= mostCalls {
		err = w.runCall(ctx, id)
	} else {
		err = w.giveUp(ctx, id)
	}
	forgotten := errors.Is(err, pywren.ErrForgotten) || errors.Is(context.Cause(ctx), pywren.ErrForgotten)
	switch {
	case w.dead.Load():
		return false
	case err != nil && forgotten:
		return w.drop(ctx, d)
	case err != nil && ctx.Err() != nil: // the worker was told to stop
		return w.giveBack(ctx, d, 0)
	}
	sure := context.WithoutCancel(ctx) // not ctx anew: the notice reads that
	if err != nil {
		w.opt.Log(fmt.Sprintf("call %s failed, delivery %d: %v", id, d.Attempt, err))
		if !hopeless(err) && !scheduler.Exhausted(d.Attempt, mostCalls) {
			return w.giveBack(ctx, d, w.backoff(d.Attempt))
		}
		err = pywren.End(sure, w.d.Store, id, pywren.Result{State: pywren.Failed, Message: w.explained(err).Error()})
	}
	if err == nil {
		err = pywren.Withdraw(sure, w.d.Store, id)
	}
	if err != nil {
		w.opt.Log(fmt.Sprintf("call %s ended, delivery %d: %v", id, d.Attempt, err))
		return w.giveBack(ctx, d, w.backoff(d.Attempt))
	}
	return w.drop(ctx, d)
}

func (w *Worker) runCall(ctx context.Context, id string) error {
	if w.opt.Pool == nil {
		return errNoPool
	}
	_, err := pywren.Run(ctx, w.d.Store, w.opt.Pool, id)
	return err
}

var errNoPool = errs.New(errs.Unsupported, "this worker was made without a Python")

// hopeless says whether a call that could not be run cannot be run the next time either.
func hopeless(err error) bool {
	var start *sidecar.StartError
	return errors.As(err, &start) || errors.Is(err, blob.ErrNotExist) || !passing(err) // a function that is not there does not come
}

// notice is what says that a worker runs a call, if that takes a while.
type notice struct {
	w  *Worker
	id string

	mu        sync.Mutex
	put, over bool
}

// look ends a call that nobody wants any more, and puts the notice up when it is the first.
func (n *notice) look(ctx context.Context, cancel context.CancelCauseFunc) {
	wanted, err := pywren.Wanted(ctx, n.w.d.Store, n.id)
	if err == nil && !wanted {
		cancel(pywren.ErrForgotten)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if wanted && !n.put && !n.over {
		n.put = true
		_ = pywren.MarkRunning(ctx, n.w.d.Store, n.id, n.w.opt.ID) // it is for people
	}
}

// away takes the notice away.
func (n *notice) away(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	if n.put && !n.w.dead.Load() {
		_ = pywren.UnmarkRunning(ctx, n.w.d.Store, n.id)
	}
}

// giveUp ends a call that was begun too often, and never ended.
func (w *Worker) giveUp(ctx context.Context, id string) error {
	c, err := pywren.GetCall(ctx, w.d.Store, id)
	if err != nil {
		return err
	}
	w.opt.Log(fmt.Sprintf("call %s of %s is given up", id, c.Name))
	return pywren.End(ctx, w.d.Store, id, pywren.Result{State: pywren.Died,
		Message: fmt.Sprintf("%s was begun %d times by workers elsewhere, which did not live to its end: they died, or their time was over", c.Name, mostCalls)})
}

// block is the kernel pyblock, with the functions that clients put into the deployment's store.
func (w *Worker) block(ctx context.Context, key string, in []*tile.Tile, out *tile.Tile) error {
	if w.opt.Pool == nil {
		return errs.New(errs.Function, "%w", w.explained(errNoPool))
	}
	err := pywren.NewBlocks(w.d.Store, w.opt.Pool).Block(ctx, key, in, out)
	var start *sidecar.StartError
	switch {
	case errors.As(err, &start):
		return errs.New(errs.Function, "%w", w.explained(err))
	case errs.KindOf(err) == errs.Key: // there is no such function, nor will there be
		return lasting{err}
	}
	return err
}

// explained says what to do about a worker that cannot run functions.
func (w *Worker) explained(err error) error {
	var start *sidecar.StartError
	if !errors.As(err, &start) && !errors.Is(err, errNoPool) {
		return err
	}
	return fmt.Errorf("the worker %s cannot run Python functions: %w\nInstall Python and numpywren %s where it runs, and name the interpreter with --python or NUMPYWREN_PYTHON (a Lambda function has them in a layer)",
		w.opt.ID, err, w.d.Version)
}

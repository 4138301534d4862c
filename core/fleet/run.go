package fleet

import (
	"context"
	"errors"
	"iter"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/runtime"
	"numpywren/core/scheduler"
)

// run is a run of a job as a worker knows it: the plan, and what it has learnt of the store. Every "yes" of the store is for
// ever and is remembered; a "no" is asked for anew.
type run struct {
	id       runID
	worker   *Worker
	manifest *Manifest
	plan     *lambdapack.Plan
	graph    scheduler.Graph
	engine   *runtime.Engine
	own      []*matrix.BigMatrix // that no other run reads
	top      int64               // the largest priority
	began    time.Time

	known *runtime.Marks

	mu      sync.Mutex
	missing map[lambdapack.Task]lambdapack.Tile // an input that was not there when last asked
	end     *End
	asked   time.Time // when the store was last asked for the end
	asking  bool
	log     []Line

	roots struct { // under rootsMu: the program's tasks without parents, gone through up to number at
		sync.Mutex
		next func() (lambdapack.Task, bool)
		stop func()
		at   int64
	}

	meter    blob.Meter
	inHand   atomic.Int64
	done     atomic.Int64 // tasks that were computed
	found    atomic.Int64 // tasks that were done already
	received atomic.Int64
	told     atomic.Int64 // received, when the worker last told of what it did
	sent     atomic.Int64
	busy     atomic.Int64 // ns of messages in hand
}

// open reads a job's manifest and makes its plan and its matrices.
func (w *Worker) openRun(ctx context.Context, id runID) (*run, error) {
	r := &run{id: id, worker: w, missing: map[lambdapack.Task]lambdapack.Tile{}, began: w.clock.Now()}
	ctx = withMeter(ctx, &r.meter)
	var err error
	if r.end, err = w.d.ended(ctx, id); err != nil || r.end != nil {
		return r, err
	}
	r.asked = w.clock.Now()
	if r.manifest, err = w.d.load(ctx, id.job); err != nil {
		return nil, err
	}
	if r.plan, err = r.manifest.bind(); err != nil {
		return nil, err
	}
	matrices := make([]*matrix.BigMatrix, len(r.plan.Matrices))
	for k := range matrices {
		if r.plan.Matrices[k].Stored {
			m, shared, err := w.matrixOf(ctx, r.manifest, r.plan, k)
			if errs.KindOf(err) == errs.Key { // nothing is there: that is no reason to drop the message, as if there were no job
				at := r.manifest.Matrices[k]
				err = errs.New(errs.Value, "%s, which the job reads, is not at %s any more: it was deleted", at.Display, at.Prefix)
			}
			if err != nil {
				return nil, err
			}
			if matrices[k] = m; !shared {
				r.own = append(r.own, m)
			}
		}
	}
	r.graph, r.known = scheduler.FromPlan(r.plan), runtime.NewMarks(r.plan)
	r.engine = w.rt.NewEngine(r.plan, matrices, w.block)
	r.top = topPriority(r.plan)
	return r, nil
}

// topPriority is about the largest priority of a plan's tasks: of the first of each statement, and of the first without parents.
func topPriority(p *lambdapack.Plan) int64 {
	top := int64(1)
	for k, s := range p.Statements {
		t := lambdapack.Task{Stmt: int32(k)}
		if s.Domain.First(t.I[:len(s.Vars)]) {
			top = max(top, p.Priority(t))
		}
	}
	n := 0
	for t := range p.Roots() {
		if n++; n > 256 {
			break
		}
		top = max(top, p.Priority(t))
	}
	return top
}

// Levels is how many priorities the messages of a fleet have: 0 to Levels-1. A queue may have fewer, in bands.
const Levels = 1024

// level is a task's priority on the scale that all jobs of a deployment share: the share of the longest way to the job's end
// that is still before it.
func (r *run) level(priority int64) int64 {
	p := max(0, min(priority, r.top))
	if bits.Len64(uint64(p)) > 50 {
		return Levels - 1
	}
	return p * (Levels - 1) / r.top
}

// ended is how the run ended, as far as is known: the store is asked once in a while.
func (r *run) ended(ctx context.Context) *End {
	r.mu.Lock()
	if r.end != nil || r.asking || r.worker.clock.Now().Sub(r.asked) < r.worker.opt.Look {
		defer r.mu.Unlock()
		return r.end
	}
	r.asking = true
	r.mu.Unlock()
	end, err := r.worker.d.ended(ctx, r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking, r.asked = false, r.worker.clock.Now()
	if err == nil && r.end == nil {
		r.end = end
	}
	return r.end
}

// finish ends the run for a reason; what other workers said first stands.
func (r *run) finish(ctx context.Context, e End) error {
	e.Worker = r.worker.opt.ID
	end, err := r.worker.d.finish(ctx, r.id, e)
	if err != nil {
		return err
	}
	r.note("the job %s: %s", end.State, end.Message)
	r.mu.Lock()
	r.end = end
	r.mu.Unlock()
	return nil
}

// has says whether a tile is in the store.
func (r *run) has(ctx context.Context, x lambdapack.Tile) (bool, error) {
	m := &r.plan.Matrices[x.Matrix]
	if m.Role == lambdapack.RoleInput || r.known.Has(x) {
		return true, nil
	}
	if m.ZeroDefault {
		if _, written := r.plan.Writer(x); !written {
			return true, nil
		}
	}
	b, i := r.engine.Place(x)
	there, err := r.worker.space.Stored(ctx, b, i)
	if there {
		r.known.Add(x)
	}
	return there, err
}

// exists says whether all outputs of a task are in the store.
func (r *run) exists(ctx context.Context, t lambdapack.Task) (bool, error) {
	return r.all(ctx, r.plan.Writes(t), nil)
}

// ready says whether all inputs of a task are there, those of fresh included. It begins with the one that was missing when last
// asked: of the many parents that ask, all but the last get their answer from that.
func (r *run) ready(ctx context.Context, t lambdapack.Task, fresh []lambdapack.Tile) (bool, error) {
	r.mu.Lock()
	first, watched := r.missing[t]
	r.mu.Unlock()
	if watched {
		one := func(yield func(lambdapack.Tile) bool) { yield(first) }
		if ok, err := r.all(ctx, one, fresh); !ok || err != nil {
			return false, err
		}
	}
	ok, err := r.all(ctx, r.plan.Reads(t), fresh, func(x lambdapack.Tile) {
		r.mu.Lock()
		r.missing[t] = x
		r.mu.Unlock()
	})
	if ok {
		r.mu.Lock()
		delete(r.missing, t)
		r.mu.Unlock()
	}
	return ok, err
}

// asks is how many requests ready and exists have under way at once, for one task.
const asks = 16

// all says whether every tile is in the store or in fresh. It asks for several at once, and stops at the first that is not,
// which it tells absent.
func (r *run) all(ctx context.Context, tiles iter.Seq[lambdapack.Tile], fresh []lambdapack.Tile, absent ...func(lambdapack.Tile)) (bool, error) {
	var unknown []lambdapack.Tile
	flush := func() (bool, error) {
		lacks, err := r.absentOf(ctx, unknown)
		unknown = unknown[:0]
		if lacks == nil || err != nil {
			return err == nil, err
		}
		for _, f := range absent {
			f(*lacks)
		}
		return false, nil
	}
	for x := range tiles {
		if contains(fresh, x) || r.known.Has(x) {
			continue
		}
		if unknown = append(unknown, x); len(unknown) == asks {
			if ok, err := flush(); !ok {
				return false, err
			}
		}
	}
	return flush()
}

func contains(tiles []lambdapack.Tile, x lambdapack.Tile) bool {
	for _, o := range tiles {
		if o == x {
			return true
		}
	}
	return false
}

// absentOf is one of the tiles that is not in the store, nil when all are.
func (r *run) absentOf(ctx context.Context, tiles []lambdapack.Tile) (*lambdapack.Tile, error) {
	there, failed := make([]bool, len(tiles)), make([]error, len(tiles))
	together(len(tiles), func(k int) error {
		there[k], failed[k] = r.has(ctx, tiles[k])
		return nil
	})
	for k := range tiles {
		if failed[k] == nil && !there[k] {
			return &tiles[k], nil
		}
	}
	return nil, errors.Join(failed...)
}

// claim gives the duty for a task to a parent, unless another has it.
func (r *run) claim(ctx context.Context, t, by lambdapack.Task, keep bool) (scheduler.Outcome, error) {
	content := by.String() + " sent"
	if keep {
		content = by.String() + " kept"
	}
	store, key := r.worker.d.Store, r.id.claim(t)
	err := store.PutBytes(ctx, key, []byte(content), blob.PutOptions{IfNoneMatch: true})
	if err == nil {
		return scheduler.Won, nil
	}
	if !errors.Is(err, blob.ErrExists) {
		return scheduler.Retry, err
	}
	text, err := store.ReadAll(ctx, key)
	if err != nil {
		return scheduler.Retry, err
	}
	owner, how, ok := strings.Cut(string(text), " ")
	switch {
	case !ok:
		return scheduler.Failed, errs.New(errs.Value, "%s is corrupt: %.100q", key, text)
	case owner != by.String():
		return scheduler.Other, nil
	case how == "kept":
		return scheduler.MineKept, nil
	}
	return scheduler.MineSent, nil
}

// enough is how many claims are read to find out whether a task was walked through.
const enough = 4 * asks

// walked says whether a task is done and somebody of this run has, or had, its message. That its outputs exist does not say so: a run
// before this one, or another job with the same matrices, may have made them, and then nobody would go on from here. A claim in the
// task's name does, and a task without children leads nowhere. No when it is not known.
func (r *run) walked(ctx context.Context, t lambdapack.Task) (bool, error) {
	there, err := r.exists(ctx, t)
	if !there || err != nil {
		return false, err
	}
	var children []lambdapack.Task
	for c := range r.graph.Children(t) {
		if children = append(children, c); len(children) == enough {
			break
		}
	}
	if len(children) == 0 {
		return true, nil
	}
	var found atomic.Bool
	for first := 0; first < len(children) && !found.Load(); first += asks {
		part := children[first:min(first+asks, len(children))]
		err := together(len(part), func(k int) error {
			text, err := r.worker.d.Store.ReadAll(ctx, r.id.claim(part[k]))
			if err != nil && !errors.Is(err, blob.ErrNotExist) {
				return err
			}
			if owner, _, _ := strings.Cut(string(text), " "); err == nil && owner == t.String() {
				found.Store(true)
			}
			return nil
		})
		if err != nil && !found.Load() {
			return false, err
		}
	}
	return found.Load(), nil
}

// message is a task's message.
func (r *run) message(t lambdapack.Task, priority int64) queue.Message {
	return queue.Message{Body: order{run: r.id, task: t}.String(), Priority: r.level(priority)}
}

// rootBatch is how many tasks without parents one message sends.
const rootBatch = 512

// feed sends tasks without parents, from number from on, and the message that sends those after them. That message has the
// least priority and comes behind what was sent before it: it is received when there is little else to do.
func (r *run) feed(ctx context.Context, from int64) error {
	batch, more, err := r.rootsFrom(ctx, from)
	if err != nil {
		return err
	}
	if more {
		batch = append(batch, queue.Message{Body: order{run: r.id, feed: true, from: from + int64(len(batch))}.String()})
	}
	if len(batch) == 0 {
		return nil
	}
	r.sent.Add(int64(len(batch)))
	return r.worker.d.Queue.Send(ctx, batch)
}

func (r *run) rootsFrom(ctx context.Context, from int64) (batch []queue.Message, more bool, err error) {
	g := &r.roots
	g.Lock()
	defer g.Unlock()
	if g.next == nil || g.at > from {
		if g.stop != nil {
			g.stop()
		}
		g.next, g.stop = iter.Pull(r.plan.Roots())
		g.at = 0
	}
	for g.at < from {
		if g.at%rootBatch == 0 && ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if _, ok := g.next(); !ok {
			return nil, false, nil
		}
		g.at++
	}
	for len(batch) < rootBatch {
		t, ok := g.next()
		if !ok {
			g.stop()
			g.next, g.stop = nil, nil
			return batch, false, nil
		}
		g.at++
		batch = append(batch, r.message(t, r.plan.Priority(t)))
	}
	return batch, true, nil
}

// close lets go of what the run holds.
func (r *run) close() {
	r.roots.Lock()
	defer r.roots.Unlock()
	if r.roots.stop != nil {
		r.roots.stop()
		r.roots.next, r.roots.stop = nil, nil
	}
}

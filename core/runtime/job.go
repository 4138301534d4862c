package runtime

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// Job is one run of a plan. Its tasks go through a queue in memory to slots, each of which drives one scheduler.Slot.
type Job struct {
	*Engine
	opt   Options
	total int64
	order []ranking // by statement

	ctx      context.Context
	cancel   context.CancelCauseFunc
	queue    *queue.Queue
	finished chan struct{}
	slots    sync.WaitGroup

	mu          sync.Mutex
	written     *marked
	claimed     *marked
	missing     map[lambdapack.Task]lambdapack.Tile // an input that was not there when last asked
	roots       func() (lambdapack.Task, bool)
	stopRoots   func()
	queued      int   // messages that wait
	outstanding int64 // messages that wait or are in hand
	err         error

	done    atomic.Int64
	started time.Time
	seconds atomic.Int64 // nanoseconds in all, once it is finished
}

// Options say how a job treats its matrices.
type Options struct {
	Retain scheduler.Retention
	Resume bool // tiles of durable matrices may be there from an earlier run

	// Block applies a function of the user's to tiles, until ctx ends; nil: programs with such are refused.
	Block BlockFunc
}

// rootBatch is how many tasks without parents are on the queue at a time, at most: they are enumerated when there is room.
const rootBatch = 1 << 14

// Start runs a plan. matrices are its own, by number: those of inputs hold their tiles, the others get them. The caller keeps
// them until the job is finished.
func (r *Runtime) Start(ctx context.Context, plan *lambdapack.Plan, matrices []*matrix.BigMatrix, opt Options) *Job {
	j := &Job{
		Engine: r.NewEngine(plan, matrices, opt.Block), opt: opt, total: plan.NumTasks(), queue: queue.NewMemory(queue.MemoryOptions{}),
		finished: make(chan struct{}), written: tilesOf(plan), claimed: tasksOf(plan),
		missing: map[lambdapack.Task]lambdapack.Tile{}, started: time.Now(),
	}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	for _, s := range plan.Statements {
		j.order = append(j.order, newRanking(s))
	}
	j.roots, j.stopRoots = iter.Pull(plan.Roots())
	slots := int(min(int64(r.workers*r.width), max(1, j.total)))
	j.feed()
	for range slots {
		j.slots.Go(j.work)
	}
	go j.conclude()
	return j
}

// conclude waits for the slots and tells the world.
func (j *Job) conclude() {
	stop := context.AfterFunc(j.ctx, func() { _ = j.queue.Close() })
	j.slots.Wait()
	stop()
	j.stopRoots()
	_ = j.queue.Close()
	j.mu.Lock()
	if j.err == nil && j.done.Load() < j.total {
		if j.err = context.Cause(j.ctx); j.err == nil {
			j.err = errs.New(errs.Internal, "%s stopped after %d of %d tasks: no task is ready", j.plan.Name, j.done.Load(), j.total)
		}
	}
	j.mu.Unlock()
	j.cancel(nil)
	j.seconds.Store(int64(time.Since(j.started)))
	close(j.finished)
}

// Done is closed when the job is finished and nothing of it runs any more.
func (j *Job) Done() <-chan struct{} { return j.finished }

// Err is why the job failed; nil while it runs.
func (j *Job) Err() error {
	select {
	case <-j.finished:
		return j.err
	default:
		return nil
	}
}

// Progress tells the tasks that are done, and of how many, the arithmetic operations of those, and the time spent in kernels by
// all workers and since the start.
func (j *Job) Progress() (done, total int64, flops float64, kernels, seconds time.Duration) {
	seconds = time.Duration(j.seconds.Load())
	if seconds == 0 {
		seconds = time.Since(j.started)
	}
	flops, kernels = j.Spent()
	return j.done.Load(), j.total, flops, kernels, seconds
}

// fail ends the job with its first failure.
func (j *Job) fail(err error) {
	j.mu.Lock()
	if j.err == nil {
		j.err = err
	}
	j.mu.Unlock()
	j.cancel(err)
}

// feed puts tasks without parents on the queue while there are few.
func (j *Job) feed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.roots == nil || j.queued > rootBatch/2 {
		return
	}
	var messages []queue.Message
	for j.queued+len(messages) < rootBatch {
		t, ok := j.roots()
		if !ok {
			j.roots = nil
			break
		}
		messages = append(messages, j.message(t, j.plan.Priority(t)))
	}
	j.queued += len(messages)
	j.outstanding += int64(len(messages))
	if j.outstanding == 0 {
		_ = j.queue.Close() // there is nothing to do
	} else if len(messages) > 0 {
		_ = j.queue.Send(j.ctx, messages) // it fails only when the job is over
	}
}

// send puts a task on the queue.
func (j *Job) send(t lambdapack.Task, priority int64) error {
	j.mu.Lock()
	j.queued++
	j.outstanding++
	j.mu.Unlock()
	return j.queue.Send(j.ctx, []queue.Message{j.message(t, priority)})
}

// message is a task's message. Among tasks of one priority neighbours come one after the other, so that they find each
// other's tiles in memory.
func (j *Job) message(t lambdapack.Task, priority int64) queue.Message {
	return queue.Message{Body: t.String(), Priority: priority<<rankBits | (1<<rankBits - 1 - j.order[t.Stmt].rank(&t))}
}

// receive waits for a task; false when there is none any more.
func (j *Job) receive() (queue.Delivery, lambdapack.Task, bool) {
	j.feed()
	got, err := j.queue.Receive(j.ctx, 1, -1)
	if err != nil || len(got) == 0 {
		return queue.Delivery{}, lambdapack.Task{}, false
	}
	j.mu.Lock()
	j.queued--
	j.mu.Unlock()
	t, err := lambdapack.ParseTask(got[0].Body)
	if err != nil {
		j.fail(errs.New(errs.Internal, "a message of %s: %w", j.plan.Name, err))
		return queue.Delivery{}, lambdapack.Task{}, false
	}
	return got[0], t, true
}

// ack is the end of a message; the last one ends the job.
func (j *Job) ack(d queue.Delivery) {
	_ = j.queue.Ack(context.WithoutCancel(j.ctx), d.Receipt)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.outstanding--; j.outstanding == 0 && j.roots == nil {
		_ = j.queue.Close()
	}
}

// has says whether a tile exists, or did before its last reader was done.
func (j *Job) has(x lambdapack.Tile) (bool, error) {
	m := &j.plan.Matrices[x.Matrix]
	if m.Role == lambdapack.RoleInput {
		return true, nil
	}
	j.mu.Lock()
	there := j.written.has(x.Matrix, &x.I)
	j.mu.Unlock()
	if there {
		return true, nil
	}
	if m.ZeroDefault {
		if _, written := j.plan.Writer(x); !written {
			return true, nil
		}
	}
	if !j.opt.Resume || !j.matrices[x.Matrix].Durable {
		return false, nil
	}
	there, err := j.rt.space.Exists(j.ctx, j.matrices[x.Matrix], m.Place(x.I))
	if there {
		j.mark(x)
	}
	return there, err
}

func (j *Job) mark(x lambdapack.Tile) {
	j.mu.Lock()
	j.written.add(x.Matrix, &x.I)
	j.mu.Unlock()
}

// exists says whether all outputs of a task are there.
func (j *Job) exists(t lambdapack.Task) (bool, error) {
	for x := range j.plan.Writes(t) {
		if ok, err := j.has(x); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// ready says whether all inputs of a task are there, those of fresh included. It begins with the one that was missing when
// last asked: of the many parents that ask, all but the last get their answer from that.
func (j *Job) ready(t lambdapack.Task, fresh []scheduler.Output) (bool, error) {
	there := func(x lambdapack.Tile) (bool, error) {
		for _, o := range fresh {
			if o.Tile == x {
				return true, nil
			}
		}
		return j.has(x)
	}
	j.mu.Lock()
	first, watched := j.missing[t]
	j.mu.Unlock()
	if watched {
		if ok, err := there(first); !ok || err != nil {
			return false, err
		}
	}
	for x := range j.plan.Reads(t) {
		if ok, err := there(x); err != nil {
			return false, err
		} else if !ok {
			j.mu.Lock()
			j.missing[t] = x
			j.mu.Unlock()
			return false, nil
		}
	}
	return true, nil
}

// claim gives the duty for a task to the first parent that asks. No message of ours comes twice, so no parent asks twice.
func (j *Job) claim(t lambdapack.Task) scheduler.Outcome {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.missing, t)
	if j.claimed.add(t.Stmt, &t.I) {
		return scheduler.Won
	}
	return scheduler.Other
}

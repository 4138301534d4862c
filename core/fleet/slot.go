package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/runtime"
	"numpywren/core/scheduler"
)

// slot is one delivery in a worker: a goroutine that drives one scheduler.Slot with answers from the store.
type slot struct {
	run      *run
	worker   *Worker
	delivery queue.Delivery
	machine  *scheduler.Slot
	hand     *runtime.Hand
	lease    *lease

	fresh   []lambdapack.Tile // outputs of the task in hand
	private []held            // tiles that only this chain has, for its next task
	behind  []*saving
	acked   bool

	mu      sync.Mutex
	letters []queue.Message // children to be sent: at the latest before the chain goes on or ends
}

// held is a tile of the Space.
type held struct {
	m *matrix.BigMatrix
	i matrix.Index
}

// saving is a tile that is being written behind the chain, whose next task is the only one that reads it.
type saving struct {
	held
	done chan struct{}
	err  error
}

// letterBatch is how many children are sent at once; it is SQS's limit.
const letterBatch = 10

// serve runs a task, and those of its chain; it tells whether the message is done with.
func (w *Worker) serve(ctx context.Context, d queue.Delivery, l *lease, r *run, t lambdapack.Task) (acked bool) {
	s := &slot{run: r, worker: w, delivery: d, lease: l, hand: r.engine.NewHand(),
		machine: scheduler.NewSlot(r.graph, r.manifest.Settings.options())}
	defer s.leave()
	for a := s.machine.Receive(t); a.Op != scheduler.Idle; {
		if w.struck(a) {
			return false
		}
		a = s.machine.Next(s.do(ctx, a))
	}
	return s.acked
}

// struck says whether the worker is dead: tests kill it before an action.
func (w *Worker) struck(a scheduler.Action) bool {
	if w.opt.fault != nil && w.opt.fault(a) {
		w.kill()
	}
	return w.dead.Load()
}

// do does an action. A panic in it is a failure of the job: no other frame on this goroutine would keep it from ending the
// process.
func (s *slot) do(ctx context.Context, a scheduler.Action) (r scheduler.Result) {
	var err error
	func() {
		defer runtime.Recovered(&err)
		r.Outcome, err = s.act(ctx, a)
	}()
	if err != nil {
		switch {
		case ctx.Err() != nil:
			r.Outcome, r.Err = scheduler.Retry, errs.New(errs.Closed, "the worker %s stopped", s.worker.opt.ID)
		case passing(err):
			r.Outcome, r.Err = scheduler.Retry, err
		default:
			r.Outcome, r.Err = scheduler.Failed, err
		}
	}
	r.Stop = s.delivery.Attempt > 1 || s.worker.stopping.Load() || s.lease.lapsed()
	return r
}

func (s *slot) act(ctx context.Context, a scheduler.Action) (scheduler.Outcome, error) {
	r := s.run
	switch a.Op {
	case scheduler.Exists:
		if a.Task == s.machine.Current() {
			return s.begin(ctx, a.Task)
		}
		return answer(r.walked(ctx, a.Task))
	case scheduler.Read:
		return scheduler.Done, s.hand.Read(ctx, a.Task)
	case scheduler.Compute:
		return scheduler.Done, s.compute(ctx, a.Task)
	case scheduler.Write:
		if lost, err := r.dispossessed(ctx, a.Outputs); lost || err != nil {
			return scheduler.Stopped, err
		}
		return scheduler.Done, s.write(ctx, a)
	case scheduler.Ready:
		return answer(r.ready(ctx, a.Task, s.fresh))
	case scheduler.Claim:
		return s.claim(ctx, a)
	case scheduler.Send:
		return scheduler.Done, s.post(ctx, r.message(a.Task, a.Priority))
	case scheduler.Each:
		return scheduler.Done, s.each(ctx, a.Children)
	case scheduler.Flush:
		return scheduler.Done, s.flush(ctx)
	case scheduler.Fail:
		return scheduler.Done, s.fail(ctx, a.Task, a.Reason)
	case scheduler.Ack:
		return scheduler.Done, s.ack(ctx)
	case scheduler.Drop:
		s.acked = s.worker.drop(ctx, s.delivery)
	case scheduler.Release:
		return scheduler.Done, s.release(ctx, a.Reason)
	}
	return scheduler.Done, nil
}

func answer(yes bool, err error) (scheduler.Outcome, error) {
	if yes {
		return scheduler.Yes, err
	}
	return scheduler.No, err
}

// claim is made by the holder of the message alone, as package scheduler says why.
func (s *slot) claim(ctx context.Context, a scheduler.Action) (scheduler.Outcome, error) {
	bound, cancel, holds := s.lease.within(ctx)
	defer cancel()
	if !holds {
		return scheduler.Lapsed, nil
	}
	o, err := s.run.claim(bound, a.Task, a.By, a.Keep)
	if err != nil && bound.Err() != nil && ctx.Err() == nil {
		return scheduler.Lapsed, nil
	}
	return o, err
}

// begin is Exists of the task that comes next in the chain.
func (s *slot) begin(ctx context.Context, t lambdapack.Task) (scheduler.Outcome, error) {
	r := s.run
	if err := s.send(ctx); err != nil {
		return scheduler.Retry, err
	}
	if r.ended(ctx) != nil {
		return scheduler.Stopped, nil
	}
	s.fresh = s.fresh[:0]
	s.lease.begin(r.manifest.Settings.deadline(r.plan.Cost(t)))
	there, err := r.exists(ctx, t)
	if there {
		r.found.Add(1)
	}
	return answer(there, err)
}

func (s *slot) compute(ctx context.Context, t lambdapack.Task) error {
	if err := s.hand.Compute(ctx, t); err != nil {
		return err
	}
	s.forget() // what was in memory for this task alone
	s.cool()
	s.fresh = s.fresh[:0]
	for x := range s.run.plan.Writes(t) {
		s.fresh = append(s.fresh, x)
	}
	return nil
}

// write gives the outputs to the Space, and to the store those that must be there.
func (s *slot) write(ctx context.Context, a scheduler.Action) error {
	r, now := s.run, make([]held, 0, len(a.Outputs))
	for n, o := range a.Outputs {
		m, i := r.engine.Place(o.Tile)
		switch o.To {
		case scheduler.Store:
			s.hand.Put(n, m, i, matrix.Kept)
			now = append(now, held{m, i})
		case scheduler.Behind:
			s.hand.Put(n, m, i, matrix.Kept)
			s.behind = append(s.behind, s.worker.save(ctx, held{m, i}))
		case scheduler.Memory:
			s.hand.Put(n, m, i, 1)
			s.private = append(s.private, held{m, i})
		}
	}
	s.hand.Drop()
	if err := together(len(now), func(k int) error { return s.worker.space.Save(ctx, now[k].m, now[k].i) }); err != nil {
		return err
	}
	for _, o := range a.Outputs {
		if o.To == scheduler.Store {
			r.known.Add(o.Tile)
		}
	}
	r.done.Add(1)
	return nil
}

// save writes a tile behind the computation.
func (w *Worker) save(ctx context.Context, h held) *saving {
	v := &saving{held: h, done: make(chan struct{})}
	w.background.Go(func() {
		defer close(v.done)
		defer runtime.Recovered(&v.err)
		select {
		case w.writers <- struct{}{}:
			defer func() { <-w.writers }()
			v.err = w.space.Save(ctx, h.m, h.i)
		case <-ctx.Done():
			v.err = ctx.Err()
		}
	})
	return v
}

// flush waits for what is written behind the chain.
func (s *slot) flush(ctx context.Context) error {
	var failed error
	for _, v := range s.behind {
		select {
		case <-v.done:
			failed = errors.Join(failed, v.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.cool()
	s.behind = s.behind[:0]
	return failed
}

// cool lets go of the tiles behind the chain that are written: their only reader was in it, and is done.
func (s *slot) cool() {
	rest := s.behind[:0]
	for _, v := range s.behind {
		select {
		case <-v.done:
			if v.err == nil {
				s.worker.space.Cool(v.m, v.i)
				continue
			}
		default:
		}
		rest = append(rest, v)
	}
	s.behind = rest
}

// family is how many children of a task are seen to at once: each waits for the store, some of them for the queue.
const family = 16

// each sees to the children of a task.
func (s *slot) each(ctx context.Context, children []scheduler.Child) error {
	return atMost(family, len(children), func(k int) error {
		c := &children[k]
		for a := c.Begin(); a.Op != scheduler.Idle && !s.worker.struck(a); {
			a = c.Next(s.do(ctx, a))
		}
		return nil
	})
}

// post takes a child's letter, and sends those that were taken when they are enough.
func (s *slot) post(ctx context.Context, m queue.Message) error {
	s.mu.Lock()
	s.letters = append(s.letters, m)
	enough := len(s.letters) >= letterBatch
	s.mu.Unlock()
	if !enough {
		return nil
	}
	return s.send(ctx)
}

// send puts the children on the queue that were not yet. Letters that cannot be sent are lost here: the message is given back
// for it, and who has it next writes them anew.
func (s *slot) send(ctx context.Context) error {
	s.mu.Lock()
	letters := s.letters
	s.letters = nil
	s.mu.Unlock()
	if len(letters) == 0 {
		return nil
	}
	if err := s.worker.d.Queue.Send(ctx, letters); err != nil {
		return err
	}
	s.run.sent.Add(int64(len(letters)))
	return nil
}

// ack ends a message whose work is done. Children that cannot be sent are a reason to keep it.
func (s *slot) ack(ctx context.Context) error {
	if err := s.send(ctx); err != nil {
		return s.release(ctx, err)
	}
	err := s.worker.d.Queue.Ack(context.WithoutCancel(ctx), s.delivery.Receipt)
	if s.acked = err == nil; err != nil && !errors.Is(err, queue.ErrLapsed) {
		s.run.note("task %s is done, its message stays: %v", s.machine.Head(), err) // it comes again, and finds its outputs
	}
	return nil
}

// release gives the message back. One that failed too often ends the job. Without a reason it is not ours any more.
func (s *slot) release(ctx context.Context, reason error) error {
	r, w := s.run, s.worker
	ctx = context.WithoutCancel(ctx)
	wait := time.Duration(0)
	if reason != nil && !w.stopping.Load() {
		name := r.plan.TaskName(s.machine.Current())
		r.note("task %s failed, delivery %d: %v", name, s.delivery.Attempt, reason)
		if scheduler.Exhausted(s.delivery.Attempt, r.manifest.Settings.Most) {
			err := errs.New(errs.KindOf(reason), "task %s failed %d times, the last time: %w", name, s.delivery.Attempt, reason)
			if s.fail(ctx, s.machine.Current(), err) == nil {
				s.acked = w.drop(ctx, s.delivery)
				return nil
			}
		}
		_ = w.d.Store.PutBytes(ctx, r.id.failure(s.machine.Head()), []byte(reason.Error()), blob.PutOptions{}) // for the dead letters' readers
		wait = w.backoff(s.delivery.Attempt)
	}
	w.giveBack(ctx, s.delivery, wait)
	return nil
}

// fail ends the job.
func (s *slot) fail(ctx context.Context, t lambdapack.Task, reason error) error {
	e := End{State: Failed, Kind: errs.KindOf(reason), Message: reason.Error(), Task: s.run.plan.TaskName(t)}
	return s.run.finish(context.WithoutCancel(ctx), e)
}

// forget drops the tiles that only this chain had.
func (s *slot) forget() {
	for _, h := range s.private {
		s.worker.space.Read(h.m, h.i)
	}
	s.private = s.private[:0]
}

// leave gives back what the message still holds.
func (s *slot) leave() {
	s.hand.Drop()
	s.forget()
}

// failure is where the reason of the last delivery of a task is noted.
func (r runID) failure(t lambdapack.Task) string { return r.folder() + "errors/" + t.String() }

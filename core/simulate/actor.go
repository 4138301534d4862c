package simulate

import (
	"context"
	"time"

	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// actor is one of a worker's slots: a driver of the state machine.
type actor struct {
	worker   *worker
	slot     *scheduler.Slot
	life     int // counted up when the worker dies or leaves
	idle     bool
	since    time.Duration // when it fell idle
	action   scheduler.Action
	parts    []part // of Each: the children under way
	delivery queue.Delivery
	lapses   bool          // the lease is not renewed any more
	until    time.Duration // of the lease

	inputs []uint64        // of the task, as Read got them
	fresh  map[Tile]uint64 // outputs of the task
	memory map[Tile]uint64 // what only this chain has
	behind []tileValue     // what the chain made and the store does not have yet
}

// part is one child of Each, and what it waits for.
type part struct {
	child  *scheduler.Child
	action scheduler.Action
}

type tileValue struct {
	tile  Tile
	value uint64
}

// receive gives an idle actor a message.
func (w *world) receive(a *actor) {
	got, err := w.queue.Receive(context.Background(), 1, 0)
	if err != nil {
		w.fail("%v", err)
	}
	if len(got) == 0 || w.chance(w.Faults.Lose) {
		w.rest(a)
		return
	}
	w.report.Received++
	t, err := decode(got[0].Body)
	if err != nil {
		w.fail("%v", err)
	}
	a.idle, a.delivery, a.lapses, a.until = false, got[0], false, w.clock.now+w.Lease
	a.fresh, a.memory, a.behind = map[Tile]uint64{}, map[Tile]uint64{}, nil
	w.begin(a, a.slot.Receive(t))
}

func (w *world) rest(a *actor) {
	a.idle, a.since = true, w.clock.now
	w.idle = append(w.idle, a)
}

// begin starts an action; its effect comes when its time is over.
func (w *world) begin(a *actor, action scheduler.Action) {
	a.action = action
	if action.Op == scheduler.Idle {
		w.rest(a)
		return
	}
	if action.Op == scheduler.Each {
		a.parts = a.parts[:0]
		for k := range action.Children {
			c := &action.Children[k]
			if x := c.Begin(); x.Op != scheduler.Idle {
				a.parts = append(a.parts, part{c, x})
			}
		}
	}
	if action.Op == scheduler.Compute {
		if a.worker.core != nil {
			a.worker.pending = append(a.worker.pending, a)
			return
		}
		a.worker.core = a
		w.running++
		w.report.PeakRunning = max(w.report.PeakRunning, w.running)
	}
	d := w.jitter(w.duration(action))
	if action.Op == scheduler.Compute {
		w.report.BusyTime += d
	}
	if w.chance(w.Faults.Straggle) {
		d *= 50
		a.lapses = true
	}
	if !a.lapses && w.queue.Extend(context.Background(), a.delivery.Receipt, d+w.Lease) == nil { // one that lapsed is no reason to stop
		a.until = w.clock.now + d + w.Lease
	}
	w.at(d, a)
}

func (w *world) duration(action scheduler.Action) time.Duration {
	switch action.Op {
	case scheduler.Read:
		return w.Cost(action.Task).Read
	case scheduler.Compute:
		return w.Cost(action.Task).Compute
	case scheduler.Write:
		return w.Cost(action.Task).Write
	}
	return w.Latency
}

// act ends an actor's action and begins its next.
func (w *world) act(a *actor) {
	if a.action.Op == scheduler.Idle { // just hired
		w.rest(a)
		return
	}
	if a.action.Op == scheduler.Compute {
		w.yieldCore(a)
		if w.Faults.Poison != nil && w.Faults.Poison(a.action.Task) {
			w.crash(a.worker)
			return
		}
	}
	crash := w.report.Crashes < w.Faults.Crashes && w.chance(w.Faults.Crash)
	if crash && w.rng.IntN(2) == 0 {
		if n := len(a.action.Outputs); a.action.Op == scheduler.Write {
			w.put(a, a.action.Outputs[:w.rng.IntN(n+1)])
		}
		w.crash(a.worker)
		return
	}
	r, done := w.perform(a)
	if crash {
		w.crash(a.worker)
		return
	}
	if len(a.behind) > 0 && w.rng.IntN(4) == 0 { // some of what is behind catches up
		w.flush(a, 1)
	}
	if !done {
		w.at(w.jitter(w.Latency/time.Duration(len(a.parts))), a)
		return
	}
	w.begin(a, a.slot.Next(r))
}

// perform does an actor's action, or, of Each, what one child waits for: which one, chance decides.
func (w *world) perform(a *actor) (r scheduler.Result, done bool) {
	if a.action.Op != scheduler.Each {
		return w.result(a, a.action), true
	}
	k := w.rng.IntN(len(a.parts))
	p := &a.parts[k]
	if p.action = p.child.Next(w.result(a, p.action)); p.action.Op == scheduler.Idle {
		a.parts = append(a.parts[:k], a.parts[k+1:]...)
	}
	return scheduler.Result{}, len(a.parts) == 0
}

// result is what comes of an action, with the troubles that do not kill.
func (w *world) result(a *actor, x scheduler.Action) scheduler.Result {
	r := scheduler.Result{Stop: a.delivery.Attempt > 1 || w.chance(w.Faults.Stop)} // a task that kills must not take chains along
	switch op := x.Op; {
	case op == scheduler.Ack || op == scheduler.Drop || op == scheduler.Release || op == scheduler.Fail:
		w.apply(a, x)
	case w.report.failure != nil:
		r.Outcome = scheduler.Stopped
	case w.chance(w.Faults.Retry):
		r.Outcome, r.Err = scheduler.Retry, errTransport
	default:
		r.Outcome, r.Err = w.apply(a, x)
	}
	return r
}

// yieldCore lets the next kernel of the worker start.
func (w *world) yieldCore(a *actor) {
	k := a.worker
	k.core = nil
	w.running--
	if len(k.pending) > 0 {
		next := k.pending[0]
		k.pending = k.pending[1:]
		w.begin(next, next.action)
	}
}

// crash kills a worker; another takes its place.
func (w *world) crash(k *worker) {
	w.report.Crashes++
	w.dismiss(k)
	w.hire(w.Latency)
}

package simulate

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"

	"numpywren/core/scheduler"
)

var errTransport = errors.New("simulated transport failure")

// apply does an action.
func (w *world) apply(a *actor, x scheduler.Action) (scheduler.Outcome, error) {
	ctx := context.Background()
	switch x.Op {
	case scheduler.Exists:
		if x.Task == a.slot.Current() {
			clear(a.fresh)
		}
		return answer(w.exists(x.Task)), nil
	case scheduler.Read:
		w.read(a)
	case scheduler.Compute:
		return w.compute(a)
	case scheduler.Write:
		w.put(a, x.Outputs)
	case scheduler.Ready:
		return answer(w.ready(a, x.Task)), nil
	case scheduler.Claim:
		return w.claim(a, x), nil
	case scheduler.Send:
		w.send(x.Task, x.Priority)
	case scheduler.Flush:
		w.flush(a, len(a.behind))
	case scheduler.Ack, scheduler.Drop:
		if x.Op == scheduler.Ack && len(a.behind) > 0 {
			w.fail("task %v acknowledged with tiles to be written", x.Task)
		}
		_ = w.queue.Ack(ctx, a.delivery.Receipt) // lapsed: somebody else has it too
	case scheduler.Release:
		wait := scheduler.Backoff(a.delivery.Attempt, w.Lease/100, w.Lease, w.rng.Float64())
		_ = w.queue.Nack(ctx, a.delivery.Receipt, wait)
	case scheduler.Fail:
		w.report.failure = x.Reason
	}
	return scheduler.Done, nil
}

func answer(yes bool) scheduler.Outcome {
	if yes {
		return scheduler.Yes
	}
	return scheduler.No
}

// there says whether every worker can read a tile, or could once.
func (w *world) there(x Tile) bool {
	_, ok := w.store[x]
	return ok || w.written[x] || w.p.Input(x)
}

func (w *world) exists(t Task) bool {
	for x := range w.p.Writes(t) {
		if !w.there(x) {
			return false
		}
	}
	return true
}

func (w *world) ready(a *actor, t Task) bool {
	for x := range w.p.Reads(t) {
		if _, ok := a.fresh[x]; !ok && !w.there(x) {
			return false
		}
	}
	return true
}

func (w *world) claim(a *actor, x scheduler.Action) scheduler.Outcome {
	c, ok := w.claims[x.Task]
	switch {
	case w.clock.now >= a.until:
		return scheduler.Lapsed
	case !ok:
		w.claims[x.Task] = claim{x.By, x.Keep}
		return scheduler.Won
	case c.by != x.By:
		return scheduler.Other
	case c.keep:
		return scheduler.MineKept
	}
	return scheduler.MineSent
}

// read gets the inputs of a task: the chain's own tiles, then the store, then what was there before the program.
func (w *world) read(a *actor) {
	a.inputs = a.inputs[:0]
	for x := range w.p.Reads(a.action.Task) {
		v, ok := a.memory[x]
		if !ok {
			v, ok = w.store[x]
		}
		if !ok && w.p.Input(x) {
			v, ok = inputValue(x), true
		}
		if !ok {
			w.fail("task %v reads tile %v, which is not there", a.action.Task, x)
		}
		a.inputs = append(a.inputs, v)
	}
}

func (w *world) compute(a *actor) (scheduler.Outcome, error) {
	t := a.action.Task
	if w.Faults.Fails != nil {
		if err := w.Faults.Fails(t); err != nil {
			return scheduler.Failed, err
		}
	}
	v := taskValue(t, a.inputs)
	if before, ok := w.values[t]; ok && before != v {
		w.fail("task %v computed %x, and %x before", t, v, before)
	} else if ok && w.Drop {
		w.fail("task %v ran twice", t)
	}
	w.values[t] = v
	w.report.Computed++
	clear(a.fresh)
	clear(a.memory) // all that was in it was for this task
	n := 0
	for x := range w.p.Writes(t) {
		a.fresh[x] = outputValue(v, n)
		n++
	}
	w.dropInputs(t)
	return scheduler.Done, nil
}

// dropInputs forgets the temporaries of which the task was the last reader.
func (w *world) dropInputs(t Task) {
	if !w.Drop {
		return
	}
	seen := map[Tile]bool{}
	for x := range w.p.Reads(t) {
		if seen[x] || !w.p.Temporary(x) {
			continue
		}
		seen[x] = true
		if _, ok := w.unread[x]; !ok {
			w.unread[x] = w.p.NumReaders(x)
		}
		if w.unread[x]--; w.unread[x] == 0 {
			w.written[x] = true
			delete(w.store, x)
		}
	}
}

// put is Write, or the part of it that a crash let through.
func (w *world) put(a *actor, outputs []scheduler.Output) {
	for _, o := range outputs {
		v, ok := a.fresh[o.Tile]
		if !ok {
			w.fail("tile %v is written, which task %v did not make", o.Tile, a.action.Task)
		}
		if o.To == scheduler.Store {
			w.save(o.Tile, v)
			continue
		}
		a.memory[o.Tile] = v
		if o.To == scheduler.Behind {
			a.behind = append(a.behind, tileValue{o.Tile, v})
		} else if w.Drop {
			w.written[o.Tile] = true
		}
	}
}

// flush stores the first n of what is behind.
func (w *world) flush(a *actor, n int) {
	for _, x := range a.behind[:n] {
		w.save(x.tile, x.value)
	}
	a.behind = a.behind[n:]
}

func (w *world) save(x Tile, v uint64) {
	if before, ok := w.store[x]; ok && before != v {
		w.fail("tile %v is written as %x, and was %x", x, v, before)
	}
	w.store[x] = v
	w.report.Written++
}

// The value of a tile is a hash of how it was made.

func inputValue(x Tile) uint64 { return hash(1, uint64(x.Matrix), index(x.I)) }

func taskValue(t Task, inputs []uint64) uint64 {
	h := hash(2, uint64(t.Stmt), index(t.I))
	for _, v := range inputs {
		h = hash(3, h, v)
	}
	return h
}

func outputValue(task uint64, n int) uint64 { return hash(4, task, uint64(n)) }

func index(i [6]int64) uint64 {
	h := uint64(0)
	for _, v := range i {
		h = hash(5, h, uint64(v))
	}
	return h
}

func hash(kind byte, a, b uint64) uint64 {
	var buf [17]byte
	buf[0] = kind
	binary.LittleEndian.PutUint64(buf[1:], a)
	binary.LittleEndian.PutUint64(buf[9:], b)
	h := fnv.New64a()
	h.Write(buf[:])
	return h.Sum64()
}

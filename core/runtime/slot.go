package runtime

import (
	"errors"
	"time"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
	"numpywren/core/tile"
)

// slot is a goroutine that drives one scheduler.Slot.
type slot struct {
	job      *Job
	machine  *scheduler.Slot
	delivery queue.Delivery
	priority int64       // of the task in hand
	eval     *evaluation // of the task in hand, from Read to Compute
	outputs  []*tile.Tile
	fresh    []scheduler.Output // what Write will be told of the task in hand
	reserved int64
}

// work takes tasks until there are none.
func (j *Job) work() {
	s := &slot{job: j, machine: scheduler.NewSlot(scheduler.FromPlan(j.plan), scheduler.Options{Retain: j.opt.Retain, Chain: true})}
	for {
		d, t, ok := j.receive()
		if !ok {
			return
		}
		s.delivery = d
		for a := s.machine.Receive(t); a.Op != scheduler.Idle; {
			a = s.machine.Next(s.do(a))
		}
		s.drop()
	}
}

// do does an action. A panic in it is a failure of the job: no other frame on this goroutine would keep it from ending the
// process.
func (s *slot) do(a scheduler.Action) (r scheduler.Result) {
	var err error
	func() {
		defer recovered(&err)
		r.Outcome, err = s.act(a)
	}()
	var known *errs.Error
	switch {
	case err == nil:
	case s.job.ctx.Err() != nil:
		r.Outcome = scheduler.Stopped
	case errors.As(err, &known):
		r.Outcome, r.Err = scheduler.Failed, err
	default:
		r.Outcome, r.Err = scheduler.Failed, errs.New(errs.OS, "%s: %w", s.job.plan.TaskName(a.Task), err)
	}
	return r
}

func (s *slot) act(a scheduler.Action) (scheduler.Outcome, error) {
	j := s.job
	switch a.Op {
	case scheduler.Exists:
		if j.ctx.Err() != nil {
			return scheduler.Stopped, nil
		}
		there, err := j.exists(a.Task)
		if there {
			j.done.Add(1) // by an earlier run of the job
		}
		return answer(there, err)
	case scheduler.Read:
		return scheduler.Done, s.read(a.Task)
	case scheduler.Compute:
		return scheduler.Done, s.compute(a.Task)
	case scheduler.Write:
		return scheduler.Done, s.write(a)
	case scheduler.Ready:
		return answer(j.ready(a.Task, s.fresh))
	case scheduler.Claim:
		return j.claim(a.Task), nil
	case scheduler.Send:
		return scheduler.Done, j.send(a.Task, a.Priority)
	case scheduler.Fail:
		j.fail(a.Reason)
	case scheduler.Ack, scheduler.Drop, scheduler.Release:
		if a.Op == scheduler.Release {
			j.fail(a.Reason) // nothing is transient on one machine
		}
		s.drop()
		j.ack(s.delivery)
	case scheduler.Flush: // other slots read from memory what is written behind; the facade flushes results
	}
	return scheduler.Done, nil
}

func answer(yes bool, err error) (scheduler.Outcome, error) {
	if yes {
		return scheduler.Yes, err
	}
	return scheduler.No, err
}

// read reserves the memory of the task and gets its inputs into it.
func (s *slot) read(t lambdapack.Task) error {
	j := s.job
	bytes := Reservation(j.plan.Cost(t).PeakBytes)
	if err := j.rt.space.Reserve(j.ctx, bytes); err != nil {
		return err
	}
	s.reserved = bytes
	s.priority = j.plan.Priority(t)
	s.eval = newEvaluation(j, t, s.priority)
	return s.eval.prefetch()
}

// Reservation is what a task asks for that holds tiles of so many bytes at once: the pool rounds each up, by a quarter at most
// and never by more than 64 KiB; no task holds more than a few.
func Reservation(bytes int64) int64 { return bytes + min(bytes/4, 1<<20) }

// compute runs the kernels of the task with a permit.
func (s *slot) compute(t lambdapack.Task) error {
	j, e := s.job, s.eval
	if err := j.rt.acquire(j.ctx, s.priority); err != nil {
		return err
	}
	outputs, err := e.outputs()
	j.rt.release()
	e.close()
	s.eval = nil
	if err != nil {
		return err
	}
	s.outputs, s.fresh = outputs, s.fresh[:0]
	for x := range j.plan.Writes(t) {
		s.fresh = append(s.fresh, scheduler.Output{Tile: x})
	}
	for x := range j.plan.Reads(t) {
		if j.counted[x.Matrix] {
			j.rt.space.Read(j.place(x))
		}
	}
	j.flops.Add(int64(j.plan.Cost(t).Flops))
	return nil
}

// write gives the outputs to the Space. In one process that is where every worker can read them, whatever Place says: a
// durable matrix is written behind, the others go to the scratch folder when memory is short.
func (s *slot) write(a scheduler.Action) error {
	j := s.job
	for n, o := range a.Outputs {
		m, i := j.place(o.Tile)
		j.rt.space.Put(m, i, s.outputs[n], j.readers(o.Tile))
		s.outputs[n] = nil
		j.mark(o.Tile)
		if err := j.rt.space.Err(m); err != nil {
			return err
		}
	}
	s.outputs, s.fresh = nil, s.fresh[:0]
	j.done.Add(1)
	s.unreserve()
	return nil
}

// drop gives back what the task in hand still holds, when it ended before its Write.
func (s *slot) drop() {
	if s.eval != nil {
		s.eval.close()
		s.eval = nil
	}
	for _, t := range s.outputs {
		if t != nil {
			s.job.rt.space.Free(t)
		}
	}
	s.outputs = nil
	s.unreserve()
}

func (s *slot) unreserve() {
	if s.reserved > 0 {
		s.job.rt.space.Unreserve(s.reserved)
		s.reserved = 0
	}
}

// timed adds the time of a kernel to the job's.
func (j *Job) timed(f func() error) error {
	started := time.Now()
	err := f()
	j.kernels.Add(int64(time.Since(started)))
	return err
}

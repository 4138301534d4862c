package runtime

import (
	"errors"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// slot is a goroutine that drives one scheduler.Slot.
type slot struct {
	job      *Job
	machine  *scheduler.Slot
	delivery queue.Delivery
	hand     *Hand
	fresh    []scheduler.Output // what Write will be told of the task in hand
}

// work takes tasks until there are none.
func (j *Job) work() {
	s := &slot{job: j, hand: j.NewHand(), machine: scheduler.NewSlot(scheduler.FromPlan(j.plan), scheduler.Options{Retain: j.opt.Retain, Chain: true})}
	for {
		d, t, ok := j.receive()
		if !ok {
			return
		}
		s.delivery = d
		for a := s.machine.Receive(t); a.Op != scheduler.Idle; {
			a = s.machine.Next(s.do(a))
		}
		s.hand.Drop()
	}
}

// do does an action. A panic in it is a failure of the job: no other frame on this goroutine would keep it from ending the
// process.
func (s *slot) do(a scheduler.Action) (r scheduler.Result) {
	var err error
	func() {
		defer Recovered(&err)
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
		return scheduler.Done, s.hand.Read(j.ctx, a.Task)
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
	case scheduler.Each: // one after the other: nothing here waits for anybody
		for k := range a.Children {
			c := &a.Children[k]
			for x := c.Begin(); x.Op != scheduler.Idle; {
				x = c.Next(s.do(x))
			}
		}
	case scheduler.Fail:
		j.fail(a.Reason)
	case scheduler.Ack, scheduler.Drop, scheduler.Release:
		if a.Op == scheduler.Release {
			j.fail(a.Reason) // nothing is transient on one machine
		}
		s.hand.Drop()
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

// compute runs the kernels of the task.
func (s *slot) compute(t lambdapack.Task) error {
	if err := s.hand.Compute(s.job.ctx, t); err != nil {
		return err
	}
	s.fresh = s.fresh[:0]
	for x := range s.job.plan.Writes(t) {
		s.fresh = append(s.fresh, scheduler.Output{Tile: x})
	}
	return nil
}

// write gives the outputs to the Space. In one process that is where every worker can read them, whatever Place says: a
// durable matrix is written behind, the others go to the scratch folder when memory is short.
func (s *slot) write(a scheduler.Action) error {
	j := s.job
	for n, o := range a.Outputs {
		m, i := j.Place(o.Tile)
		s.hand.Put(n, m, i, j.readers(o.Tile))
		j.mark(o.Tile)
		if err := j.rt.space.Err(m); err != nil {
			return err
		}
	}
	s.fresh = s.fresh[:0]
	j.done.Add(1)
	s.hand.Drop()
	return nil
}

package fleet

import (
	"context"
	"sync"
	"time"

	"numpywren/core/queue"
)

// suspects keeps messages that were delivered before away from others: one of them may be what killed its last worker, and would
// take along all that this one has in hand, until one of those was delivered too often and is blamed. So a worker runs one such
// message at a time, and nothing beside it. Nobody waits for that longer than a lease, for what runs may be stuck.
type suspects struct {
	mu      sync.Mutex
	changed sync.Cond
	running int       // messages
	holder  int       // the number of the suspect that runs, or waits until all else is done; 0: none
	since   time.Time // when it came
	numbers int
}

// enter waits until a message may run; leave is to be called when it has. It is nil for a second suspect, which must not wait here.
func (s *suspects) enter(clock queue.Clock, attempt int, patience time.Duration) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, number := clock.Now(), 0
	if attempt > 1 {
		if s.holder != 0 && now.Sub(s.since) < patience {
			return nil
		}
		s.numbers++
		number = s.numbers
		s.holder, s.since = number, now
	}
	free := func() bool { return s.holder == number && (number == 0 || s.running == 0) }
	if !free() {
		defer clock.AfterFunc(patience, s.wake)()
		for !free() && clock.Now().Sub(now) < patience {
			s.changed.Wait()
		}
	}
	s.running++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
		if number != 0 && s.holder == number {
			s.holder = 0
		}
		s.changed.Broadcast()
	}
}

func (s *suspects) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// again sends a message anew, as if it had never been delivered. What was to be done about it is not done, so it is not acknowledged
// in the eyes of twins, although this delivery is.
func (w *Worker) again(ctx context.Context, d queue.Delivery, r *run, o order) bool {
	m := r.message(o.task, r.plan.Priority(o.task))
	m.Delay = w.backoff(d.Attempt)
	if err := w.d.Queue.Send(ctx, []queue.Message{m}); err != nil {
		return w.giveBack(ctx, d, m.Delay)
	}
	r.sent.Add(1)
	w.drop(ctx, d)
	return false
}

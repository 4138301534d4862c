package fleet

import (
	"context"
	"sync"

	"numpywren/core/queue"
)

// suspects keeps messages that were delivered before away from others: one of them may be what killed its last worker, and would
// take along all that this one has in hand, until one of those was delivered too often and is blamed. So a worker runs one such
// message at a time, and nothing beside it.
type suspects struct {
	one     sync.Mutex   // held for the suspect that runs, or waits for company to go
	company sync.RWMutex // held for reading by what may run beside others
}

// enter waits until a message may run; leave is to be called when it has. It is nil for a second suspect, which must not wait here.
func (s *suspects) enter(attempt int) (leave func()) {
	if attempt == 1 {
		s.company.RLock()
		return s.company.RUnlock
	}
	if !s.one.TryLock() {
		return nil
	}
	s.company.Lock()
	return func() {
		s.company.Unlock()
		s.one.Unlock()
	}
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

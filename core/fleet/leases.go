package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"numpywren/core/queue"
)

// leases are the deliveries in a worker's hands, which it keeps from lapsing.
type leases struct {
	clock queue.Clock
	mu    sync.Mutex
	all   map[*lease]struct{}
}

// lease is one delivery's. It is renewed until its task should have been done long ago: then another worker may have it.
type lease struct {
	of      *leases
	receipt queue.Receipt
	until   time.Time // of the task in hand
	first   *lease    // of the delivery that is run, when this one's is its twin
	end     time.Time // when it lapses unless it is renewed
	gone    bool
}

// hold begins with a delivery that came just now, with a lease of d.
func (l *leases) hold(r queue.Receipt, d time.Duration) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	x := &lease{of: l, receipt: r, until: now.Add(time.Hour), end: now.Add(d)}
	l.all[x] = struct{}{}
	return x
}

// follow has a lease renewed for as long as another is.
func (l *leases) follow(x, first *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.first = first
}

func (l *leases) drop(x *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, x)
}

// begin gives the next task of the chain its time.
func (x *lease) begin(d time.Duration) {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	x.until = x.of.clock.Now().Add(d)
}

func (x *lease) lapsed() bool {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	return x.gone
}

// within is a context for what must be done by the time the lease lapses; false when it has.
func (x *lease) within(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	left := x.end.Sub(x.of.clock.Now())
	if x.gone || left <= 0 {
		return ctx, func() {}, false
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	return ctx, cancel, true
}

// renew makes all leases end after the time given.
func (l *leases) renew(ctx context.Context, q *queue.Queue, d time.Duration) {
	l.mu.Lock()
	now := l.clock.Now()
	var due []*lease
	for x := range l.all {
		until := x.until
		if x.first != nil {
			until = x.first.until
		}
		if x.gone = x.gone || now.After(until); !x.gone {
			due = append(due, x)
		}
	}
	l.mu.Unlock()
	_ = together(len(due), func(k int) error {
		err := q.Extend(ctx, due[k].receipt, d)
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case err == nil:
			due[k].end = now.Add(d)
		case errors.Is(err, queue.ErrLapsed):
			due[k].gone = true
		}
		return nil
	})
}

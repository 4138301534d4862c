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
	gone    bool
}

func (l *leases) hold(r queue.Receipt) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &lease{of: l, receipt: r, until: l.clock.Now().Add(time.Hour)}
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

// renew makes all leases end after the time given.
func (l *leases) renew(ctx context.Context, q *queue.Queue, d time.Duration) {
	l.mu.Lock()
	var due []*lease
	for x := range l.all {
		until := x.until
		if x.first != nil {
			until = x.first.until
		}
		if x.gone = x.gone || l.clock.Now().After(until); !x.gone {
			due = append(due, x)
		}
	}
	l.mu.Unlock()
	_ = together(len(due), func(k int) error {
		if err := q.Extend(ctx, due[k].receipt, d); errors.Is(err, queue.ErrLapsed) {
			l.mu.Lock()
			due[k].gone = true
			l.mu.Unlock()
		}
		return nil
	})
}

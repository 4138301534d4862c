package fleet

import (
	"context"

	"numpywren/core/queue"
)

// A queue delivers a message twice now and then. Nothing runs wrong when it does, but much may be done for nothing: what follows keeps
// one worker from that, for its own deliveries.

// twins are further deliveries of a message that is in hand. They end as it ends: to acknowledge one before might delete the
// message of both.
type twins struct {
	first      *lease
	deliveries []queue.Delivery
	leases     []*lease
}

// take notes that a message is in hand, and gives its lease. If it is in hand already, its twin waits for what becomes of it:
// nil. But when the first has taken too long, the second is to be run, here as well as by another worker. A message of a task that
// was acknowledged here is over: what there was to do about it is done, and it would be a walk through its chain to find that out. That
// is said of first deliveries alone. Who had an earlier one may have claimed a child after our walk, and died before it was sent: then
// this is the message that has the duty.
func (w *Worker) take(o order, d queue.Delivery) (l *lease, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.Attempt == 1 && w.fulfilled.has(o) {
		return nil, true
	}
	l = w.leases.hold(d.Receipt, w.opt.Lease)
	t := w.inHand[o]
	switch {
	case t == nil:
		w.inHand[o] = &twins{first: l}
	case !t.first.lapsed():
		w.leases.follow(l, t.first)
		t.deliveries, t.leases = append(t.deliveries, d), append(t.leases, l)
		return nil, false
	}
	return l, false
}

func (w *Worker) untake(ctx context.Context, o order, l *lease, acked bool) {
	w.leases.drop(l)
	w.mu.Lock()
	if acked && o.call == "" { // a call may be made again under its number
		w.fulfilled.add(o)
	}
	t := w.inHand[o]
	if t == nil || t.first != l {
		w.mu.Unlock()
		return
	}
	delete(w.inHand, o)
	w.mu.Unlock()
	for k, d := range t.deliveries {
		w.leases.drop(t.leases[k])
		if w.dead.Load() {
			continue
		}
		if acked && (d.Attempt == 1 || o.call != "") { // of later ones take says why
			w.drop(ctx, d)
		} else {
			w.giveBack(ctx, d, 0)
		}
	}
}

// recent is a set that forgets what was added long ago. The zero value is empty.
type recent struct{ young, old map[order]struct{} }

// remembered is the least number of messages that a recent knows of, once there were so many.
const remembered = 4096

func (r *recent) has(o order) bool {
	_, young := r.young[o]
	_, old := r.old[o]
	return young || old
}

func (r *recent) add(o order) {
	if len(r.young) >= remembered {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = map[order]struct{}{}
	}
	r.young[o] = struct{}{}
}

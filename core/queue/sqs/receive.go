package sqs

import (
	"context"
	"slices"
	"sync"
	"time"

	"numpywren/core/queue"
)

// How to wait on several queues.
//
// A long poll watches one queue. To poll all bands at once for one receiver would bring more than it wants: the rest would hide
// here while others are idle, or be given back, which SQS counts as a delivery, and a message that is tossed about so is a dead
// letter in the end. To take the bands in turns by long polls would leave the urgent one unwatched for seconds. And a long poll
// that is broken off may still be handed a message, hidden then for a whole lease; so none is broken off.
//
// Receivers of one process therefore wait together. Those that have just come make a sweep: short polls in the order of the
// bands, one request of up to ten messages for all of them, until a band has something. So in a busy queue a message costs a
// tenth of a request to one, and at most two empty ones more. When a sweep finds nothing, one receiver each is bound to a long
// poll of a band, most urgent first, which asks for no more than that receiver wants; the others wait for these polls to end.
// What arrives in any band wakes a receiver at once, and then the others sweep again. No request asks for more than those bound
// to it want, so nothing is brought in vain, unless a receiver's context ends during a poll: what that poll still brings goes to
// another receiver, or back.
//
// With fewer waiting receivers than bands not all are watched. That is why long polls are short, a second, and the unwatched bands
// are swept between two of them. Only while all bands are watched and nothing comes do they grow to SQS's 20 s. An idle process
// so makes 3 requests a second, at $0.40 a million $0.004 an hour; one whose slots are all idle comes down to a tenth of that.

const (
	firstPoll = time.Second
	longPoll  = 20 * time.Second
	// shortRest is between short polls when less than a second is left to wait, since SQS waits for whole seconds.
	shortRest = 200 * time.Millisecond
	// closePatience is how long Close waits for long polls, to give back what they bring.
	closePatience = 1500 * time.Millisecond
)

// waiter is one Receive. The receiver's lock guards it.
type waiter struct {
	n     int
	until time.Time // zero: for ever
	got   chan result
	bound bool // to a request that is under way
	swept bool // it took part in a sweep that found nothing
	gone  bool
}

type result struct {
	deliveries []queue.Delivery
	err        error
}

func (w *waiter) late(now time.Time) bool { return !w.until.IsZero() && !now.Before(w.until) }

// receiver is the receiving half of a driver.
type receiver struct {
	d  *driver
	mu sync.Mutex
	// line has the waiters that are not bound, longest first.
	line     []*waiter
	watched  [Bands]bool // by a long poll
	empty    [Bands]bool // a long poll has just ended with nothing: the next sweep need not look
	sweeping bool
	quiet    int // long polls since something came
	flights  int // goroutines
	closed   bool
	done     chan struct{} // closed by close
	landed   chan struct{} // closed when, after close, no goroutine is left
}

func (r *receiver) init(d *driver) {
	r.d, r.done, r.landed = d, make(chan struct{}), make(chan struct{})
}

// launch runs f on a goroutine that close waits for. The receiver is locked.
func (r *receiver) launch(f func()) {
	r.flights++
	go func() {
		var err error // f reports its own failures; this is so that nothing here ends the process
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.flights--; r.closed {
				r.land()
			}
		}()
		defer guard(&err)
		f()
	}()
}

func (r *receiver) land() {
	select {
	case <-r.landed:
	default:
		if r.flights == 0 {
			close(r.landed)
		}
	}
}

// receive joins the line.
func (r *receiver) receive(ctx context.Context, n int, wait time.Duration) ([]queue.Delivery, error) {
	w := &waiter{n: min(n, maxBatch), got: make(chan result, 1)}
	var timeout <-chan time.Time
	if wait >= 0 {
		w.until = time.Now().Add(wait)
		t := time.NewTimer(wait)
		defer t.Stop()
		timeout = t.C
	}
	r.mu.Lock()
	if err := r.usable(ctx); err != nil {
		r.mu.Unlock()
		return nil, err
	}
	r.line = append(r.line, w)
	r.step()
	r.mu.Unlock()
	for {
		select {
		case res := <-w.got:
			return res.deliveries, res.err
		case <-ctx.Done():
			return nil, r.leave(w, ctx.Err())
		case <-r.done:
			return nil, r.leave(w, queue.ErrClosed)
		case <-timeout:
			r.mu.Lock()
			parked := !w.bound && w.swept
			r.mu.Unlock()
			if parked {
				return nil, r.leave(w, nil)
			}
			timeout = nil // the request that it is bound to is short, or ends now
		}
	}
}

func (r *receiver) usable(ctx context.Context) error {
	if r.closed {
		return queue.ErrClosed
	}
	return ctx.Err()
}

func (r *receiver) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// leave takes a waiter out of the line; what it was given in this moment goes to others.
func (r *receiver) leave(w *waiter, why error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.gone = true
	r.line = slices.DeleteFunc(r.line, func(o *waiter) bool { return o == w })
	select {
	case res := <-w.got:
		r.hand(nil, res.deliveries)
	default:
	}
	return why
}

// step starts what should be under way now. It is called, locked, after every change.
func (r *receiver) step() {
	if r.sweeping || r.closed {
		return
	}
	if batch, n := r.pick(); n > 0 {
		r.sweeping = true
		r.launch(func() { r.sweep(batch, n) })
		return
	}
	r.watch()
}

// pick binds the next waiters that a sweep is for, and says how many messages they want.
func (r *receiver) pick() (batch []*waiter, n int) {
	var rest []*waiter
	for _, w := range r.line {
		if w.swept || n >= maxBatch {
			rest = append(rest, w)
			continue
		}
		w.bound = true
		batch = append(batch, w)
		n += w.n
	}
	if n > 0 {
		r.line = rest
	}
	return batch, min(n, maxBatch)
}

// sweep looks at the bands once. A band that a long poll watches is empty: the poll would have ended.
func (r *receiver) sweep(batch []*waiter, n int) {
	var got []queue.Delivery
	var err error
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sweeping = false
		r.finish(batch, got, err, true)
	}()
	defer guard(&err)
	for b := range Bands {
		r.mu.Lock()
		skip := r.watched[b] || r.empty[b]
		r.empty[b] = false
		r.mu.Unlock()
		if skip {
			continue
		}
		if got, err = r.poll(b, n, 0); len(got) > 0 || err != nil {
			return
		}
	}
}

// watch binds waiters, for which a sweep found nothing, to long polls of the bands that nobody watches.
func (r *receiver) watch() {
	now := time.Now()
	for b := range Bands {
		if r.watched[b] || len(r.line) == 0 {
			continue
		}
		w := r.line[0]
		r.line = r.line[1:]
		w.bound = true
		r.watched[b] = true
		wait := r.pollTime(w, now)
		r.launch(func() { r.stand(b, w, wait) })
	}
}

// pollTime is how long a long poll for a waiter lasts.
func (r *receiver) pollTime(w *waiter, now time.Time) time.Duration {
	wait := firstPoll
	if !slices.Contains(r.watched[:], false) {
		wait = min(longPoll, firstPoll<<min(r.quiet/(2*Bands), 5))
	}
	if !w.until.IsZero() {
		wait = max(0, min(wait, w.until.Sub(now)))
	}
	return wait
}

// stand is a long poll of one band for one waiter.
func (r *receiver) stand(b int, w *waiter, wait time.Duration) {
	var got []queue.Delivery
	var err error
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.watched[b], r.empty[b] = false, len(got) == 0 && err == nil
		r.quiet++
		r.finish([]*waiter{w}, got, err, false)
	}()
	defer guard(&err)
	if wait < time.Second {
		select {
		case <-time.After(min(wait, shortRest)):
		case <-r.done:
			return
		}
	}
	got, err = r.poll(b, w.n, wait.Truncate(time.Second))
}

func (r *receiver) poll(b, n int, wait time.Duration) ([]queue.Delivery, error) {
	d := r.d
	list, err := d.receive(d.ctx, d.bands[b].url, d.bands[b].name, n, wait, d.opt.Lease)
	got := make([]queue.Delivery, len(list))
	end := time.Now().Add(d.opt.Lease)
	for i := range list {
		d.held.set(list[i].Receipt.Text, end)
		got[i] = list[i].Delivery
		got[i].Receipt.Num = uint64(b)
	}
	return got, err
}

// finish ends the requests that the waiters were bound to, a sweep or a long poll: it hands out what came, puts back in line who
// got nothing, and goes on.
func (r *receiver) finish(batch []*waiter, got []queue.Delivery, err error, swept bool) {
	if len(got) > 0 {
		r.quiet = 0
		for _, w := range r.line {
			w.swept = false // where there is one message there may be more
		}
	}
	left := r.hand(batch, got)
	now := time.Now()
	for _, w := range left {
		w.bound, w.swept = false, swept && len(got) == 0
		switch {
		case w.gone:
		case err != nil:
			w.got <- result{err: err}
		case w.late(now):
			w.got <- result{}
		default:
			r.line = append(r.line, w)
		}
	}
	r.step()
}

// hand gives messages, best first, to the waiters of a batch in turns, then to those in line, then back to the queue. It gives
// the waiters of the batch that got nothing.
func (r *receiver) hand(batch []*waiter, got []queue.Delivery) (left []*waiter) {
	share := map[*waiter][]queue.Delivery{}
	for _, takers := range [][]*waiter{batch, slices.Clone(r.line)} {
		for again := true; again && len(got) > 0; {
			again = false
			for _, w := range takers {
				if len(got) > 0 && !w.gone && !r.closed && len(share[w]) < w.n {
					share[w] = append(share[w], got[0])
					got, again = got[1:], true
				}
			}
		}
	}
	for w, deliveries := range share {
		w.got <- result{deliveries: deliveries}
	}
	served := func(w *waiter) bool { return share[w] != nil }
	r.line = slices.DeleteFunc(r.line, served)
	if len(got) > 0 {
		r.launch(func() { r.giveBack(got) })
	}
	return slices.DeleteFunc(slices.Clone(batch), served)
}

// giveBack ends the leases of what nobody wants any more.
func (r *receiver) giveBack(list []queue.Delivery) {
	var err error
	defer guard(&err)
	for _, v := range list {
		_ = r.d.bands[v.Receipt.Num].leases.do(r.d.ctx, []visibility{{receipt: v.Receipt.Text}}) // else they come back when the lease ends
	}
}

// close ends the waiters, and waits a little for the requests under way, so that what they bring can be given back.
func (r *receiver) close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	r.land()
	r.mu.Unlock()
	select {
	case <-r.landed:
	case <-time.After(closePatience):
	}
}

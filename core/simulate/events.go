package simulate

import "time"

// event is a moment at which something of the fleet goes on.
type event struct {
	at    time.Duration
	seq   uint64 // breaks ties: first come, first served
	actor *actor // nil: the fleet looks at its size
	life  int    // of the actor; an event of an earlier life is void
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// agenda is a binary heap of events.
type agenda []event

func (a *agenda) push(e event) {
	h := append(*a, e)
	at := len(h) - 1
	for at > 0 && e.before(h[(at-1)/2]) {
		h[at] = h[(at-1)/2]
		at = (at - 1) / 2
	}
	h[at] = e
	*a = h
}

func (a *agenda) pop() event {
	h := *a
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*a = h
	at := 0
	for next := 1; next < len(h); next = 2*at + 1 {
		if next+1 < len(h) && h[next+1].before(h[next]) {
			next++
		}
		if !h[next].before(last) {
			break
		}
		h[at] = h[next]
		at = next
	}
	if len(h) > 0 {
		h[at] = last
	}
	return top
}

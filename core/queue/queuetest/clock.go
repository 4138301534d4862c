package queuetest

import (
	"slices"
	"sync"
	"time"
)

// Clock is a queue.Clock that stands still until Advance. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer
	armed  chan struct{}
}

type timer struct {
	at time.Time
	f  func()
}

// NewClock makes a clock.
func NewClock() *Clock {
	return &Clock{now: time.Date(2018, 10, 1, 0, 0, 0, 0, time.UTC), armed: make(chan struct{}, 1<<10)}
}

// Now is the time that it stands at.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f in the Advance that passes its time.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{c.now.Add(d), f}
	c.timers = append(c.timers, t)
	select {
	case c.armed <- struct{}{}:
	default:
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(o *timer) bool { return o == t })
	}
}

// AwaitTimer waits until AfterFunc was called once more than AwaitTimer was: a signal that somebody waits for this clock.
func (c *Clock) AwaitTimer() { <-c.armed }

// Advance moves the clock, and calls what is due in the order of its time.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	for {
		slices.SortStableFunc(c.timers, func(a, b *timer) int { return a.at.Compare(b.at) })
		if len(c.timers) == 0 || c.timers[0].at.After(c.now) {
			break
		}
		f := c.timers[0].f
		c.timers = c.timers[1:]
		c.mu.Unlock()
		f()
		c.mu.Lock()
	}
	c.mu.Unlock()
}

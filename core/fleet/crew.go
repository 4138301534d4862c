package fleet

import (
	"context"
	"sync"
	"time"

	"numpywren/core/scheduler"
)

// Crew starts workers for a job, as many as the parallelism that it has now. Workers leave by themselves, when they are idle.
type Crew struct {
	Launch func(ctx context.Context) error // starts one worker; nil: they are started elsewhere
	Max    int                             // workers at once; 0: a default
	Factor float64
	Slots  int // tasks in hand of a worker

	mu       sync.Mutex
	launched []time.Time
}

const (
	defaultCrew = 100
	// starting is how long a worker that was launched may take until it is heard of.
	starting = 30 * time.Second
)

// Adjust launches the workers that are wanted and not there.
func (c *Crew) Adjust(ctx context.Context, l *Look) error {
	if c == nil || c.Launch == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.launched) > 0 && now.Sub(c.launched[0]) > starting {
		c.launched = c.launched[1:]
	}
	there := len(c.launched)
	for _, b := range l.beats {
		if !b.Left && now.Sub(b.At) < lately && now.Sub(b.Began) > starting {
			there++
		}
	}
	limit := c.Max
	if limit == 0 {
		limit = defaultCrew
	}
	wanted := scheduler.Wanted(scheduler.Demand{Queued: l.Queue.Visible, InFlight: l.Queue.InFlight, Width: max(1, c.Slots), Factor: c.Factor, Max: limit})
	n := wanted - there
	if n <= 0 {
		return nil
	}
	for range n {
		c.launched = append(c.launched, now)
	}
	for n > 0 {
		batch := min(n, asks)
		if err := together(batch, func(int) error { return c.Launch(ctx) }); err != nil {
			return err
		}
		n -= batch
	}
	return nil
}

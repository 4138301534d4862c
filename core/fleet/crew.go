package fleet

import (
	"context"
	"sync"
	"time"

	"numpywren/core/scheduler"
)

// Crew starts workers for jobs, as many as the parallelism that they have now. Workers leave by themselves, when they are idle.
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

// Adjust launches the workers that are wanted and not there, by what was seen last of each job that they work for: first of the
// one that was seen latest.
func (c *Crew) Adjust(ctx context.Context, looks ...*Look) error {
	if c == nil || c.Launch == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.launched) > 0 && now.Sub(c.launched[0]) > starting {
		c.launched = c.launched[1:]
	}
	settled := map[string]bool{} // one worker may work for several jobs
	for _, l := range looks {
		for _, b := range l.beats {
			if !b.Left && now.Sub(b.At) < lately && now.Sub(b.Began) > starting {
				settled[b.Worker] = true
			}
		}
	}
	there := len(c.launched) + len(settled)
	limit := c.Max
	if limit == 0 {
		limit = defaultCrew
	}
	q := looks[0].Queue // of the deployment
	wanted := scheduler.Wanted(scheduler.Demand{Queued: q.Visible, InFlight: q.InFlight, Width: max(1, c.Slots), Factor: c.Factor, Max: limit})
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

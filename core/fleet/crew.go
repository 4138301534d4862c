package fleet

import (
	"context"
	"sync"
	"time"

	"numpywren/core/scheduler"
)

// Crew starts workers for jobs and for calls, as many as the parallelism that they have now. Workers leave by themselves, when they
// are idle.
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
	c.expire()
	heard := map[string]time.Time{} // since when, of each worker: one may work for several jobs
	for _, l := range looks {
		for _, b := range l.beats {
			if first, known := heard[b.Worker]; !b.Left && time.Since(b.At) < lately && (!known || b.Began.Before(first)) {
				heard[b.Worker] = b.Began
			}
		}
	}
	young := 0 // those among the launches, unless a launch was forgotten before its worker is old
	for _, began := range heard {
		if time.Since(began) < starting {
			young++
		}
	}
	there := len(heard) - young + max(len(c.launched), young)
	q := looks[0].Queue // of the deployment
	d := scheduler.Demand{Queued: q.Visible, InFlight: q.InFlight, Width: max(1, c.Slots), Factor: c.Factor, Max: c.limit()}
	return c.start(ctx, scheduler.Wanted(d)-there)
}

// Summon launches workers for messages that wait, where nothing is heard of workers: those that hold messages are there, and so are
// those that were launched lately.
func (c *Crew) Summon(ctx context.Context, waiting, held int64) error {
	if c == nil || c.Launch == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	width := int64(max(1, c.Slots))
	room := c.limit() - int((held+width-1)/width)
	if room <= 0 {
		return nil
	}
	d := scheduler.Demand{Queued: waiting, Width: int(width), Factor: c.Factor, Max: room}
	return c.start(ctx, scheduler.Wanted(d)-len(c.launched))
}

// expire forgets launches that are long ago, under the lock.
func (c *Crew) expire() {
	for len(c.launched) > 0 && time.Since(c.launched[0]) > starting {
		c.launched = c.launched[1:]
	}
}

func (c *Crew) limit() int {
	if c.Max == 0 {
		return defaultCrew
	}
	return c.Max
}

// start launches n workers, under the lock.
func (c *Crew) start(ctx context.Context, n int) error {
	for range n {
		c.launched = append(c.launched, time.Now())
	}
	for n > 0 {
		batch := min(n, asks)
		if err := together(batch, func(int) error { return c.Launch(ctx) }); err != nil {
			c.launched = c.launched[:len(c.launched)-n] // they are not on their way
			return err
		}
		n -= batch
	}
	return nil
}

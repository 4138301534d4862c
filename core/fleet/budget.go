package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"numpywren/core/errs"
	"numpywren/core/pywren"
)

// Money is watched by whoever waits: a job that has cost its budget is paused, and calls that have are ended. What it was is an
// estimate, made of what workers wrote down and of the price list.

// Within pauses a job whose runs have cost a budget in dollars together, by the last look at it; 0 is no limit.
func (j *Job) Within(ctx context.Context, budget float64, l *Look) error {
	if budget <= 0 {
		return nil
	}
	before, err := j.before(ctx)
	if err != nil {
		return err
	}
	spent := before + l.Report().Dollars
	if spent < budget {
		return nil
	}
	return j.Pause(ctx, fmt.Sprintf("it has cost about $%.4g of a budget of $%.4g: resume() goes on, with a larger budget", spent, budget))
}

// before is what the runs before this one cost. They are over: it is asked once.
func (j *Job) before(ctx context.Context) (float64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for ; j.billed < j.run.run-1; j.billed++ {
		beats, err := j.d.beatsOf(ctx, runID{j.run.job, j.billed + 1})
		if err != nil {
			return 0, err
		}
		l := Look{Created: j.manifest.Created, beats: beats}
		j.bill += l.Report().Dollars
	}
	return j.bill, nil
}

// Spending is what the calls of a Caller took so far.
type Spending struct {
	Made        int64   `json:"made"`
	Ended       int64   `json:"ended"`
	CoreSeconds float64 `json:"core_seconds"` // in functions: a call has a core for as long as it runs
	Dollars     float64 `json:"dollars"`      // as Lambda, S3 and SQS would bill it; what workers wait is not in it
	PricesAsOf  string  `json:"prices_as_of"`
}

// perCall is the requests of a call, of its client and its worker.
var perCall = Traffic{Puts: 2, Gets: 5}

// Spending adds up what calls told when they ended. Those that run count from when they were seen to, which Caller looks for while it
// has a budget.
func (c *Caller) Spending() Spending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spending()
}

func (c *Caller) spending() Spending {
	p := priceList()
	s := Spending{Made: c.last, Ended: c.last - int64(c.pending), CoreSeconds: c.seconds, PricesAsOf: p.AsOf}
	for _, b := range c.batches {
		for _, x := range b.pending {
			s.CoreSeconds += x.ran()
		}
	}
	n := s.Made
	s.Dollars = p.bill(s.CoreSeconds, Traffic{Puts: perCall.Puts * n, Gets: perCall.Gets * n}, n, n)
	return s
}

// ran is the time for which a call was seen to run.
func (x *farCall) ran() float64 {
	if x.seen.IsZero() {
		return 0
	}
	return time.Since(x.seen).Seconds()
}

// overspent is why no more calls are run, under the lock; nil while there is money.
func (c *Caller) overspent() error {
	if c.budget <= 0 {
		return nil
	}
	s := c.spending()
	if s.Dollars < c.budget {
		return nil
	}
	return errs.New(errs.Closed, "the calls of this executor have cost about $%.4g of a budget of $%.4g, %.4g core-seconds in %d calls: an executor with a larger budget goes on",
		s.Dollars, c.budget, s.CoreSeconds, s.Made)
}

// audit ends all calls when the budget is reached: those that wait are not run, the processes of the others are killed when their
// workers next look.
func (c *Caller) audit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason := c.overspent(); reason != nil {
		c.fail(reason)
	}
}

// clock notes which calls run: so one that never ends costs something.
func (c *Caller) clock() error {
	if c.budget <= 0 {
		return nil
	}
	names := c.waited()
	return inParallel(len(names), puts, func(k int) error {
		for id, err := range pywren.ListRunning(c.ctx, c.d.Store, names[k]) {
			if err != nil {
				return err
			}
			c.see(names[k], id)
		}
		return nil
	})
}

// see notes that a call runs.
func (c *Caller) see(batch, id string) {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, batch+"/"), 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.batches[batch]
	if err != nil || b == nil {
		return
	}
	if x := b.pending[n]; x != nil && x.seen.IsZero() {
		x.seen = time.Now()
	}
}

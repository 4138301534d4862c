package fleet

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/pywren"
	"numpywren/core/runtime"
)

// lookShare: a look that finds nothing takes one part of so many of the time at most.
const lookShare = 4

// follow looks for the ends of calls while some have not ended.
func (c *Caller) follow() {
	nudge(c.awake)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching || c.closed || c.pending == 0 {
		return
	}
	c.watching = true
	c.active.Go(func() {
		for c.watch() {
		}
	})
}

// watch is a time of looking, until no call is pending, or until it failed, which then ends all calls. It says whether it has to be
// begun again.
func (c *Caller) watch() (again bool) {
	var err error
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil && !c.closed {
			c.fail(err)
		}
		again = c.pending > 0 && !c.closed
		c.watching = again
	}()
	defer runtime.Recovered(&err)
	err = c.lookAgainAndAgain()
	return false
}

// fail ends all calls for a reason, under the lock.
func (c *Caller) fail(reason error) {
	for _, b := range c.batches {
		for _, x := range b.pending {
			c.tell(x, pywren.Ended{Result: pywren.Result{State: pywren.Failed, Message: reason.Error()}, Payload: []byte(reason.Error())})
		}
	}
	c.clean()
}

// lookAgainAndAgain looks at the store, soon after something happened and seldom when nothing does, and at the queue. It fails with
// what lasts: an error that will not pass, or one that has not passed for a while.
func (c *Caller) lookAgainAndAgain() error {
	var glanced, well = time.Time{}, time.Now()
	alive := well // when there last was a message
	for pause := firstPause; ; {
		began := time.Now()
		n, left, err := c.look()
		if left == 0 {
			return nil
		}
		if err == nil && began.Sub(glanced) >= min(beatPause, 4*pause) {
			glanced = began
			alive, err = c.glance(alive)
		}
		now := time.Now()
		switch {
		case c.ctx.Err() != nil:
			return c.ctx.Err()
		case err == nil:
			well = now
		case now.Sub(well) > patience || !passing(err) || errs.KindOf(err) == errs.NotFound:
			return err
		}
		pause = min(lastPause, pause*3/2)
		wait := max(pause, (lookShare-1)*now.Sub(began))
		if n > 0 {
			pause, wait = firstPause, firstPause
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.awake:
			timer.Stop()
			pause = firstPause
			sleep(c.ctx, firstPause)
		case <-c.ctx.Done():
			timer.Stop()
			return c.ctx.Err()
		}
	}
}

// look asks the store which calls ended, n of them, and how many have not.
func (c *Caller) look() (n, left int, err error) {
	names := c.waited()
	found := make([][]string, len(names))
	err = inParallel(len(names), puts, func(k int) error {
		for id, err := range pywren.ListEnded(c.ctx, c.d.Store, names[k]) {
			if err != nil {
				return err
			}
			found[k] = append(found[k], id)
		}
		return nil
	})
	for k, name := range names {
		ended := c.sort(name, found[k])
		if e := c.gather(ended); err == nil {
			err = e
		}
		n += len(ended)
	}
	c.audit()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clean()
	return n, c.pending, err
}

// waited are the batches of calls that have not ended.
func (c *Caller) waited() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, b := range c.batches {
		if len(b.pending) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// sort gives those of the ids whose calls have not been told of. Results that nobody waits for are deleted: a worker wrote them after
// their call was cancelled, or for the second time.
func (c *Caller) sort(name string, ids []string) (ended []*farCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.batches[name]
	if b == nil {
		return nil
	}
	for _, id := range ids {
		n, err := strconv.ParseInt(strings.TrimPrefix(id, name+"/"), 10, 64)
		if err != nil {
			continue // not ours
		}
		if x := b.pending[n]; x != nil {
			ended = append(ended, x)
		} else if _, kept := b.kept[n]; !kept {
			c.rubbish = append(c.rubbish, id)
		}
	}
	return ended
}

// gather reads the results of calls that ended, and tells of them.
func (c *Caller) gather(ended []*farCall) error {
	return inParallel(len(ended), puts, func(k int) error {
		x := ended[k]
		r, payload, kept, err := pywren.ReadResult(c.ctx, c.d.Store, x.key())
		if errors.Is(err, blob.ErrNotExist) {
			return nil // it was deleted at this moment
		}
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if x.batch.pending[x.n] == x { // it may have been cancelled meanwhile
			c.tell(x, pywren.Ended{Result: r, Payload: payload, Kept: kept})
		}
		return nil
	})
}

// glance looks at what runs, and at the queue: workers are started for what waits there, and calls whose messages were lost are sent
// again. alive is when there last was a message; it gives the new one.
func (c *Caller) glance(alive time.Time) (time.Time, error) {
	if err := c.clock(); err != nil {
		return alive, err
	}
	n, err := c.d.Queue.Len(c.ctx)
	if err != nil {
		return alive, err
	}
	c.mu.Lock()
	// What was sent just now is not counted by every queue yet.
	waiting := min(max(n.Visible, c.sent), int64(c.pending))
	c.sent = 0
	c.mu.Unlock()
	if err := c.crew.Summon(c.ctx, waiting, n.InFlight); err != nil {
		return alive, err
	}
	if n.Visible+n.InFlight+n.Delayed > 0 {
		return time.Now(), nil
	}
	if time.Since(alive) < stalled {
		return alive, nil
	}
	return time.Now(), c.resend()
}

// resend sends the messages of all calls that have not ended. That they come twice does no harm.
func (c *Caller) resend() error {
	c.mu.Lock()
	var lost []*farCall
	for _, b := range c.batches {
		for _, x := range b.pending {
			lost = append(lost, x)
		}
	}
	c.mu.Unlock()
	return c.d.Queue.Send(context.WithoutCancel(c.ctx), messagesOf(lost))
}

package fleet

import (
	"context"
	"fmt"
	"time"

	"numpywren/core/errs"
)

// Watching says how a client follows a job.
type Watching struct {
	// Seen is told of every look; its error ends the watch (not the job). It may be nil.
	Seen func(*Look) error
	// Stalled is how long no message may be in the queue, and no task in hand, before the job is paused: its messages were
	// purged. 0: a default.
	Stalled time.Duration
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
	beatPause  = 2 * time.Second // between looks at heartbeats and the queue
	listShare  = 20              // of the time, listing the outputs takes one part at most
	deadEvery  = 5 * time.Second
	stalled    = 2 * time.Minute
)

// Watch follows the job to its end, and gives its failure. Whoever watches does what nobody else may have done: it sees that the
// outputs are whole, that messages are dead, that they were lost.
func (j *Job) Watch(ctx context.Context, w Watching) error {
	if w.Stalled == 0 {
		w.Stalled = stalled
	}
	var beaten, listed, looked time.Time
	var l *Look
	alive := time.Now() // when there last was a message
	cost := time.Duration(0)
	for pause := firstPause; ; pause = min(lastPause, pause*3/2) {
		end, err := j.d.ended(ctx, j.run)
		if err != nil {
			return err
		}
		now := time.Now()
		if end == nil && now.Sub(listed) >= cost*listShare {
			if end, err = j.complete(ctx); err != nil {
				return err
			}
			listed = time.Now()
			cost = listed.Sub(now)
		}
		if end != nil || now.Sub(beaten) >= min(beatPause, 4*pause) {
			if l, err = j.glance(ctx); err != nil {
				return err
			}
			beaten = now
			if l.end == nil {
				l.end = end
				l.tell()
			}
			if w.Seen != nil {
				if err := w.Seen(l); err != nil {
					return err
				}
			}
		}
		if end != nil {
			return end.Err()
		}
		if l.Queue.Visible+l.Queue.InFlight+l.Queue.Delayed > 0 {
			alive = now
		}
		if now.Sub(alive) > w.Stalled {
			_, _ = j.d.finish(ctx, j.run, End{State: Paused, Message: "no message of it is in the queue any more: resume() goes on from the tiles that exist"})
		}
		if l.Queue.Dead > 0 && now.Sub(looked) >= deadEvery {
			looked = now
			if err := j.bury(ctx); err != nil {
				return err
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// manyDead is how many dead letters are looked at.
const manyDead = 100

// bury ends the job if one of the dead letters is its own.
func (j *Job) bury(ctx context.Context) error {
	letters, err := j.d.Queue.DeadLetters(ctx, manyDead)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		o, err := parseOrder(letter.Body)
		if err != nil || o.run != j.run {
			continue
		}
		name := o.task.String()
		if p, err := j.manifest.bind(); err == nil && !o.feed && valid(p, o.task) {
			name = p.TaskName(o.task)
		}
		e := End{State: Failed, Kind: errs.OS, Task: name,
			Message: fmt.Sprintf("task %s was delivered too often: %s", name, j.d.lastReason(ctx, j.run, o.task))}
		_, err = j.d.finish(ctx, j.run, e)
		return err
	}
	return nil
}

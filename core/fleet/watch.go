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
	// Stalled is how long no message may be in the queue, and no task in hand, before the job is resumed: its messages were lost.
	// One of which nothing was computed since it began or was resumed is paused. 0: a default.
	Stalled time.Duration
	// Patience is how long the store or the queue may fail before the watch does. 0: a default.
	Patience time.Duration
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
	lateShare  = 32              // the end of a job is seen late by one part of its time at most
	beatPause  = 2 * time.Second // between looks at heartbeats and the queue
	listShare  = 20              // of the time, listing the outputs takes one part at most
	deadEvery  = 5 * time.Second
	stalled    = 2 * time.Minute
	unheard    = 24 // of the time until it is stalled, one part is long enough for a first message to come
	patience   = time.Minute
)

// watcher is one client that follows a job.
type watcher struct {
	*Job
	Watching
	listed time.Time     // when the outputs were last listed
	cost   time.Duration // of that
	beaten time.Time     // when the heartbeats were last read
	buried time.Time     // when the dead letters were last looked at
	silent time.Time     // since when no message was seen; the zero time when there was one
	orphan time.Time     // since when the run is over for the one that follows it, and that is not there
	begun  bool          // the first message was sent again
	look   *Look

	refused error // by Seen
}

// Watch follows the job to its end, and gives its failure. Whoever watches does what nobody else may have done: it sees that the
// outputs are whole, that messages are dead, that they were lost.
func (j *Job) Watch(ctx context.Context, w Watching) error {
	if w.Stalled == 0 {
		w.Stalled = stalled
	}
	if w.Patience == 0 {
		w.Patience = patience
	}
	f := &watcher{Job: j, Watching: w}
	began := time.Now()
	well := began // when the store and the queue last answered
	for {
		pause := min(lastPause, max(firstPause, time.Since(began)/lateShare))
		end, err := f.step(ctx, pause)
		switch {
		case err == nil && end != nil:
			return end.Err()
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			well = time.Now()
		case f.refused != nil, !passing(err), time.Since(well) > w.Patience:
			return err
		}
		sleep(ctx, pause)
	}
}

// step looks at the job once: its end, if it has come.
func (f *watcher) step(ctx context.Context, pause time.Duration) (*End, error) {
	end, err := f.d.ended(ctx, f.at())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if end != nil && end.Resumed {
		if end, err = f.succeed(ctx, end, now); end == nil || err != nil {
			return nil, err
		}
	}
	if end == nil && now.Sub(f.listed) >= f.cost*listShare {
		if end, err = f.complete(ctx); err != nil {
			return nil, err
		}
		f.listed = time.Now()
		f.cost = f.listed.Sub(now)
	}
	if end != nil || now.Sub(f.beaten) >= min(beatPause, 4*pause) {
		if f.look, err = f.glance(ctx); err != nil {
			return nil, err
		}
		f.beaten = now
		if f.look.end == nil {
			f.look.end = end
			f.look.tell()
		}
		if f.Seen != nil {
			if f.refused = f.Seen(f.look); f.refused != nil {
				return nil, f.refused
			}
		}
	}
	if end != nil {
		return end, nil
	}
	return nil, f.lost(ctx, now)
}

// succeed goes on to the run that follows the one that ended for it. When there is none after a while, who resumed the job died
// before it began, and the end stands.
func (f *watcher) succeed(ctx context.Context, end *End, now time.Time) (*End, error) {
	before := f.at()
	if err := f.latest(ctx); err != nil {
		return nil, err
	}
	if f.at() != before {
		f.silent, f.orphan, f.beaten, f.begun = time.Time{}, time.Time{}, time.Time{}, false
		return nil, nil
	}
	if f.orphan.IsZero() {
		f.orphan = now
	}
	if now.Sub(f.orphan) > f.Stalled/unheard {
		return end, nil
	}
	return nil, nil
}

// lost ends the job if its messages are dead, or are no more. When no worker ever heard of it, its client may have died before
// it sent the first one.
func (f *watcher) lost(ctx context.Context, now time.Time) error {
	q, quiet := f.look.Queue, time.Duration(0)
	switch {
	case q.Visible+q.InFlight+q.Delayed > 0:
		f.silent = time.Time{}
	case f.silent.IsZero():
		f.silent = now
	default:
		quiet = now.Sub(f.silent)
	}
	if quiet > f.Stalled {
		f.silent = time.Time{}
		return f.revive(ctx)
	}
	if !f.begun && len(f.look.beats) == 0 && quiet > f.Stalled/unheard {
		if err := f.sendFirst(ctx); err != nil {
			return err
		}
		f.begun = true
	}
	if q.Dead > 0 && now.Sub(f.buried) >= deadEvery {
		f.buried = now
		return f.bury(ctx)
	}
	return nil
}

// revive goes on with a job that has no messages any more. They were purged; or the queue delivered one twice at a time, and who had it
// first acknowledged it while who had it second claimed a task and died (package scheduler, on duty). Each time a task must have been
// computed since the last, so that there is an end to it.
func (f *watcher) revive(ctx context.Context) error {
	// Perhaps there is none because all is done: large outputs are listed so seldom that it was not seen yet.
	if end, err := f.complete(ctx); end != nil || err != nil {
		return err
	}
	for _, b := range f.look.beats {
		if b.Done == 0 {
			continue
		}
		f.beaten, f.begun = time.Time{}, false
		err := f.Resume(ctx)
		if errs.KindOf(err) == errs.Exists { // somebody else did
			return nil
		}
		return err
	}
	e := End{State: Paused, Message: "no message of it is in the queue any more: resume() goes on from the tiles that exist"}
	_, err := f.d.finish(ctx, f.at(), e)
	return err
}

// manyDead is how many dead letters are looked at.
const manyDead = 100

// bury ends the job if one of the dead letters is its own.
func (j *Job) bury(ctx context.Context) error {
	run := j.at()
	letters, err := j.d.Queue.DeadLetters(ctx, manyDead)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		o, err := parseOrder(letter.Body)
		if err != nil || o.run != run {
			continue
		}
		name := o.task.String()
		if p, err := j.manifest.bind(); err == nil && !o.feed && valid(p, o.task) {
			name = p.TaskName(o.task)
		}
		e := End{State: Failed, Kind: errs.OS, Task: name,
			Message: fmt.Sprintf("task %s was delivered too often: %s", name, j.d.lastReason(ctx, run, o.task))}
		_, err = j.d.finish(ctx, run, e)
		return err
	}
	return nil
}

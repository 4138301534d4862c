package core

import (
	"context"
	"fmt"
	"sync"
	"time"

	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/runtime"
)

// provisioner does for all jobs of a deployment what a client does for the one that it waits for: it starts workers, sees that
// jobs are done or lost, and spends no more than the budget.
type provisioner struct {
	e    *Executor
	crew *fleet.Crew
	stop context.CancelCauseFunc

	mu      sync.Mutex
	looks   map[string]*fleet.Look // of the jobs that are watched; nil before the first
	failing time.Time              // since when no worker could be started
	news    news
}

const (
	provisionPause = 5 * time.Second // between looks for jobs that were submitted or resumed
	patience       = time.Minute     // for a store, a queue or a function that fails
	keptNews       = 200
)

// news is the last lines of what there is to tell, as a client reads it: From is the number of the first.
type news struct {
	From  int      `json:"from"`
	Lines []string `json:"lines"`
}

// requestProvision keeps workers until no job runs, or for ever.
func (e *Executor) requestProvision(forever bool) (*Job, error) {
	if e.launch == nil {
		return nil, errs.New(errs.Value, "function is missing: provision starts workers on Lambda; elsewhere numpywren worker starts one")
	}
	return e.start(func(ctx context.Context, j *Job) error {
		ctx, stop := context.WithCancelCause(ctx)
		p := &provisioner{e: e, crew: e.crew(), stop: stop, looks: map[string]*fleet.Look{}, news: news{Lines: []string{}}}
		defer stop(nil)
		err := p.run(ctx, j, forever)
		if cause := context.Cause(ctx); ctx.Err() != nil && cause != nil {
			return cause
		}
		return err
	})
}

// run watches every job that runs, and starts workers for calls when there is none.
func (p *provisioner) run(ctx context.Context, j *Job, forever bool) error {
	var watches sync.WaitGroup
	defer watches.Wait()
	idle, well := false, time.Now() // when the store and the queue last answered
	for {
		began := time.Now()
		err := p.look(ctx, j, &watches)
		free := p.watched() == 0
		if err == nil && free && forever {
			err = p.summon(ctx, j)
		}
		switch {
		case err == nil && free && !forever:
			return nil
		case err == nil:
			well = time.Now()
		case ctx.Err() != nil || errs.KindOf(err) != errs.OS || time.Since(well) > patience:
			p.stop(err)
			return err
		}
		if free && !idle {
			p.tell(j, "no job runs: waiting for the next")
		}
		idle = free
		pause := time.NewTimer(max(provisionPause, 20*time.Since(began))) // a list of many jobs costs requests
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// look finds the jobs that run and are not watched.
func (p *provisioner) look(ctx context.Context, j *Job, watches *sync.WaitGroup) error {
	all, err := p.e.fleet.Standings(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.State != fleet.Running || !p.adopt(s.ID) {
			continue
		}
		p.tell(j, "job %s%s runs", s.ID, titled(s.Name))
		watches.Go(func() {
			var failed error
			defer func() {
				if failed != nil {
					p.stop(failed)
				}
			}()
			defer runtime.Recovered(&failed)
			p.watch(ctx, j, s.ID)
		})
	}
	return nil
}

// summon starts workers for messages that wait while no job runs: calls of functions.
func (p *provisioner) summon(ctx context.Context, j *Job) error {
	n, err := p.e.fleet.Queue.Len(ctx)
	if err == nil && n.Visible > 0 {
		p.launched(j, p.crew.Summon(ctx, n.Visible, n.InFlight))
	}
	return err
}

// titled is a job's name, for messages.
func titled(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// adopt says whether a job was not watched before.
func (p *provisioner) adopt(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.looks[id]; known {
		return false
	}
	p.looks[id] = nil
	return true
}

func (p *provisioner) watched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.looks)
}

// watch follows a job to its end, or until it cannot be followed: then run finds it again.
func (p *provisioner) watch(ctx context.Context, j *Job, id string) {
	var last *fleet.Look
	job, err := p.e.fleet.Job(ctx, id)
	if err == nil {
		err = job.Watch(ctx, fleet.Watching{Seen: func(l *fleet.Look) error {
			last = l
			return p.seen(ctx, j, job, l)
		}})
	}
	p.mu.Lock()
	delete(p.looks, id)
	p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case last != nil && last.State != fleet.Running:
		text := fmt.Sprintf("job %s%s is over: %s", id, titled(last.Name), last.State)
		if last.Message != "" {
			text += ", " + last.Message
		}
		p.tell(j, "%s", text)
	case err != nil:
		p.tell(j, "job %s cannot be followed: %v", id, err)
	}
}

// seen starts the workers that are wanted now.
func (p *provisioner) seen(ctx context.Context, j *Job, job *fleet.Job, l *fleet.Look) error {
	if l.State != fleet.Running {
		return nil
	}
	if err := job.Within(ctx, p.e.cfg.Budget, l); err != nil {
		return err
	}
	looks := []*fleet.Look{l}
	p.mu.Lock()
	p.looks[job.ID()] = l
	for id, other := range p.looks {
		if id != job.ID() && other != nil {
			looks = append(looks, other)
		}
	}
	p.mu.Unlock()
	p.launched(j, p.crew.Adjust(ctx, looks...))
	return nil
}

// launched judges an attempt to start workers. What may pass is waited for; what will not ends all.
func (p *provisioner) launched(j *Job, err error) {
	p.mu.Lock()
	first := p.failing.IsZero()
	switch {
	case err == nil:
		p.failing = time.Time{}
	case first:
		p.failing = time.Now()
	}
	since := p.failing
	p.mu.Unlock()
	switch {
	case err == nil:
	case errs.KindOf(err) != errs.OS, time.Since(since) > patience:
		p.stop(err)
	case first:
		p.tell(j, "no worker can be started, tried again: %v", err)
	}
}

// tell adds a line to the job's answer.
func (p *provisioner) tell(j *Job, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := &p.news
	n.Lines = append(n.Lines, fmt.Sprintf(format, args...))
	if more := len(n.Lines) - keptNews; more > 0 {
		n.Lines, n.From = n.Lines[more:], n.From+more
	}
	_ = j.reply(n) // texts can be encoded
}

package core

import (
	"context"
	"errors"
	"sort"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/matrix"
)

// What gc frees is what nobody can ask for by a name, in a place that several processes share, on several machines, whose arrays
// are not known here. So it goes by what the store says:
//
//   - A job that runs or is paused needs all of its matrices, and so does this executor of those of its arrays and programs.
//   - Intermediate matrices of other jobs are needed by nobody.
//   - Other matrices without a name, and folders that are not whole, may be in the hands of another process: they are freed when
//     nothing was written there for a while (quiet), or when no other process has the folder open (tenancy).
//   - What a job's run needs only while it goes on is freed when it has ended; the job's record, and the results of calls, after
//     some days.
//   - A function is needed by the jobs whose programs name it, and by clients that live, which write it again every few hours
//     (pywren.Fresh). Calls that are left of others can be run as long as their messages are kept: when it was not written for
//     longer than that, nobody needs it.
//
// A zarr.json is deleted before the tiles, so that no matrix seems to be whole that is not, and the marker of a folder that is not
// whole after them, so that what is interrupted can be done again.

// quiet is how long nothing may have been written to a place that another process might use.
const quiet = time.Hour

// garbage is a place that gc frees, or would.
type garbage struct {
	Place   string `json:"place"`
	Kind    string `json:"kind"` // what it is; see below
	Why     string `json:"why"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`

	folder bool // Place is a folder, not an object
	newest time.Time
	whole  bool // it has a zarr.json
	marked bool // it has a marker
}

// Kinds of garbage.
const (
	kindIntermediate = "intermediate" // a matrix between the steps of a program
	kindUnnamed      = "unnamed"      // a matrix that has no name: data, or a result
	kindUnfinished   = "unfinished"   // a matrix that never became whole
	kindRun          = "run"          // claims and failures of a run that ended
	kindJob          = "job"          // the record of a job
	kindCall         = "call"         // of functions: the arguments of a batch, or its results
	kindFunction     = "function"     // of calls and blocks
	kindPart         = "part"         // a file that was being written
)

// freed is the answer of gc.
type freed struct {
	Items   []*garbage `json:"items"`
	Objects int64      `json:"objects"`
	Bytes   int64      `json:"bytes"`
	Freed   bool       `json:"freed"`
	// Recent is what has no name and was left because it was written lately.
	Recent struct {
		Objects int64 `json:"objects"`
		Bytes   int64 `json:"bytes"`
	} `json:"recent"`
}

// collect frees what nobody can ask for, or with dry only tells of it. Records of jobs, and calls, are kept for a time after
// their end.
func (e *Executor) collect(ctx context.Context, j *Job, dry bool, keep time.Duration) error {
	alone, release := e.tenancy.alone()
	defer release()
	c := &collector{e: e, now: time.Now(), keep: keep, alone: alone}
	places, err := c.survey(ctx)
	if err != nil {
		return err
	}
	if err := c.judge(ctx); err != nil {
		return err
	}
	out := freed{Items: []*garbage{}, Freed: !dry}
	var doomed []*garbage
	for _, g := range places {
		switch c.verdict(g) {
		case free:
			doomed = append(doomed, g)
		case recent:
			out.Recent.Objects += g.Objects
			out.Recent.Bytes += g.Bytes
		}
	}
	sort.Slice(doomed, func(a, b int) bool { return doomed[a].Place < doomed[b].Place })
	for _, g := range doomed {
		if !dry {
			spared, err := c.spared(ctx, g)
			if err == nil && !spared {
				err = c.remove(ctx, g)
			}
			if err != nil {
				return errs.New(kindOr(err, errs.OS), "%s cannot be freed: %w", g.Place, err)
			}
			if spared {
				continue
			}
		}
		out.Items = append(out.Items, g)
		out.Objects += g.Objects
		out.Bytes += g.Bytes
	}
	return j.reply(out)
}

// rejudge is how old what is known of the jobs may be when something is deleted: that of a large store takes a while.
const rejudge = 5 * time.Second

// spared says whether somebody has come to need a place since it was judged: this executor, a job of anybody's, or, by writing it
// again, a client that has a function.
func (c *collector) spared(ctx context.Context, g *garbage) (bool, error) {
	if time.Since(c.judged) > max(rejudge, 20*c.cost) {
		if err := c.judge(ctx); err != nil {
			return false, err
		}
	}
	if g.Kind == kindFunction {
		attr, err := c.e.durable.Stat(ctx, g.Place)
		if errors.Is(err, blob.ErrNotExist) {
			return true, nil
		}
		g.newest = attr.Modified
		return c.ofFunction(g) != free, err
	}
	return g.folder && (c.needed[g.Place+"/"] || c.e.uses(g.Place+"/")), nil
}

// remove deletes what is at a place.
func (c *collector) remove(ctx context.Context, g *garbage) error {
	store := c.e.durable
	if !g.folder {
		return store.Delete(ctx, g.Place)
	}
	folder := g.Place + "/"
	first, last := "", "" // first goes what makes others believe the rest, last what has gc come again
	switch {
	case g.Kind == kindJob:
		first = folder + fleet.ManifestName
	case g.whole:
		first = folder + matrix.MetaName
	case g.marked:
		last = folder + matrix.Marker
	}
	if first != "" {
		if err := store.Delete(ctx, first); err != nil {
			return err
		}
	}
	err := store.DeleteAll(ctx, func(yield func(string, error) bool) {
		for key, err := range store.List(ctx, folder) {
			if (err != nil || key != last) && !yield(key, err) {
				return
			}
		}
	})
	if err != nil || last == "" {
		return err
	}
	return store.Delete(ctx, last)
}

// hold keeps gc from the matrices of a program that runs here, until release is called.
func (e *Executor) hold(matrices []*matrix.BigMatrix) (release func()) {
	count := func(by int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, m := range matrices {
			if m == nil || !m.Durable {
				continue
			}
			if e.held[m.Prefix()] += by; e.held[m.Prefix()] == 0 {
				delete(e.held, m.Prefix())
			}
		}
	}
	count(1)
	return func() { count(-1) }
}

// uses says whether an array or a program of this executor needs what is at a prefix.
func (e *Executor) uses(prefix string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held[prefix] > 0 {
		return true
	}
	for s := range e.live {
		if s.m.Durable && s.prefix() == prefix {
			return true
		}
	}
	return false
}

// requestGC checks what gc was asked.
func (e *Executor) requestGC(r *request) (*Job, error) {
	if e.durable == nil {
		return nil, errs.New(errs.Unsupported,
			"gc needs an executor whose matrices outlive it, local_executor(path=...) or aws_executor(): here nothing is left to free")
	}
	keep := float64(defaultKeep)
	if r.KeepDays != nil {
		keep = *r.KeepDays
	}
	if !(keep >= 0 && keep <= 36500) {
		return nil, errs.New(errs.Value, "keep_days is %v: 0 to 36500 days were expected", keep)
	}
	return e.start(func(ctx context.Context, j *Job) error {
		return e.collect(ctx, j, r.DryRun, time.Duration(keep*24*float64(time.Hour)))
	})
}

// defaultKeep is how many days records of jobs and results of calls are kept.
const defaultKeep = 7

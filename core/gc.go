package core

import (
	"context"
	"errors"
	"sort"
	"strings"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
)

// freed is what gc frees, or would.
type freed struct {
	Matrices []freedMatrix `json:"matrices"`
	Jobs     []string      `json:"jobs"`
	Objects  int64         `json:"objects"`
	Bytes    int64         `json:"bytes"`
	Freed    bool          `json:"freed"`
}

type freedMatrix struct {
	Place   string `json:"place"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
}

// collect frees what nobody can ask for by a name: matrices without one (intermediate results, unnamed data and results), and
// the records of jobs that ended. It spares all of a job that runs, and what arrays of this executor use. With dry it only tells.
func (e *Executor) collect(ctx context.Context, j *Job, dry bool) error {
	spared, ended, err := e.spared(ctx)
	if err != nil {
		return err
	}
	out := freed{Matrices: []freedMatrix{}, Jobs: []string{}, Freed: !dry}
	found := map[string]*freedMatrix{}
	for key, err := range e.durable.List(ctx, derivedPrefix) {
		if err != nil {
			return errs.New(kindOr(err, errs.OS), "%s cannot be listed: %w", e.home(), err)
		}
		place, gone := e.rubbish(key, spared, ended)
		if !gone {
			continue
		}
		attr, err := e.durable.Stat(ctx, key)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err == nil && !dry {
			err = e.durable.Delete(ctx, key)
		}
		if err != nil {
			return errs.New(kindOr(err, errs.OS), "%s cannot be freed: %w", key, err)
		}
		m := found[place]
		if m == nil {
			m = &freedMatrix{Place: place}
			found[place] = m
		}
		m.Objects++
		m.Bytes += attr.Size
	}
	for place, m := range found {
		out.Objects += m.Objects
		out.Bytes += m.Bytes
		if id, ok := strings.CutPrefix(place+"/", fleet.Root); ok {
			out.Jobs = append(out.Jobs, strings.TrimSuffix(id, "/"))
		} else {
			out.Matrices = append(out.Matrices, *m)
		}
	}
	sort.Strings(out.Jobs)
	sort.Slice(out.Matrices, func(a, b int) bool { return out.Matrices[a].Place < out.Matrices[b].Place })
	return j.reply(out)
}

// rubbish is the matrix's or the job's folder that an object belongs to, and whether it may go.
func (e *Executor) rubbish(key string, spared, ended map[string]bool) (place string, gone bool) {
	if rest, ok := strings.CutPrefix(key, fleet.Root); ok {
		id, _, _ := strings.Cut(rest, "/")
		return fleet.Root + id, ended[id]
	}
	hash, _, _ := strings.Cut(strings.TrimPrefix(key, derivedPrefix), "/")
	place = derivedPrefix + hash
	return place, !spared[place+"/"]
}

// spared is the places that are in use, and the jobs that are over.
func (e *Executor) spared(ctx context.Context) (spared, ended map[string]bool, err error) {
	spared, ended = map[string]bool{}, map[string]bool{}
	ids, err := e.fleet.Jobs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		job, err := e.fleet.Job(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		look, err := job.Look(ctx)
		if err != nil {
			return nil, nil, err
		}
		if look.State != fleet.Running {
			ended[id] = true
			continue
		}
		for _, m := range job.Manifest().Matrices {
			spared[m.Prefix] = true
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.live {
		spared[s.prefix()] = true
	}
	return spared, ended, nil
}

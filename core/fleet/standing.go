package fleet

import (
	"context"
	"strconv"
	"strings"
	"time"

	"numpywren/core/errs"
)

// Standing is how a job stands, by its records alone: the queue and the workers are not asked.
type Standing struct {
	*Manifest
	Run   int
	State string    // Running, or as it ended
	Ended time.Time // the zero time while it runs
}

// Open says whether a job may still need its tiles: it runs, or is paused and will go on.
func (s *Standing) Open() bool { return s.State == Running || s.State == Paused }

// Standings tells how all jobs stand, those with the latest first. One whose results are whole is done, whether or not anybody
// saw it before.
func (d *Deployment) Standings(ctx context.Context) ([]*Standing, error) {
	ids, err := d.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*Standing, len(ids))
	for first := 0; first < len(ids); first += asks {
		part := ids[first:min(first+asks, len(ids))]
		err := together(len(part), func(k int) (err error) {
			found[first+k], err = d.standing(ctx, part[k])
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	there := found[:0]
	for _, s := range found {
		if s != nil {
			there = append(there, s)
		}
	}
	return there, nil
}

// standing is nil for a job that was deleted at this moment.
func (d *Deployment) standing(ctx context.Context, id string) (*Standing, error) {
	m, err := d.load(ctx, id)
	if errs.KindOf(err) == errs.Key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j := &Job{d: d, manifest: m, run: runID{id, 1}}
	if err := j.latest(ctx); err != nil {
		return nil, err
	}
	end, err := d.ended(ctx, j.at())
	if err == nil && end == nil && j.expect() == nil { // another version's program may mean nothing here: then it runs, for all we know
		end, err = j.complete(ctx)
	}
	if err != nil {
		return nil, err
	}
	s := &Standing{Manifest: m, Run: j.at().run, State: Running}
	if end != nil {
		s.State, s.Ended = end.State, end.At
	}
	return s, nil
}

// Record is what an object below Root is part of.
type Record struct {
	Job string
	Run int    // 0 when it is of none
	Of  string // "claims", "errors" and so on: the folder within the run's
}

// Passing says whether the object serves while its run goes on, and to nobody afterwards.
func (r Record) Passing() bool { return r.Run > 0 && (r.Of == "claims" || r.Of == "errors") }

// RecordOf takes a key below Root apart.
func RecordOf(key string) Record {
	parts := strings.SplitN(strings.TrimPrefix(key, Root), "/", 4)
	r := Record{Job: parts[0]}
	if len(parts) == 4 {
		r.Run, _ = strconv.Atoi(parts[1])
		r.Of = parts[2]
	}
	return r
}

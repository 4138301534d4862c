package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/scheduler"
)

// That a task is done is said by its tiles alone, so a tile must never be in a place where it means something else. Places that are
// called by what computes them mean the same for ever. A place with a name means what its marker says, and may be given to another
// program when its own is over, while workers still have tasks of that in hand. So who wants a name asks Writer, and waits; and a
// worker whose run is over looks at the marker before it writes there (dispossessed), which is for those that were stopped for so
// long that nobody waited for them.

// settling is how long after the end of a run its workers may not know of it, or not have told what they have in hand.
const settling = 5 * time.Second

// Writer is a job of which workers may write results below a prefix: one that is open, or that ended while they had tasks of it in
// hand. It is nil when there is none.
func (d *Deployment) Writer(ctx context.Context, prefix string) (*Standing, error) {
	ids, err := d.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*Standing, min(len(ids), asks))
	for first := 0; first < len(ids); first += asks {
		part := ids[first:min(first+asks, len(ids))]
		err := together(len(part), func(k int) (err error) {
			found[k], err = d.writer(ctx, part[k], prefix)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, s := range found[:len(part)] {
			if s != nil {
				return s, nil
			}
		}
	}
	return nil, nil
}

// writer is how a job stands that may write results below a prefix; else nil.
func (d *Deployment) writer(ctx context.Context, id, prefix string) (*Standing, error) {
	m, err := d.load(ctx, id)
	switch kind := errs.KindOf(err); {
	case err != nil && (kind == errs.Key || kind == errs.Unsupported): // deleted at this moment, or of another version
		return nil, nil
	case err != nil:
		return nil, err
	case !m.writes(prefix):
		return nil, nil
	}
	s, err := d.standing(ctx, id)
	if s == nil || err != nil || s.Open() {
		return s, err
	}
	if s.State == Done {
		return nil, nil
	}
	if time.Since(s.Ended) < settling {
		return s, nil
	}
	for run := 1; run <= s.Run; run++ {
		beats, err := d.beatsOf(ctx, runID{id, run})
		if err != nil {
			return nil, err
		}
		for _, b := range beats {
			if b.InHand > 0 && !b.Left && time.Since(b.At) < lately {
				return s, nil
			}
		}
	}
	return nil, nil
}

// writes says whether a job's results lie below a prefix.
func (m *Manifest) writes(prefix string) bool {
	for k := range m.Matrices {
		if m.Matrices[k].Prefix == prefix && m.Matrices[k].Role == lambdapack.RoleOutput.String() {
			return true
		}
	}
	return false
}

// dispossessed says whether the run is over and the place of an output is not its own any more.
func (r *run) dispossessed(ctx context.Context, outputs []scheduler.Output) (bool, error) {
	if r.ended(ctx) == nil {
		return false, nil
	}
	for _, o := range outputs {
		at := &r.manifest.Matrices[o.Tile.Matrix]
		if r.plan.Matrices[o.Tile.Matrix].Role != lambdapack.RoleOutput || strings.HasSuffix(at.Prefix, "/"+at.Key+"/") {
			continue
		}
		marker, err := r.worker.d.Store.ReadAll(ctx, at.Prefix+matrix.Marker)
		if errors.Is(err, blob.ErrNotExist) || err == nil && string(marker) != at.Key {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

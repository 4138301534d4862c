package core

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/pywren"
)

// collector is one gc.
type collector struct {
	e     *Executor
	now   time.Time
	keep  time.Duration
	alone bool // no other process has the folder open

	places  map[string]*garbage
	judged  time.Time                  // when it was last asked how the jobs stand
	cost    time.Duration              // of that
	jobs    map[string]*fleet.Standing // by number
	needed  map[string]bool            // prefixes of matrices of jobs that are open
	between map[string]*fleet.Standing // prefixes of intermediate matrices of those that are not
}

// hashName is what folders of derived matrices are called: a hash, and after it what tells a program's matrices apart.
var hashName = regexp.MustCompile(`^[0-9a-f]{16,}(\..+)?$`)

// ours is the folder of all that has no name.
const ours = ".numpywren"

// candidates are the objects that may be garbage: of folders that have a name, those that are no matrix, or not a whole one. The tiles
// of the others are not listed.
func (c *collector) candidates(ctx context.Context) iter.Seq2[blob.Object, error] {
	store := c.e.durable
	return func(yield func(blob.Object, error) bool) {
		for name, err := range store.Folders(ctx, "") {
			whole := false
			if err == nil && name != ours {
				if checkName(name) != nil {
					continue
				}
				_, err = store.Stat(ctx, name+"/"+matrix.MetaName)
				whole = err == nil
				if errors.Is(err, blob.ErrNotExist) {
					err = nil
				}
			}
			switch {
			case err != nil:
				yield(blob.Object{}, err)
				return
			case whole:
				continue
			}
			for o, err := range store.Scan(ctx, name+"/") {
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
	}
}

// survey goes through the store, and adds up what may be garbage by place.
func (c *collector) survey(ctx context.Context) (map[string]*garbage, error) {
	places := map[string]*garbage{}
	c.places = places
	add := func(g garbage, size int64, at time.Time) *garbage {
		found := places[g.Place]
		if found == nil {
			found = &g
			places[g.Place] = found
		}
		found.Objects++
		found.Bytes += size
		if at.After(found.newest) {
			found.newest = at
		}
		return found
	}
	for o, err := range c.candidates(ctx) {
		if err != nil {
			return nil, errs.New(kindOr(err, errs.OS), "%s cannot be listed: %w", c.e.home(), err)
		}
		g, rest := placeOf(o.Key)
		if g.Place == "" {
			continue
		}
		found := add(g, o.Size, o.Modified)
		found.whole = found.whole || rest == matrix.MetaName
		found.marked = found.marked || rest == matrix.Marker
	}
	for o, err := range c.e.durable.Leftovers(ctx, c.now.Add(-quiet)) {
		if err != nil {
			return nil, errs.New(kindOr(err, errs.OS), "%s cannot be listed: %w", c.e.home(), err)
		}
		add(garbage{Place: o.Key, Kind: kindPart, Why: "its writer was killed"}, o.Size, o.Modified)
	}
	return places, nil
}

// placeOf is the place that an object belongs to, and the rest of its key; no place for what is not ours.
func placeOf(key string) (g garbage, rest string) {
	folder := func(kind, prefix, name, rest string) (garbage, string) {
		return garbage{Place: prefix + name, Kind: kind, folder: true}, rest
	}
	if strings.HasPrefix(key, fleet.Root) {
		r := fleet.RecordOf(key)
		if r.Passing() {
			return folder(kindRun, fleet.Root, fmt.Sprintf("%s/%d/%s", r.Job, r.Run, r.Of), "")
		}
		return folder(kindJob, fleet.Root, r.Job, "")
	}
	if part, batch, ok := pywren.PartOf(key); ok {
		g, _ = folder(kindCall, pywren.Place(part, batch), "", "")
		g.folder = g.Place != key // what is said of a batch is one object
		return g, ""
	}
	if _, ok := pywren.FunctionOf(key); ok {
		return garbage{Place: key, Kind: kindFunction}, ""
	}
	if derived, ok := strings.CutPrefix(key, derivedPrefix); ok {
		hash, rest, inside := strings.Cut(derived, "/")
		if !inside || !hashName.MatchString(hash) {
			return garbage{}, ""
		}
		return folder(kindUnnamed, derivedPrefix, hash, rest)
	}
	name, rest, inside := strings.Cut(key, "/")
	if !inside || checkName(name) != nil {
		return garbage{}, ""
	}
	return folder(kindUnfinished, "", name, rest)
}

// judge asks how the jobs stand.
func (c *collector) judge(ctx context.Context) error {
	d := &fleet.Deployment{Store: c.e.durable, Version: version}
	began := time.Now()
	all, err := d.Standings(ctx)
	if err != nil {
		return err
	}
	c.judged = time.Now()
	c.cost = c.judged.Sub(began)
	c.jobs, c.needed, c.between = map[string]*fleet.Standing{}, map[string]bool{}, map[string]*fleet.Standing{}
	for _, s := range all {
		c.jobs[s.ID] = s
		for _, m := range s.Matrices {
			switch {
			case m.Prefix == "":
			case s.Open():
				c.needed[m.Prefix] = true
			case m.Role == lambdapack.RoleTemp.String():
				c.between[m.Prefix] = s
			}
		}
	}
	return nil
}

// verdict is what becomes of a place.
type verdict int

const (
	stays  verdict = iota
	recent         // it has no name, and is left because it is new
	free
)

// verdict says what becomes of a place, and why.
func (c *collector) verdict(g *garbage) verdict {
	switch g.Kind {
	case kindPart:
		return free
	case kindJob, kindRun:
		return c.ofJob(g)
	case kindCall:
		return c.ofCall(g)
	case kindFunction:
		return c.ofFunction(g)
	}
	return c.ofMatrix(g)
}

// ofJob frees what a run no longer needs at once, and the record of a job some time after its end.
func (c *collector) ofJob(g *garbage) verdict {
	r := fleet.RecordOf(g.Place + "//")
	s := c.jobs[r.Job]
	switch {
	case s == nil:
		g.Why = "what is left of a job that was deleted"
		return c.old(g)
	case g.Kind == kindRun && (r.Run < s.Run || !s.Open()):
		g.Why = fmt.Sprintf("the %s of a run that is over", r.Of)
		return free
	case g.Kind == kindJob && !s.Open() && c.now.Sub(s.Ended) >= c.keep:
		g.Why = fmt.Sprintf("the record of a job that is over (%s) since %s", s.State, s.Ended.UTC().Format(time.DateTime))
		return free
	}
	return stays
}

// abandoned is how long a call that is not done may be waiting to be run: no queue keeps a message for longer.
const abandoned = 15 * 24 * time.Hour

// ofCall frees the calls of a batch some time after all of them were done; whoever made them may not have read the results before.
func (c *collector) ofCall(g *garbage) verdict {
	_, batch, _ := pywren.PartOf(g.Place + "/")
	made, done := c.places[pywren.Place(pywren.Arguments, batch)], c.places[pywren.Place(pywren.Results, batch)]
	newest, whole := g.newest, made == nil || done != nil && done.Objects >= made.Objects
	for _, part := range []*garbage{made, done} {
		if part != nil && part.newest.After(newest) {
			newest = part.newest
		}
	}
	age := c.now.Sub(newest)
	switch {
	case whole && age >= c.keep:
		g.Why = "calls that are done"
		return free
	case !whole && age >= max(c.keep, abandoned):
		g.Why = "calls that were never run"
		return free
	}
	return stays
}

// ofFunction frees functions that nobody has any more.
func (c *collector) ofFunction(g *garbage) verdict {
	if c.now.Sub(g.newest) < max(c.keep, abandoned+2*pywren.Fresh) {
		return stays
	}
	key, _ := pywren.FunctionOf(g.Place)
	for _, s := range c.jobs {
		if strings.Contains(s.Program, key) {
			return stays
		}
	}
	g.Why = "no client has it any more, and no job's program names it"
	return free
}

// ofMatrix frees matrices that nobody needs.
func (c *collector) ofMatrix(g *garbage) verdict {
	prefix := g.Place + "/"
	if g.Kind == kindUnfinished && (g.whole || !g.marked) { // it has a name, or is not ours
		return stays
	}
	if c.needed[prefix] || c.e.uses(prefix) {
		return stays
	}
	if s := c.between[prefix]; s != nil {
		g.Kind, g.Why = kindIntermediate, fmt.Sprintf("between the steps of job %s, which is over (%s)", s.ID, s.State)
		return free
	}
	switch {
	case g.Kind == kindUnfinished:
		g.Why = "no run goes on that computes it"
	case g.whole:
		g.Why = "data or a result without a name"
	case strings.Contains(g.Place[len(derivedPrefix):], "."):
		g.Kind, g.Why = kindIntermediate, "between the steps of a program that is over"
	default:
		g.Kind, g.Why = kindUnfinished, "no run goes on that computes it"
	}
	return c.old(g)
}

// old frees what cannot be in another process's hands.
func (c *collector) old(g *garbage) verdict {
	if c.alone || c.now.Sub(g.newest) >= quiet {
		return free
	}
	return recent
}

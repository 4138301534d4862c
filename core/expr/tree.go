package expr

import (
	"fmt"
	"slices"
	"strings"

	"numpywren/core/grid"
)

// fanIn is how many partial results one task combines.
const fanIn = 32

// tree writes a reduction: partial results that are indexed as the tiles they come from, then levels of tasks, each of which
// combines fanIn of them along one dimension.
type tree struct {
	l       *lowering
	n       *Node // the result
	x       *Node // what is reduced
	axes    []int
	whole   func(e string) string            // makes a result of a combined partial
	partial func(idx []string) string        // reduces one tile of x
	combine func(ref, clauses string) string // combines a comprehension; nil: no kernel does, the partials are multiplied
}

func (t *tree) emit(name string) {
	var split []int // the dimensions with several blocks
	tiles := int64(1)
	for _, d := range t.axes {
		if n := t.x.grid[d].Blocks(); n > 1 {
			split = append(split, d)
			tiles *= n
		}
	}
	if len(split) == 0 {
		s := t.l.loops(t.n.grid)
		s.assign(name, t.n.label, t.whole(t.partial(s.idx)))
		return
	}
	p := t.partials(split)
	if t.combine == nil {
		t.chain(name, p, split)
		return
	}
	counts := make([]string, len(t.n.grid)) // of partial results along each dimension, as text and, below, as numbers
	sizes := make([]int64, len(t.n.grid))
	for d, a := range t.n.grid {
		if a.Len != 1 {
			counts[d] = t.l.blocks(a)
		}
	}
	for _, d := range split {
		counts[d], sizes[d] = t.l.blocks(t.x.grid[d]), t.x.grid[d].Blocks()
	}
	for _, d := range slices.Backward(split) {
		for tiles > fanIn && sizes[d] > 1 {
			p = t.level(p, counts, d)
			tiles /= sizes[d]
			sizes[d] = (sizes[d] + fanIn - 1) / fanIn
			tiles *= sizes[d]
		}
	}
	s := t.l.loops(t.n.grid)
	from := slices.Clone(s.idx)
	var clauses strings.Builder
	for _, d := range split {
		from[d] = fmt.Sprintf("q%d", d)
		fmt.Fprintf(&clauses, " for %s in range(%s)", from[d], counts[d])
	}
	s.assign(name, t.n.label, t.whole(t.combine(tileRef(p, from), clauses.String())))
}

// partials writes the first level: one result for each tile of x.
func (t *tree) partials(split []int) string {
	p := t.l.temp()
	s := t.l.loops(t.kept(split))
	s.assign(p, t.n.label, t.partial(s.idx))
	return p
}

// kept is the grid of the result in which some of the reduced dimensions are still those of x.
func (t *tree) kept(split []int) grid.Grid {
	g := slices.Clone(t.n.grid)
	for _, d := range split {
		g[d] = t.x.grid[d]
	}
	return g
}

// level combines the partial results p along dimension d, and updates their count.
func (t *tree) level(p string, counts []string, d int) string {
	q := t.l.temp()
	before := counts[d]
	counts[d] = fmt.Sprintf("(%s + %d)//%d", before, fanIn-1, fanIn)
	s := t.l.nest(counts)
	from := slices.Clone(s.idx)
	from[d] = "q"
	clauses := fmt.Sprintf(" for q in range(%d*%s, min(%d*%s + %d, %s))", fanIn, s.idx[d], fanIn, s.idx[d], fanIn, before)
	s.assign(q, t.n.label, t.combine(tileRef(p, from), clauses))
	return q
}

// chain multiplies partial results one after the other: no reducer of the catalogue does it.
//
//	Q[i, 0] = copy(P[i, 0]);  Q[i, j] = ew("a * b", Q[i, j - 1], P[i, j])
func (t *tree) chain(name, p string, split []int) {
	last, end := -1, "" // the dimension that p was multiplied along, and where the product stands in it
	from := func(idx []string) string {
		if last >= 0 {
			idx = slices.Clone(idx)
			idx[last] = end
		}
		return tileRef(p, idx)
	}
	for k := len(split) - 1; k >= 0; k-- {
		d := split[k]
		q, count := t.l.temp(), t.l.blocks(t.x.grid[d])
		s := t.l.loops(t.kept(split[:k]))
		s.assign(q, t.n.label, "copy("+from(s.idx)+")")
		at, before := slices.Clone(s.idx), slices.Clone(s.idx)
		at[d], before[d] = letters[d:d+1], letters[d:d+1]+" - 1"
		s.loop(at[d], "1, "+count)
		s.assignTo(tileRef(q, at), t.n.label, fmt.Sprintf("ew(\"a * b\", %s, %s, dtype=%q)", tileRef(q, before), from(at), t.n.dtype))
		p, last, end = q, d, count+" - 1"
	}
	s := t.l.loops(t.n.grid)
	s.assign(name, t.n.label, "copy("+from(s.idx)+")")
}

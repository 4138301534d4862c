package affine

import (
	"math/bits"
	"slices"
)

// Fourier–Motzkin elimination: a variable is projected out of inequalities by adding each of its lower bounds to each of
// its upper bounds. Every row is divided by the gcd of its coefficients and its constant rounded down, which cuts off
// points that are not integer (Pugh, "The Omega Test", 1991). Rows that follow from too many others are redundant by
// Chernikov's first rule (Imbert, "Fourier's elimination: which to choose?", 1993), which keeps the blow-up away.

// crowded is the number of rows from which on Chernikov's rule is used. Together with the rounding it may leave out a
// row that was needed for the tightest projection, so small systems do without.
const crowded = 48

// derivedLimit bounds coefficients of derived rows, so that they can be evaluated without overflow. Leaving a derived
// row out makes a projection larger, never wrong: the original rows stay.
const derivedLimit = 1 << 22

// ineq is c·x + constant >= 0; from is the set of original rows that it was derived from, 0 when there were too many to
// keep track.
type ineq struct {
	c    row
	from uint64
}

// polyhedron is a conjunction of inequalities over the first n columns; columns after that are parameters.
type polyhedron struct {
	rows  []ineq
	n     int
	depth int  // variables eliminated so far
	empty bool // a contradiction was found
}

func newPolyhedron(n int, rows []row) *polyhedron {
	p := &polyhedron{n: n}
	for i, r := range rows {
		from := uint64(0)
		if len(rows) <= 64 {
			from = 1 << uint(i)
		}
		p.add(ineq{slices.Clone(r), from})
	}
	return p
}

// add normalises the row, which it takes over, and drops one of two that differ in the constant only.
func (p *polyhedron) add(q ineq) {
	last := len(q.c) - 1
	switch tighten(q.c) {
	case always:
		return
	case never:
		p.empty = true
		return
	}
	for i, o := range p.rows {
		if slices.Equal(o.c[:last], q.c[:last]) {
			if q.c[last] < o.c[last] || q.c[last] == o.c[last] && bits.OnesCount64(q.from) < bits.OnesCount64(o.from) {
				p.rows[i] = q
			}
			return
		}
	}
	p.rows = append(p.rows, q)
}

type truth int

const (
	depends truth = iota
	always
	never
)

// tighten divides r by the gcd of its coefficients, the constant rounded down.
func tighten(r row) truth {
	last := len(r) - 1
	g := int64(0)
	for _, v := range r[:last] {
		if v != 0 {
			if g = gcd(g, v); g == 1 {
				return depends
			}
		}
	}
	if g == 0 {
		if r[last] >= 0 {
			return always
		}
		return never
	}
	for i := range r[:last] {
		r[i] /= g
	}
	r[last] = floorDiv(r[last], g)
	return depends
}

// eliminate projects column k out and returns the rows that bounded it.
func (p *polyhedron) eliminate(k int) (bounds []ineq) {
	var keep []ineq
	for _, q := range p.rows {
		if q.c[k] == 0 {
			keep = append(keep, q)
		} else {
			bounds = append(bounds, q)
		}
	}
	p.rows = keep
	p.depth++
	for _, lo := range bounds {
		for _, hi := range bounds {
			if lo.c[k] > 0 && hi.c[k] < 0 {
				p.derive(lo, hi, k)
			}
		}
	}
	return bounds
}

func (p *polyhedron) derive(lo, hi ineq, k int) {
	from := uint64(0)
	if lo.from != 0 && hi.from != 0 {
		from = lo.from | hi.from
		if len(p.rows) > crowded && bits.OnesCount64(from) > p.depth+1 {
			return
		}
	}
	a, b := lo.c[k], -hi.c[k]
	g := gcd(a, b)
	c, ok := combine(b/g, lo.c, a/g, hi.c)
	if !ok {
		return
	}
	for _, v := range c[:len(c)-1] {
		if magnitude(v) > derivedLimit {
			return
		}
	}
	p.add(ineq{c, from})
}

// infeasible says that the rows, over n columns without parameters, were proven to have no integer point.
func infeasible(n int, rows []row) bool {
	p := newPolyhedron(n, rows)
	for left := n; left > 0 && !p.empty && len(p.rows) > 0; left-- {
		p.eliminate(p.cheapest())
	}
	return p.empty
}

// cheapest is the column with the fewest pairs of lower and upper bounds among those that occur.
func (p *polyhedron) cheapest() int {
	best, cost := 0, -1
	for k := range p.n {
		lower, upper := 0, 0
		for _, q := range p.rows {
			if q.c[k] > 0 {
				lower++
			} else if q.c[k] < 0 {
				upper++
			}
		}
		if lower+upper > 0 && (cost < 0 || lower*upper < cost) {
			best, cost = k, lower*upper
		}
	}
	return best
}

// interval bounds column k on the rows, over n columns without parameters; ok is false when a side is open.
func interval(n, k int, rows []row) (lo, hi int64, ok bool) {
	p := newPolyhedron(n, rows)
	for j := range n {
		if j != k {
			p.eliminate(j)
		}
	}
	var below, above bool
	for _, q := range p.rows { // tightened, so the coefficient is ±1
		if c := q.c[n]; q.c[k] > 0 {
			lo, below = -c, true
		} else {
			hi, above = c, true
		}
	}
	if p.empty {
		return 0, -1, true
	}
	return lo, hi, below && above
}

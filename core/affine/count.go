package affine

import (
	"math"
	"math/big"
	"slices"
)

// maxPieces is the number of pieces into which one elimination may split space; from manyPieces on it is worth a look
// whether a variable has fewer values than that.
const (
	maxPieces  = 1 << 12
	manyPieces = 1 << 5
)

// maxSystems is the number of combinations of shifts that Count sums one by one.
const maxSystems = 1 << 16

// Count is the number of points in d, exactly; math.MaxInt64 when there are more.
//
// It sums the polynomial 1 over the inequalities, one variable after another (Pugh, "Counting solutions to Presburger
// formulas", 1994): where several lower or upper bounds compete, space is split by which of them is the tightest; where
// a bound divides, the other variables are split by residues. So the time depends on the form of the domain, and not on
// its size. What does not fit this (coefficients of many digits) is counted by enumeration.
func (d *Domain) Count() int64 {
	box := d.box()
	for _, b := range box {
		if b[0] > b[1] {
			return 0
		}
	}
	if n, ok := d.countBox(); ok {
		return n
	}
	shift := shiftVars(d)
	total := new(big.Rat)
	exact := true
	complete := eachShift(box, shift, maxSystems, func(fixed []int64) bool {
		for _, s := range systems(d, shift, fixed, true) {
			exact = exact && s.count(total)
		}
		return exact
	})
	if !exact || !complete {
		return d.countPoints()
	}
	if n := total.Num(); n.IsInt64() {
		return n.Int64()
	}
	return math.MaxInt64
}

// countBox is the count when all bounds are constant and there are no conditions.
func (d *Domain) countBox() (int64, bool) {
	n := int64(1)
	for i := range d.Loops {
		l := &d.Loops[i]
		for _, b := range slices.Concat(l.Lower, l.Upper, []Bound{{l.Step, 1}}) {
			if len(b.E.Terms) > 0 {
				return 0, false
			}
		}
		if lo, hi := l.Start(nil), l.Stop(nil); lo >= hi {
			n = 0
		} else {
			n = satMul(n, ceilDiv(hi-lo, l.step(nil)))
		}
	}
	return n, len(d.Conds) == 0
}

func (d *Domain) countPoints() int64 {
	var n int64
	for range NewSolver(d, nil).All(nil) {
		n++
	}
	return n
}

// count adds the number of the system's points to total; false when a number did not fit.
func (s *system) count(total *big.Rat) bool {
	l, rows, ok := s.reduce()
	if s.bad || !l.ok {
		return false
	}
	if !ok {
		return true
	}
	n := len(l.free)
	c := &counter{n: n, total: total, exact: true}
	c.sum(rows, c.columns(), constPoly(n, big.NewRat(1, 1)))
	return c.exact
}

// counter sums polynomials over the integer points of inequalities in n columns.
type counter struct {
	n     int
	total *big.Rat
	exact bool
}

func (c *counter) columns() []int {
	out := make([]int, c.n)
	for i := range out {
		out[i] = i
	}
	return out
}

// sum adds the sum of p over the points of rows, which use the columns live only.
func (c *counter) sum(rows []row, live []int, p poly) {
	space := newPolyhedron(c.n, rows)
	if space.empty || !c.exact || len(p) == 0 {
		return
	}
	if len(live) == 0 {
		for _, v := range p {
			c.total.Add(c.total, v)
		}
		return
	}
	rows = rows[:0:0]
	for _, q := range space.rows {
		rows = append(rows, q.c)
	}
	k, pieces, moduli := c.choose(rows, live)
	if pieces > manyPieces && c.enumerate(rows, live, p, pieces) {
		return
	}
	if k < 0 {
		c.exact = false
		return
	}
	live = without(live, k)
	if moduli == nil {
		c.eliminate(rows, live, p, k)
		return
	}
	residues := make([]int, len(moduli))
	for {
		c.residue(rows, live, p, k, residues, moduli)
		if !next(residues, moduli) {
			return
		}
	}
}

func without(live []int, k int) []int {
	return slices.DeleteFunc(slices.Clone(live), func(j int) bool { return j == k })
}

// choose picks the column that splits space into the fewest pieces, the innermost of equals. The moduli are those that
// the live columns must be split by first, nil when all bounds of the column have coefficient 1. It is -1 when every
// column is open to a side or needs too many pieces.
func (c *counter) choose(rows []row, live []int) (best, least int, moduli []int) {
	best, least = -1, maxPieces+1
	for _, k := range slices.Backward(live) {
		m, pieces, ok := splitting(rows, live, k)
		if ok && pieces < least {
			best, least, moduli = k, pieces, m
		}
	}
	return best, least, moduli
}

// enumerate sums over the values of the shortest column one by one, if they are fewer than the pieces that a split
// would make, or if those would be too many.
func (c *counter) enumerate(rows []row, live []int, p poly, pieces int) bool {
	k, from, to := -1, int64(0), int64(0)
	for _, j := range live {
		if lo, hi, ok := interval(c.n, j, rows); ok && (k < 0 || hi-lo < to-from) {
			k, from, to = j, lo, hi
		}
	}
	if k < 0 || pieces <= maxPieces && to-from >= int64(pieces) {
		return false
	}
	live = without(live, k)
	for v := from; v <= to && c.exact; v++ {
		x := make(row, c.n+1)
		x[c.n] = v
		at := make([]row, len(rows))
		for i, r := range rows {
			at[i] = slices.Clone(r)
			at[i][k] = 0
			var ok bool
			at[i][c.n], ok = mulAdd(1, r[c.n], r[k], v)
			c.exact = c.exact && ok
		}
		c.sum(at, live, p.subst(k, x))
	}
	return true
}

// splitting is the moduli for the columns at which the bounds of column k become integer, all but k, and the number of
// pieces that eliminating k makes.
func splitting(rows []row, live []int, k int) (moduli []int, pieces int, ok bool) {
	lower, upper := 0, 0
	for _, r := range rows {
		if r[k] > 0 {
			lower++
		} else if r[k] < 0 {
			upper++
		}
	}
	pieces = lower * upper
	split := false
	for _, j := range live {
		if j == k {
			continue
		}
		m := int64(1)
		for _, r := range rows {
			if a := int64(magnitude(r[k])); a > 1 {
				f := a / gcd(a, r[j])
				m = m / gcd(m, f) * f
			}
			if m > maxPieces {
				return nil, 0, false
			}
		}
		split = split || m > 1
		moduli = append(moduli, int(m))
		if pieces *= int(m); pieces > maxPieces {
			return nil, 0, false
		}
	}
	if !split {
		moduli = nil
	}
	return moduli, pieces, lower > 0 && upper > 0
}

// residue eliminates k where live[i] is residues[i] modulo moduli[i].
func (c *counter) residue(rows []row, live []int, p poly, k int, residues, moduli []int) {
	out := make([]row, 0, len(rows))
	for _, r := range rows {
		r = slices.Clone(r)
		for i, j := range live {
			a := r[j]
			var ok1, ok2 bool
			r[j], ok1 = mul(a, int64(moduli[i]))
			r[c.n], ok2 = mulAdd(1, r[c.n], a, int64(residues[i]))
			c.exact = c.exact && ok1 && ok2
		}
		switch tighten(r) {
		case depends:
			out = append(out, r)
		case never:
			return
		}
	}
	for i, j := range live {
		if moduli[i] > 1 {
			x := make(row, c.n+1)
			x[j], x[c.n] = int64(moduli[i]), int64(residues[i])
			p = p.subst(j, x)
		}
	}
	c.eliminate(out, live, p, k)
}

// eliminate sums column k, whose bounds all have coefficient ±1, out of p.
func (c *counter) eliminate(rows []row, live []int, p poly, k int) {
	var rest, lower, upper []row
	for _, r := range rows {
		switch {
		case r[k] == 0:
			rest = append(rest, r)
		case r[k] > 0:
			lower = append(lower, solveFor(k, r))
		default:
			upper = append(upper, solveFor(k, r))
		}
	}
	for i, lo := range lower {
		for j, hi := range upper {
			piece := slices.Clone(rest)
			piece = c.greatest(piece, lower, i, 1)
			piece = c.greatest(piece, upper, j, -1)
			piece = append(piece, c.minus(hi, lo, 0)) // lo <= hi
			if !c.exact {
				return
			}
			if len(lower)*len(upper) == 1 || !infeasible(c.n, piece) {
				c.sum(piece, live, p.sum(k, lo, hi))
			}
		}
	}
}

// solveFor is e in x_k >= e or x_k <= e, for a row with coefficient ±1 at k.
func solveFor(k int, r row) row {
	e := slices.Clone(r)
	e[k] = 0
	if r[k] > 0 {
		for i := range e {
			e[i] = -e[i]
		}
	}
	return e
}

// greatest adds to rows that bounds[i] is the first of the greatest (sign 1) or least (sign -1) of bounds.
func (c *counter) greatest(rows, bounds []row, i int, sign int64) []row {
	for j, o := range bounds {
		if j == i {
			continue
		}
		strict := int64(0)
		if j < i {
			strict = 1
		}
		if sign > 0 {
			rows = append(rows, c.minus(bounds[i], o, strict))
		} else {
			rows = append(rows, c.minus(o, bounds[i], strict))
		}
	}
	return rows
}

// minus is a - b - less.
func (c *counter) minus(a, b row, less int64) row {
	r, ok := combine(1, a, -1, b)
	c.exact = c.exact && ok
	r[c.n] = satAdd(r[c.n], -less)
	return r
}

package affine

import "slices"

// A plan is a Solver's question compiled for one choice of the shifts: evaluate the pivots, test the guards, then scan
// the free columns, each between bounds that are affine in those before it. The bounds come from projecting the later
// columns out, as polyhedral code generation does (Ancourt and Irigoin, "Scanning polyhedra with DO loops", 1991), so a
// column runs over its true range, and what is determined runs over one value.
//
// The values of the free columns, then those of the pivots, are the slots of a frame.
type plan struct {
	brute  bool // the compiled form does not exist: enumerate the domain
	empty  bool
	fixed  []int64 // the values of the shifts, by variable
	pivots []equation
	checks []equation
	guards []affineSum
	levels []level
	x      []affineSum // the variables
	nes    []affineSum
}

// affineSum is c + Σ coef*slot.
type affineSum struct {
	c     int64
	terms []slotTerm
}

type slotTerm struct {
	coef int64
	slot int
}

// equation is h*value + sum == target, the target being 0 when its index is -1.
type equation struct {
	sum    affineSum
	h      int64
	target int
}

// level bounds one free column: every lower.sum/lower.by <= z <= every upper.sum/upper.by.
type level struct{ lower, upper []quotient }

type quotient struct {
	sum affineSum
	by  int64
}

func (a *affineSum) eval(slots []int64) int64 {
	v := a.c
	for _, t := range a.terms {
		v += t.coef * slots[t.slot]
	}
	return v
}

// newPlan compiles one system; it is brute where the numbers do not fit or a column would be open to one side.
func newPlan(s *system, idx []Expr) *plan {
	p := &plan{fixed: s.fixed}
	var rows []row
	for _, e := range idx {
		rows = append(rows, s.row(e))
	}
	l := newLattice(s.n, rows, s.eqs)
	free := len(l.free)
	for _, q := range l.pivots {
		p.pivots = append(p.pivots, q.compile(free))
	}
	for _, q := range l.checks {
		p.checks = append(p.checks, q.compile(free))
	}
	var ges []row
	for _, r := range s.ges {
		ges = append(ges, l.over(r))
	}
	for v := range s.d.Loops {
		p.x = append(p.x, newSum(l.over(s.row(Var(v))), 1))
	}
	for _, r := range s.nes {
		p.nes = append(p.nes, newSum(l.over(r), 1))
	}
	if p.scan(free, ges); s.bad || !l.ok {
		p.brute = true
	}
	return p
}

// scan projects the free columns out, the last first, and keeps the bounds of each.
func (p *plan) scan(free int, rows []row) {
	space := newPolyhedron(free, rows)
	p.levels = make([]level, free)
	for k := free - 1; k >= 0; k-- {
		lv := &p.levels[k]
		for _, q := range space.eliminate(k) {
			a := q.c[k]
			q.c[k] = 0
			if a > 0 {
				lv.lower = append(lv.lower, quotient{newSum(q.c, -1), a})
			} else {
				lv.upper = append(lv.upper, quotient{newSum(q.c, 1), -a})
			}
		}
		p.brute = p.brute || len(lv.lower) == 0 || len(lv.upper) == 0
	}
	for _, q := range space.rows {
		p.guards = append(p.guards, newSum(q.c, 1))
	}
	p.empty = space.empty
}

// newSum is sign*r, r being over the slots and a constant.
func newSum(r row, sign int64) affineSum {
	last := len(r) - 1
	a := affineSum{c: sign * r[last]}
	for i, v := range r[:last] {
		if v != 0 {
			a.terms = append(a.terms, slotTerm{sign * v, i})
		}
	}
	return a
}

func (q pivot) compile(free int) equation {
	e := equation{sum: affineSum{c: q.c}, h: q.h, target: q.target}
	for i, v := range q.earlier {
		if v != 0 {
			e.sum.terms = append(e.sum.terms, slotTerm{v, free + i})
		}
	}
	return e
}

// frame is the state of one enumeration.
type frame struct {
	slots []int64
	x     []int64
	fixed []int64 // the shifts as far as they are chosen
	yield func([]int64) bool
}

// run visits the solutions; false when yield wanted no more.
func (p *plan) run(f *frame, target []int64) bool {
	if p.empty {
		return true
	}
	free := len(p.levels)
	f.slots = slices.Grow(f.slots[:0], free+len(p.pivots))[:free+len(p.pivots)]
	for i := range p.pivots {
		e := &p.pivots[i]
		v := e.rest(f.slots, target)
		if e.h != 1 {
			if v%e.h != 0 {
				return true
			}
			v /= e.h
		}
		f.slots[free+i] = v
	}
	for i := range p.checks {
		if p.checks[i].rest(f.slots, target) != 0 {
			return true
		}
	}
	for i := range p.guards {
		if p.guards[i].eval(f.slots) < 0 {
			return true
		}
	}
	return p.level(0, f)
}

// rest is target - sum.
func (e *equation) rest(slots, target []int64) int64 {
	v := -e.sum.eval(slots)
	if e.target >= 0 {
		v += target[e.target]
	}
	return v
}

func (p *plan) level(k int, f *frame) bool {
	if k == len(p.levels) {
		return p.leaf(f)
	}
	lv := &p.levels[k]
	q := &lv.lower[0]
	lo := ceilDiv(q.sum.eval(f.slots), q.by)
	for i := 1; i < len(lv.lower); i++ {
		q = &lv.lower[i]
		lo = max(lo, ceilDiv(q.sum.eval(f.slots), q.by))
	}
	q = &lv.upper[0]
	hi := floorDiv(q.sum.eval(f.slots), q.by)
	for i := 1; i < len(lv.upper); i++ {
		q = &lv.upper[i]
		hi = min(hi, floorDiv(q.sum.eval(f.slots), q.by))
	}
	for z := lo; z <= hi; z++ {
		f.slots[k] = z
		if !p.level(k+1, f) {
			return false
		}
	}
	return true
}

func (p *plan) leaf(f *frame) bool {
	for i := range p.nes {
		if p.nes[i].eval(f.slots) == 0 {
			return true
		}
	}
	for i := range p.x {
		f.x[i] = p.x[i].eval(f.slots)
	}
	return f.yield(f.x)
}

package affine

import (
	"iter"
	"math"
)

// Bound is floor(E / Div). Div 0 means 1.
type Bound struct {
	E   Expr
	Div int64
}

func (b Bound) div() int64 { return max(b.Div, 1) }

// Eval is the bound's value at x.
func (b Bound) Eval(x []int64) int64 { return floorDiv(b.E.Eval(x), b.div()) }

// Loop is the range of one variable: from the greatest of Lower to below the least of Upper, by Step. Each needs one
// bound at least, and may use the variables of the loops around it only. Step is a positive constant, or that << one of
// those variables; the zero Expr means 1. With a step the range starts at the greatest lower bound, as Python's does.
type Loop struct {
	Name  string
	Lower []Bound
	Upper []Bound
	Step  Expr
}

// Range is the loop over lo..hi-1.
func Range(name string, lo, hi Expr) Loop {
	return Loop{Name: name, Lower: []Bound{{lo, 1}}, Upper: []Bound{{hi, 1}}, Step: Const(1)}
}

// Start is the greatest lower bound at x.
func (l *Loop) Start(x []int64) int64 {
	v := int64(math.MinInt64)
	for _, b := range l.Lower {
		v = max(v, b.Eval(x))
	}
	return v
}

// Stop is the least upper bound at x, exclusive.
func (l *Loop) Stop(x []int64) int64 {
	v := int64(math.MaxInt64)
	for _, b := range l.Upper {
		v = min(v, b.Eval(x))
	}
	return v
}

func (l *Loop) step(x []int64) int64 { return max(l.Step.Eval(x), 1) }

// Cmp compares an expression with 0.
type Cmp uint8

const (
	EQ Cmp = iota // E == 0
	GE            // E >= 0
	NE            // E != 0
)

// Cond is the condition E Op 0.
type Cond struct {
	E  Expr
	Op Cmp
}

// Holds says whether the condition is true at x.
func (c Cond) Holds(x []int64) bool {
	v := c.E.Eval(x)
	switch c.Op {
	case EQ:
		return v == 0
	case GE:
		return v >= 0
	}
	return v != 0
}

// Domain is the set of points that a loop nest visits: x[v] in the range of Loops[v] for all v, and all Conds true. The
// domain without loops has one point, the empty one. The methods do not keep or change what it refers to.
type Domain struct {
	Loops []Loop
	Conds []Cond
}

// Contains says whether x is a point of d.
func (d *Domain) Contains(x []int64) bool {
	if len(x) != len(d.Loops) {
		return false
	}
	for v := range d.Loops {
		l := &d.Loops[v]
		start := l.Start(x)
		if x[v] < start || x[v] >= l.Stop(x) || (x[v]-start)%l.step(x) != 0 {
			return false
		}
	}
	for _, c := range d.Conds {
		if !c.Holds(x) {
			return false
		}
	}
	return true
}

// All visits the points in the order of the loops. x is reused: clone it to keep it. Every iteration of the loops is
// looked at, conditions true or not; NewSolver(d, nil).All(nil) goes straight to the points, in some order.
func (d *Domain) All() iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		at := make([][]Cond, len(d.Loops)+1) // the conditions that are known once v loops are entered
		for _, c := range d.Conds {
			at[c.E.MaxVar()+1] = append(at[c.E.MaxVar()+1], c)
		}
		d.walk(0, make([]int64, len(d.Loops)), at, yield)
	}
}

func (d *Domain) walk(v int, x []int64, at [][]Cond, yield func([]int64) bool) bool {
	for _, c := range at[v] {
		if !c.Holds(x) {
			return true
		}
	}
	if v == len(x) {
		return yield(x)
	}
	l := &d.Loops[v]
	step, stop := l.step(x), l.Stop(x)
	for i := l.Start(x); i < stop; i += step {
		x[v] = i
		if !d.walk(v+1, x, at, yield) {
			return false
		}
		if i > stop-step { // the next i might not fit
			break
		}
	}
	return true
}

// First finds a point of d: the first in the order of the loops where no condition is an equation.
func (d *Domain) First(into []int64) bool { return NewSolver(d, nil).First(nil, into) }

// IsEmpty says whether d has no point.
func (d *Domain) IsEmpty() bool { return !d.First(make([]int64, len(d.Loops))) }

// Hull is an interval, both ends included, in which e stays on d: interval arithmetic over the loops' bounds, which may
// be wider than the truth. lo > hi when it finds that d is empty.
func (d *Domain) Hull(e Expr) (lo, hi int64) {
	box := d.box()
	for _, b := range box {
		if b[0] > b[1] {
			return math.MaxInt64, math.MinInt64
		}
	}
	return hullOf(e, box)
}

// box is the hull of each variable.
func (d *Domain) box() [][2]int64 {
	box := make([][2]int64, 0, len(d.Loops))
	for _, l := range d.Loops {
		lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
		for _, b := range l.Lower {
			a, _ := hullOf(b.E, box)
			lo = max(lo, floorDiv(a, b.div()))
		}
		for _, b := range l.Upper {
			_, a := hullOf(b.E, box)
			hi = min(hi, satAdd(floorDiv(a, b.div()), -1))
		}
		box = append(box, [2]int64{lo, hi})
	}
	return box
}

// hullOf bounds e over a box.
func hullOf(e Expr, box [][2]int64) (lo, hi int64) {
	lo, hi = e.Const, e.Const
	for _, t := range e.Terms {
		a, b := t.Coef, t.Coef
		if t.Var >= 0 {
			a, b = satMul(t.Coef, box[t.Var][0]), satMul(t.Coef, box[t.Var][1])
		}
		if a > b {
			a, b = b, a
		}
		if t.Shift >= 0 {
			s0, s1 := box[t.Shift][0], box[t.Shift][1]
			a, b = min(satShl(a, s0), satShl(a, s1)), max(satShl(b, s0), satShl(b, s1))
		}
		lo, hi = satAdd(lo, a), satAdd(hi, b)
	}
	return lo, hi
}

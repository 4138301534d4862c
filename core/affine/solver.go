package affine

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// maxPlans is the number of combinations of shifts for which a Solver keeps plans. Programs have tens.
const maxPlans = 1 << 18

// Solver answers, for a domain and a list of index expressions, which points x have idx(x) == target. It compiles the
// question when it is first asked. Then an answer costs about as much as evaluating the expressions involved, per
// solution, whatever the size of the domain, where the equations and bounds determine the variables.
//
// A Solver keeps the domain and the expressions, which must not change. It is safe for concurrent use.
//
// Method: the variables that are shifts are read off the equations, or else enumerated (there are at most 63 values);
// what is left is linear, and a plan for it solves the equations and enumerates the free variables within their
// projected bounds.
type Solver struct {
	d      *Domain
	idx    []Expr
	shift  []bool
	shifts []shiftVar
	hulls  [][2]int64 // of idx: other targets have no solutions
	empty  bool
	brute  bool                      // too many shifts to keep plans for: enumerate
	plans  []atomic.Pointer[[]*plan] // by the shifts in mixed radix; compiled on demand
	frames sync.Pool
}

// shiftVar is a variable that is used as a shift. Where det >= 0, x[v] == (target[det] - rest(x)) * sign.
type shiftVar struct {
	v, radix int
	lo, hi   int64
	det      int
	rest     Expr
	sign     int64
}

// NewSolver prepares the question for any number of targets.
func NewSolver(d *Domain, idx []Expr) *Solver {
	s := &Solver{d: d, idx: idx, shift: shiftVars(d, idx...)}
	s.frames.New = func() any {
		return &frame{x: make([]int64, len(d.Loops)), fixed: make([]int64, len(d.Loops))}
	}
	box := d.box()
	for _, b := range box {
		s.empty = s.empty || b[0] > b[1]
	}
	plans := 1
	for v, is := range s.shift {
		if !is {
			continue
		}
		h := shiftVar{v: v, lo: max(box[v][0], 0), hi: min(box[v][1], maxShift), det: -1}
		h.radix = max(int(h.hi-h.lo+1), 1)
		s.empty = s.empty || h.lo > h.hi
		plans = min(plans*h.radix, maxPlans+1)
		s.shifts = append(s.shifts, h)
	}
	for i := range s.shifts {
		s.determine(i)
	}
	for _, e := range idx {
		lo, hi := hullOf(e, box)
		s.hulls = append(s.hulls, [2]int64{lo, hi})
	}
	if s.brute = plans > maxPlans; !s.brute {
		s.plans = make([]atomic.Pointer[[]*plan], plans)
	}
	return s
}

// determine looks for an index that gives shift i by itself and the shifts before it.
func (s *Solver) determine(i int) {
	h := &s.shifts[i]
	known := func(v int) bool { return v < 0 || v < h.v && s.shift[v] }
	for m, e := range s.idx {
		sign, rest, ok := int64(0), Expr{Const: e.Const}, true
		for _, t := range e.Terms {
			switch {
			case t.Var == h.v && t.Shift < 0 && magnitude(t.Coef) == 1:
				sign = t.Coef
			case known(t.Var) && known(t.Shift):
				rest.Terms = append(rest.Terms, t)
			default:
				ok = false
			}
		}
		if ok && sign != 0 {
			h.det, h.rest, h.sign = m, rest, sign
			return
		}
	}
}

// All visits the points x of the domain with idx(x) == target, each once, in an order that depends on the question only.
// x is reused: clone it to keep it.
func (s *Solver) All(target []int64) iter.Seq[[]int64] {
	return func(yield func([]int64) bool) { s.each(target, yield) }
}

// First stores one such point in into; false when there is none.
func (s *Solver) First(target []int64, into []int64) bool {
	found := false
	s.each(target, func(x []int64) bool {
		copy(into, x)
		found = true
		return false
	})
	return found
}

func (s *Solver) each(target []int64, yield func([]int64) bool) {
	if s.empty {
		return
	}
	for i, h := range s.hulls {
		if target[i] < h[0] || target[i] > h[1] {
			return
		}
	}
	if s.brute {
		s.enumerate(target, nil, yield)
		return
	}
	f := s.frames.Get().(*frame)
	f.yield = yield
	s.choose(0, 0, f, target)
	f.yield = nil
	s.frames.Put(f)
}

// choose gives shift i its values; key is the number that those before it make.
func (s *Solver) choose(i, key int, f *frame, target []int64) bool {
	if i == len(s.shifts) {
		for _, p := range s.plan(key, f.fixed) {
			if p.brute {
				if !s.enumerate(target, p.fixed, f.yield) {
					return false
				}
			} else if !p.run(f, target) {
				return false
			}
		}
		return true
	}
	h := &s.shifts[i]
	lo, hi := h.lo, h.hi
	if h.det >= 0 {
		v := (target[h.det] - h.rest.Eval(f.fixed)) * h.sign
		lo, hi = max(lo, v), min(hi, v)
	}
	for v := lo; v <= hi; v++ {
		f.fixed[h.v] = v
		if !s.choose(i+1, key*h.radix+int(v-h.lo), f, target) {
			return false
		}
	}
	return true
}

// plan compiles the plans for the shifts, once. Two goroutines may do it at the same time, with the same result.
func (s *Solver) plan(key int, fixed []int64) []*plan {
	if p := s.plans[key].Load(); p != nil {
		return *p
	}
	var plans []*plan
	for _, sys := range systems(s.d, s.shift, slices.Clone(fixed), false) {
		p := newPlan(sys, s.idx)
		if p.brute { // for the whole: the pieces would find its points again
			plans = []*plan{p}
			break
		}
		if !p.empty {
			plans = append(plans, p)
		}
	}
	s.plans[key].Store(&plans)
	return plans
}

// enumerate goes through the domain, or the part of it in which the shifts have the values fixed.
func (s *Solver) enumerate(target, fixed []int64, yield func([]int64) bool) bool {
	for x := range s.d.All() {
		ok := true
		for i, e := range s.idx {
			ok = ok && e.Eval(x) == target[i]
		}
		for _, h := range s.shifts {
			ok = ok && (fixed == nil || x[h.v] == fixed[h.v])
		}
		if ok && !yield(x) {
			return false
		}
	}
	return true
}

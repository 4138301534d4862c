package affine

import "slices"

// A row is coefficients of the columns of a system and, last, a constant.
type row = []int64

// wide is where a stepped loop takes one step at most: it passes the coordinates that the package promises to know.
const wide = 1 << 40

// system is a domain as linear algebra: the integer points of { eqs == 0, ges >= 0, nes != 0 }, one to one. It has a
// column for each variable, except for those that are shifts: they have a value, and so every coefficient is a number.
// Further columns make the rest linear: x = start + step*q for a loop with a step, and f = floor(E/Div) for its start.
type system struct {
	d     *Domain
	fixed []int64 // the values of the shift variables, by variable
	shift []bool
	col   []int // column of each variable; -1 for shifts
	n     int   // columns

	eqs, ges, nes []row
	bad           bool // a coefficient did not fit: the rows are worth nothing
}

// shiftVars marks the variables that d or the expressions use as shifts.
func shiftVars(d *Domain, more ...Expr) []bool {
	shift := make([]bool, len(d.Loops))
	mark := func(e Expr) {
		for _, t := range e.Terms {
			if t.Shift >= 0 {
				shift[t.Shift] = true
			}
		}
	}
	for _, l := range d.Loops {
		for _, b := range l.Lower {
			mark(b.E)
		}
		for _, b := range l.Upper {
			mark(b.E)
		}
		mark(l.Step)
	}
	for _, c := range d.Conds {
		mark(c.E)
	}
	for _, e := range more {
		mark(e)
	}
	return shift
}

// systems is d with its shift variables fixed, as the disjoint union of systems: one for each choice of the lower bound
// at which a loop with a step starts and, if splitNE, of the sign of what must not be 0.
func systems(d *Domain, shift []bool, fixed []int64, splitNE bool) []*system {
	radix := make([]int, 0, len(d.Loops)+len(d.Conds))
	for _, l := range d.Loops {
		radix = append(radix, 1)
		if l.step(fixed) > 1 {
			radix[len(radix)-1] = len(l.Lower)
		}
	}
	for _, c := range d.Conds {
		radix = append(radix, 1)
		if c.Op == NE && splitNE {
			radix[len(radix)-1] = 2
		}
	}
	var out []*system
	for choice := make([]int, len(radix)); ; {
		s := &system{d: d, fixed: fixed, shift: shift}
		s.build(choice, splitNE)
		out = append(out, s)
		if !next(choice, radix) {
			return out
		}
	}
}

// next counts up in mixed radix; false after the last number.
func next(digits, radix []int) bool {
	for i := range digits {
		if digits[i]++; digits[i] < radix[i] {
			return true
		}
		digits[i] = 0
	}
	return false
}

func (s *system) build(choice []int, splitNE bool) {
	loops := s.d.Loops
	quotient, floor := make([]int, len(loops)), make([]int, len(loops))
	s.col = make([]int, len(loops))
	for v, l := range loops { // the columns in the order of the loops: so will the solver enumerate them
		quotient[v], floor[v], s.col[v] = -1, -1, -1
		if step := l.step(s.fixed); step > 1 {
			if l.Lower[choice[v]].div() > 1 {
				floor[v] = s.column()
			}
			if step < wide {
				quotient[v] = s.column()
			}
		}
		if !s.shift[v] {
			s.col[v] = s.column()
		}
	}
	for v := range loops {
		s.addLoop(v, choice[v], quotient[v], floor[v])
	}
	for i, c := range s.d.Conds {
		r := s.row(c.E)
		switch {
		case c.Op == EQ:
			s.eqs = append(s.eqs, r)
		case c.Op == GE:
			s.ges = append(s.ges, r)
		case !splitNE:
			s.nes = append(s.nes, r)
		case choice[len(loops)+i] == 0: // E >= 1
			s.atLeast(r, s.constant(0), 1)
		default: // E <= -1
			s.atLeast(s.constant(0), r, 1)
		}
	}
}

func (s *system) column() int { s.n++; return s.n - 1 }

func (s *system) addLoop(v, chosen, quotient, floor int) {
	l := &s.d.Loops[v]
	x := s.row(Var(v))
	for _, b := range l.Upper { // x + 1 <= floor(E/D)
		s.belowFloor(x, 1, b)
	}
	step := l.step(s.fixed)
	if step <= 1 {
		for _, b := range l.Lower {
			s.aboveFloor(x, 0, b)
		}
		return
	}
	start := s.row(l.Lower[chosen].E)
	if floor >= 0 { // f = floor(E/D)
		start = s.constant(0)
		start[floor] = 1
		s.belowFloor(start, 0, l.Lower[chosen])
		s.aboveFloor(start, 0, l.Lower[chosen])
	}
	for i, b := range l.Lower { // the first of the greatest is the chosen one
		if i != chosen {
			least := int64(0)
			if i < chosen {
				least = 1
			}
			s.aboveFloor(start, least, b)
		}
	}
	eq := s.combine(1, x, -1, start) // x - start - step*q == 0, q >= 0
	if quotient >= 0 {
		eq[quotient] -= step
		q := s.constant(0)
		q[quotient] = 1
		s.ges = append(s.ges, q)
	}
	s.eqs = append(s.eqs, eq)
}

func (s *system) constant(c int64) row {
	r := make(row, s.n+1)
	r[s.n] = c
	return r
}

// row writes e over the columns.
func (s *system) row(e Expr) row {
	r := s.constant(e.Const)
	for _, t := range e.Terms {
		c, ok := t.Coef, true
		if t.Shift >= 0 {
			c, ok = mul(c, satShl(1, s.fixed[t.Shift]))
		}
		at := s.n
		if t.Var >= 0 {
			if at = s.col[t.Var]; at < 0 {
				var fits bool
				c, fits = mul(c, s.fixed[t.Var])
				ok, at = ok && fits, s.n
			}
		}
		sum, fits := mulAdd(1, r[at], 1, c)
		r[at] = sum
		s.bad = s.bad || !ok || !fits
	}
	return r
}

// combine is a*r + b*o.
func (s *system) combine(a int64, r row, b int64, o row) row {
	out, ok := combine(a, r, b, o)
	s.bad = s.bad || !ok
	return out
}

func combine(a int64, r row, b int64, o row) (row, bool) {
	out, all := make(row, len(r)), true
	for i := range r {
		v, ok := mulAdd(a, r[i], b, o[i])
		out[i], all = v, all && ok
	}
	return out, all
}

// atLeast adds r >= o + c.
func (s *system) atLeast(r, o row, c int64) {
	d := s.combine(1, r, -1, o)
	d[s.n] = satAdd(d[s.n], -c)
	s.ges = append(s.ges, d)
}

// belowFloor adds r + c <= floor(E/D), which is D*r <= E - D*c.
func (s *system) belowFloor(r row, c int64, b Bound) {
	e := s.row(b.E)
	e[s.n] = satAdd(e[s.n], satMul(-b.div(), c))
	s.ges = append(s.ges, s.combine(1, e, -b.div(), r))
}

// aboveFloor adds r >= floor(E/D) + c, which is D*r >= E - D + 1 + D*c.
func (s *system) aboveFloor(r row, c int64, b Bound) {
	e := s.row(b.E)
	e[s.n] = satAdd(e[s.n], satAdd(satMul(b.div(), c-1), 1))
	s.ges = append(s.ges, s.combine(b.div(), r, -1, e))
}

// eachShift visits the values that the shift variables can have together, within the box, as a list by variable. It
// gives up, false, when there are more than limit of them.
func eachShift(box [][2]int64, shift []bool, limit int, visit func(fixed []int64) bool) bool {
	var vars, radix []int
	fixed := make([]int64, len(shift))
	total := 1
	for v, is := range shift {
		if !is {
			continue
		}
		lo, hi := max(box[v][0], 0), min(box[v][1], maxShift)
		if lo > hi {
			return true
		}
		vars, radix = append(vars, v), append(radix, int(hi-lo)+1)
		if total *= radix[len(radix)-1]; total > limit {
			return false
		}
	}
	for digits := make([]int, len(vars)); ; {
		for i, v := range vars {
			fixed[v] = max(box[v][0], 0) + int64(digits[i])
		}
		if !visit(slices.Clone(fixed)) || !next(digits, radix) {
			return true
		}
	}
}

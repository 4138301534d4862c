package affine

import "slices"

// provable is the number of combinations of shifts that a proof goes through before it gives up.
const provable = 4096

// Implies says that c was proven to hold on all points of d; false means that it was not. The proof shows, by integer
// equation solving and Fourier–Motzkin elimination with integer tightening, that no point violates c. It is complete
// for what loop nests ask in practice, not for all of integer arithmetic. A domain that is empty implies everything.
func Implies(d *Domain, c Cond) bool {
	for _, not := range c.negations() {
		if !provenEmpty(&Domain{d.Loops, append(slices.Clone(d.Conds), not)}) {
			return false
		}
	}
	return true
}

// negations are conditions of which one holds exactly where c does not.
func (c Cond) negations() []Cond {
	less := Cond{c.E.Neg().Add(Const(-1)), GE}
	switch c.Op {
	case GE:
		return []Cond{less}
	case EQ:
		return []Cond{less, {c.E.Add(Const(-1)), GE}}
	}
	return []Cond{{c.E, EQ}}
}

func provenEmpty(d *Domain) bool {
	shift, box := shiftVars(d), d.box()
	for v, is := range shift {
		if is && (box[v][0] < 0 || box[v][1] > maxShift) {
			return false
		}
	}
	proven := true
	complete := eachShift(box, shift, provable, func(fixed []int64) bool {
		for _, s := range systems(d, shift, fixed, true) {
			proven = proven && s.provenEmpty()
		}
		return proven
	})
	return complete && proven
}

func (s *system) provenEmpty() bool {
	l, rows, ok := s.reduce()
	if s.bad || !l.ok {
		return false
	}
	return !ok || infeasible(len(l.free), rows)
}

// reduce solves the equations and writes the inequalities over the free columns; false when there is no solution.
func (s *system) reduce() (l *lattice, rows []row, ok bool) {
	l = newLattice(s.n, nil, s.eqs)
	values, ok := l.solve()
	if !ok {
		return l, nil, false
	}
	for _, r := range s.ges {
		rows = append(rows, l.fold(r, values))
	}
	return l, rows, true
}

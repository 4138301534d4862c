package lambdapack

import (
	"slices"

	"numpywren/core/affine"
)

// inverse says how the variables of a loop nest follow from the indices of a tile: one step for each variable, in an order
// in which each needs only those before. It exists where every variable occurs alone, with coefficient ±1, once the others
// are known; that is nearly always.
type inverse struct {
	index []affine.Expr
	dom   *affine.Domain
	steps []inverseStep
	ok    bool
}

type inverseStep struct {
	v, pos int
	sign   int64
}

func invert(index []affine.Expr, dom *affine.Domain) inverse {
	iv := inverse{index: index, dom: dom}
	known := make([]bool, len(dom.Loops))
	for len(iv.steps) < len(known) {
		before := len(iv.steps)
		for pos, e := range index {
			if v, sign := soleUnknown(e, known); sign != 0 {
				known[v] = true
				iv.steps = append(iv.steps, inverseStep{v, pos, sign})
			}
		}
		if len(iv.steps) == before {
			return iv
		}
	}
	iv.ok = true
	return iv
}

// soleUnknown is the variable that e determines, and its coefficient, 0 if there is none.
func soleUnknown(e affine.Expr, known []bool) (v int, sign int64) {
	for _, t := range e.Terms {
		if t.Shift >= 0 && (!known[t.Shift] || t.Var >= 0 && !known[t.Var]) {
			return 0, 0
		}
		if t.Var < 0 || known[t.Var] {
			continue
		}
		if sign != 0 || t.Coef != 1 && t.Coef != -1 {
			return 0, 0
		}
		v, sign = t.Var, t.Coef
	}
	return v, sign
}

// at computes the point y of the domain whose tile has the indices t; false when there is none.
func (iv *inverse) at(t, y []int64) bool {
	clear(y)
	for _, s := range iv.steps {
		y[s.v] = s.sign * (t[s.pos] - iv.index[s.pos].Eval(y))
	}
	for pos, e := range iv.index {
		if e.Eval(y) != t[pos] {
			return false
		}
	}
	return iv.dom.Contains(y)
}

// image is a point of a loop nest as expressions in the variables of another: where conds hold, vars is the point that
// touches the tile, and elsewhere none does.
type image struct {
	vars  []affine.Expr
	conds []affine.Cond
	exact bool // false: that conds hold is necessary, not sufficient
}

// solve finds the point whose tile has the indices target, expressions of n variables; false when there is no such form.
func (iv *inverse) solve(target []affine.Expr, n int) (image, bool) {
	if !iv.ok || len(target) != len(iv.index) {
		return image{}, false
	}
	s := substitution{n: n, vars: make([]affine.Expr, len(iv.dom.Loops)), known: make([]bool, len(iv.dom.Loops))}
	im := image{vars: s.vars, exact: true}
	used := make([]bool, len(target))
	for _, step := range iv.steps {
		rest, ok := s.apply(iv.index[step.pos])
		if !ok {
			return image{}, false
		}
		s.vars[step.v] = target[step.pos].Sub(rest).Scale(step.sign)
		s.known[step.v] = true
		used[step.pos] = true
	}
	for pos, e := range iv.index {
		if used[pos] {
			continue
		}
		e, ok := s.apply(e)
		if !ok {
			return image{}, false
		}
		im.conds = append(im.conds, affine.Cond{E: e.Sub(target[pos]), Op: affine.EQ})
	}
	for v := range iv.dom.Loops {
		if !s.loop(&iv.dom.Loops[v], s.vars[v], &im) {
			return image{}, false
		}
	}
	for _, c := range iv.dom.Conds {
		e, ok := s.apply(c.E)
		if !ok {
			return image{}, false
		}
		im.conds = append(im.conds, affine.Cond{E: e, Op: c.Op})
	}
	return im, true
}

// substitution replaces the variables of one loop nest by expressions in the n variables of another.
type substitution struct {
	n     int
	vars  []affine.Expr
	known []bool // variables that are not known yet count as 0
}

func (s *substitution) apply(e affine.Expr) (affine.Expr, bool) {
	if len(e.Terms) == 0 {
		return e, true
	}
	move := make([]int, len(s.vars))
	for v := range move {
		move[v] = s.n + v
	}
	out := e.Rename(move)
	for v := range s.vars {
		if !out.Uses(s.n + v) {
			continue
		}
		by := affine.Expr{}
		if s.known[v] {
			by = s.vars[v]
		}
		var err error
		if out, err = out.Subst(s.n+v, by); err != nil {
			return affine.Expr{}, false
		}
	}
	return out, true
}

// loop adds the conditions under which y is in the range of the loop.
func (s *substitution) loop(l *affine.Loop, y affine.Expr, im *image) bool {
	for _, b := range l.Lower { // y >= floor(e/div)
		e, ok := s.apply(b.E)
		if !ok {
			return false
		}
		im.conds = append(im.conds, affine.Cond{E: y.Scale(divisor(b)).Sub(e).Add(affine.Const(divisor(b) - 1)), Op: affine.GE})
	}
	for _, b := range l.Upper { // y + 1 <= floor(e/div)
		e, ok := s.apply(b.E)
		if !ok {
			return false
		}
		im.conds = append(im.conds, affine.Cond{E: e.Sub(y.Scale(divisor(b))).Add(affine.Const(-divisor(b))), Op: affine.GE})
	}
	if step, ok := l.Step.IsConst(); ok && step <= 1 {
		return true
	}
	im.exact = im.exact && s.onStep(l, y)
	return true
}

// onStep says whether y is on the loop's steps for sure.
func (s *substitution) onStep(l *affine.Loop, y affine.Expr) bool {
	step, ok := l.Step.IsConst()
	if !ok || len(l.Lower) != 1 || divisor(l.Lower[0]) != 1 {
		return false
	}
	lo, ok := s.apply(l.Lower[0].E)
	if !ok {
		return false
	}
	from := y.Sub(lo)
	return from.Const%step == 0 && !slices.ContainsFunc(from.Terms, func(t affine.Term) bool { return t.Coef%step != 0 })
}

func divisor(b affine.Bound) int64 { return max(b.Div, 1) }

// with is d under more conditions.
func with(d *affine.Domain, conds ...affine.Cond) affine.Domain {
	return affine.Domain{Loops: d.Loops, Conds: slices.Concat(d.Conds, conds)}
}

// implied says that c was proven to hold on d. What the loops' bounds say literally is seen without a proof.
func implied(d *affine.Domain, c affine.Cond) bool {
	if _, ok := c.E.IsConst(); ok {
		return c.Holds(nil)
	}
	if c.Op == affine.GE && slices.ContainsFunc(d.Conds, func(o affine.Cond) bool { return o.Op == affine.GE && follows(c.E, o.E) }) {
		return true
	}
	if c.Op == affine.GE {
		for v := range d.Loops {
			for _, b := range d.Loops[v].Lower {
				if b.Div <= 1 && follows(c.E, affine.Var(v).Sub(b.E)) {
					return true
				}
			}
			for _, b := range d.Loops[v].Upper {
				if b.Div <= 1 && follows(c.E, b.E.Sub(affine.Var(v)).Add(affine.Const(-1))) {
					return true
				}
			}
		}
	}
	lo, hi := d.Hull(c.E)
	switch {
	case lo > hi, c.Op == affine.GE && lo >= 0, c.Op == affine.EQ && lo == 0 && hi == 0, c.Op == affine.NE && (lo > 0 || hi < 0):
		return true
	case c.Op == affine.GE && hi < 0, c.Op == affine.EQ && (lo > 0 || hi < 0):
		return false // unless d is empty, which is not worth a proof
	}
	return affine.Implies(d, c)
}

// follows says that e >= 0 follows from o >= 0 because they differ by a constant.
func follows(e, o affine.Expr) bool {
	return len(e.Terms) == len(o.Terms) && e.Const >= o.Const && slices.Equal(e.Terms, o.Terms)
}

// maxPieces is how many parts of a domain are kept apart before a question about them is given up.
const maxPieces = 64

// subtract takes away the points where all conditions hold. What it returns covers the rest, in parts without overlap.
func subtract(pieces []affine.Domain, conds []affine.Cond) []affine.Domain {
	var out []affine.Domain
	for _, d := range pieces {
		whole := d
		var rest []affine.Domain
		for _, c := range conds {
			if implied(&d, c) {
				continue
			}
			if implied(&d, negated(c)) {
				rest = []affine.Domain{whole}
				break
			}
			rest = append(rest, with(&d, negated(c)))
			d = with(&d, c)
		}
		if out = append(out, rest...); len(out) > maxPieces {
			return pieces
		}
	}
	return out
}

// possible says that nothing simple keeps all of d's conditions from holding somewhere.
func possible(d *affine.Domain) bool {
	for _, c := range d.Conds {
		lo, hi := d.Hull(c.E)
		if lo > hi || c.Op == affine.GE && hi < 0 || c.Op == affine.EQ && (lo > 0 || hi < 0) || c.Op == affine.NE && lo == 0 && hi == 0 {
			return false
		}
	}
	return true
}

// joint is the product of two loop nests, and a function that moves expressions of the second to their new variables.
func joint(a, b *affine.Domain) (affine.Domain, func(e affine.Expr) affine.Expr) {
	to := make([]int, len(b.Loops))
	for v := range to {
		to[v] = len(a.Loops) + v
	}
	move := func(e affine.Expr) affine.Expr { return e.Rename(to) }
	bounds := func(list []affine.Bound) []affine.Bound {
		out := slices.Clone(list)
		for n := range out {
			out[n].E = move(out[n].E)
		}
		return out
	}
	out := affine.Domain{Loops: slices.Clone(a.Loops), Conds: slices.Clone(a.Conds)}
	for _, l := range b.Loops {
		out.Loops = append(out.Loops, affine.Loop{Name: l.Name, Lower: bounds(l.Lower), Upper: bounds(l.Upper), Step: move(l.Step)})
	}
	for _, c := range b.Conds {
		out.Conds = append(out.Conds, affine.Cond{E: move(c.E), Op: c.Op})
	}
	return out, move
}

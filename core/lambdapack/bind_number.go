package lambdapack

import (
	"slices"

	"numpywren/core/affine"
)

// number is what an integer expression of a text means: floor(E/Div), or the smallest or greatest of several.
type number struct {
	pick pick
	of   []affine.Bound // Div >= 1
}

type pick int8

const (
	least    pick = -1
	single   pick = 0
	greatest pick = 1
)

// maxNumber bounds constants and coefficients, so that arithmetic on indices stays exact.
const maxNumber = 1 << 40

// maxPick is how many numbers a min or max chooses from.
const maxPick = 16

func exactly(e affine.Expr) number { return number{of: []affine.Bound{{E: e, Div: 1}}} }

func integer(n int64) number { return exactly(affine.Const(n)) }

// affine is the number as an affine expression, if it is one.
func (n number) affine() (affine.Expr, bool) {
	if n.pick == single && n.of[0].Div == 1 {
		return n.of[0].E, true
	}
	return affine.Expr{}, false
}

func (n number) constant() (int64, bool) {
	e, ok := n.affine()
	if !ok {
		return 0, false
	}
	return e.IsConst()
}

// checked refuses numbers that are too large to compute with.
func checked(pos Pos, n number) number {
	for _, b := range n.of {
		large := abs(b.E.Const) > maxNumber || b.Div > maxNumber || len(b.E.Terms) > 4*MaxIndex
		for _, t := range b.E.Terms {
			large = large || abs(t.Coef) > maxNumber
		}
		if large {
			fail(pos, "this number becomes too large: 2^40 is the limit")
		}
	}
	if len(n.of) > maxPick {
		fail(pos, "a min or max of more than %d numbers", maxPick)
	}
	return n
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

func (n number) neg() number {
	out := number{pick: -n.pick}
	for _, b := range n.of {
		out.of = append(out.of, affine.Bound{E: b.E.Neg().Add(affine.Const(b.Div - 1)), Div: b.Div})
	}
	return out
}

// add is a + b; false when that has no such form.
func add(a, b number) (number, bool) {
	if a.pick != b.pick && a.pick != single && b.pick != single {
		return number{}, false
	}
	out := number{pick: a.pick + b.pick}
	if a.pick != single {
		out.pick = a.pick
	}
	for _, x := range a.of {
		for _, y := range b.of {
			if y.Div != 1 {
				x, y = y, x
			}
			if y.Div != 1 {
				return number{}, false
			}
			out.of = append(out.of, affine.Bound{E: x.E.Add(y.E.Scale(x.Div)), Div: x.Div})
		}
	}
	return out, true
}

// mul is a * b; false when it is not affine.
func mul(a, b number) (number, bool) {
	if _, ok := a.constant(); ok {
		a, b = b, a
	}
	if c, ok := b.constant(); ok {
		if c < 0 {
			a, c = a.neg(), -c
		}
		out := number{pick: a.pick}
		for _, x := range a.of {
			if x.Div != 1 && c > 1 {
				return number{}, false
			}
			out.of = append(out.of, affine.Bound{E: x.E.Scale(c), Div: x.Div})
		}
		if c == 0 {
			return integer(0), true
		}
		return out, true
	}
	x, ok := a.affine()
	y, also := b.affine()
	if !ok || !also {
		return number{}, false
	}
	e, err := x.Mul(y)
	return exactly(e), err == nil
}

// floorDiv is a // d for d > 0.
func (n number) floorDiv(d int64) number {
	out := number{pick: n.pick}
	for _, b := range n.of {
		b.Div *= d
		divides := true
		for _, t := range b.E.Terms {
			divides = divides && t.Coef%b.Div == 0
		}
		if divides {
			e := affine.Const(floorDiv(b.E.Const, b.Div))
			for _, t := range b.E.Terms {
				e.Terms = append(e.Terms, affine.Term{Var: t.Var, Coef: t.Coef / b.Div, Shift: t.Shift})
			}
			b = affine.Bound{E: e, Div: 1}
		}
		out.of = append(out.of, b)
	}
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// choose is the min or max of numbers; false when one is a min and the other a max.
func choose(p pick, of []number) (number, bool) {
	out := number{pick: p}
	constant, have := int64(0), false
	for _, n := range of {
		if n.pick != single && n.pick != p {
			return number{}, false
		}
		for _, b := range n.of {
			c, ok := b.E.IsConst()
			switch {
			case !ok:
				if !slices.ContainsFunc(out.of, func(o affine.Bound) bool { return o.Div == b.Div && o.E.Equal(b.E) }) {
					out.of = append(out.of, b)
				}
			case !have || (p == least) == (c < constant):
				constant, have = c, true
			}
		}
	}
	if have {
		out.of = append(out.of, affine.Bound{E: affine.Const(constant), Div: 1})
	}
	if len(out.of) == 1 {
		out.pick = single
	}
	return out, true
}

// truth is a condition as alternatives of which at most one holds anywhere; each is a conjunction. None at all is false.
type truth [][]affine.Cond

// maxAlternatives is how many alternatives a condition may have: every one makes statements of its own.
const maxAlternatives = 32

func always(yes bool) truth {
	if yes {
		return truth{nil}
	}
	return nil
}

func atom(e affine.Expr, op affine.Cmp) truth {
	c := affine.Cond{E: e, Op: op}
	if _, ok := e.IsConst(); ok {
		return always(c.Holds(nil))
	}
	return truth{{c}}
}

func (t truth) and(u truth) truth {
	var out truth
	for _, a := range t {
		for _, b := range u {
			if len(out) > maxAlternatives {
				return out
			}
			out = append(out, slices.Concat(a, b))
		}
	}
	return out
}

func (t truth) or(u truth) truth {
	if len(t) == 0 {
		return u
	}
	return append(slices.Clone(t), t.not().and(u)...)
}

func (t truth) not() truth {
	out := always(true)
	for _, conj := range t {
		var none truth
		for n, c := range conj {
			none = append(none, slices.Concat(conj[:n], []affine.Cond{negated(c)}))
		}
		out = out.and(none)
	}
	return out
}

// negated is the condition that holds where c does not.
func negated(c affine.Cond) affine.Cond {
	switch c.Op {
	case affine.EQ:
		return affine.Cond{E: c.E, Op: affine.NE}
	case affine.NE:
		return affine.Cond{E: c.E, Op: affine.EQ}
	}
	return affine.Cond{E: c.E.Neg().Add(affine.Const(-1)), Op: affine.GE}
}

// atMost is a <= b; false when both round down.
func atMost(a, b number) (truth, bool) {
	out := always(a.pick != least)
	for _, x := range a.of {
		some := always(b.pick != greatest)
		for _, y := range b.of {
			var e affine.Expr // x <= y, that is e >= 0
			switch {
			case x.Div == 1:
				e = y.E.Sub(x.E.Scale(y.Div))
			case y.Div == 1:
				e = y.E.Scale(x.Div).Add(affine.Const(x.Div - 1)).Sub(x.E)
			default:
				return nil, false
			}
			if b.pick == greatest {
				some = some.or(atom(e, affine.GE))
			} else {
				some = some.and(atom(e, affine.GE))
			}
		}
		if a.pick == least {
			out = out.or(some)
		} else {
			out = out.and(some)
		}
	}
	return out, true
}

// compare is a op b; false when that has no such form.
func compare(a number, op string, b number) (truth, bool) {
	switch op {
	case ">":
		return compare(b, "<", a)
	case ">=":
		return compare(b, "<=", a)
	case "<":
		next, ok := add(a, integer(1))
		if !ok {
			return nil, false
		}
		return atMost(next, b)
	case "<=":
		return atMost(a, b)
	case "!=":
		equal, ok := compare(a, "==", b)
		return equal.not(), ok
	}
	x, exact := a.affine()
	y, also := b.affine()
	if exact && also {
		return atom(x.Sub(y), affine.EQ), true
	}
	less, ok := atMost(a, b)
	more, also := atMost(b, a)
	return less.and(more), ok && also
}

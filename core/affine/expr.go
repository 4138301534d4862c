package affine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/errs"
)

// Expr is Const plus its Terms, a value that is never changed after it was made. Terms are sorted by (Var, Shift),
// each pair once, none with coefficient 0; the zero Expr is 0.
type Expr struct {
	Const int64
	Terms []Term
}

// Term is Coef * x[Var] * 2^x[Shift]. Shift -1 leaves out the power, Var -1 the variable; not both.
type Term struct {
	Var   int
	Coef  int64
	Shift int
}

// Const is the expression c.
func Const(c int64) Expr { return Expr{Const: c} }

// Var is the expression x[i].
func Var(i int) Expr { return Expr{Terms: []Term{{Var: i, Coef: 1, Shift: -1}}} }

// Pow2 is the expression 1 << x[i].
func Pow2(i int) Expr { return Expr{Terms: []Term{{Var: -1, Coef: 1, Shift: i}}} }

// normal sorts and merges terms, which it takes over.
func normal(c int64, terms []Term) Expr {
	slices.SortFunc(terms, func(a, b Term) int { return cmp.Or(cmp.Compare(a.Var, b.Var), cmp.Compare(a.Shift, b.Shift)) })
	out := terms[:0]
	for _, t := range terms {
		if n := len(out); n > 0 && out[n-1].Var == t.Var && out[n-1].Shift == t.Shift {
			out[n-1].Coef = satAdd(out[n-1].Coef, t.Coef)
		} else {
			out = append(out, t)
		}
	}
	out = slices.DeleteFunc(out, func(t Term) bool { return t.Coef == 0 })
	if len(out) == 0 {
		out = nil
	}
	return Expr{Const: c, Terms: out}
}

// Add is e + o.
func (e Expr) Add(o Expr) Expr {
	if len(o.Terms) == 0 {
		return Expr{satAdd(e.Const, o.Const), e.Terms}
	}
	return normal(satAdd(e.Const, o.Const), slices.Concat(e.Terms, o.Terms))
}

// Sub is e - o.
func (e Expr) Sub(o Expr) Expr { return e.Add(o.Neg()) }

// Neg is -e.
func (e Expr) Neg() Expr { return e.Scale(-1) }

// Scale is c * e.
func (e Expr) Scale(c int64) Expr {
	if c == 0 {
		return Expr{}
	}
	terms := slices.Clone(e.Terms)
	for i := range terms {
		terms[i].Coef = satMul(terms[i].Coef, c)
	}
	return Expr{satMul(e.Const, c), terms}
}

// Mul is e * o when that is still affine: one of them a constant, or a power of two times what has no power.
func (e Expr) Mul(o Expr) (Expr, error) {
	if c, ok := e.IsConst(); ok {
		return o.Scale(c), nil
	}
	if c, ok := o.IsConst(); ok {
		return e.Scale(c), nil
	}
	out := Expr{Const: satMul(e.Const, o.Const)}
	terms := slices.Concat(o.Scale(e.Const).Terms, e.Scale(o.Const).Terms)
	for _, a := range e.Terms {
		for _, b := range o.Terms {
			if a.Shift >= 0 {
				a, b = b, a
			}
			if a.Shift >= 0 || b.Var >= 0 {
				return Expr{}, errs.New(errs.Value, "a product of two loop variables is not affine: multiply by constants or 1 << l")
			}
			terms = append(terms, Term{Var: a.Var, Coef: satMul(a.Coef, b.Coef), Shift: b.Shift})
		}
	}
	return normal(out.Const, terms), nil
}

// Eval is the value of e at x. It saturates.
func (e Expr) Eval(x []int64) int64 {
	v := e.Const
	for _, t := range e.Terms {
		a := t.Coef
		if t.Var >= 0 {
			a = satMul(a, x[t.Var])
		}
		if t.Shift >= 0 {
			a = satShl(a, x[t.Shift])
		}
		v = satAdd(v, a)
	}
	return v
}

// IsConst gives the value of an expression without variables.
func (e Expr) IsConst() (int64, bool) { return e.Const, len(e.Terms) == 0 }

// Equal says whether e and o are the same expression.
func (e Expr) Equal(o Expr) bool { return e.Const == o.Const && slices.Equal(e.Terms, o.Terms) }

// Uses says whether variable v occurs in e, as a factor or as a shift.
func (e Expr) Uses(v int) bool {
	return slices.ContainsFunc(e.Terms, func(t Term) bool { return t.Var == v || t.Shift == v })
}

// MaxVar is the largest variable in e, -1 when there is none.
func (e Expr) MaxVar() int {
	m := -1
	for _, t := range e.Terms {
		m = max(m, t.Var, t.Shift)
	}
	return m
}

// Rename is e with variable i called m[i].
func (e Expr) Rename(m []int) Expr {
	terms := slices.Clone(e.Terms)
	for i, t := range terms {
		if t.Var >= 0 {
			terms[i].Var = m[t.Var]
		}
		if t.Shift >= 0 {
			terms[i].Shift = m[t.Shift]
		}
	}
	return normal(e.Const, terms)
}

// Subst is e with variable v replaced. Where v is a shift, by must be a constant or a variable plus a constant.
func (e Expr) Subst(v int, by Expr) (Expr, error) {
	out := Expr{Const: e.Const}
	for _, t := range e.Terms {
		if t.Var != v && t.Shift != v {
			out = out.Add(Expr{Terms: []Term{t}})
			continue
		}
		factor, power := Const(1), Const(1)
		var err error
		switch {
		case t.Var == v:
			factor = by
		case t.Var >= 0:
			factor = Var(t.Var)
		}
		coef := t.Coef
		switch {
		case t.Shift == v:
			if power, coef, err = substShift(coef, by); err != nil {
				return Expr{}, err
			}
		case t.Shift >= 0:
			power = Pow2(t.Shift)
		}
		p, err := factor.Mul(power)
		if err != nil {
			return Expr{}, err
		}
		out = out.Add(p.Scale(coef))
	}
	return out, nil
}

// substShift splits coef << by into a power and a coefficient.
func substShift(coef int64, by Expr) (Expr, int64, error) {
	power := Const(1)
	switch {
	case len(by.Terms) == 0 && by.Const >= 0:
	case len(by.Terms) == 1 && by.Terms[0] == (Term{Var: by.Terms[0].Var, Coef: 1, Shift: -1}):
		power = Pow2(by.Terms[0].Var)
	default:
		return Expr{}, 0, errs.New(errs.Value, "a shift must be a loop variable plus a constant, or a constant >= 0")
	}
	if by.Const >= 0 {
		return power, satShl(coef, by.Const), nil
	}
	if by.Const < -maxShift || coef%(1<<uint(-by.Const)) != 0 {
		return Expr{}, 0, errs.New(errs.Value, "1 << (l - %d) needs a factor that 2^%[1]d divides", -by.Const)
	}
	return power, coef >> uint(-by.Const), nil
}

// Format writes e with the variables' names, as an expression that programs can contain: "i + 1", "2*i - 3",
// "j + i*(1 << l)".
func (e Expr) Format(names []string) string {
	var b strings.Builder
	write := func(coef int64, factors string) {
		switch {
		case b.Len() > 0 && coef < 0:
			b.WriteString(" - ")
		case b.Len() > 0:
			b.WriteString(" + ")
		case coef < 0:
			b.WriteByte('-')
		}
		m := strconv.FormatUint(magnitude(coef), 10)
		switch {
		case factors == "":
			b.WriteString(m)
		case m == "1":
			b.WriteString(factors)
		default:
			b.WriteString(m + "*" + factors)
		}
	}
	powers := slices.IndexFunc(e.Terms, func(t Term) bool { return t.Var >= 0 })
	terms := slices.Concat(e.Terms[max(powers, 0):], e.Terms[:max(powers, 0)]) // "i + (1 << l)"
	for _, negative := range []bool{false, true} {                             // "j - i" reads better than "-i + j"
		for _, t := range terms {
			if (t.Coef < 0) == negative {
				write(t.Coef, t.format(names))
			}
		}
		if !negative && b.Len() == 0 && e.Const > 0 {
			b.WriteString(strconv.FormatInt(e.Const, 10)) // "3 - i" too
			e.Const = 0
		}
	}
	if e.Const != 0 || b.Len() == 0 {
		write(e.Const, "")
	}
	return b.String()
}

func (t Term) format(names []string) string {
	switch {
	case t.Shift < 0:
		return names[t.Var]
	case t.Var < 0:
		return "(1 << " + names[t.Shift] + ")"
	}
	return names[t.Var] + "*(1 << " + names[t.Shift] + ")"
}

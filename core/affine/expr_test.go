package affine

import (
	"math"
	"testing"

	"numpywren/core/errs"
)

var ijl = []string{"i", "j", "l"}

func must(e Expr, err error) Expr {
	if err != nil {
		panic(err)
	}
	return e
}

func TestFormat(t *testing.T) {
	i, j, p := Var(0), Var(1), Pow2(2)
	for want, e := range map[string]Expr{
		"0":                         {},
		"-3":                        Const(-3),
		"i + 1":                     i.Add(Const(1)),
		"2*i - 3":                   i.Scale(2).Add(Const(-3)),
		"j - i":                     j.Sub(i),
		"3 - i":                     Const(3).Sub(i),
		"-i - 3":                    Const(-3).Sub(i),
		"i + (1 << l)":              i.Add(p),
		"2*i*(1 << l) - 3*(1 << l)": must(i.Scale(2).Sub(Const(3)).Mul(p)),
		"i":                         i.Add(j).Sub(j),
		"-9223372036854775808":      Const(math.MinInt64),
		"i - j - 2*(1 << l) + 1":    i.Sub(j).Sub(p.Scale(2)).Add(Const(1)),
		"i*(1 << l) + j":            j.Add(must(p.Mul(i))),
		"9223372036854775807*i + 1": i.Scale(math.MaxInt64).Add(i).Add(Const(1)), // saturated
	} {
		if got := e.Format(ijl); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestAlgebra holds the operations against Eval on random expressions and points.
func TestAlgebra(t *testing.T) {
	for seed := range *seeds {
		g := newGenerator(seed)
		g.shift = 1
		e, o, x := g.expr(3), g.expr(3), []int64{g.between(-5, 5), g.between(0, 6), g.between(-5, 5)}
		a, b := e.Eval(x), o.Eval(x)
		check := func(what string, got Expr, want int64) {
			t.Helper()
			if got.Eval(x) != want {
				t.Fatalf("seed %d: %s of %s and %s at %v: %s is %d, want %d", seed, what, e.Format(ijl), o.Format(ijl), x,
					got.Format(ijl), got.Eval(x), want)
			}
			for i, u := range got.Terms {
				if u.Coef == 0 || u.Var < 0 && u.Shift < 0 {
					t.Fatalf("seed %d: %s gives the term %v", seed, what, u)
				}
				if i > 0 && (got.Terms[i-1].Var > u.Var || got.Terms[i-1].Var == u.Var && got.Terms[i-1].Shift >= u.Shift) {
					t.Fatalf("seed %d: %s is not sorted: %v", seed, what, got.Terms)
				}
			}
		}
		check("sum", e.Add(o), a+b)
		check("difference", e.Sub(o), a-b)
		check("multiple", e.Scale(-3), -3*a)
		if p, err := e.Mul(o); err == nil {
			check("product", p, a*b)
		}
		for v := range 3 {
			y := append([]int64(nil), x...)
			y[v] = b
			if p, err := e.Subst(v, o); err == nil && (v != 1 || b >= 0 && min(x[0], x[2]) >= 0) {
				check("substitution", p, e.Eval(y))
			}
		}
		check("renaming", e.Rename([]int{2, 1, 0}), e.Eval([]int64{x[2], x[1], x[0]}))
		if !e.Sub(o).Add(o).Equal(e) {
			t.Fatalf("seed %d: e - o + o is not e", seed)
		}
	}
}

func TestMulRefuses(t *testing.T) {
	i, p := Var(0), Pow2(2)
	for _, pair := range [][2]Expr{{i, Var(1)}, {i, i}, {p, p}, {i.Add(p), p}} {
		if _, err := pair[0].Mul(pair[1]); errs.KindOf(err) != errs.Value {
			t.Errorf("%s times %s: %v", pair[0].Format(ijl), pair[1].Format(ijl), err)
		}
	}
}

func TestSubstShift(t *testing.T) {
	e := must(Var(0).Scale(4).Mul(Pow2(2))) // 4*i*(1 << l)
	for _, c := range []struct {
		by   Expr
		want string // "" is an error
	}{
		{Var(1), "4*i*(1 << j)"},
		{Var(1).Add(Const(3)), "32*i*(1 << j)"},
		{Var(1).Add(Const(-2)), "i*(1 << j)"},
		{Var(1).Add(Const(-3)), ""},
		{Const(2), "16*i"},
		{Const(-1), ""},
		{Var(1).Scale(2), ""},
		{Var(1).Add(Var(0)), ""},
	} {
		got, err := e.Subst(2, c.by)
		if c.want == "" {
			if errs.KindOf(err) != errs.Value {
				t.Errorf("%s: %v", c.by.Format(ijl), err)
			}
		} else if err != nil || got.Format(ijl) != c.want {
			t.Errorf("%s: %s, %v", c.by.Format(ijl), got.Format(ijl), err)
		}
	}
	if e.MaxVar() != 2 || Const(1).MaxVar() != -1 || !e.Uses(2) || e.Uses(1) {
		t.Error("MaxVar or Uses")
	}
}

func TestEvalSaturates(t *testing.T) {
	big := []int64{math.MaxInt64, -2, 63}
	for _, c := range []struct {
		e    Expr
		want int64
	}{
		{Var(0).Add(Const(1)), math.MaxInt64},
		{Var(0).Scale(-2).Add(Const(-5)), math.MinInt64},
		{Pow2(2), math.MaxInt64},
		{Pow2(2).Neg(), math.MinInt64},
		{Pow2(1), 0},
		{must(Var(1).Mul(Pow2(2))), math.MinInt64},
		{Const(math.MinInt64).Neg(), math.MaxInt64},
	} {
		if got := c.e.Eval(big); got != c.want {
			t.Errorf("%s: %d, want %d", c.e.Format(ijl), got, c.want)
		}
	}
}

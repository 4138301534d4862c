package affine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A failure names its seed; go test -run NAME -args -seeds N tries the first N.
var seeds = flag.Uint64("seeds", 6000, "random domains that each property is tested on")

// generator makes random loop nests small enough for brute force, and expressions over them.
type generator struct {
	*rand.Rand
	shift int // a variable that may be a shift; -1: none
	width int64
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 7)), -1, 7}
}

func (g *generator) between(lo, hi int64) int64 { return lo + g.Int64N(hi-lo+1) }

// expr is a random expression of the variables below v.
func (g *generator) expr(v int) Expr {
	e := Const(g.between(-4, 4))
	for i := range v {
		switch g.IntN(6) {
		case 0, 1:
			e = e.Add(Var(i))
		case 2:
			e = e.Add(Var(i).Scale(g.between(-3, 3)))
		case 3:
			if g.shift >= 0 && g.shift < v && i != g.shift {
				p, _ := Var(i).Mul(Pow2(g.shift))
				e = e.Add(p.Scale(g.between(-1, 1)))
			}
		case 4:
			if g.shift >= 0 && g.shift < v {
				e = e.Add(Pow2(g.shift).Scale(g.between(-2, 2)))
			}
		}
	}
	return e
}

func (g *generator) bounds(v int, from int64) []Bound {
	var out []Bound
	for range 1 + g.IntN(5)/3 {
		b := Bound{E: g.expr(v).Add(Const(from)), Div: 1}
		if g.IntN(4) == 0 {
			b.Div = g.between(2, 4)
			b.E = b.E.Scale(g.between(1, b.Div))
		}
		out = append(out, b)
	}
	return out
}

func (g *generator) domain() *Domain {
	d := &Domain{}
	n := min(g.IntN(9), 5-g.IntN(2))
	if n > 0 && g.IntN(3) == 0 {
		g.shift = g.IntN(n)
	}
	for v := range n {
		l := Loop{Name: string(rune('i' + v)), Lower: g.bounds(v, -g.between(0, 6)), Upper: g.bounds(v, g.between(2, 12))}
		// Keep brute force cheap: a constant bound on each side, which the others make redundant or not.
		l.Upper = append(l.Upper, Bound{E: Const(g.between(1, g.width))})
		if g.IntN(2) == 0 || v == g.shift {
			l.Lower = []Bound{{E: Const(g.between(0, 2))}}
		} else {
			l.Lower = append(l.Lower, Bound{E: Const(g.between(-3, 1))})
		}
		if v == g.shift {
			l.Upper = []Bound{{E: Const(g.between(1, 5))}}
		}
		if g.IntN(3) == 0 {
			l.Lower = l.Lower[:1]
			if len(l.Lower[0].E.Terms) > 0 && g.IntN(2) == 0 {
				l.Lower = append(l.Lower, Bound{E: Const(-2)})
			}
		}
		switch g.IntN(6) {
		case 0:
			l.Step = Const(g.between(1, 4))
		case 1:
			if g.shift >= 0 && g.shift < v {
				l.Step = Pow2(g.shift).Scale(g.between(1, 2))
			}
		}
		d.Loops = append(d.Loops, l)
	}
	for range g.IntN(6) / 3 {
		d.Conds = append(d.Conds, Cond{g.expr(n), Cmp(g.IntN(3))})
	}
	return d
}

// brute is the definition of a domain's points, written as plainly as possible.
func brute(d *Domain) [][]int64 {
	points := [][]int64{{}}
	for _, l := range d.Loops {
		var longer [][]int64
		for _, x := range points {
			lo, hi, step := l.Lower[0].Eval(x), l.Upper[0].Eval(x), int64(1)
			for _, b := range l.Lower {
				lo = max(lo, b.Eval(x))
			}
			for _, b := range l.Upper {
				hi = min(hi, b.Eval(x))
			}
			if !l.Step.Equal(Expr{}) {
				step = l.Step.Eval(x)
			}
			for i := lo; i < hi; i += step {
				longer = append(longer, append(slices.Clone(x), i))
			}
		}
		points = longer
	}
	return slices.DeleteFunc(points, func(x []int64) bool {
		return slices.ContainsFunc(d.Conds, func(c Cond) bool {
			v := c.E.Eval(x)
			return !(c.Op == EQ && v == 0 || c.Op == GE && v >= 0 || c.Op == NE && v != 0)
		})
	})
}

func names(d *Domain) (out []string) {
	for _, l := range d.Loops {
		out = append(out, l.Name)
	}
	return out
}

// show writes d so that a failing seed can be read.
func show(d *Domain) string {
	var b strings.Builder
	list := func(bounds []Bound) string {
		var s []string
		for _, x := range bounds {
			s = append(s, fmt.Sprintf("(%s)//%d", x.E.Format(names(d)), x.div()))
		}
		return strings.Join(s, ", ")
	}
	for _, l := range d.Loops {
		fmt.Fprintf(&b, "for %s in range(max(%s), min(%s), %s)\n", l.Name, list(l.Lower), list(l.Upper), l.Step.Format(names(d)))
	}
	for _, c := range d.Conds {
		fmt.Fprintf(&b, "if %s %s 0\n", c.E.Format(names(d)), []string{"==", ">=", "!="}[c.Op])
	}
	return b.String()
}

// forEach runs a property on random domains with their points.
func forEach(t *testing.T, property func(t *testing.T, g *generator, d *Domain, points [][]int64)) {
	t.Helper()
	for seed := range *seeds {
		g := newGenerator(seed)
		d := g.domain()
		points := brute(d)
		property(t, g, d, points)
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, show(d))
		}
	}
}

func sortPoints(p [][]int64) { slices.SortFunc(p, slices.Compare) }

func samePoints(a, b [][]int64) bool { return slices.EqualFunc(a, b, slices.Equal) }

package affine

import (
	"slices"
	"testing"
)

func collect(seq func(func([]int64) bool)) (out [][]int64) {
	for x := range seq {
		out = append(out, slices.Clone(x))
	}
	return out
}

func TestAllAndContains(t *testing.T) {
	forEach(t, func(t *testing.T, g *generator, d *Domain, points [][]int64) {
		if got := collect(d.All()); !samePoints(got, points) {
			t.Errorf("All: %v, want %v", got, points)
		}
		for _, x := range points {
			if !d.Contains(x) {
				t.Errorf("Contains(%v) is false", x)
			}
			if len(x) > 0 { // a neighbour, in or out
				x = slices.Clone(x)
				x[g.IntN(len(x))] += g.between(-2, 2)
				_, in := slices.BinarySearchFunc(points, x, slices.Compare)
				if d.Contains(x) != in {
					t.Errorf("Contains(%v) is %v", x, !in)
				}
			}
		}
		if d.IsEmpty() != (len(points) == 0) {
			t.Errorf("IsEmpty: %v, %d points", d.IsEmpty(), len(points))
		}
	})
}

func TestHull(t *testing.T) {
	forEach(t, func(t *testing.T, g *generator, d *Domain, points [][]int64) {
		e := g.expr(len(d.Loops))
		lo, hi := d.Hull(e)
		for _, x := range points {
			if v := e.Eval(x); v < lo || v > hi {
				t.Errorf("%s = %d at %v, hull %d..%d", e.Format(names(d)), v, x, lo, hi)
			}
		}
	})
}

func TestCountProperty(t *testing.T) {
	forEach(t, func(t *testing.T, _ *generator, d *Domain, points [][]int64) {
		if got := d.Count(); got != int64(len(points)) {
			t.Errorf("Count %d, want %d", got, len(points))
		}
	})
}

func TestSolverProperty(t *testing.T) {
	compiled, brutes := 0, 0
	forEach(t, func(t *testing.T, g *generator, d *Domain, points [][]int64) {
		idx := make([]Expr, g.IntN(4))
		for i := range idx {
			idx[i] = g.expr(len(d.Loops))
		}
		s := NewSolver(d, idx)
		targets := [][]int64{make([]int64, len(idx))}
		for range 4 {
			target := make([]int64, len(idx))
			x := make([]int64, len(d.Loops))
			if len(points) > 0 {
				x = points[g.IntN(len(points))]
			}
			for i, e := range idx {
				target[i] = e.Eval(x)
			}
			targets = append(targets, target)
		}
		for _, target := range targets {
			var want [][]int64
			for _, x := range points {
				if slices.EqualFunc(idx, target, func(e Expr, v int64) bool { return e.Eval(x) == v }) {
					want = append(want, x)
				}
			}
			got := collect(s.All(target))
			sortPoints(got)
			if !samePoints(got, want) {
				t.Errorf("idx %v target %v: %v, want %v", idx, target, got, want)
			}
			into := make([]int64, len(d.Loops))
			if found := s.First(target, into); found != (len(want) > 0) || found && !slices.ContainsFunc(want, func(x []int64) bool { return slices.Equal(x, into) }) {
				t.Errorf("First %v %v", found, into)
			}
		}
		for i := range s.plans {
			if p := s.plans[i].Load(); p != nil && len(*p) > 0 {
				if (*p)[0].brute {
					brutes++
				} else {
					compiled++
				}
			}
		}
	})
	t.Logf("%d plans compiled, %d by brute force", compiled, brutes)
	if brutes*100 > compiled {
		t.Errorf("%d plans fell back to brute force, %d did not", brutes, compiled)
	}
}

func TestImpliesProperty(t *testing.T) {
	trueOnes, proven := 0, 0
	forEach(t, func(t *testing.T, g *generator, d *Domain, points [][]int64) {
		for range 3 {
			c := Cond{g.expr(len(d.Loops)).Add(Const(g.between(0, 12))), Cmp(g.IntN(3))}
			if c.Op == EQ && len(d.Conds) > 0 {
				c.E = d.Conds[0].E.Scale(g.between(1, 2))
			}
			holds := !slices.ContainsFunc(points, func(x []int64) bool { return !c.Holds(x) })
			got := Implies(d, c)
			if got && !holds {
				t.Errorf("Implies proved %s %v 0, which is false", c.E.Format(names(d)), c.Op)
			}
			if holds {
				trueOnes++
			}
			if got {
				proven++
			}
		}
	})
	if proven*10 < trueOnes*9 {
		t.Errorf("proved %d of %d", proven, trueOnes)
	}
	t.Logf("proved %d of %d", proven, trueOnes)
}

package kernel

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func eachFloat(t *testing.T, f func(t *testing.T, d tile.DType, n int)) {
	for _, d := range bothFloats {
		for _, n := range oddSizes {
			t.Run(fmt.Sprintf("%s/%d", d, n), func(t *testing.T) { f(t, d, n) })
		}
	}
}

func TestChol(t *testing.T) {
	eachFloat(t, func(t *testing.T, d tile.DType, n int) {
		w := newWorkbench(t)
		m := definite(seeded(n), n)
		full := w.tile(d, m)
		half := m.triangle(true, false)
		for j := range n {
			for i := range j {
				half.set(i, j, math.NaN()) // nobody may read the upper triangle
			}
		}
		l := w.run("chol", &Args{In: []*tile.Tile{w.tile(d, half)}})
		got := read(l)
		if upper := combine(1, got, -1, got.triangle(true, false)); upper.norm() != 0 {
			t.Errorf("the upper triangle of L is not zero")
		}
		rest := combine(1, m, -1, multiply(got, got.transposed()))
		within(t, "A - L Lᵀ", d, rest.norm()/math.Max(m.norm(), 1), float64(n+1))
		over, err := w.inPlace("chol", &Args{In: []*tile.Tile{full}})
		if err != nil || !bytes.Equal(over.Bytes(), l.Bytes()) {
			t.Errorf("in place L has other bits (%v)", err)
		}
	})
}

func TestCholFails(t *testing.T) {
	nan := math.NaN()
	type entry struct {
		i, j int
		x    float64
	}
	for _, c := range []struct {
		name    string
		n       int
		entries []entry
		row     int64
	}{
		{"zero", 1, []entry{{0, 0, 0}}, 0},
		{"negative at first", 7, []entry{{0, 0, -1}}, 0},
		{"negative at last", 65, []entry{{64, 64, -1}}, 64},
		{"not dominated", 7, []entry{{6, 0, 1e6}}, 6},
		{"minus infinity", 7, []entry{{3, 3, math.Inf(-1)}}, 3},
		{"NaN alone", 1, []entry{{0, 0, nan}}, 0},
		{"NaN on the diagonal", 200, []entry{{3, 3, nan}}, 3},
		{"NaN below it", 200, []entry{{150, 3, nan}}, 150},
		{"NaN at last", 200, []entry{{199, 198, nan}}, 199},
		{"NaN before negative", 200, []entry{{10, 3, nan}, {150, 150, -1}}, 10},
		{"NaN after negative", 200, []entry{{150, 3, nan}, {10, 10, -1}}, 10},
	} {
		for _, d := range bothFloats {
			t.Run(c.name+"/"+d.String(), func(t *testing.T) {
				w := newWorkbench(t)
				m := definite(seeded(c.n), c.n)
				for _, e := range c.entries {
					m.set(e.i, e.j, e.x)
				}
				_, err := w.try("chol", &Args{In: []*tile.Tile{w.tile(d, m)}})
				reason := "not positive definite"
				if slices.ContainsFunc(c.entries, func(e entry) bool { return int64(e.i) == c.row && math.IsNaN(e.x) }) {
					reason = "not finite"
				}
				wantNumerical(t, err, c.row, reason)
			})
		}
	}
}

func TestTrsm(t *testing.T) {
	choices := []string{"side=L,R", "uplo=L,U", "trans=N,T", "diag=N,U"}
	eachFloat(t, func(t *testing.T, d tile.DType, n int) {
		w := newWorkbench(t)
		rng := seeded(n)
		for mask := range 1 << len(choices) {
			attrs, label := map[string]any{}, ""
			for k, c := range choices {
				value := c[len(c)-3+2*(mask>>k&1):][:1]
				attrs[c[:len(c)-4]] = value
				label += value
			}
			isLower, unit, transposed := attrs["uplo"] == "L", attrs["diag"] == "U", attrs["trans"] == "T"
			m := noise(rng, n, n)
			for i := range n {
				for j := range n {
					switch {
					case i == j && unit || i != j && i > j != isLower:
						m.set(i, j, math.NaN()) // what may not be read
					case i == j:
						m.set(i, j, 2+m.at(i, j))
					default:
						m.set(i, j, m.at(i, j)/float64(n)) // so that the solution stays small
					}
				}
			}
			for _, other := range []int{0, 1, 33} {
				rows, cols := other, n
				if attrs["side"] == "L" {
					rows, cols = n, other
				}
				rhs := noise(rng, rows, cols)
				a := &Args{In: []*tile.Tile{w.tile(d, m), w.tile(d, rhs)}, Attrs: attrs}
				x := read(w.run("trsm", a))
				op := m.triangle(isLower, unit).op(transposed)
				left, right := x, op
				if attrs["side"] == "L" {
					left, right = op, x
				}
				product, scale := multiply(left, right), math.Max(op.norm()*x.norm(), 1)
				within(t, label, d, combine(1, product, -1, rhs).norm()/scale, float64(n+1))
				over, err := w.inPlace("trsm", a)
				if err != nil || !slices.Equal(read(over).x, x.x) {
					t.Errorf("%s: in place X has other bits (%v)", label, err)
				}
			}
		}
	})
}

func TestTrsmSingular(t *testing.T) {
	for _, d := range bothFloats {
		w := newWorkbench(t)
		m := definite(seeded(65), 65)
		m.set(40, 40, 0)
		b := w.tile(d, noise(seeded(1), 65, 3))
		attrs := map[string]any{"side": "L", "uplo": "L", "trans": "N", "diag": "N"}
		_, err := w.try("trsm", &Args{In: []*tile.Tile{w.tile(d, m), b}, Attrs: attrs})
		wantNumerical(t, err, 40, "singular")
		attrs["diag"] = "U"
		if _, err := w.try("trsm", &Args{In: []*tile.Tile{w.tile(d, m), b}, Attrs: attrs}); err != nil {
			t.Errorf("a unit triangle has no zeros on its diagonal: %v", err)
		}
	}
}

func TestSyrk(t *testing.T) {
	eachFloat(t, func(t *testing.T, d tile.DType, n int) {
		w := newWorkbench(t)
		rng := seeded(n)
		for _, inner := range []int{0, 1, 65} {
			c, a, b := noise(rng, n, 33), noise(rng, n, inner), noise(rng, 33, inner)
			call := &Args{In: []*tile.Tile{w.tile(d, c), w.tile(d, a), w.tile(d, b)}}
			got := read(w.run("syrk", call))
			want := combine(1, c, -1, multiply(a, b.transposed()))
			within(t, "C - A Bᵀ", d, combine(1, got, -1, want).norm()/math.Max(want.norm(), 1), float64(inner+2))
			over, err := w.inPlace("syrk", call)
			if err != nil || !slices.Equal(read(over).x, got.x) {
				t.Errorf("in place the result has other bits (%v)", err)
			}

			c = noise(rng, n, n)
			call = &Args{In: []*tile.Tile{w.tile(d, c), call.In[1], call.In[1]}}
			got = read(w.run("syrk", call))
			want = combine(1, c, -1, multiply(a, a.transposed())).triangle(true, false)
			within(t, "C - A Aᵀ", d, combine(1, got.triangle(true, false), -1, want).norm()/math.Max(want.norm(), 1), float64(inner+2))
			above := combine(1, c, -1, c.triangle(true, false))
			if !slices.Equal(combine(1, got, -1, got.triangle(true, false)).x, above.x) {
				t.Errorf("C - A Aᵀ: the upper triangle is not C's")
			}
		}
	})
}

func TestLapackRefuses(t *testing.T) {
	w := newWorkbench(t)
	f := func(rows, cols int64) *tile.Tile { return w.empty(tile.Float64, rows, cols) }
	for _, c := range []struct {
		kernel string
		in     []*tile.Tile
		kind   errs.Kind
	}{
		{"chol", []*tile.Tile{f(2, 3)}, errs.Value},
		{"chol", []*tile.Tile{w.empty(tile.Int64, 2, 2)}, errs.Type},
		{"chol", []*tile.Tile{w.empty(tile.Float64, 2)}, errs.Value},
		{"chol", nil, errs.Value},
		{"trsm", []*tile.Tile{f(2, 2), f(2, 3)}, errs.Value},
		{"trsm", []*tile.Tile{f(3, 2), f(2, 3)}, errs.Value},
		{"trsm", []*tile.Tile{f(2, 2), w.empty(tile.Float32, 3, 2)}, errs.Type},
		{"syrk", []*tile.Tile{f(2, 2), f(2, 3), f(2, 4)}, errs.Value},
		{"syrk", []*tile.Tile{f(2, 2), f(3, 3), f(2, 3)}, errs.Value},
		{"syrk", []*tile.Tile{w.empty(tile.Bool, 1, 1), w.empty(tile.Bool, 1, 1), w.empty(tile.Bool, 1, 1)}, errs.Type},
		{"gemm", []*tile.Tile{f(2, 3), f(2, 3)}, errs.Value},
		{"gemm", []*tile.Tile{f(2, 3), f(3, 2), f(2, 3)}, errs.Value},
		{"gemm", []*tile.Tile{w.empty(tile.Complex64, 1, 1), w.empty(tile.Complex64, 1, 1)}, errs.Unsupported},
	} {
		k, _ := Lookup(c.kernel)
		_, err := k.Out(&Args{In: c.in, Attrs: map[string]any{"side": "R"}})
		wantKind(t, err, c.kind)
	}
}

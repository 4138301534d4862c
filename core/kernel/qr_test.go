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

// all applies a kernel and gives all its results; the first over operands whose memory they may be, if so told.
func (w *workbench) all(name string, a *Args, inPlace bool) []*tile.Tile {
	w.t.Helper()
	k, _ := Lookup(name)
	specs, err := k.Out(a)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	out := make([]*tile.Tile, len(specs))
	for n, s := range specs {
		from := k.InPlace
		if n > 0 {
			from = -1
			if also, ok := k.Also[n]; ok {
				from = also
			}
		}
		if inPlace && from >= 0 {
			out[n] = a.In[from]
		} else {
			out[n] = w.empty(s.DType, s.Shape...)
		}
	}
	if err := k.Run(a, out, false); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return out
}

func identity(n int) *dense {
	m := newDense(n, n)
	for i := range n {
		m.set(i, i, 1)
	}
	return m
}

// part is n rows of a matrix from lo on.
func (m *dense) part(lo, n int) *dense {
	s := newDense(n, m.cols)
	for j := range m.cols {
		copy(s.x[j*n:(j+1)*n], m.x[j*m.rows+lo:])
	}
	return s
}

func stack(a, b *dense) *dense {
	s := newDense(a.rows+b.rows, a.cols)
	for j := range a.cols {
		copy(s.x[j*s.rows:], a.x[j*a.rows:(j+1)*a.rows])
		copy(s.x[j*s.rows+a.rows:(j+1)*s.rows], b.x[j*b.rows:(j+1)*b.rows])
	}
	return s
}

// factored checks A = Q R and I = Qᵀ Q by LAPACK's measure.
func factored(t *testing.T, d tile.DType, a, q, r *dense) {
	t.Helper()
	m := float64(max(a.rows, 1))
	within(t, "A - Q R", d, combine(1, a, -1, multiply(q, r)).norm()/math.Max(a.norm(), 1), 30*m)
	within(t, "I - Qᵀ Q", d, combine(1, identity(q.cols), -1, multiply(q.transposed(), q)).norm(), 30*m)
	if lower := combine(1, r, -1, r.triangle(false, false)); lower.norm() != 0 {
		t.Errorf("R is not zero below its diagonal")
	}
}

// tileShapes are rows and columns on both sides of what the kernels cut at.
var tileShapes = [][2]int{{1, 1}, {1, 7}, {7, 1}, {7, 7}, {9, 20}, {65, 64}, {127, 130}, {128, 128}, {129, 40}, {136, 300}, {300, 200}, {1023, 30},
	{1024, 30}, {1025, 30}, {1030, 140}, {2100, 3}}

func eachTile(t *testing.T, f func(t *testing.T, w *workbench, d tile.DType, m, n int)) {
	for _, d := range bothFloats {
		for _, s := range tileShapes {
			t.Run(fmt.Sprintf("%s/%dx%d", d, s[0], s[1]), func(t *testing.T) { f(t, newWorkbench(t), d, s[0], s[1]) })
		}
	}
}

func transposing(s string) map[string]any { return map[string]any{"trans": s, "form": "full"} }

func TestGeqrt(t *testing.T) {
	eachTile(t, func(t *testing.T, w *workbench, d tile.DType, m, n int) {
		a := noise(seeded(m), m, n)
		in := w.tile(d, a)
		vt := w.all("geqrt", &Args{In: []*tile.Tile{in}}, false)
		k := min(m, n)
		r := read(w.run("upper", &Args{In: vt[:1]}))
		if k < n {
			if below := r.part(k, n-k); below.norm() != 0 {
				t.Errorf("the last rows of R are not zero")
			}
			r = r.part(0, k)
		}
		thin := read(w.run("orgqrt", &Args{In: append(slices.Clone(vt), w.tile(d, identity(k)))}))
		factored(t, d, a, thin, r)
		first := identity(m)
		first.cols, first.x = k, first.x[:m*k]
		q := read(w.run("gemqrt", &Args{In: append(slices.Clone(vt), w.tile(d, first)), Attrs: transposing("N")}))
		within(t, "Q I", d, combine(1, q, -1, thin).norm(), 30*float64(m))
		c := noise(seeded(n), m, 5)
		product := read(w.run("gemqrt", &Args{In: append(slices.Clone(vt), w.tile(d, c)), Attrs: transposing("T")}))
		within(t, "Qᵀ C", d, combine(1, product.part(0, k), -1, multiply(thin.transposed(), c)).norm(), 30*float64(m))
		product = read(w.run("gemqrt", &Args{In: append(slices.Clone(vt), w.tile(d, product)), Attrs: transposing("N")}))
		within(t, "Q Qᵀ C", d, combine(1, product, -1, c).norm(), 30*float64(m))
		c = noise(seeded(n), k, 5) // no triangle
		product = read(w.run("orgqrt", &Args{In: append(slices.Clone(vt), w.tile(d, c))}))
		within(t, "Q [C; 0]", d, combine(1, product, -1, multiply(thin, c)).norm(), 30*float64(m))
		alone := read(w.run("geqrr", &Args{In: []*tile.Tile{in}})).part(0, k)
		within(t, "R alone", d, combine(1, alone, -1, r).norm(), 30*float64(m))
		before := bytes.Clone(vt[0].Bytes())
		over := w.all("geqrt", &Args{In: []*tile.Tile{in}}, true)
		if !bytes.Equal(over[0].Bytes(), before) || !bytes.Equal(over[1].Bytes(), vt[1].Bytes()) {
			t.Errorf("in place V and T have other bits")
		}
	})
}

func TestTpqrt(t *testing.T) {
	eachTile(t, func(t *testing.T, w *workbench, d tile.DType, m, n int) {
		for _, form := range []string{"full", "upper"} {
			for _, extra := range []int{0, 3} { // rows of the upper tile that take no part
				attrs := map[string]any{"form": form, "trans": "T"}
				top, b := noise(seeded(m), n+extra, n), noise(seeded(n), m, n)
				in := []*tile.Tile{w.tile(d, top), w.tile(d, b)}
				rr, bb := top.triangle(false, false).part(0, n), b
				if form == "upper" {
					bb = b.triangle(false, false)
				}
				out := w.all("tpqrt", &Args{In: in, Attrs: attrs}, false)
				r := read(out[0]).part(0, n)
				if n+m < 400 {
					factored(t, d, stack(rr, bb), stackedQ(w, d, out, n, m, form), stack(r, newDense(m, n)))
				}
				thin := w.all("tporgqrt", &Args{In: []*tile.Tile{out[1], out[2], w.tile(d, identity(n))}, Attrs: attrs}, false)
				factored(t, d, stack(rr, bb), stack(read(thin[0]), read(thin[1])), r)
				c := noise(seeded(5), n, 5)
				product := w.all("tporgqrt", &Args{In: []*tile.Tile{out[1], out[2], w.tile(d, c)}, Attrs: attrs}, false)
				want := multiply(stack(read(thin[0]), read(thin[1])), c)
				within(t, "Q [C; 0]", d, combine(1, stack(read(product[0]), read(product[1])), -1, want).norm(), 30*float64(m+n))
				if form == "full" {
					alone := read(w.run("tpqrr", &Args{In: in})).part(0, n)
					within(t, "R alone", d, combine(1, alone, -1, r).norm(), 30*float64(m+n))
				}
				over := w.all("tpqrt", &Args{In: in, Attrs: attrs}, true)
				for k := range out {
					if !bytes.Equal(over[k].Bytes(), out[k].Bytes()) {
						t.Errorf("in place result %d has other bits", k)
					}
				}
			}
		}
	})
}

// stackedQ is the Q of tpqrt, from what it does to an identity.
func stackedQ(w *workbench, d tile.DType, out []*tile.Tile, n, m int, form string) *dense {
	e := identity(n + m)
	in := []*tile.Tile{out[1], out[2], w.tile(d, e.part(0, n)), w.tile(d, e.part(n, m))}
	cd := w.all("tpmqrt", &Args{In: in, Attrs: map[string]any{"trans": "T", "form": form}}, true)
	return stack(read(cd[0]), read(cd[1])).transposed()
}

// TestQRExtremes factors what overflows, vanishes or says nothing if it is treated carelessly.
func TestQRExtremes(t *testing.T) {
	for _, d := range bothFloats {
		huge, tiny := 0x1p1000, 0x1p-1000
		if d == tile.Float32 {
			huge, tiny = 0x1p110, 0x1p-110
		}
		for name, scale := range map[string]func(i, j int) float64{
			"zero":           func(i, j int) float64 { return 0 },
			"huge":           func(i, j int) float64 { return huge },
			"tiny":           func(i, j int) float64 { return tiny },
			"zero columns":   func(i, j int) float64 { return float64(j % 2) },
			"zero rows":      func(i, j int) float64 { return float64(i % 2) },
			"graded columns": func(i, j int) float64 { return math.Ldexp(1, -j) },
			"graded rows":    func(i, j int) float64 { return math.Ldexp(1, -i/4) },
		} {
			t.Run(d.String()+"/"+name, func(t *testing.T) {
				w := newWorkbench(t)
				a := noise(seeded(1), 150, 70)
				for j := range 70 {
					for i := range 150 {
						a.set(i, j, a.at(i, j)*scale(i, j))
					}
				}
				vt := w.all("geqrt", &Args{In: []*tile.Tile{w.tile(d, a)}}, false)
				r := read(w.run("upper", &Args{In: vt[:1]}))
				q := read(w.run("orgqrt", &Args{In: append(slices.Clone(vt), w.tile(d, identity(70)))}))
				norm := math.Max(a.norm(), 5e-324)
				for _, x := range []*dense{a, r} {
					for i := range x.x {
						x.x[i] /= norm
					}
				}
				factored(t, d, a, q, r)
			})
		}
		w := newWorkbench(t)
		a := noise(seeded(2), 20, 10)
		a.set(3, 4, math.NaN())
		vt := w.all("geqrt", &Args{In: []*tile.Tile{w.tile(d, a)}}, false)
		if r := read(vt[0]); !math.IsNaN(r.at(9, 9)) || math.IsNaN(r.at(3, 3)) {
			t.Errorf("a NaN in column 4 must reach the columns from there on, and no others")
		}
	}
}

func TestGesdd(t *testing.T) {
	for _, d := range bothFloats {
		for _, s := range [][2]int{{0, 3}, {1, 1}, {1, 5}, {5, 1}, {30, 30}, {40, 13}, {13, 40}, {130, 130}} {
			t.Run(fmt.Sprint(d, s), func(t *testing.T) {
				w := newWorkbench(t)
				a := noise(seeded(s[0]), s[0], s[1])
				in := w.tile(d, a)
				out := w.all("gesdd", &Args{In: []*tile.Tile{in}}, false)
				u, values, vt := read(out[0]), read(out[1]), read(out[2])
				k := min(s[0], s[1])
				scaled := newDense(s[0], k)
				for j := range k {
					for i := range s[0] {
						scaled.set(i, j, u.at(i, j)*values.x[j])
					}
				}
				bound := 30 * float64(max(s[0], s[1]))
				within(t, "A - U s Vᵀ", d, combine(1, a, -1, multiply(scaled, vt)).norm(), bound)
				within(t, "I - Uᵀ U", d, combine(1, identity(k), -1, multiply(u.transposed(), u)).norm(), bound)
				within(t, "I - Vᵀ V", d, combine(1, identity(k), -1, multiply(vt, vt.transposed())).norm(), bound)
				alone := read(w.run("svals", &Args{In: []*tile.Tile{in}}))
				within(t, "values alone", d, combine(1, alone, -1, values).norm(), bound)
				if !slices.IsSortedFunc(values.x, func(a, b float64) int { return -int(math.Copysign(1, a-b)) }) && k > 1 {
					t.Errorf("the values do not descend: %v", values.x)
				}
			})
		}
		w := newWorkbench(t)
		a := noise(seeded(3), 9, 9)
		a.set(4, 2, math.Inf(1))
		for _, name := range []string{"svals", "gesdd"} {
			_, err := w.try(name, &Args{In: []*tile.Tile{w.tile(d, a)}})
			wantNumerical(t, err, 4, "not finite")
			wantFailed(t, err, name, "SVD did not converge")
		}
	}
}

func TestQRRefuses(t *testing.T) {
	w := newWorkbench(t)
	f := func(rows, cols int64) *tile.Tile { return w.empty(tile.Float64, rows, cols) }
	for _, c := range []struct {
		kernel string
		in     []*tile.Tile
		kind   errs.Kind
	}{
		{"geqrt", []*tile.Tile{w.empty(tile.Int64, 2, 2)}, errs.Type},
		{"geqrr", []*tile.Tile{f(2, 2), f(2, 2)}, errs.Value},
		{"upper", []*tile.Tile{w.empty(tile.Float64, 2)}, errs.Value},
		{"gemqrt", []*tile.Tile{f(4, 2), f(3, 2), f(4, 2)}, errs.Value},
		{"gemqrt", []*tile.Tile{f(4, 2), f(4, 2), f(5, 2)}, errs.Value},
		{"orgqrt", []*tile.Tile{f(4, 2), f(4, 2), f(1, 2)}, errs.Value},
		{"tpqrt", []*tile.Tile{f(2, 3), f(4, 3)}, errs.Value},
		{"tpqrt", []*tile.Tile{f(3, 3), f(4, 2)}, errs.Value},
		{"tpqrr", []*tile.Tile{f(2, 3), f(4, 3)}, errs.Value},
		{"tpmqrt", []*tile.Tile{f(4, 2), f(4, 2), f(1, 2), f(4, 2)}, errs.Value},
		{"tpmqrt", []*tile.Tile{f(4, 2), f(4, 2), f(2, 2), f(3, 2)}, errs.Value},
		{"tpmqrt", []*tile.Tile{f(4, 2), f(4, 2), f(2, 2), f(4, 3)}, errs.Value},
		{"tporgqrt", []*tile.Tile{f(4, 2), f(4, 2), f(1, 2)}, errs.Value},
		{"gesdd", []*tile.Tile{w.empty(tile.Complex64, 2, 2)}, errs.Type},
		{"svals", nil, errs.Value},
	} {
		k, _ := Lookup(c.kernel)
		_, err := k.Out(&Args{In: c.in, Attrs: map[string]any{}})
		wantKind(t, err, c.kind)
	}
}

// BenchmarkQR is the kernels on tiles as large as programs have them, in GFLOP/s.
func BenchmarkQR(b *testing.B) {
	for _, s := range [][2]int{{1024, 1024}, {2048, 2048}, {8192, 128}, {16384, 64}} {
		m, n := s[0], s[1]
		w := newWorkbench(b)
		a, r, c, d := w.tile(tile.Float64, noise(seeded(1), m, n)), w.tile(tile.Float64, noise(seeded(2), n, n)), w.tile(tile.Float64, noise(seeded(3), n, n)), w.tile(tile.Float64, noise(seeded(4), m, n))
		tp := w.all("tpqrt", &Args{In: []*tile.Tile{r, a}}, false)
		ge := w.all("geqrt", &Args{In: []*tile.Tile{a}}, false)
		fm, fn := float64(m), float64(n)
		for _, k := range []struct {
			name  string
			in    []*tile.Tile
			attrs map[string]any
			flops float64
		}{
			{"geqrt", []*tile.Tile{a}, nil, 2*fm*fn*fn - 2*fn*fn*fn/3},
			{"geqrr", []*tile.Tile{a}, nil, 2*fm*fn*fn - 2*fn*fn*fn/3},
			{"tpqrt", []*tile.Tile{r, a}, nil, 2 * fm * fn * fn},
			{"tpqrr", []*tile.Tile{r, a}, nil, 2 * fm * fn * fn},
			{"gemqrt", []*tile.Tile{ge[0], ge[1], d}, transposing("T"), 4*fm*fn*fn - 2*fn*fn*fn},
			{"tpmqrt", []*tile.Tile{tp[1], tp[2], c, d}, transposing("T"), 4 * fm * fn * fn},
			{"tporgqrt", []*tile.Tile{tp[1], tp[2], w.tile(tile.Float64, identity(n))}, transposing("N"), 2 * fm * fn * fn},
		} {
			kernel, _ := Lookup(k.name)
			call := &Args{In: k.in, Attrs: k.attrs}
			out := w.all(k.name, call, false)
			b.Run(fmt.Sprintf("%s/%dx%d", k.name, m, n), func(b *testing.B) {
				for b.Loop() {
					if err := kernel.Run(call, out, false); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(k.flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

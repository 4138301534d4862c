package kernel

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// wy is I - V T Vᵀ.
func wy(v, t *dense) *dense {
	return combine(1, identity(v.rows), -1, multiply(multiply(v, t), v.transposed()))
}

// rectangle is a part of a matrix.
func (m *dense) rectangle(row, rows, col, cols int) *dense {
	s := newDense(rows, cols)
	for j := range cols {
		copy(s.x[j*rows:(j+1)*rows], m.x[(col+j)*m.rows+row:])
	}
	return s
}

// axisBlocks cuts an axis.
func axisBlocks(n, side int) []AxisBlock {
	var list []AxisBlock
	for lo := 0; lo < n; lo += side {
		list = append(list, AxisBlock{int64(lo), int64(min(side, n-lo)), int64(n)})
	}
	return list
}

// bandStep does panel k of the reduction to a band as the program does, to a matrix in tiles of so many rows and columns, of which the
// blocks before the panel's are done.
type bandStep struct {
	w                  *workbench
	d                  tile.DType
	m, n, side         int
	p, next            AxisBlock
	r, c               []AxisBlock
	a                  [][]*tile.Tile
	v, t, w2, z, rr, l *tile.Tile
}

func newBandStep(w *workbench, d tile.DType, a *dense, side, band, k int) *bandStep {
	p := axisBlocks(a.cols, band)
	s := &bandStep{w: w, d: d, m: a.rows, n: a.cols, side: side, p: p[k], r: axisBlocks(a.rows, side), c: axisBlocks(a.cols, side)}
	if k+1 < len(p) {
		s.next = p[k+1]
	}
	for _, r := range s.r {
		var row []*tile.Tile
		for _, c := range s.c {
			row = append(row, w.tile(d, a.rectangle(int(r.Start), int(r.Extent), int(c.Start), int(c.Extent))))
		}
		s.a = append(s.a, row)
	}
	return s
}

// products is the sum of gbmul over the tiles of a row or column.
func (s *bandStep) products(v *tile.Tile, trans string, at int) *dense {
	var sum *dense
	for k := range len(s.r) + len(s.c) {
		i, j := k, at
		if trans == "N" {
			i, j = at, k
		}
		if i >= len(s.r) || j >= len(s.c) {
			continue
		}
		a := &Args{In: []*tile.Tile{s.a[i][j], v}, Axes: []AxisBlock{s.r[i], s.c[j], s.p}, Attrs: map[string]any{"trans": trans}}
		x := read(s.w.run("gbmul", a))
		if sum == nil {
			sum = x
		} else {
			sum = combine(1, sum, 1, x)
		}
	}
	return sum
}

// run does the step; columns is the panel.
func (s *bandStep) run(columns *dense) {
	w, g := s.w, int(s.p.Start)/s.side
	out := w.all("gbqr", &Args{In: []*tile.Tile{w.tile(s.d, columns)}, Axes: []AxisBlock{s.p}}, true)
	s.v, s.t, s.rr = out[0], out[1], out[2]
	e, whole := newDense(int(s.p.Extent), s.n), newDense(s.n, int(s.p.Extent))
	var y, x []*tile.Tile
	for j, c := range s.c {
		in := []*tile.Tile{w.tile(s.d, s.products(s.v, "T", j)), s.t, s.a[g][j], s.v}
		out := w.all("gbrow", &Args{In: in, Axes: []AxisBlock{s.r[g], c, s.p}}, true)
		y = append(y, out[0])
		rows := read(out[1])
		for col := range int(c.Extent) {
			for i := range e.rows {
				e.set(i, int(c.Start)+col, rows.at(i, col))
				whole.set(int(c.Start)+col, i, read(out[0]).at(col, i))
			}
		}
	}
	out = w.all("gblq", &Args{In: []*tile.Tile{w.tile(s.d, e), w.tile(s.d, whole)}, Axes: []AxisBlock{s.p, s.next}}, false)
	s.w2, s.z, s.l = out[0], out[1], out[2]
	for i, r := range s.r {
		in := []*tile.Tile{w.tile(s.d, s.products(s.w2, "N", i)), s.z, out[3], s.v}
		x = append(x, w.all("gbcol", &Args{In: in, Axes: []AxisBlock{r}}, true)[0])
	}
	for i, r := range s.r {
		for j, c := range s.c {
			a := &Args{In: []*tile.Tile{s.a[i][j], s.v, y[j], x[i], s.w2}, Axes: []AxisBlock{r, c, s.p}}
			s.a[i][j] = w.all("gbupdate", a, true)[0]
		}
	}
}

// TestBandPanel compares one panel's step with Qᵀ A P.
func TestBandPanel(t *testing.T) {
	for _, d := range bothFloats {
		for _, at := range []struct{ m, n, side, band, k int }{
			{8, 8, 4, 2, 0}, {13, 11, 4, 2, 2}, {13, 11, 6, 3, 2}, {20, 20, 20, 7, 1}, {40, 33, 16, 8, 3}, {6, 5, 4, 4, 0}, {300, 290, 128, 64, 2},
		} {
			if testing.Short() && at.m > 100 {
				continue
			}
			t.Run(fmt.Sprint(d, at), func(t *testing.T) {
				w := newWorkbench(t)
				a := noise(seeded(at.m), at.m, at.n)
				s := newBandStep(w, d, a, at.side, at.band, at.k)
				start, end := int(s.p.Start), int(s.p.end())
				left := newDense(at.m, at.n) // what is left of A
				for j := start; j < at.n; j++ {
					for i := start; i < at.m; i++ {
						left.set(i, j, a.at(i, j))
					}
				}
				panel := left.rectangle(0, at.m, start, end-start)
				s.run(panel)
				q, p := wy(read(s.v), read(s.t)), wy(read(s.w2), read(s.z))
				bound := 30 * float64(at.m)
				within(t, "I - Qᵀ Q", d, combine(1, identity(at.m), -1, multiply(q.transposed(), q)).norm(), bound)
				within(t, "I - Pᵀ P", d, combine(1, identity(at.n), -1, multiply(p.transposed(), p)).norm(), bound)
				want := multiply(multiply(q.transposed(), left), p)
				got := newDense(at.m, at.n)
				for i, r := range s.r {
					for j, c := range s.c {
						x := read(s.a[i][j])
						for col := range x.cols {
							for row := range x.rows {
								got.set(int(r.Start)+row, int(c.Start)+col, x.at(row, col))
							}
						}
					}
				}
				rest := func(m *dense) *dense { return m.rectangle(end, at.m-end, end, at.n-end) }
				within(t, "Qᵀ A P", d, combine(1, rest(want), -1, rest(got)).norm(), bound)
				first := newDense(at.m, at.n) // the panel's part of the band
				for j := range end - start {
					for i := range j + 1 {
						first.set(start+i, start+j, read(s.rr).at(i, j))
					}
				}
				for j := range int(s.next.Extent) {
					for i := j; i < end-start; i++ {
						first.set(start+i, end+j, read(s.l).at(i, j))
					}
				}
				for j := end; j < at.n; j++ {
					for i := end; i < at.m; i++ {
						want.set(i, j, 0)
					}
				}
				within(t, "the band", d, combine(1, want, -1, first).norm(), bound)
				c := noise(seeded(1), at.m, 5)
				in := []*tile.Tile{s.v, s.t, w.tile(d, c)}
				for _, trans := range []string{"N", "T"} {
					x := read(w.run("gborm", &Args{In: in, Axes: []AxisBlock{s.p}, Attrs: map[string]any{"trans": trans}}))
					within(t, "Q C", d, combine(1, x, -1, multiply(q.op(trans == "T"), c)).norm(), bound)
				}
			})
		}
	}
}

// upperBand is a band of b diagonals above its own, whole and as gbpack packs it.
func upperBand(w *workbench, d tile.DType, n, b int) (*dense, *tile.Tile) {
	m := noise(seeded(n+b), n, n)
	for j := range n {
		for i := range n {
			if i > j || j > i+b {
				m.set(i, j, 0)
			}
		}
	}
	p := axisBlocks(n, b)
	k, _ := Lookup("gbpack")
	var acc *tile.Tile
	a := &Args{Axes: []AxisBlock{p[0], {0, int64(n), int64(n)}}}
	for i := range p {
		for j := i; j < min(i+2, len(p)); j++ {
			x := w.tile(d, m.rectangle(int(p[i].Start), int(p[i].Extent), int(p[j].Start), int(p[j].Extent)))
			a.In = []*tile.Tile{x}
			first := acc == nil
			if first {
				specs, err := k.Out(a)
				if err != nil {
					w.t.Fatal(err)
				}
				acc = w.empty(specs[0].DType, specs[0].Shape...)
			}
			if err := k.Step(acc, first, x, a, &Args{Axes: []AxisBlock{p[i], p[j]}}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return m, acc
}

func TestGbchase(t *testing.T) {
	for _, d := range bothFloats {
		for _, at := range []struct{ n, b, group int }{
			{1, 1, 1}, {2, 2, 2}, {5, 1, 2}, {9, 3, 4}, {20, 19, 20}, {33, 8, 7}, {64, 64, 64}, {65, 64, 30}, {150, 40, 150}, {200, 64, 64}, {330, 64, 100},
		} {
			t.Run(fmt.Sprint(d, at), func(t *testing.T) {
				w := newWorkbench(t)
				band, h := upperBand(w, d, at.n, at.b)
				alone := h
				side := func() (v, tau *dense) {
					return newDense(at.n, at.n), newDense((at.n+at.b-1)/at.b, at.n)
				}
				v, tauV := side()
				u, tauU := side()
				for _, g := range axisBlocks(at.n, at.group) {
					out := w.all("gbchase", &Args{In: []*tile.Tile{h}, Axes: []AxisBlock{g}}, false)
					h = out[0]
					alone = w.run("gbchased", &Args{In: []*tile.Tile{alone}, Axes: []AxisBlock{g}})
					for k, m := range []*dense{v, tauV, u, tauU} {
						copy(m.x[int(g.Start)*m.rows:], read(out[1+k]).x)
					}
				}
				diagonals := read(w.run("gbdiagonals", &Args{In: []*tile.Tile{h}}))
				if same := read(w.run("gbdiagonals", &Args{In: []*tile.Tile{alone}})); combine(1, same, -1, diagonals).norm() != 0 {
					t.Errorf("without its reflections the band has other bits")
				}
				two := newDense(at.n, at.n)
				for i := range at.n {
					two.set(i, i, diagonals.at(i, 0))
					if i+1 < at.n {
						two.set(i, i+1, diagonals.at(i, 1))
					}
				}
				q, p := chaseProduct(v, tauV, at.b, 1), chaseProduct(u, tauU, at.b, 1)
				bound := 30 * float64(at.n)
				within(t, "I - Qᵀ Q", d, combine(1, identity(at.n), -1, multiply(q.transposed(), q)).norm(), bound)
				within(t, "I - Pᵀ P", d, combine(1, identity(at.n), -1, multiply(p.transposed(), p)).norm(), bound)
				within(t, "B - Q D Pᵀ", d, combine(1, band, -1, multiply(multiply(q, two), p.transposed())).norm(), bound)
				if left := combine(1, v, -1, v.triangle(true, false)); left.norm() != 0 {
					t.Errorf("V is not zero above its diagonal")
				}
			})
		}
	}
}

// TestChaseSlowly compares the two ways to chase, element by element: rounding grows from sweep to sweep.
func TestChaseSlowly(t *testing.T) {
	const n, b = 230, 64
	w := newWorkbench(t)
	_, h := upperBand(w, tile.Float64, n, b)
	other := w.all("gbchase", &Args{In: []*tile.Tile{h}, Axes: []AxisBlock{{0, n, n}}}, false)
	x, ldt := tile.View[float64](h), (n+b-1)/b
	v, tauV, u, tauU := make([]float64, n*n), make([]float64, ldt*n), make([]float64, n*n), make([]float64, ldt*n)
	chaseSlowly(n, b, x, 0, n, v, tauV, u, tauU, ldt)
	for k, mine := range [][]float64{x, v, tauV, u, tauU} {
		for i, e := range tile.View[float64](other[k]) {
			if !(math.Abs(e-mine[i]) <= 1e-8) {
				t.Fatalf("result %d: element %d is %v, and %v slowly", k, i, e, mine[i])
			}
		}
	}
}

func TestBdsdc(t *testing.T) {
	for _, d := range bothFloats {
		for _, n := range []int{0, 1, 2, 3, 26, 100, 257} {
			t.Run(fmt.Sprint(d, n), func(t *testing.T) {
				w := newWorkbench(t)
				in := noise(seeded(n), n, 2)
				if n > 0 {
					in.set(n-1, 1, 0)
				}
				two := w.tile(d, in)
				out := w.all("bdsdc", &Args{In: []*tile.Tile{two}}, false)
				s, bound := read(out[1]), 30*float64(max(n, 1))
				decomposes(t, d, in, read(out[0]), s, read(out[2]))
				alone := read(w.run("bdvals", &Args{In: []*tile.Tile{two}}))
				within(t, "values alone", d, combine(1, alone, -1, s).norm(), bound)
			})
		}
		w := newWorkbench(t)
		in := noise(seeded(1), 9, 2)
		in.set(3, 1, math.NaN())
		for _, name := range []string{"bdvals", "bdsdc", "bdcut"} {
			_, err := w.results(name, &Args{In: []*tile.Tile{w.tile(d, in)}})
			wantNumerical(t, err, 3, "not finite")
			wantFailed(t, err, name, "SVD did not converge")
		}
	}
}

// TestConquer: parts that are joined in several levels, by LAPACK's measures; the same bits whoever computes the pieces.
func TestConquer(t *testing.T) {
	n := 2*conquerSize + 30
	for _, d := range bothFloats {
		for kind, element := range map[string]func(i, j int) float64{
			"random":   nil,
			"ones":     func(int, int) float64 { return 1 },
			"graded":   func(i, j int) float64 { return math.Pow(10, -5*float64(i+j)/float64(n)) },
			"small":    func(i, j int) float64 { return 1 - float64(j)*(1-1e-5) },
			"repeated": func(i, j int) float64 { return float64(i%7)/7 + 1e-4*float64(j) },
			"apart":    func(i, j int) float64 { return float64((i + 1) % (1 + 99*j)) },
		} {
			t.Run(fmt.Sprint(d, kind), func(t *testing.T) {
				w := newWorkbench(t)
				in := noise(seeded(n), n, 2)
				for i := range n {
					for j := range 2 {
						if element != nil {
							in.set(i, j, element(i, j))
						}
					}
				}
				in.set(n-1, 1, 0)
				a := &Args{In: []*tile.Tile{w.tile(d, in)}}
				out := w.all("bdsdc", a, false)
				decomposes(t, d, in, read(out[0]), read(out[1]), read(out[2]))
				a.Share = func(n int, piece func(k int)) {
					for k := n - 1; k >= 0; k-- {
						piece(k)
					}
				}
				for k, other := range w.all("bdsdc", a, false) {
					if !bytes.Equal(other.Bytes(), out[k].Bytes()) {
						t.Errorf("result %d has other bits when pieces are computed in another order", k)
					}
				}
			})
		}
	}
}

// conquerSize is more rows than LAPACK is given as a whole.
const conquerSize = 400

// decomposes checks the SVD of a bidiagonal matrix.
func decomposes(t *testing.T, d tile.DType, two, u, s, vt *dense) {
	t.Helper()
	n := two.rows
	bound := 30 * float64(max(n, 1))
	product := func(transA, transB bool, a, b *dense) *dense {
		c := newDense(n, n)
		if n > 0 {
			blasGemm(transA, transB, n, n, n, 1, a.x, n, b.x, n, 0, c.x, n)
		}
		return c
	}
	uu, vv := combine(1, identity(n), -1, product(true, false, u, u)), combine(1, identity(n), -1, product(false, true, vt, vt))
	within(t, "I - Uᵀ U", d, uu.norm(), bound)
	within(t, "I - Vᵀ V", d, vv.norm(), bound)
	b, us, most := newDense(n, n), newDense(n, n), 1.0
	for i := range n {
		b.set(i, i, two.at(i, 0))
		if i+1 < n {
			b.set(i, i+1, two.at(i, 1))
		}
		most = math.Max(most, s.x[i])
		if i > 0 && s.x[i] > s.x[i-1] {
			t.Errorf("value %d is greater than the one before it", i)
		}
		for j := range n {
			us.set(j, i, u.at(j, i)*s.x[i])
		}
	}
	within(t, "B - U s Vᵀ", d, combine(1, b, -1, product(false, false, us, vt)).norm()/most, bound)
}

func TestBandRefuses(t *testing.T) {
	w := newWorkbench(t)
	f := func(rows, cols int64) *tile.Tile { return w.empty(tile.Float64, rows, cols) }
	at := func(start, extent int64) AxisBlock { return AxisBlock{start, extent, 100} }
	for _, c := range []struct {
		kernel string
		in     []*tile.Tile
		axes   []AxisBlock
		kind   errs.Kind
	}{
		{"gbqr", []*tile.Tile{f(8, 3)}, []AxisBlock{at(6, 3)}, errs.Value},
		{"gbqr", []*tile.Tile{f(8, 3)}, []AxisBlock{at(0, 2)}, errs.Value},
		{"gbqr", []*tile.Tile{w.empty(tile.Int64, 8, 3)}, []AxisBlock{at(0, 3)}, errs.Type},
		{"gblq", []*tile.Tile{f(3, 8), f(8, 2)}, []AxisBlock{at(0, 3), at(3, 3)}, errs.Value},
		{"gblq", []*tile.Tile{f(3, 8), f(8, 3)}, []AxisBlock{at(0, 3), at(6, 3)}, errs.Value},
		{"gbmul", []*tile.Tile{f(4, 4), f(7, 2)}, []AxisBlock{at(4, 4), at(0, 4), at(2, 2)}, errs.Value},
		{"gbmul", []*tile.Tile{f(4, 4), f(8, 2)}, []AxisBlock{at(4, 4), at(0, 3), at(2, 2)}, errs.Value},
		{"gbrow", []*tile.Tile{f(4, 2), f(2, 2), f(4, 4), f(8, 2)}, []AxisBlock{at(4, 4), at(0, 4), at(2, 2)}, errs.Value},
		{"gbrow", []*tile.Tile{f(4, 2), f(3, 3), f(4, 4), f(8, 2)}, []AxisBlock{at(0, 4), at(0, 4), at(2, 2)}, errs.Value},
		{"gbcol", []*tile.Tile{f(4, 2), f(2, 2), f(3, 3), f(8, 2)}, []AxisBlock{at(0, 4)}, errs.Value},
		{"gbcol", []*tile.Tile{f(4, 2), f(2, 2), f(2, 2), f(8, 2)}, []AxisBlock{at(0, 3)}, errs.Value},
		{"gbupdate", []*tile.Tile{f(4, 4), f(8, 2), f(3, 2), f(4, 2), f(8, 2)}, []AxisBlock{at(0, 4), at(0, 4), at(0, 2)}, errs.Value},
		{"gborm", []*tile.Tile{f(4, 2), f(2, 2), f(5, 3)}, []AxisBlock{at(0, 2)}, errs.Value},
		{"gbpack", nil, []AxisBlock{at(0, 2)}, errs.Value},
		{"gbchase", []*tile.Tile{f(8, 5)}, []AxisBlock{at(0, 2)}, errs.Value},
		{"gbchase", []*tile.Tile{f(7, 5)}, []AxisBlock{at(4, 2)}, errs.Value},
		{"gbchased", []*tile.Tile{f(3*257+1, 300)}, []AxisBlock{at(4, 2)}, errs.Value},
		{"gbdiagonals", []*tile.Tile{f(8, 5)}, nil, errs.Value},
		{"bdsdc", []*tile.Tile{f(8, 3)}, nil, errs.Value},
		{"bdvals", nil, nil, errs.Value},
	} {
		k, _ := Lookup(c.kernel)
		_, err := k.Out(&Args{In: c.in, Axes: c.axes, Attrs: map[string]any{"trans": "T"}})
		wantKind(t, err, c.kind)
	}
}

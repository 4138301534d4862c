package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"numpywren/core/tile"
)

// scattered is a Share that computes the pieces at once, the last one first.
func scattered(n int, piece func(k int)) {
	var all sync.WaitGroup
	for k := range n {
		all.Go(func() { piece(n - 1 - k) })
	}
	all.Wait()
}

// sharedSides are on both sides of the pieces' edges.
var sharedSides = []int{cholSide, cholSide + 1, pieceSide + 65}

func TestCuts(t *testing.T) {
	for _, most := range []int{1, 64, 100, cholSide, pieceSide} {
		for side := range 3000 {
			c, next := newCuts(side, most), 0
			for k := range c.count() {
				lo, size := c.at(k)
				if lo != next || size <= 0 || size > (most+63)/64*64 {
					t.Fatalf("part %d of %d by %d is [%d, %d)", k, side, most, lo, lo+size)
				}
				next = lo + size
			}
			if next != side {
				t.Fatalf("the parts of %d by %d end at %d", side, most, next)
			}
		}
	}
}

// shared runs a kernel alone and with its pieces scattered, which must give the same bits.
func (w *workbench) shared(name string, a *Args) *tile.Tile {
	w.t.Helper()
	alone := w.run(name, a)
	a.Share = scattered
	if together := w.run(name, a); !bytes.Equal(alone.Bytes(), together.Bytes()) {
		w.t.Errorf("%s: other bits when the pieces are shared", name)
	}
	return alone
}

// times is op(m) x for a vector x, in float64.
func (m *dense) times(trans bool, x []float64) []float64 {
	rows := m.rows
	if trans {
		rows = m.cols
	}
	y := make([]float64, rows)
	for j := range m.cols {
		for i := range m.rows {
			if trans {
				y[j] += m.at(i, j) * x[i]
			} else {
				y[i] += m.at(i, j) * x[j]
			}
		}
	}
	return y
}

// dominant is symmetric and diagonally dominant, hence positive definite; made faster than definite's products.
func dominant(rng *rand.Rand, n int) *dense {
	m := noise(rng, n, n)
	m = combine(1, m, 1, m.transposed())
	for i := range n {
		m.set(i, i, m.at(i, i)+4*float64(n))
	}
	return m
}

// largest is the largest difference of two vectors, of a probe x of signs, as a norm of the matrices that made them.
func largest(x, y []float64) float64 {
	most := 0.0
	for i := range x {
		most = math.Max(most, math.Abs(x[i]-y[i]))
	}
	return most
}

func signs(n int) []float64 {
	rng, x := seeded(n), make([]float64, n)
	for i := range x {
		x[i] = 1 - 2*float64(rng.IntN(2))
	}
	return x
}

func TestSharedPieces(t *testing.T) {
	for _, d := range bothFloats {
		for _, n := range sharedSides {
			w := newWorkbench(t)
			rng := seeded(n)
			bound := float64(n) * math.Sqrt(float64(n))

			m := dominant(rng, n)
			l := read(w.shared("chol", &Args{In: []*tile.Tile{w.tile(d, m)}}))
			x := signs(n)
			within(t, "A - L Lᵀ", d, largest(m.times(false, x), l.times(false, l.times(true, x)))/m.norm(), bound)

			b := noise(rng, n/3+1, n)
			attrs := map[string]any{"side": "R", "uplo": "L", "trans": "T", "diag": "N"}
			solved := read(w.shared("trsm", &Args{In: []*tile.Tile{w.tile(d, l), w.tile(d, b)}, Attrs: attrs}))
			within(t, "X Lᵀ - B", d, largest(b.times(false, x), solved.times(false, l.times(true, x)))/b.norm(), bound)

			attrs = map[string]any{"side": "L", "uplo": "L", "trans": "N", "diag": "N"}
			solved = read(w.shared("trsm", &Args{In: []*tile.Tile{w.tile(d, l), w.tile(d, b.transposed())}, Attrs: attrs}))
			y := x[:b.rows]
			within(t, "L X - B", d, largest(b.times(true, y), l.times(false, solved.times(false, y)))/b.norm(), bound)

			p, q := noise(rng, n, 70), noise(rng, n+3, 70)
			square := read(w.shared("syrk", &Args{In: func() []*tile.Tile {
				side := w.tile(d, p)
				return []*tile.Tile{w.tile(d, m), side, side}
			}()}))
			lower := combine(1, m, 0, m)
			for j := range n { // the upper triangle is not computed
				for i := range j {
					square.set(i, j, 0)
					lower.set(i, j, 0)
				}
			}
			want := combine(1, lower, -1, multiply(p, p.transposed()).triangle(true, false))
			within(t, "C - A Aᵀ", d, combine(1, want, -1, square).norm()/m.norm(), bound)

			c := noise(rng, n, n+3)
			rest := read(w.shared("syrk", &Args{In: []*tile.Tile{w.tile(d, c), w.tile(d, p), w.tile(d, q)}}))
			z := signs(n + 3)
			expected := c.times(false, z)
			for i, v := range p.times(false, q.times(true, z)) {
				expected[i] -= v
			}
			within(t, "C - A Bᵀ", d, largest(expected, rest.times(false, z))/c.norm(), bound)
		}
	}
}

// A product is cut where there are hands for it, and no bit shows it.
func TestGemmPieces(t *testing.T) {
	cut := 0
	for _, d := range bothFloats {
		for _, s := range [][3]int{{70, 129, 70}, {100, 500, 130}, {130, 385, 401}, {65, 700, 64}, {30, 600, 90}, {200, 40, 300}} {
			for trans := range 4 {
				w, rng := newWorkbench(t), seeded(s[1]+trans)
				a, b := noise(rng, s[0], s[2]), noise(rng, s[2], s[1])
				turned := []bool{trans&1 != 0, trans&2 != 0, false}
				in := []*tile.Tile{w.tile(d, a.op(turned[0])), w.tile(d, b.op(turned[1])), w.tile(d, noise(rng, s[0], s[1]))}
				args := &Args{In: in, Trans: turned, Attrs: map[string]any{"alpha": -1.0}}
				alone := w.run("gemm", args)
				for idle := range 5 {
					args.Idle = func() int { return idle }
					args.Share = func(n int, piece func(k int)) {
						cut++
						scattered(n, piece)
					}
					if !bytes.Equal(alone.Bytes(), w.run("gemm", args).Bytes()) {
						t.Errorf("%v, transposed %v, %s: other bits with %d idle workers", s, turned, d, idle)
					}
				}
			}
		}
	}
	if columnCuts(100, 500, 130, 2).count() > 1 && cut == 0 {
		t.Error("nothing was cut")
	}
}

func TestCholFailsInALaterBlock(t *testing.T) {
	const n, row = 2*cholSide + 30, cholSide + 7
	for x, reason := range map[float64]string{-1: "not positive definite", 0: "not positive definite", math.NaN(): "not finite"} {
		w := newWorkbench(t)
		m := dominant(seeded(n), n)
		m.set(row, row, x)
		_, err := w.try("chol", &Args{In: []*tile.Tile{w.tile(tile.Float64, m)}, Share: scattered})
		wantNumerical(t, err, row, reason)
	}
}

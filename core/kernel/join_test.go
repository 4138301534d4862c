package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"numpywren/core/tile"
)

// joinTiles computes the program eigh_divide for a band, in parts of side rows, and all calls in two ways: alone and shared.
func joinTiles(t *testing.T, w *workbench, band *tile.Tile, side int) (values, vectors *tile.Tile) {
	t.Helper()
	n := int(band.Shape[1])
	axis := func(k int) AxisBlock {
		return AxisBlock{Start: int64(k * side), Extent: int64(min(side, n-k*side)), Len: int64(n)}
	}
	call := func(name string, in []*tile.Tile, axes ...AxisBlock) []*tile.Tile {
		alone, shared := w.all(name, &Args{In: in, Axes: axes}, false), w.all(name, &Args{In: in, Axes: axes, Share: scattered}, false)
		for k := range alone {
			if !slices.Equal(alone[k].Bytes(), shared[k].Bytes()) {
				t.Errorf("%s, n=%d, side=%d: other bits when the pieces are shared", name, n, side)
			}
		}
		return alone
	}
	parts := (n + side - 1) / side
	cut := call("stcut", []*tile.Tile{band}, axis(0))
	known, q := make([]*tile.Tile, parts), map[[2]int]*tile.Tile{}
	for h := range parts {
		leaf := call("stleaf", cut[:1], axis(h))
		known[h], q[[2]int{h, h}] = leaf[0], leaf[1]
	}
	for step := 1; step < parts; step *= 2 {
		for h := 0; h+step < parts; h += 2 * step {
			mid, end := h+step, min(h+2*step, parts)
			joined := call("stjoin", []*tile.Tile{known[h], known[mid], cut[0]})
			known[h] = joined[0]
			next := map[[2]int]*tile.Tile{}
			for i := h; i < end; i++ {
				lo, hi := h, mid
				if i >= mid {
					lo, hi = mid, end
				}
				for j := h; j < end; j++ {
					sum := w.empty(band.DType, axis(i).Extent, axis(j).Extent)
					for k := lo; k < hi; k++ {
						a := &Args{In: []*tile.Tile{q[[2]int{i, k}], joined[1]}, Axes: []AxisBlock{axis(k), axis(j)}}
						if err := kernels["stmul"].Run(a, []*tile.Tile{sum}, k > lo); err != nil {
							t.Fatal(err)
						}
					}
					next[[2]int{i, j}] = sum
				}
			}
			for at, x := range next {
				q[at] = x
			}
		}
	}
	z := newDense(n, n)
	for at, x := range q {
		x := read(x)
		for j := range x.cols {
			for i := range x.rows {
				z.set(at[0]*side+i, at[1]*side+j, x.at(i, j))
			}
		}
	}
	return call("stvalues", []*tile.Tile{known[0], cut[1]})[0], w.tile(band.DType, z)
}

// TestJoin: LAPACK's measures of what the tasks of divide and conquer find, for parts that are equal, not, and very small.
func TestJoin(t *testing.T) {
	for _, c := range [][2]int{{1, 4}, {2, 1}, {7, 2}, {48, 16}, {65, 16}, {100, 50}, {150, 140}} {
		n, side := c[0], c[1]
		for _, d := range bothFloats {
			for name, b := range tridiagonals(n) {
				w := newWorkbench(t)
				band := w.tile(d, b)
				values, vectors := joinTiles(t, w, band, side)
				solved(t, fmt.Sprintf("%v, %s, n=%d, side=%d", d, name, n, side), d, unbanded(b), values, vectors)
			}
		}
	}
}

// TestSecularRoot: the equation has what is found as its roots, to the last digits of their distances from the poles, and LAPACK's are the
// same.
func TestSecularRoot(t *testing.T) {
	rng := seeded(3)
	for _, k := range []int{1, 2, 3, 4, 30} {
		poles, z, sum := make([]float64, k), make([]float64, k), 0.0
		for i := range poles {
			poles[i], z[i] = rng.Float64(), math.Pow(10, -8*rng.Float64())
			sum += z[i] * z[i]
		}
		slices.Sort(poles)
		for i := range z {
			z[i] /= math.Sqrt(sum)
		}
		near, off := make([]float64, k), make([]float64, k)
		secularRoots(false, poles, z, 0.7, span{0, k}, near, off)
		for j := range k {
			at, x := secularRoot(false, poles, z, 0.7, j)
			if at != near[j] || math.Abs(x-off[j]) > 1e-12*math.Abs(x) {
				t.Errorf("k=%d: root %d is %g from pole %g, by bisection %g from pole %g", k, j, off[j], near[j], x, at)
			}
			f := func(x float64) float64 {
				sum := 1.0
				for i, e := range z {
					sum += 0.7 * e * e / (poles[i] - poles[int(at)] - x)
				}
				return sum
			}
			if low, high := f(x-1e-12*math.Abs(x)), f(x+1e-12*math.Abs(x)); low > 0 || high < 0 {
				t.Errorf("k=%d: about root %d the equation is %g and %g", k, j, low, high)
			}
		}
	}
}

// TestJoinRefuses: what does not fit together is said.
func TestJoinRefuses(t *testing.T) {
	w := newWorkbench(t)
	n := 12
	cut := w.all("stcut", &Args{In: []*tile.Tile{w.tile(tile.Float64, tridiagonals(n)["random"])}, Axes: []AxisBlock{{0, 4, 12}}}, false)
	var parts []*tile.Tile
	for h := range int64(3) {
		parts = append(parts, w.all("stleaf", &Args{In: cut[:1], Axes: []AxisBlock{{4 * h, 4, 12}}}, false)[0])
	}
	bad := map[string]*Args{
		"stjoin":   {In: []*tile.Tile{parts[0], parts[2], cut[0]}},
		"stleaf":   {In: cut[:1], Axes: []AxisBlock{{0, 4, 13}}},
		"stcut":    {In: cut[:1], Axes: []AxisBlock{{0, 4, 12}}},
		"stvalues": {In: cut},
	}
	for name, a := range bad {
		k := kernels[name]
		specs, err := k.Out(a)
		if err == nil {
			out := make([]*tile.Tile, len(specs))
			for i, s := range specs {
				out[i] = w.empty(s.DType, s.Shape...)
			}
			err = k.Run(a, out, false)
		}
		if err == nil {
			t.Errorf("%s takes what does not fit", name)
		}
	}
	joined := w.all("stjoin", &Args{In: []*tile.Tile{parts[0], parts[1], cut[0]}}, false)
	q := w.tile(tile.Float64, newDense(4, 4))
	out := w.empty(tile.Float64, 4, 4)
	if err := kernels["stmul"].Run(&Args{In: []*tile.Tile{q, joined[1]}, Axes: []AxisBlock{{8, 4, 12}, {0, 4, 12}}}, []*tile.Tile{out}, false); err == nil {
		t.Error("stmul takes columns that are not joined")
	}
}

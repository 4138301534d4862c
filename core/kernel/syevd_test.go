package kernel

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// tridiagonals are bands of two diagonals that are known to be hard.
func tridiagonals(n int) map[string]*dense {
	rng := seeded(n)
	list := map[string]*dense{}
	kinds := map[string]func(j int) (d, e float64){
		"random":    func(int) (d, e float64) { return rng.NormFloat64(), rng.NormFloat64() },
		"zero":      func(int) (d, e float64) { return 0, 0 },
		"identity":  func(int) (d, e float64) { return 1, 0 },
		"Laplace":   func(int) (d, e float64) { return 2, -1 },
		"Wilkinson": func(j int) (d, e float64) { return math.Abs(float64(j) - float64(n-1)/2), 1 },
		"glued": func(j int) (d, e float64) {
			return math.Abs(float64(j%21) - 10), math.Pow(1e-7, float64(min(1, (j%21)/20)))
		},
		"graded":   func(j int) (d, e float64) { x := math.Pow(10, -20*float64(j)/float64(n)); return x, x / 2 },
		"huge":     func(int) (d, e float64) { return 1e30 * rng.NormFloat64(), 1e30 * rng.NormFloat64() },
		"tiny":     func(int) (d, e float64) { return 1e-30 * rng.NormFloat64(), 1e-30 * rng.NormFloat64() },
		"in parts": func(j int) (d, e float64) { return rng.NormFloat64(), float64(j%3) * rng.NormFloat64() },
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) { // one order, so that the numbers are the same
		b := newDense(bandRows, n)
		for j := range n {
			d, e := kinds[name](j)
			b.set(0, j, d)
			if j+1 < n {
				b.set(1, j, e)
			}
		}
		list[name] = b
	}
	return list
}

// solved checks A = Z diag(w) Zᵀ and I = Zᵀ Z by LAPACK's measure, and that the values ascend.
func solved(t *testing.T, label string, d tile.DType, a *dense, w, z *tile.Tile) {
	t.Helper()
	n := a.cols
	values, vectors := read(w), read(z)
	if !slices.IsSorted(values.x) {
		t.Errorf("%s: the values do not ascend", label)
	}
	scaled := newDense(n, n)
	for j := range n {
		for i := range n {
			scaled.set(i, j, vectors.at(i, j)*values.x[j])
		}
	}
	scale := max(a.norm(), 1e-300)
	within(t, label+": A Z - Z diag(w)", d, combine(1/scale, multiply(a, vectors), -1/scale, scaled).norm(), 3*float64(n+10))
	within(t, label+": I - Zᵀ Z", d, combine(1, identity(n), -1, multiply(vectors.transposed(), vectors)).norm(), 3*float64(n+10))
}

func TestStedc(t *testing.T) {
	sizes := []int{1, 2, testLeaf, testLeaf + 1, 2*testLeaf + 3, 300}
	if testing.Short() {
		sizes = []int{2, testLeaf + 1, 2*testLeaf + 3}
	}
	for _, d := range bothFloats {
		for _, n := range sizes {
			for name, b := range tridiagonals(n) {
				w := newWorkbench(t)
				label := fmt.Sprintf("%v, %s, n=%d", d, name, n)
				band := w.tile(d, b)
				alone := w.all("stedc", &Args{In: []*tile.Tile{band}}, false)
				shared := w.all("stedc", &Args{In: []*tile.Tile{band}, Share: scattered}, false)
				for k := range alone {
					if !slices.Equal(alone[k].Bytes(), shared[k].Bytes()) {
						t.Errorf("%s: other bits when the pieces are shared", label)
					}
				}
				a := unbanded(b)
				solved(t, label, d, a, alone[0], alone[1])
				only := read(w.run("sterf", &Args{In: []*tile.Tile{band}}))
				within(t, label+": values alone", d, combine(1/max(a.norm(), 1e-300), only, -1/max(a.norm(), 1e-300), read(alone[0])).norm(), 3*float64(n+10))
			}
		}
	}
}

// testLeaf is divideLeaf, which purego has not.
const testLeaf = 128

func symmetricNoise(rng *rand.Rand, n int) *dense {
	x := noise(rng, n, n)
	return combine(1, x, 1, x.transposed())
}

func TestSyevd(t *testing.T) {
	for _, d := range bothFloats {
		for _, n := range []int{0, 1, 2, 7, 65, 130} {
			w := newWorkbench(t)
			a := symmetricNoise(seeded(n), n)
			in := w.tile(d, a)
			lower := read(in)
			for j := range n { // the other triangle is not read
				for i := range j {
					lower.set(i, j, math.NaN())
				}
			}
			in = w.tile(d, lower)
			out := w.all("syevd", &Args{In: []*tile.Tile{in}}, false)
			for j := range n {
				for i := range j {
					lower.set(i, j, lower.at(j, i))
				}
			}
			solved(t, fmt.Sprintf("%v n=%d", d, n), d, lower, out[0], out[1])
			only := read(w.run("syevn", &Args{In: []*tile.Tile{in}}))
			within(t, "values alone", d, combine(1, only, -1, read(out[0])).norm(), 10*float64(n+10))
		}
	}
}

func TestNotFinite(t *testing.T) {
	w := newWorkbench(t)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		a := symmetricNoise(seeded(9), 9)
		a.set(7, 3, bad)
		for name, args := range map[string]*Args{
			"syevd": {}, "syevn": {}, "symax": {Axes: []AxisBlock{{0, 9, 9}, {0, 9, 9}}},
		} {
			args.In = []*tile.Tile{w.tile(tile.Float64, a)}
			_, err := w.try(name, args)
			wantNumerical(t, err, 7, "not finite")
			wantFailed(t, err, name, "Eigenvalues did not converge")
			if name == "symax" {
				a.set(3, 7, bad) // on the other side of the diagonal it does not matter
			}
		}
	}
	band := newDense(bandRows, 9)
	band.set(1, 5, math.NaN())
	for name, args := range map[string]*Args{"stedc": {}, "sterf": {}, "stcut": {Axes: []AxisBlock{{0, 9, 9}}}} {
		args.In = []*tile.Tile{w.tile(tile.Float64, band)}
		_, err := w.results(name, args)
		wantNumerical(t, err, 5, "not finite")
		wantFailed(t, err, name, "Eigenvalues did not converge")
	}
	_, err := w.try("syevd", &Args{In: []*tile.Tile{w.tile(tile.Float64, newDense(3, 4))}})
	wantKind(t, err, errs.Value)
}

// TestLargest: only what is on and below the diagonal counts, in tiles wherever they are.
func TestLargest(t *testing.T) {
	w := newWorkbench(t)
	const n = 7
	a := newDense(n, n)
	for i := range n {
		for j := range n {
			a.set(i, j, float64(10*i+j+1))
			if i < j {
				a.set(i, j, math.NaN())
			}
		}
	}
	for _, at := range []struct{ row, rows, col, cols int }{{0, 7, 0, 7}, {2, 3, 0, 2}, {2, 3, 1, 5}, {1, 4, 3, 4}, {0, 2, 3, 2}, {5, 2, 2, 5}, {3, 0, 1, 2}, {3, 2, 1, 0}} {
		part, want := a.rectangle(at.row, at.rows, at.col, at.cols), 0.0
		for i := range at.rows {
			for j := range at.cols {
				if at.row+i >= at.col+j {
					want = max(want, part.at(i, j))
				}
			}
		}
		found := read(w.run("symax", &Args{In: []*tile.Tile{w.tile(tile.Float64, part)}, Axes: []AxisBlock{
			{int64(at.row), int64(at.rows), n}, {int64(at.col), int64(at.cols), n}}})).x[0]
		if found != want {
			t.Errorf("%+v: %g, want %g", at, found, want)
		}
	}
}

// TestScale: what is scaled can be squared, and the factor is a power of two.
func TestScale(t *testing.T) {
	w := newWorkbench(t)
	for d, most := range map[tile.DType]float64{tile.Float64: 0x1p200, tile.Float32: 0x1p30} {
		for _, x := range []float64{0, 1, 1e-37, 1e37, 0x1p-149, 1e300, 1e-300, 5e-324, math.MaxFloat64} {
			if d == tile.Float32 && float64(float32(x)) != x && (x > 1e38 || x < 1e-44) {
				continue
			}
			a := newDense(3, 3)
			a.set(2, 1, x)
			a.set(0, 2, math.Inf(1))
			in := w.tile(d, a)
			largest := w.run("symax", &Args{In: []*tile.Tile{in}, Axes: []AxisBlock{{0, 3, 3}, {0, 3, 3}}})
			factor := w.run("syunit", &Args{In: []*tile.Tile{largest}})
			y := math.Abs(read(w.run("syscale", &Args{In: []*tile.Tile{in, factor}})).at(2, 1))
			if fraction, _ := math.Frexp(read(factor).x[0]); fraction != 0.5 || x != 0 && (y > most || y < 1/most) {
				t.Errorf("%v: %g is scaled by %g to %g", d, x, read(factor).x[0], y)
			}
		}
	}
}

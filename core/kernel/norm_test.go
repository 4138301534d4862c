package kernel

import (
	"math"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// TestNorm: norms of rows, of columns and of whole tiles, of numbers whose squares overflow, underflow, and both.
func TestNorm(t *testing.T) {
	for _, d := range bothFloats {
		low, high := math.SmallestNonzeroFloat64, math.MaxFloat64/64
		if d == tile.Float32 {
			low, high = math.SmallestNonzeroFloat32, math.MaxFloat32/64
		}
		w, rng := newWorkbench(t), seeded(int(d))
		const rows, cols = 300, 7
		x := noise(rng, rows, cols)
		scales := [cols]float64{1, high, low * 1e4, low, 0, math.Sqrt(high) * 8, math.Sqrt(low)}
		for j, s := range scales {
			for i := range rows {
				v := math.Mod(x.at(i, j), 1) * s
				if s == low {
					v = low * float64(i%3)
				}
				x.set(i, j, v)
			}
		}
		in := w.tile(d, x)
		x = read(in)
		for axis, want := range map[string]func(k int) float64{
			"0":   func(j int) float64 { return exactNorm(x, 0, rows, j, j+1) },
			"1":   func(i int) float64 { return exactNorm(x, i, i+1, 0, cols) },
			"0,1": func(int) float64 { return exactNorm(x, 0, rows, 0, cols) },
		} {
			got := w.run("reduce", &Args{In: []*tile.Tile{in}, Attrs: map[string]any{"op": "norm", "axis": axis}})
			doubled := w.run("reduce", &Args{In: []*tile.Tile{in, in}, Ew: &Ew{"a / 4 + b / 4", d}, Attrs: map[string]any{"op": "norm", "axis": axis}})
			for k, v := range read(got).x {
				near(t, d, axis, v, want(k))
				if half := read(doubled).x[k]; want(k) > 1e6*low {
					near(t, d, axis+" of an expression", half, want(k)/2)
				}
			}
		}
	}
}

// exactNorm is the norm of a part of a matrix, by scaling with its largest element.
func exactNorm(x *dense, top, bottom, left, right int) float64 {
	largest, sum := 0.0, 0.0
	for j := left; j < right; j++ {
		for i := top; i < bottom; i++ {
			largest = max(largest, math.Abs(x.at(i, j)))
		}
	}
	if largest == 0 {
		return 0
	}
	for j := left; j < right; j++ {
		for i := top; i < bottom; i++ {
			sum += x.at(i, j) / largest * (x.at(i, j) / largest)
		}
	}
	return largest * math.Sqrt(sum)
}

// near wants a relative error of some roundings, or one of the smallest number.
func near(t *testing.T, d tile.DType, what string, got, want float64) {
	t.Helper()
	eps, least := 0x1p-52, math.SmallestNonzeroFloat64
	if d == tile.Float32 {
		eps, least = 0x1p-23, math.SmallestNonzeroFloat32
	}
	if math.Abs(got-want) > 4*eps*want+least {
		t.Fatalf("%s, axis %s: the norm is %g, not %g", d, what, got, want)
	}
}

// TestNormOfWhatIsNotFinite: an infinity is infinite, NaN is NaN, whatever else there is.
func TestNormOfWhatIsNotFinite(t *testing.T) {
	w := newWorkbench(t)
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{[]float64{1, math.Inf(-1), 3}, math.Inf(1)}, {[]float64{1, math.NaN(), 3}, math.NaN()}, {[]float64{math.NaN(), math.Inf(1), 1e-300}, math.NaN()},
	} {
		x := w.empty(tile.Float64, 3)
		copy(tile.Float64s(x), c.x)
		got := tile.Float64s(w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "norm"}}))[0]
		if got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("the norm of %v is %g, not %g", c.x, got, c.want)
		}
	}
	acc, x := w.empty(tile.Float64, 4), w.empty(tile.Float64, 4)
	copy(tile.Float64s(acc), []float64{3e200, math.NaN(), math.Inf(1), 3e-320})
	copy(tile.Float64s(x), []float64{4e200, math.Inf(1), 1, 4e-320})
	if err := hypotStep(acc, false, x, nil, nil); err != nil {
		t.Fatal(err)
	}
	got := tile.Float64s(acc)
	near(t, tile.Float64, "hypot", got[0], 5e200)
	near(t, tile.Float64, "hypot", got[3], 5e-320)
	if got[1] == got[1] || !math.IsInf(got[2], 1) {
		t.Errorf("hypot of NaN and an infinity, and of an infinity, is %v", got[1:3])
	}
}

func TestNormOfIntegers(t *testing.T) {
	w := newWorkbench(t)
	for _, a := range []*Args{{In: []*tile.Tile{w.empty(tile.Int64, 2)}}, {In: []*tile.Tile{w.empty(tile.Float64, 2)}, Ew: &Ew{"a > 1", tile.Bool}}} {
		a.Attrs = map[string]any{"op": "norm"}
		if _, err := reduceOut(a); errs.KindOf(err) != errs.Type {
			t.Errorf("the error is %v", err)
		}
	}
}

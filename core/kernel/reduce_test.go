package kernel

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// axesText lists the dimensions in a mask.
func axesText(mask, rank int) string {
	var list []string
	for d := range rank {
		if mask>>d&1 == 1 {
			list = append(list, fmt.Sprint(d))
		}
	}
	return strings.Join(list, ",")
}

var reduceShapes = [][]int64{
	{}, {1}, {5}, {1024}, {5000}, {2, 3}, {2, 3000}, {3000, 2}, {1, 100}, {100, 1}, {1024, 3}, {1025, 5}, {513, 7}, {4200, 2}, {5, 6, 7}, {40, 1, 30},
	{3, 4, 5, 6}, {2, 300, 3, 4}, {1030, 2, 2, 3}, {2, 1, 2, 2, 3}, {2, 2, 2, 2, 2, 2},
}

// typesFor is fewer types for large shapes: the reference is slow.
func typesFor(shape []int64) []tile.DType {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	if n > 300 {
		return []tile.DType{tile.Float64, tile.Float32, tile.Int16}
	}
	return realTypes
}

func TestReduce(t *testing.T) {
	for n, shape := range reduceShapes {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			w, rng := newWorkbench(t), seeded(n)
			for _, d := range typesFor(shape) {
				x, y := w.fill(rng, d, shape...), w.fill(rng, tile.Float64, shape...)
				mild := w.empty(d, shape...) // numbers whose sums and products hardly depend on the order
				for k := range mild.Len() {
					setElement(mild.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits(1+1e-3*rng.NormFloat64())))
				}
				for mask := 1; mask < 1<<len(shape) || mask == 1; mask++ {
					for _, op := range []string{"sum", "prod", "min", "max", "any", "all"} {
						x := x
						if isFloat(d) && (op == "sum" || op == "prod") {
							x = mild
						}
						a := &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": op, "axis": axesText(mask, len(shape))}}
						w.reduceCheck(a, op)
						if mask%3 == 1 {
							a.In, a.Ew = []*tile.Tile{x, y}, &Ew{"where(b > 1, a, 1)", d}
							w.reduceCheck(a, op)
						}
					}
				}
			}
		})
	}
}

// reduceCheck holds the kernel against the reference.
func (w *workbench) reduceCheck(a *Args, op string) {
	w.t.Helper()
	got := w.run("reduce", a)
	c, err := operandCall("reduce", a, func(value tile.DType) tile.DType { return reducedDType(op, value) })
	if err != nil {
		w.t.Fatal(err)
	}
	want, bound := w.empty(got.DType, got.Shape...), 0.0
	kind, _ := reductionOf(a)
	if err := c.reduceReference(kind, want); err != nil {
		w.t.Fatal(err)
	}
	switch {
	case !isFloat(got.DType):
	case kind == reduceSum:
		bound = 3
	case kind == reduceProd:
		bound = float64(c.len()) + 1
	}
	compare(w.t.(*testing.T), fmt.Sprintf("%s of %s over %q", op, a.In[0].DType, a.Attrs["axis"]), got, want, bound)
}

func machineEps(d tile.DType) float64 {
	if d == tile.Float32 {
		return 0x1p-23
	}
	return 0x1p-52
}

// TestReduceAccuracy adds numbers that lose digits, in exact arithmetic too.
func TestReduceAccuracy(t *testing.T) {
	for _, d := range bothFloats {
		for _, shape := range [][]int64{{300000, 1}, {1, 300000}, {1000, 300}, {300, 1000}, {2, 150000}, {100000, 3}} {
			w, rng := newWorkbench(t), seeded(6)
			x := w.empty(d, shape...)
			exact, size := make([]*big.Float, shape[0]+shape[1]), make([]float64, shape[0]+shape[1])
			for k := range exact {
				exact[k] = new(big.Float).SetPrec(300)
			}
			for k := range x.Len() {
				setElement(x.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits(rng.Float64()*2-0.999)))
				f := math.Float64frombits(castEw(d, tile.Float64, element(x.Bytes(), d, k)))
				for _, q := range []int64{k % shape[0], shape[0] + k/shape[0]} {
					exact[q].Add(exact[q], big.NewFloat(f))
					size[q] += math.Abs(f)
				}
			}
			for axis, first := range []int64{shape[0], 0} {
				got := w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "sum", "axis": fmt.Sprint(axis)}})
				for k := range got.Len() {
					f := math.Float64frombits(castEw(d, tile.Float64, element(got.Bytes(), d, k)))
					want, _ := exact[first+k].Float64()
					if off := math.Abs(f-want) / (size[first+k] * machineEps(d)); !(off < 4) {
						t.Fatalf("%s %v over %d: sum %d is %v, want %v: off by %.3g rounding errors of the terms", d, shape, axis, k, f, want, off)
					}
				}
			}
		}
	}
}

func TestReduceEmpty(t *testing.T) {
	w := newWorkbench(t)
	x := w.empty(tile.Float64, 0, 3)
	for op, want := range map[string]float64{"sum": 0, "prod": 1} {
		got := w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": op, "axis": "0"}})
		for _, f := range tile.Float64s(got) {
			if f != want {
				t.Errorf("the %s of nothing is %v", op, f)
			}
		}
	}
	if got := w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "all", "axis": ""}}); !tile.Bools(got)[0] {
		t.Error("all of nothing is false")
	}
	_, err := w.try("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "min", "axis": "0"}})
	wantKind(t, err, errs.Value)
	if got := w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "min", "axis": "1"}}); got.Len() != 0 {
		t.Error("the minima of no rows are some")
	}
}

func TestReduceErrors(t *testing.T) {
	w := newWorkbench(t)
	x := w.empty(tile.Float64, 2, 3)
	for _, c := range []struct {
		a    *Args
		kind errs.Kind
	}{
		{&Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": "mean"}}, errs.Value},
		{&Args{In: []*tile.Tile{x}, Attrs: map[string]any{"axis": "2"}}, errs.Index},
		{&Args{In: []*tile.Tile{x}, Attrs: map[string]any{"axis": "x"}}, errs.Value},
		{&Args{In: []*tile.Tile{x, x}}, errs.Value},
		{&Args{}, errs.Value},
		{&Args{In: []*tile.Tile{x}, Ew: &Ew{"a + b", tile.Float64}}, errs.Value},
		{&Args{In: []*tile.Tile{w.empty(tile.Complex128, 2)}}, errs.Type},
	} {
		_, err := w.try("reduce", c.a)
		wantKind(t, err, c.kind)
	}
}

// TestReduceSpecial is about infinities, NaNs and overflow in sums that carry their rounding errors.
func TestReduceSpecial(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		op   string
		x    [2]float64
		rest float64
		want float64
	}{
		{"sum", [2]float64{1, inf}, 0, inf}, {"sum", [2]float64{inf, -inf}, 0, nan}, {"sum", [2]float64{1, nan}, 0, nan}, {"sum", [2]float64{-inf, 3}, 0, -inf},
		{"sum", [2]float64{math.MaxFloat64, math.MaxFloat64}, 0, inf}, {"prod", [2]float64{2, nan}, 1, nan}, {"prod", [2]float64{0, inf}, 1, nan},
		{"prod", [2]float64{-2, inf}, 1, -inf}, {"min", [2]float64{1, nan}, 0, nan}, {"max", [2]float64{nan, 1}, 0, nan}, {"min", [2]float64{inf, inf}, inf, inf},
		{"max", [2]float64{-inf, -inf}, -inf, -inf}, {"min", [2]float64{-inf, inf}, 0, -inf},
	} {
		for _, shape := range [][]int64{{2, 1}, {1, 2}, {2000, 1}, {1, 2000}, {2, 900}, {900, 2}} {
			for _, at := range []int64{0, 77, 1500} {
				w := newWorkbench(t)
				x := w.empty(tile.Float64, shape...)
				if at = min(at, x.Len()-2); at < 0 {
					continue
				}
				for k := range tile.Float64s(x) {
					tile.Float64s(x)[k] = c.rest
				}
				copy(tile.Float64s(x)[at:], c.x[:])
				got := tile.Float64s(w.run("reduce", &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": c.op}}))[0]
				if got != c.want && !(got != got && c.want != c.want) {
					t.Errorf("%v: the %s of %v at %d is %v, want %v", shape, c.op, c.x, at, got, c.want)
				}
			}
		}
	}
}

func TestReducers(t *testing.T) {
	for name, expr := range map[string]string{"sum": "a + b", "min": "minimum(a, b)", "max": "maximum(a, b)"} {
		for _, d := range realTypes {
			w, rng := newWorkbench(t), seeded(int(d))
			x, y := w.fill(rng, d, 50, 30), w.fill(rng, d, 50, 30)
			_, want := w.ew(expr, d, x, y)
			k, _ := Lookup(name)
			acc := w.empty(d, 50, 30)
			for n, step := range []*tile.Tile{x, y} {
				if err := k.Step(acc, n == 0, step, &Args{}, nil); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, name+" of "+d.String(), acc, want, 0)
			wantKind(t, k.Step(acc, false, w.empty(d, 30, 50), &Args{}, nil), errs.Value)
		}
		k, _ := Lookup(name)
		w := newWorkbench(t)
		wantKind(t, k.Step(w.empty(tile.Pair, 2), false, w.empty(tile.Pair, 2), &Args{}, nil), errs.Type)
	}
}

func BenchmarkReduce(b *testing.B) {
	for _, d := range bothFloats {
		for _, axis := range []string{"0", "1", ""} {
			for _, op := range []string{"sum", "min"} {
				b.Run(fmt.Sprintf("%s/%s/axis=%s", d, op, axis), func(b *testing.B) {
					w := newWorkbench(b)
					x := w.empty(d, 1000, 1000)
					x.Zero()
					a := &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"op": op, "axis": axis}}
					specs, _ := reduceOut(a)
					out := []*tile.Tile{w.empty(d, specs[0].Shape...)}
					b.SetBytes(x.NBytes())
					for b.Loop() {
						if err := reduceRun(a, out, false); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

package kernel

import (
	"fmt"
	"math"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// blocksOf makes blocks of the shape that lie somewhere in a larger array.
func blocksOf(shape []int64) []AxisBlock {
	blocks := make([]AxisBlock, len(shape))
	for d, n := range shape {
		blocks[d] = AxisBlock{Start: int64(3 * d), Extent: n, Len: n + 10}
	}
	return blocks
}

func TestArgpart(t *testing.T) {
	for n, shape := range reduceShapes {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			w, rng := newWorkbench(t), seeded(n)
			for _, d := range typesFor(shape) {
				x, y := w.fill(rng, d, shape...), w.fill(rng, tile.Float64, shape...)
				for axis := -1; axis < len(shape); axis++ {
					for _, op := range []string{"min", "max"} {
						a := &Args{In: []*tile.Tile{x}, Axes: blocksOf(shape), Attrs: map[string]any{"op": op}}
						if axis >= 0 {
							a.Axes = a.Axes[axis : axis+1]
							a.Attrs["axis"] = fmt.Sprint(axis)
						}
						w.argpartCheck(a)
						a.Ew = &Ew{"maximum(a, 1)", d} // many are equal
						w.argpartCheck(a)
						a.In, a.Ew = []*tile.Tile{x, y}, &Ew{"where(b == b, a, 2) * 1", tile.Float32}
						w.argpartCheck(a)
					}
				}
			}
		})
	}
}

func (w *workbench) argpartCheck(a *Args) {
	w.t.Helper()
	got := w.run("argpart", a)
	c, err := operandCall("argpart", a, func(value tile.DType) tile.DType { return value })
	if err != nil {
		w.t.Fatal(err)
	}
	search, err := newArgSearch(a, c.shape)
	if err != nil {
		w.t.Fatal(err)
	}
	search.greatest, _ = greatestOf("argpart", a)
	want := w.empty(tile.Pair, got.Shape...)
	if err := c.argpartReference(search, want); err != nil {
		w.t.Fatal(err)
	}
	x, y := tile.View[pair](got), tile.View[pair](want)
	for k := range y {
		if x[k].index != y[k].index || ulps(c.out, x[k].value, y[k].value) != 0 && x[k].value<<1 != 0 {
			w.t.Fatalf("%s of %s %v over %q: result %d is %s at %d, want %s at %d", a.Attrs["op"], c.out, c.shape, a.Attrs["axis"], k,
				show(c.out, x[k].value), x[k].index, show(c.out, y[k].value), y[k].index)
		}
	}
	index := w.run("argindex", &Args{In: []*tile.Tile{got}})
	for k, i := range tile.Int64s(index) {
		if i != x[k].index {
			w.t.Fatalf("argindex gives %d, want %d", i, x[k].index)
		}
	}
}

// TestArgpartOrder is worked out by hand: of equals the first counts, in C order; a NaN is before all.
func TestArgpartOrder(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		rows     int
		x        []float64 // by columns
		op, axis string
		want     []int64
	}{
		{2, []float64{1, 0, 0, 1}, "min", "", []int64{1}},
		{2, []float64{1, 0, 1, 1}, "max", "", []int64{0}},
		{2, []float64{5, 1, 1, 5}, "min", "", []int64{1}},
		{2, []float64{5, 1, 1, 5, 1, 1}, "min", "", []int64{1}},
		{2, []float64{1, nan, nan, 0}, "min", "", []int64{1}},
		{2, []float64{1, nan, 2, 0}, "max", "", []int64{2}},
		{2, []float64{3, 3, 4, 5, nan, nan}, "max", "0", []int64{0, 1, 0}},
		{2, []float64{3, 3, 3, nan, 1, nan}, "min", "1", []int64{2, 1}},
		{3, []float64{nan, nan, 0, 2, 7, 0}, "min", "0", []int64{0, 2}},
		{2, []float64{math.Inf(1), math.Inf(1)}, "min", "0", []int64{0}},
	} {
		w := newWorkbench(t)
		x := w.tile(tile.Float64, &dense{c.rows, len(c.x) / c.rows, c.x})
		blocks := []AxisBlock{{0, x.Shape[0], x.Shape[0]}, {0, x.Shape[1], x.Shape[1]}}
		got := w.run("argpart", &Args{In: []*tile.Tile{x}, Axes: blocks, Attrs: map[string]any{"op": c.op, "axis": c.axis}})
		for k, p := range tile.View[pair](got) {
			if p.index != c.want[k] {
				t.Errorf("arg%s of %v, %d rows, over %q is %d at %d, want %d", c.op, c.x, c.rows, c.axis, p.index, k, c.want[k])
			}
		}
	}
}

func TestArgmerge(t *testing.T) {
	for _, d := range realTypes {
		w, rng := newWorkbench(t), seeded(int(d))
		whole := w.fill(rng, d, 6, 40)
		for _, op := range []string{"min", "max"} {
			k, _ := Lookup("argmerge")
			attrs := map[string]any{"op": op, "axis": "1", "dtype": d.String()}
			want := w.run("argpart", &Args{In: []*tile.Tile{whole}, Axes: []AxisBlock{{0, 40, 40}}, Attrs: attrs})
			acc := w.empty(tile.Pair, 6, 1)
			for n, start := range []int64{20, 0, 30, 10} { // in any order
				part := w.empty(d, 6, 10)
				copy(part.Bytes(), whole.Bytes()[start*6*int64(d.Size()):])
				x := w.run("argpart", &Args{In: []*tile.Tile{part}, Axes: []AxisBlock{{start, 10, 40}}, Attrs: attrs})
				if err := k.Step(acc, n == 0, x, &Args{Attrs: attrs}, nil); err != nil {
					t.Fatal(err)
				}
			}
			for i, p := range tile.View[pair](acc) {
				if p.index != tile.View[pair](want)[i].index {
					t.Errorf("arg%s of %s: row %d has index %d, want %d", op, d, i, p.index, tile.View[pair](want)[i].index)
				}
			}
			wantKind(t, k.Step(acc, false, whole, &Args{Attrs: attrs}, nil), errs.Value)
			wantKind(t, k.Step(whole, false, whole, &Args{Attrs: attrs}, nil), errs.Type)
		}
	}
}

func TestArgpartErrors(t *testing.T) {
	w := newWorkbench(t)
	x, blocks := w.empty(tile.Float64, 2, 3, 4), []AxisBlock{{0, 2, 2}, {0, 3, 3}, {0, 4, 4}}
	for _, c := range []struct {
		a    *Args
		kind errs.Kind
	}{
		{&Args{In: []*tile.Tile{x}, Axes: blocks, Attrs: map[string]any{"op": "mid"}}, errs.Value},
		{&Args{In: []*tile.Tile{x}, Axes: blocks[:2], Attrs: map[string]any{"axis": "0,1"}}, errs.Unsupported},
		{&Args{In: []*tile.Tile{x}, Axes: blocks[:2]}, errs.Value},
		{&Args{In: []*tile.Tile{x}, Axes: blocks[:1], Attrs: map[string]any{"axis": "1"}}, errs.Value},
		{&Args{In: []*tile.Tile{x}, Axes: blocks[:1], Attrs: map[string]any{"axis": "3"}}, errs.Index},
		{&Args{In: []*tile.Tile{w.empty(tile.Float64, 0, 1)}, Axes: []AxisBlock{{0, 0, 0}}, Attrs: map[string]any{"axis": "0"}}, errs.Value},
	} {
		_, err := w.try("argpart", c.a)
		wantKind(t, err, c.kind)
	}
	_, err := w.try("argindex", &Args{In: []*tile.Tile{x}})
	wantKind(t, err, errs.Type)
}

// BenchmarkArgpart is the nearest neighbour: products of points to squared distances to the place of the least.
func BenchmarkArgpart(b *testing.B) {
	for _, d := range bothFloats {
		for axis, name := range []string{"0", "1"} {
			b.Run(fmt.Sprintf("%s/axis=%s", d, name), func(b *testing.B) {
				const n = 1000
				w, rng := newWorkbench(b), seeded(7)
				in := []*tile.Tile{w.empty(d, n, n), w.empty(d, n, 1), w.empty(d, 1, n)}
				for _, t := range in {
					for k := range t.Len() {
						setElement(t.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits(rng.Float64())))
					}
				}
				a := &Args{In: in, Axes: []AxisBlock{{0, n, n}}, Ew: &Ew{"a * -2 + b + c", d}, Attrs: map[string]any{"op": "min", "axis": fmt.Sprint(axis)}}
				specs, _ := argpartOut(a)
				out := []*tile.Tile{w.empty(tile.Pair, specs[0].Shape...)}
				b.SetBytes(in[0].NBytes())
				for b.Loop() {
					if err := argpartRun(a, out, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

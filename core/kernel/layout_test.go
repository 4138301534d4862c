package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// numbered makes a tile whose elements hold their own place in memory, in their first bytes.
func (w *workbench) numbered(d tile.DType, shape ...int64) *tile.Tile {
	w.t.Helper()
	t := w.empty(d, shape...)
	mem, size := t.Bytes(), d.Size()
	clear(mem)
	for i := range int(t.Len()) {
		var word [16]byte
		binary.LittleEndian.PutUint32(word[:], uint32(i))
		copy(mem[i*size:(i+1)*size], word[:])
	}
	return t
}

// at is an element's bytes.
func at(t *tile.Tile, idx ...int64) []byte {
	place, step := int64(0), int64(t.DType.Size())
	for d, i := range idx {
		place += i * step
		step *= t.Shape[d]
	}
	return t.Bytes()[place:][:t.DType.Size()]
}

var someTypes = []tile.DType{tile.Bool, tile.Int16, tile.Float32, tile.Float64, tile.Complex128, tile.Pair}

func TestCopy(t *testing.T) {
	w := newWorkbench(t)
	for _, d := range someTypes {
		for _, shape := range [][]int64{{}, {5}, {0, 3}, {1, 7}, {65, 33}, {2, 3, 5}} {
			x := w.numbered(d, shape...)
			if got := w.run("copy", &Args{In: []*tile.Tile{x}}); !slices.Equal(got.Shape, shape) || !bytes.Equal(got.Bytes(), x.Bytes()) {
				t.Errorf("%s %v: the copy differs", d, shape)
			}
			got := w.run("copy", &Args{In: []*tile.Tile{x}, Trans: []bool{true}})
			back := w.run("copy", &Args{In: []*tile.Tile{got}, Trans: []bool{true}})
			if !slices.Equal(back.Shape, shape) || !bytes.Equal(back.Bytes(), x.Bytes()) {
				t.Errorf("%s %v: transposed twice it differs", d, shape)
			}
			if len(shape) == 3 && (got.Shape[0] != 5 || !bytes.Equal(at(got, 4, 1, 1), at(x, 1, 1, 4))) {
				t.Errorf("%s %v: the transpose is wrong", d, shape)
			}
			if len(shape) == 2 && shape[0] == 65 && !bytes.Equal(at(got, 20, 64), at(x, 64, 20)) {
				t.Errorf("%s %v: the transpose is wrong", d, shape)
			}
		}
	}
}

func TestSqueezeExpand(t *testing.T) {
	w := newWorkbench(t)
	for _, c := range []struct {
		kernel, axis string
		in, out      []int64
		kind         errs.Kind
	}{
		{"squeeze", "0", []int64{1, 5}, []int64{5}, 0},
		{"squeeze", "0,2", []int64{1, 5, 1}, []int64{5}, 0},
		{"squeeze", "", []int64{1, 1}, []int64{}, 0},
		{"squeeze", "", []int64{1, 2}, nil, errs.Value},
		{"squeeze", "1", []int64{1, 0}, nil, errs.Value},
		{"squeeze", "2", []int64{1, 1}, nil, errs.Index},
		{"squeeze", "-1", []int64{1, 1}, nil, errs.Index},
		{"squeeze", "x", []int64{1, 1}, nil, errs.Value},
		{"expand", "0", []int64{5}, []int64{1, 5}, 0},
		{"expand", "1", []int64{5}, []int64{5, 1}, 0},
		{"expand", "0, 2", []int64{5}, []int64{1, 5, 1}, 0},
		{"expand", "0,1", []int64{}, []int64{1, 1}, 0},
		{"expand", "2", []int64{5}, nil, errs.Index},
		{"expand", "0,0", []int64{5}, nil, errs.Index},
		{"expand", "-1", []int64{5}, nil, errs.Index},
	} {
		x := w.numbered(tile.Float64, c.in...)
		got, err := w.try(c.kernel, &Args{In: []*tile.Tile{x}, Attrs: map[string]any{"axis": c.axis}})
		switch {
		case c.kind != 0:
			wantKind(t, err, c.kind)
		case err != nil:
			t.Errorf("%s axis=%q of %v: %v", c.kernel, c.axis, c.in, err)
		case !slices.Equal(got.Shape, c.out) || !bytes.Equal(got.Bytes(), x.Bytes()):
			t.Errorf("%s axis=%q of %v is of shape %v, want %v, with equal bytes", c.kernel, c.axis, c.in, got.Shape, c.out)
		}
	}
}

// TestWindows compares tri, diagpart, eye and diagm with their definitions, for tiles at, above and below the diagonal.
func TestWindows(t *testing.T) {
	w := newWorkbench(t)
	for _, shape := range [][2]int64{{0, 0}, {0, 2}, {1, 1}, {7, 7}, {3, 9}, {9, 3}} {
		for _, start := range [][2]int64{{0, 0}, {7, 0}, {0, 7}, {14, 12}} {
			for k := int64(-12); k <= 12; k++ {
				for _, d := range someTypes[1:5] {
					testWindow(t, w, d, shape, start, k)
				}
			}
		}
	}
}

func testWindow(t *testing.T, w *workbench, d tile.DType, shape, start [2]int64, k int64) {
	x := w.numbered(d, shape[0], shape[1])
	axes := []AxisBlock{{start[0], shape[0], 100}, {start[1], shape[1], 100}}
	call := func(attrs map[string]any) *Args { return &Args{In: []*tile.Tile{x}, Axes: axes, Attrs: attrs} }
	low := w.run("tri", call(map[string]any{"k": k, "uplo": "L"}))
	high := w.run("tri", call(map[string]any{"k": k, "uplo": "U"}))
	eye := w.run("eye", &Args{Axes: axes, Attrs: map[string]any{"k": k, "dtype": d.String()}})
	part := w.run("diagpart", call(map[string]any{"k": k}))
	one, err := elementOf(d, "1")
	if err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, d.Size())
	var diagonal []byte
	expect := func(what string, got, want []byte, yes bool, i, j int64) {
		if !yes {
			want = zero
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%s of %v at %v, k = %d: element (%d, %d) is %v, want %v", what, shape, start, k, i, j, got, want)
		}
	}
	for j := range shape[1] {
		for i := range shape[0] {
			above := start[1] + j - start[0] - i
			expect("tri L", at(low, i, j), at(x, i, j), above <= k, i, j)
			expect("tri U", at(high, i, j), at(x, i, j), above >= k, i, j)
			expect("eye", at(eye, i, j), one, above == k, i, j)
			if above == k {
				diagonal = append(diagonal, at(x, i, j)...)
			}
		}
	}
	diagonal = append(diagonal, make([]byte, len(part.Bytes())-len(diagonal))...)
	if part.Shape[0] != min(shape[0], shape[1]) || part.Shape[1] != 1 || !bytes.Equal(part.Bytes(), diagonal) {
		t.Fatalf("diagpart of %v at %v, k = %d: %v, want %v", shape, start, k, part.Bytes(), diagonal)
	}
}

func TestDiagm(t *testing.T) {
	w := newWorkbench(t)
	for _, d := range someTypes {
		for _, n := range []int64{0, 1, 7} {
			x := w.numbered(d, n, 1)
			got := w.run("diagm", &Args{In: []*tile.Tile{x}})
			for j := range n {
				for i := range n {
					want := make([]byte, d.Size())
					if i == j {
						want = at(x, i, 0)
					}
					if !bytes.Equal(at(got, i, j), want) {
						t.Fatalf("%s: element (%d, %d) is %v, want %v", d, i, j, at(got, i, j), want)
					}
				}
			}
		}
	}
	_, err := w.try("diagm", &Args{In: []*tile.Tile{w.numbered(tile.Float64, 2, 2)}})
	wantKind(t, err, errs.Value)
}

// TestAssemble cuts an array into tiles and assembles windows of it in blocks of another size.
func TestAssemble(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	k, _ := Lookup("assemble")
	for range 60 {
		w := newWorkbench(t)
		d := someTypes[rng.IntN(len(someTypes))]
		n := []int64{1 + rng.Int64N(20), 1 + rng.Int64N(20)}
		block := []int64{1 + rng.Int64N(n[0]), 1 + rng.Int64N(n[1])}
		offset := []int64{rng.Int64N(n[0]), rng.Int64N(n[1])}
		size := []int64{1 + rng.Int64N(n[0]-offset[0]), 1 + rng.Int64N(n[1]-offset[1])}
		whole := w.numbered(d, n...)
		// The target's block begins anywhere in the window.
		start := []int64{rng.Int64N(size[0]), rng.Int64N(size[1])}
		call := &Args{Attrs: map[string]any{"offset": fmt.Sprintf("%d, %d", offset[0], offset[1])}, Axes: []AxisBlock{
			{start[0], size[0] - start[0], size[0]}, {start[1], size[1] - start[1], size[1]}}}
		var acc *tile.Tile
		for i := int64(0); i < n[0]; i += block[0] {
			for j := int64(0); j < n[1]; j += block[1] {
				body := &Args{Axes: []AxisBlock{{i, min(block[0], n[0]-i), n[0]}, {j, min(block[1], n[1]-j), n[1]}}}
				x := w.window(whole, []int64{i, j}, extents(body))
				call.In = []*tile.Tile{x}
				if acc == nil {
					specs, err := k.Out(call)
					if err != nil {
						t.Fatal(err)
					}
					acc = w.empty(specs[0].DType, specs[0].Shape...)
				}
				if err := k.Step(acc, i+j == 0, x, call, body); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := w.window(whole, []int64{offset[0] + start[0], offset[1] + start[1]}, extents(call))
		if !slices.Equal(acc.Shape, want.Shape) || !bytes.Equal(acc.Bytes(), want.Bytes()) {
			t.Fatalf("array %v in blocks of %v, window %v at %v, from %v: wrong", n, block, size, offset, start)
		}
	}
}

// window copies a box of a matrix, element by element.
func (w *workbench) window(x *tile.Tile, start, shape []int64) *tile.Tile {
	out := w.empty(x.DType, shape...)
	for j := range shape[1] {
		for i := range shape[0] {
			copy(at(out, i, j), at(x, start[0]+i, start[1]+j))
		}
	}
	return out
}

func TestAssembleGaps(t *testing.T) {
	w := newWorkbench(t)
	k, _ := Lookup("assemble")
	acc, x := w.empty(tile.Float64, 4), w.empty(tile.Float64, 2)
	tile.Float64s(x)[0], tile.Float64s(x)[1] = 5, 6
	call := &Args{In: []*tile.Tile{x}, Axes: []AxisBlock{{0, 4, 4}}, Attrs: map[string]any{"offset": ""}}
	if err := k.Step(acc, true, x, call, &Args{Axes: []AxisBlock{{3, 2, 8}}}); err != nil {
		t.Fatal(err)
	}
	if got := tile.Float64s(acc); !slices.Equal(got, []float64{0, 0, 0, 5}) {
		t.Errorf("what no part covers must be zero: %v", got)
	}
	if err := k.Step(acc, false, x, call, &Args{Axes: []AxisBlock{{6, 2, 8}}}); err != nil { // beside the target
		t.Fatal(err)
	}
	if got := tile.Float64s(acc); !slices.Equal(got, []float64{0, 0, 0, 5}) {
		t.Errorf("a part beside the target changed it: %v", got)
	}
	wantKind(t, k.Step(acc, true, x, call, nil), errs.Value)
	wantKind(t, k.Step(acc, true, w.empty(tile.Int64, 2), call, &Args{Axes: []AxisBlock{{0, 2, 8}}}), errs.Type)
	call.Attrs["offset"] = "1,2"
	wantKind(t, k.Step(acc, true, x, call, &Args{Axes: []AxisBlock{{0, 2, 8}}}), errs.Value)
	call.Attrs["offset"] = "one"
	wantKind(t, k.Step(acc, true, x, call, &Args{Axes: []AxisBlock{{0, 2, 8}}}), errs.Value)
}

func TestPart(t *testing.T) {
	w := newWorkbench(t)
	x := w.numbered(tile.Int32, 3, 2)
	call := &Args{In: []*tile.Tile{x}, Axes: []AxisBlock{{3, 3, 9}, {0, 2, 2}}}
	if got := w.run("part", call); !bytes.Equal(got.Bytes(), x.Bytes()) {
		t.Errorf("part is its operand")
	}
	call.Axes[1].Extent = 3
	_, err := w.try("part", call)
	wantKind(t, err, errs.Value)
}

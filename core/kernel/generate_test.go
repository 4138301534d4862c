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

func TestFull(t *testing.T) {
	w := newWorkbench(t)
	for _, c := range []struct {
		dtype tile.DType
		value any
		want  []byte // of an element
		kind  errs.Kind
	}{
		{tile.Float64, int64(1), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, 0},
		{tile.Float64, 0.0, make([]byte, 8), 0},
		{tile.Float64, math.Copysign(0, -1), []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, 0},
		{tile.Float64, "nan", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, 0},
		{tile.Float64, math.Inf(-1), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0xff}, 0},
		{tile.Float32, "inf", []byte{0, 0, 0x80, 0x7f}, 0},
		{tile.Float32, "1e400", []byte{0, 0, 0x80, 0x7f}, 0},
		{tile.Float32, -1.5, []byte{0, 0, 0xc0, 0xbf}, 0},
		{tile.Int8, int64(-128), []byte{0x80}, 0},
		{tile.Int8, int64(128), nil, errs.Value},
		{tile.Uint8, int64(255), []byte{255}, 0},
		{tile.Uint8, int64(-1), nil, errs.Value},
		{tile.Uint64, "18446744073709551615", bytes.Repeat([]byte{255}, 8), 0},
		{tile.Uint64, "18446744073709551616", nil, errs.Value},
		{tile.Int64, int64(math.MinInt64), []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, 0},
		{tile.Int64, "9223372036854775807", []byte{255, 255, 255, 255, 255, 255, 255, 0x7f}, 0},
		{tile.Int64, -2.5, []byte{254, 255, 255, 255, 255, 255, 255, 255}, 0},
		{tile.Int64, "nan", nil, errs.Value},
		{tile.Int64, "inf", nil, errs.Value},
		{tile.Bool, "True", []byte{1}, 0},
		{tile.Bool, "False", []byte{0}, 0},
		{tile.Bool, "nan", []byte{1}, 0},
		{tile.Bool, int64(7), []byte{1}, 0},
		{tile.Complex64, "(1-2j)", []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, 0},
		{tile.Complex128, 1.0, append([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, make([]byte, 8)...), 0},
		{tile.Complex128, "1k", nil, errs.Value},
		{tile.Float64, "one", nil, errs.Value},
		{tile.Pair, int64(1), nil, errs.Type},
	} {
		for _, shape := range [][]int64{{}, {0, 3}, {3, 5}} {
			a := &Args{Attrs: map[string]any{"dtype": c.dtype.String()}}
			for _, n := range shape {
				a.Axes = append(a.Axes, AxisBlock{0, n, n})
			}
			switch v := c.value.(type) {
			case int64:
				a.Ints = []int64{v}
			case float64:
				a.Floats = []float64{v}
			case string:
				a.Strs = []string{v}
			}
			got, err := w.try("full", a)
			switch {
			case c.kind != 0:
				wantKind(t, err, c.kind)
			case err != nil:
				t.Errorf("full %v of %s: %v", c.value, c.dtype, err)
			case !bytes.Equal(got.Bytes(), bytes.Repeat(c.want, int(got.Len()))) || !slices.Equal(got.Shape, shape):
				t.Errorf("full %v of %s is %v, want %v", c.value, c.dtype, got.Bytes(), c.want)
			}
		}
	}
	_, err := w.try("full", &Args{Attrs: map[string]any{"dtype": "float64"}})
	wantKind(t, err, errs.Value)
	_, err = w.try("full", &Args{Ints: []int64{1}, Attrs: map[string]any{"dtype": "float128"}})
	wantKind(t, err, errs.Type)
}

func TestArange(t *testing.T) {
	w := newWorkbench(t)
	run := func(d tile.DType, start, n int64, ints []int64, floats []float64) *tile.Tile {
		t.Helper()
		return w.run("arange", &Args{Axes: []AxisBlock{{start, n, 100}}, Ints: ints, Floats: floats, Attrs: map[string]any{"dtype": d.String()}})
	}
	if got := tile.Int64s(run(tile.Int64, 3, 4, []int64{10, -2}, nil)); !slices.Equal(got, []int64{4, 2, 0, -2}) {
		t.Errorf("arange of int64: %v", got)
	}
	if got := tile.View[uint8](run(tile.Uint8, 0, 3, nil, []float64{7.9, 1.3})); !slices.Equal(got, []uint8{7, 9, 11}) {
		t.Errorf("arange of uint8: %v, numpy has [7 9 11]", got)
	}
	first, step := 0.3, 0.1 // 0.3 + 0.1 is rounded, and so is the difference
	for i, got := range tile.Float64s(run(tile.Float64, 1, 5, nil, []float64{first, step})) {
		if want := first + float64(float64(i+1)*(first+step-first)); got != want {
			t.Errorf("arange of float64: element %d is %v, want %v", i, got, want)
		}
	}
	if got := tile.Float32s(run(tile.Float32, 2, 2, []int64{1, 3}, nil)); !slices.Equal(got, []float32{7, 10}) {
		t.Errorf("arange of float32: %v", got)
	}
	if got := run(tile.Int64, 0, 0, []int64{0, 1}, nil); got.Len() != 0 {
		t.Errorf("an empty arange has %d elements", got.Len())
	}
	for _, c := range []struct {
		a    *Args
		kind errs.Kind
	}{
		{&Args{Axes: []AxisBlock{{0, 1, 1}}, Ints: []int64{1}, Floats: []float64{1}, Attrs: map[string]any{"dtype": "int64"}}, errs.Value},
		{&Args{Axes: []AxisBlock{{0, 1, 1}}, Ints: []int64{0, 1}, Attrs: map[string]any{"dtype": "bool"}}, errs.Type},
		{&Args{Ints: []int64{0, 1}, Attrs: map[string]any{"dtype": "int64"}}, errs.Value},
	} {
		_, err := w.try("arange", c.a)
		wantKind(t, err, c.kind)
	}
}

func TestEyeRefuses(t *testing.T) {
	w := newWorkbench(t)
	for n := range 4 {
		a := &Args{Axes: make([]AxisBlock, n), Attrs: map[string]any{"dtype": "float64"}}
		if _, err := w.try("eye", a); (err == nil) != (n == 2) {
			t.Errorf("eye of %d axes: %v", n, err)
		}
	}
}

func ExampleLookup() {
	chol, ok := Lookup("chol")
	fmt.Println(ok, chol.Name, chol.InPlace)
	// Output: true chol 0
}

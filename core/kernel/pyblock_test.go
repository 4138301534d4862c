package kernel

import (
	"errors"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func TestPyblock(t *testing.T) {
	p := tile.NewPool(1 << 20)
	defer p.Close()
	k, _ := Lookup("pyblock")
	tiles := func(shapes ...[]int64) (in []*tile.Tile) {
		for _, s := range shapes {
			x, err := p.New(tile.Float64, s)
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, x)
		}
		return in
	}
	failed := errors.New("failed")
	asked := 0
	a := &Args{In: tiles([]int64{3, 1}, []int64{1, 4}), Strs: []string{"f-00"}, Attrs: map[string]any{"dtype": "float32"}}
	specs, err := k.Out(a)
	if err != nil || specs[0].DType != tile.Float32 || !slices.Equal(specs[0].Shape, []int64{3, 4}) {
		t.Fatalf("Out is %v, %v", specs, err)
	}
	if specs, err := k.Out(&Args{In: a.In, Strs: a.Strs, Attrs: map[string]any{"dtype": ""}}); err != nil || specs[0].DType != a.In[0].DType {
		t.Errorf("Out without a dtype is %v, %v", specs, err)
	}
	out := tiles([]int64{3, 4})
	if err := k.Run(a, out, false); errs.KindOf(err) != errs.Unsupported {
		t.Errorf("without a Block: %v", err)
	}
	a.Block = func(key string, in []*tile.Tile, to *tile.Tile) error {
		asked++
		if key != "f-00" || !slices.Equal(in, a.In) || to != out[0] {
			t.Errorf("Block(%q, %v, %v)", key, in, to)
		}
		return failed
	}
	if err := k.Run(a, out, false); err != failed || asked != 1 {
		t.Errorf("Run gives %v after %d calls", err, asked)
	}
	out = tiles([]int64{0, 4})
	if err := k.Run(a, out, false); err != nil || asked != 1 {
		t.Errorf("of nothing: %v after %d calls", err, asked)
	}
	for _, wrong := range [][][]int64{{}, {{3, 2}, {3, 4}}, {{3, 2}, {3}}} {
		if _, err := k.Out(&Args{In: tiles(wrong...), Strs: a.Strs, Attrs: a.Attrs}); errs.KindOf(err) != errs.Value {
			t.Errorf("Out of %v: %v", wrong, err)
		}
	}
	if _, err := k.Out(&Args{In: a.In, Attrs: a.Attrs}); errs.KindOf(err) != errs.Value {
		t.Errorf("Out without a key: %v", err)
	}
}

package kernel

import (
	"fmt"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// TestGram: A Aᵀ and Aᵀ A, by themselves and added to a sum; what is above the diagonal is zero, and mirror makes it symmetric.
func TestGram(t *testing.T) {
	for _, d := range bothFloats {
		for _, size := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {7, 65}, {65, 7}, {200, 64}} {
			for _, flip := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/%v", d, size, flip), func(t *testing.T) { testGram(t, d, size[0], size[1], flip) })
			}
		}
	}
}

func testGram(t *testing.T, d tile.DType, n, k int, flip bool) {
	w, rng := newWorkbench(t), seeded(n+1000*k)
	a := noise(rng, n, k)
	in := w.tile(d, a.op(flip))
	a = read(in).op(flip)
	want := multiply(a, a.transposed())
	call := &Args{In: []*tile.Tile{in}, Trans: []bool{flip}}
	half := w.run("gram", call)
	within(t, "the lower triangle", d, combine(1, read(half), -1, want.triangle(true, false)).norm(), float64(4*k+8))

	kernel, _ := Lookup("gram")
	if err := kernel.Run(call, []*tile.Tile{half}, true); err != nil {
		t.Fatal(err)
	}
	twice := combine(2, want, 0, want)
	within(t, "added to itself", d, combine(1, read(half), -1, twice.triangle(true, false)).norm(), float64(8*k+8))

	whole := read(w.run("mirror", &Args{In: []*tile.Tile{half}}))
	within(t, "mirrored", d, combine(1, whole, -1, twice).norm(), float64(8*k+8))
	if off := combine(1, whole, -1, whole.transposed()).norm(); off != 0 {
		t.Errorf("it differs from its transpose by %g", off)
	}
	over, err := w.inPlace("mirror", &Args{In: []*tile.Tile{half}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "mirrored in place", d, combine(1, read(over), -1, whole).norm(), 0)
}

func TestGramErrors(t *testing.T) {
	w := newWorkbench(t)
	for _, c := range []struct {
		kernel string
		in     *tile.Tile
		kind   errs.Kind
	}{
		{"gram", w.empty(tile.Int64, 2, 2), errs.Type}, {"gram", w.empty(tile.Float64, 2), errs.Value},
		{"mirror", w.empty(tile.Float64, 2, 3), errs.Value}, {"mirror", w.empty(tile.Bool, 2, 2), errs.Type},
	} {
		_, err := w.try(c.kernel, &Args{In: []*tile.Tile{c.in}})
		wantKind(t, err, c.kind)
	}
}

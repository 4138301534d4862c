package kernel

import (
	"fmt"
	"math"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// band is a symmetric matrix of which bandSide diagonals below the main one are not zero, and its diagonals.
func band(d tile.DType, w *workbench, n int) (full *dense, diagonals *tile.Tile) {
	x := noise(seeded(n), bandRows, n)
	for j := range n {
		for i := min(n-j, bandSide+1); i < bandRows; i++ {
			x.set(i, j, 0)
		}
	}
	diagonals = w.tile(d, x)
	return unbanded(x), diagonals
}

// unbanded is the symmetric matrix that has these diagonals.
func unbanded(x *dense) *dense {
	full := newDense(x.cols, x.cols)
	for j := range x.cols {
		for i := 0; i < x.rows && i+j < x.cols; i++ {
			full.set(i+j, j, x.at(i, j))
			full.set(j, i+j, x.at(i, j))
		}
	}
	return full
}

func TestSb2st(t *testing.T) {
	for _, d := range bothFloats {
		for _, at := range []struct{ n, group int }{{1, 1}, {2, 2}, {3, 2}, {30, 64}, {64, 64}, {66, 64}, {129, 5}, {130, 128}, {300, 64}, {333, 500}} {
			w := newWorkbench(t)
			label := fmt.Sprintf("%v n=%d, %d sweeps at a time", d, at.n, at.group)
			a, b := band(d, w, at.n)
			values := w.shared("sb2td", &Args{In: []*tile.Tile{b}})
			q := w.tile(d, identity(at.n))
			var list [][]*tile.Tile
			axis := func(g int) []AxisBlock {
				return []AxisBlock{{Start: int64(g * at.group), Extent: int64(min(at.group, at.n-g*at.group)), Len: int64(at.n)}}
			}
			for g := 0; g*at.group < at.n; g++ {
				out := w.all("sb2st", &Args{In: []*tile.Tile{b}, Axes: axis(g), Share: scattered}, false)
				b = out[0]
				list = append(list, out)
			}
			for g := len(list) - 1; g >= 0; g-- {
				q = w.run("ormsb", &Args{In: []*tile.Tile{list[g][1], list[g][2], q}, Axes: axis(g), Attrs: map[string]any{"side": int64(bandSide), "shift": int64(1)}})
			}
			result := read(b)
			for j := range at.n {
				for i := 2; i < bandRows; i++ {
					if result.at(i, j) != 0 {
						t.Fatalf("%s: diagonal %d is not zero", label, i)
					}
				}
			}
			z := read(q)
			within(t, label+": A - Q T Qᵀ", d, combine(1, a, -1, multiply(z, multiply(unbanded(result), z.transposed()))).norm(), 30*float64(at.n))
			within(t, label+": I - Qᵀ Q", d, combine(1, identity(at.n), -1, multiply(z.transposed(), z)).norm(), 30*float64(at.n))
			within(t, label+": without vectors", d, combine(1, result, -1, read(values)).norm(), 30*float64(at.n))
		}
	}
}

// TestSb2stKeepsNaN: what is not a number is not taken for zeros.
func TestSb2stKeepsNaN(t *testing.T) {
	for _, d := range bothFloats {
		w := newWorkbench(t)
		x := newDense(bandRows, 130)
		x.set(10, 0, math.NaN())
		found := false
		for _, e := range read(w.run("sb2td", &Args{In: []*tile.Tile{w.tile(d, x)}})).x {
			found = found || math.IsNaN(e)
		}
		if !found {
			t.Errorf("%v: a NaN is lost", d)
		}
	}
}

func TestSb2stRefuses(t *testing.T) {
	w := newWorkbench(t)
	for _, a := range []*Args{
		{In: []*tile.Tile{w.tile(tile.Float64, newDense(bandSide+1, 9))}, Axes: []AxisBlock{{0, 4, 9}}},
		{In: []*tile.Tile{w.tile(tile.Float64, newDense(bandRows, 9))}, Axes: []AxisBlock{{0, 4, 10}}},
	} {
		_, err := w.try("sb2st", a)
		wantKind(t, err, errs.Value)
	}
}

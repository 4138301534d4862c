//go:build !purego

package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"numpywren/core/tile"
)

// inOrderShapes are rows and columns of V, and the columns that are multiplied, on both sides of squares, vectors, strips, blocks,
// pieces and, in the last, of what fits in order at a time.
var inOrderShapes = [][3]int{{48, 48, 48}, {64, 64, 70}, {100, 57, 49}, {57, 100, 64}, {131, 260, 75}, {260, 131, 97}, {300, 300, 300}, {1024, 129, 111},
	{1030, 140, 200}, {2052, 60, 50}, {1100, 1100, 50}}

// oneByOne is inOrder.apply as reflectors.go has it without: block by block.
func oneByOne[T float](q *reflectors[T], c chunk, whole, trans bool, p int, x []T, ldx int, d []T, ldd int) {
	w := make([]T, c.side*p)
	if whole && c.row == 0 {
		q.applyAcross(c, trans, p, x, ldx, w)
	} else {
		q.applyBelow(c, trans, p, x, ldx, d, ldd, w)
	}
}

// sameWithin compares two results of the same size; NaN marks elements that neither may touch.
func sameWithin[T float](t *testing.T, what string, got, want []T, bound float64) {
	t.Helper()
	for k := range want {
		if math.IsNaN(float64(want[k])) != math.IsNaN(float64(got[k])) || math.Abs(float64(got[k]-want[k])) > bound {
			t.Fatalf("%s: element %d is %v, not %v", what, k, got[k], want[k])
		}
	}
}

func checkInOrder[T float](t *testing.T, d tile.DType, m, n, p int, whole, upper, trans bool) {
	w, seed := newWorkbench(t), m+n+p
	a, form := w.tile(d, noise(seeded(seed), m, n)), map[string]any{"form": pickText(upper, "upper", "full")}
	var vt []*tile.Tile
	if whole {
		vt = w.all("geqrt", &Args{In: []*tile.Tile{a}}, false)
	} else {
		vt = w.all("tpqrt", &Args{In: []*tile.Tile{w.tile(d, noise(seeded(seed+1), n, n)), a}, Attrs: form}, false)[1:]
	}
	q := reflectorsOf[T](vt[0], vt[1])
	q.upper = upper
	top, ldx := n, n+3
	if whole {
		top, ldx = m, m+3
	}
	x, y := padded[T](noise(seeded(seed+2), top, p), ldx), padded[T](noise(seeded(seed+3), m, p), m+5)
	wantX, wantY := slices.Clone(x), slices.Clone(y)
	list := chunks(m, n)
	for s := range list {
		c := list[order(s, len(list), trans)]
		var below, wantBelow []T
		ldb := m + 5
		if whole {
			below, wantBelow, ldb = x[c.row:], wantX[c.row:], ldx
		} else {
			below, wantBelow = y[c.row:], wantY[c.row:]
		}
		oneByOne(q, c, whole, trans, p, wantX, ldx, wantBelow, ldb)
		o := q.ordered(c, whole)
		switch {
		case min(o.m, o.n, p) < ownReflections, o.side%8 != 0 && o.n > o.side:
			oneByOne(q, c, whole, trans, p, x, ldx, below, ldb)
		case o.fit(p) == 0:
			t.Fatalf("%d×%d reflections, on %d columns, are not taken", o.m, o.n, p)
		case o.shape == wyLower:
			o.apply(&Args{}, trans, p, nil, 0, x, ldx, nil)
		default:
			o.apply(&Args{}, trans, p, x, ldx, below, ldb, nil)
		}
	}
	bound := 30 * 0x1p-52 * float64(m+n)
	if d == tile.Float32 {
		bound = 30 * 0x1p-23 * float64(m+n)
	}
	what := fmt.Sprintf("seed %d", seed)
	sameWithin(t, what+", C", x, wantX, bound)
	sameWithin(t, what+", D", y, wantY, bound)
}

func pickText(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}

func TestReflectorsInOrder(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	for _, s := range inOrderShapes {
		for kind, name := range []string{"full", "upper", "lower"} {
			for _, trans := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%dx%d,%d/%t", name, s[0], s[1], s[2], trans), func(t *testing.T) {
					checkInOrder[float64](t, tile.Float64, s[0], s[1], s[2], kind == 2, kind == 1, trans)
					checkInOrder[float32](t, tile.Float32, s[0], s[1], s[2], kind == 2, kind == 1, trans)
				})
			}
		}
	}
}

// Q is made from an identity, of which blocks and pieces that are zeros are left out, as it is by multiplication.
func TestGenerateInOrder(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	for _, s := range [][3]int{{300, 300, 300}, {1100, 1100, 400}, {1200, 150, 150}, {260, 131, 97}} {
		m, n, p := s[0], s[1], s[2]
		w, attrs := newWorkbench(t), map[string]any{"form": "full", "trans": "N"}
		e := identity(n)
		e.cols, e.x = p, e.x[:n*p]
		for j := range p { // some columns are zeros altogether
			if j%100 < 10 {
				clear(e.x[j*n : (j+1)*n])
			}
		}
		vt := w.all("tpqrt", &Args{In: []*tile.Tile{w.tile(tile.Float64, noise(seeded(1), n, n)), w.tile(tile.Float64, noise(seeded(2), m, n))}, Attrs: attrs}, false)[1:]
		got := w.all("tporgqrt", &Args{In: append(slices.Clone(vt), w.tile(tile.Float64, e)), Attrs: attrs}, false)
		want := w.all("tpmqrt", &Args{In: append(slices.Clone(vt), w.tile(tile.Float64, e), w.tile(tile.Float64, newDense(m, p))), Attrs: attrs}, false)
		for k := range want {
			sameWithin(t, fmt.Sprint(s, " below, result ", k), read(got[k]).x, read(want[k]).x, 30*0x1p-52*float64(m))
		}
		first := newDense(m, p)
		for j := range p {
			copy(first.x[j*m:j*m+min(m, n)], e.x[j*n:])
		}
		vt = w.all("geqrt", &Args{In: []*tile.Tile{w.tile(tile.Float64, noise(seeded(3), m, n))}}, false)
		got = w.all("orgqrt", &Args{In: append(slices.Clone(vt), w.tile(tile.Float64, e))}, false)
		want = w.all("gemqrt", &Args{In: append(slices.Clone(vt), w.tile(tile.Float64, first)), Attrs: attrs}, false)
		sameWithin(t, fmt.Sprint(s, " across"), read(got[0]).x, read(want[0]).x, 30*0x1p-52*float64(m))
	}
}

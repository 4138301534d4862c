package kernel

import (
	"math"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "trsm", Out: trsmOut, Run: trsmRun, InPlace: 1}) }

func trsmOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("trsm", a, 2, 2); err != nil {
		return nil, err
	}
	t, b := a.In[0], a.In[1]
	if err := checkFloat("trsm", t); err != nil {
		return nil, err
	}
	side := b.Shape[1]
	if attrString(a, "side") == "L" {
		side = b.Shape[0]
	}
	if min(t.Shape[0], t.Shape[1]) != side { // what a tile has beyond its triangle is not read
		return nil, errs.New(errs.Value, "trsm on the %s side of a tile of the shape %v wants a triangle of the shape [%d %d], not %v",
			attrString(a, "side"), b.Shape, side, side, t.Shape)
	}
	return like(b), nil
}

func trsmRun(a *Args, out []*tile.Tile, _ bool) error {
	t := triangle{
		left: attrString(a, "side") == "L", lower: attrString(a, "uplo") == "L",
		trans: attrString(a, "trans") == "T", unit: attrString(a, "diag") == "U",
	}
	if out[0].DType == tile.Float32 {
		return trsm[float32](a, t, out[0])
	}
	return trsm[float64](a, t, out[0])
}

// op(T) X = B when t.left, else X op(T) = B.
func trsm[T float](args *Args, t triangle, out *tile.Tile) error {
	tri, b := args.In[0], args.In[1]
	if b.Len() == 0 {
		return nil
	}
	a := tile.View[T](tri)
	if !t.unit {
		for j := range int(min(tri.Shape[0], tri.Shape[1])) {
			if at := j*ld(tri) + j; a[at] == 0 {
				if attrInt(args, "zeros") == 0 {
					return &Numerical{Kernel: "trsm", Row: int64(j), Reason: "singular"}
				}
				if &a[0] == &tile.View[T](tri)[0] {
					a = slices.Clone(a)
				}
				a[at] = T(math.Inf(1)) // what is divided by it is zero
			}
		}
	}
	if !same(b, out) {
		copy(out.Bytes(), b.Bytes())
	}
	solvePieces(args, trsmSide, t, int(b.Shape[0]), int(b.Shape[1]), a, ld(tri), tile.View[T](out), ld(out))
	return nil
}

// trsmLeaf is the side of a triangle that blasTrsm solves with as a whole.
const trsmLeaf = 128

// solveTriangle is blasTrsm by halves, so that most of it is gemm (E. Elmroth, F. Gustavson, I. Jonsson, B. Kågström,
// Recursive blocked algorithms and hybrid data structures for dense matrix library software, SIAM Review 46, 2004).
//
//	X₁ from the one half of op(T);  B₂ -= op(T)₂₁ X₁ (or X₁ op(T)₁₂);  X₂ from the other
func solveTriangle[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	side, step := n, ldb // of the triangle, and between its rows in B
	if t.left {
		side, step = m, 1
	}
	if side <= trsmLeaf {
		blasTrsm(t, m, n, a, lda, b, ldb)
		return
	}
	h := (side/2 + 63) / 64 * 64
	half := func(size int, a, b []T) {
		if t.left {
			solveTriangle(t, size, n, a, lda, b, ldb)
		} else {
			solveTriangle(t, m, size, a, lda, b, ldb)
		}
	}
	between := a[h*lda:] // the block beside the two halves' triangles
	if t.lower {
		between = a[h:]
	}
	known, rest, size, other := b, b[h*step:], h, side-h
	first, second := a, a[h*lda+h:]
	if t.left != (t.lower != t.trans) { // from the end
		known, rest, size, other, first, second = rest, known, other, size, second, first
	}
	half(size, first, known)
	switch {
	case t.left && n == 1 && t.trans: // gemm would copy the block first, which takes longer than the product
		blasGemv(true, size, other, -1, between, lda, known, 1, rest)
	case t.left && n == 1:
		blasGemv(false, other, size, -1, between, lda, known, 1, rest)
	case t.left:
		blasGemm(t.trans, false, other, n, size, -1, between, lda, known, ldb, 1, rest, ldb)
	default:
		blasGemm(false, t.trans, m, other, size, -1, known, ldb, between, lda, 1, rest, ldb)
	}
	half(other, second, rest)
}

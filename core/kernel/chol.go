package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "chol", Out: cholOut, Run: cholRun, InPlace: 0}) }

func cholOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("chol", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if t.Shape[0] != t.Shape[1] {
		return nil, errs.New(errs.Value, "chol wants a square tile, not one of the shape %v", t.Shape)
	}
	if err := checkFloat("chol", t); err != nil {
		return nil, err
	}
	return like(t), nil
}

func cholRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return chol[float32](a, out[0])
	}
	return chol[float64](a, out[0])
}

// A = L Lᵀ. Only A's lower triangle is read; the rest of L is zeros.
func chol[T float](args *Args, out *tile.Tile) error {
	in := args.In[0]
	n := int(in.Shape[0])
	if n == 0 {
		return nil
	}
	l, a := tile.View[T](out), tile.View[T](in)
	copied := same(in, out)
	for j := range n {
		column := l[j*n : (j+1)*n]
		clear(column[:j])
		if !copied {
			copy(column[j:], a[j*n+j:(j+1)*n])
		}
	}
	row := factor(args, n, l, n)
	// OpenBLAS compares the pivot with zero, which a NaN passes. But one anywhere in a row's lower part is in its pivot then.
	done := n
	if row >= 0 {
		done = row
	}
	for j := range done {
		if pivot := l[j*n+j]; pivot != pivot {
			row = j
			break
		}
	}
	if row >= 0 {
		reason := "not positive definite"
		if pivot := l[row*n+row]; pivot != pivot {
			reason = "not finite"
		}
		return &Numerical{Kernel: "chol", Row: int64(row), Reason: reason}
	}
	return nil
}

// factor is LAPACK's potrf, right-looking by blocks of cholSide, so that there are pieces to share. It gives the row that is not
// positive definite, or -1.
//
//	L₁₁ L₁₁ᵀ = A₁₁;  L₂₁ = A₂₁ L₁₁⁻ᵀ;  A₂₂ -= L₂₁ L₂₁ᵀ
func factor[T float](args *Args, n int, l []T, ld int) int {
	right := triangle{lower: true, trans: true}
	for j := 0; j < n; j += cholSide {
		size := min(cholSide, n-j)
		corner := l[j*ld+j:]
		if row := blasPotrf(size, corner, ld); row >= 0 {
			return j + row
		}
		rest := n - j - size
		if rest == 0 {
			break
		}
		below, beyond := corner[size:], corner[size*ld+size:]
		solvePieces(args, cholSide, right, rest, size, corner, ld, below, ld)
		subtractSquare(args, cholSide, rest, size, below, ld, beyond, ld)
	}
	return -1
}

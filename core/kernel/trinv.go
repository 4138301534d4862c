package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "trinv", Out: trinvOut, Run: trinvRun, InPlace: -1}) }

func trinvOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("trinv", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if t.Shape[0] != t.Shape[1] {
		return nil, errs.New(errs.Value, "trinv wants a square tile, not one of the shape %v", t.Shape)
	}
	if err := checkFloat("trinv", t); err != nil {
		return nil, err
	}
	return like(t), nil
}

// trinvRun inverts the triangle uplo of a tile, whose other triangle is not read; that of the result is zeros.
func trinvRun(a *Args, out []*tile.Tile, _ bool) error {
	t := triangle{left: true, lower: attrString(a, "uplo") == "L", unit: attrString(a, "diag") == "U"}
	if out[0].DType == tile.Float32 {
		return trinv[float32](a, t, out[0])
	}
	return trinv[float64](a, t, out[0])
}

func trinv[T float](args *Args, t triangle, out *tile.Tile) error {
	n, a, x := int(out.Shape[0]), tile.View[T](args.In[0]), tile.View[T](out)
	clear(x)
	for j := range n {
		if !t.unit && a[j*n+j] == 0 {
			return &Numerical{Kernel: "trinv", Row: int64(j), Reason: "singular"}
		}
		x[j*n+j] = 1
	}
	// The columns of the inverse of a triangle begin, or end, in zeros: each piece solves with the part of it that matters.
	parts := newCuts(n, trsmLeaf)
	args.each(parts.count(), func(k int) {
		lo, size := parts.at(k)
		if t.lower {
			solveTriangle(t, n-lo, size, a[lo*n+lo:], n, x[lo*n+lo:], n)
		} else {
			solveTriangle(t, lo+size, size, a, n, x[lo*n:], n)
		}
	})
	return nil
}

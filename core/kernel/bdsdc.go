package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "bdsdc", Out: bdsdcOut(true), Run: bdsdcRun, InPlace: -1},
		&Kernel{Name: "bdvals", Out: bdsdcOut(false), Run: bdsdcRun, InPlace: -1},
	)
}

// bdsdcOut is, of two columns, the diagonal of a bidiagonal matrix and the one above it, U, the singular values as a column, and Vᵀ;
// or the values alone.
func bdsdcOut(vectors bool) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkMatrices("bdsdc", a, 1, 1); err != nil {
			return nil, err
		}
		t := a.In[0]
		if err := checkFloat("bdsdc", t); err != nil {
			return nil, err
		}
		n := t.Shape[0]
		if t.Shape[1] != 2 {
			return nil, errs.New(errs.Value, "bdsdc wants two columns, not a tile of the shape %v", t.Shape)
		}
		values, square := Spec{DType: t.DType, Shape: []int64{n, 1}}, Spec{DType: t.DType, Shape: []int64{n, n}}
		if !vectors {
			return []Spec{values}, nil
		}
		return []Spec{square, values, square}, nil
	}
}

func bdsdcRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return bdsdc[float32](a.In[0], out)
	}
	return bdsdc[float64](a.In[0], out)
}

func bdsdc[T float](in *tile.Tile, out []*tile.Tile) error {
	n := int(in.Shape[0])
	if n == 0 {
		return nil
	}
	x := append([]T(nil), tile.View[T](in)...)
	for i, e := range x { // LAPACK may never end
		if e-e != 0 {
			return &Numerical{Kernel: "bdsdc", Row: int64(i % n), Reason: "not finite, so that its SVD did not converge"}
		}
	}
	d, e, converged := x[:n], x[n:], false
	values := out[0]
	if len(out) == 1 {
		converged = lapackBdsqr(n, d, e)
	} else {
		values = out[1]
		converged = lapackBdsdc(n, d, e, tile.View[T](out[0]), tile.View[T](out[2]))
	}
	if !converged {
		return &Numerical{Kernel: "bdsdc", Row: 0, Reason: "one whose SVD did not converge"}
	}
	copy(tile.View[T](values), d)
	return nil
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "bdsdc", Out: bdsdcOut("bdsdc", true), Run: bdsdcRun("bdsdc"), InPlace: -1},
		&Kernel{Name: "bdvals", Out: bdsdcOut("bdvals", false), Run: bdsdcRun("bdvals"), InPlace: -1},
	)
}

// bdsdcOut is, of two columns, the diagonal of a bidiagonal matrix and the one above it, U, the singular values as a column, and Vᵀ;
// or the values alone.
func bdsdcOut(name string, vectors bool) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkMatrices(name, a, 1, 1); err != nil {
			return nil, err
		}
		t := a.In[0]
		if err := checkFloat(name, t); err != nil {
			return nil, err
		}
		n := t.Shape[0]
		if t.Shape[1] != 2 {
			return nil, errs.New(errs.Value, "%s wants two columns, not a tile of the shape %v", name, t.Shape)
		}
		values, square := Spec{DType: t.DType, Shape: []int64{n, 1}}, Spec{DType: t.DType, Shape: []int64{n, n}}
		if !vectors {
			return []Spec{values}, nil
		}
		return []Spec{square, values, square}, nil
	}
}

func bdsdcRun(name string) func(*Args, []*tile.Tile, bool) error {
	return func(a *Args, out []*tile.Tile, _ bool) error {
		if out[0].DType == tile.Float32 {
			return bdsdc[float32](name, a, out)
		}
		return bdsdc[float64](name, a, out)
	}
}

func bdsdc[T float](name string, a *Args, out []*tile.Tile) error {
	in := a.In[0]
	n := int(in.Shape[0])
	if n == 0 {
		return nil
	}
	x := append([]T(nil), tile.View[T](in)...)
	if err := checkFinite(name, svdFailed, x, n); err != nil {
		return err
	}
	d, e, converged := x[:n], x[n:], false
	values := out[0]
	if len(out) == 1 {
		converged = lapackBdsqr(n, d, e)
	} else {
		values = out[1]
		converged = bidiagonalSVD(a, n, d, e, tile.View[T](out[0]), tile.View[T](out[2]))
	}
	if !converged {
		return &Numerical{Kernel: name, Reason: "one whose singular values are not found", Failed: svdFailed}
	}
	copy(tile.View[T](values), d)
	return nil
}

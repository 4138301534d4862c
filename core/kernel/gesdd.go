package kernel

import (
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "gesdd", Out: gesddOut("gesdd", true), Run: gesddRun("gesdd"), InPlace: -1},
		&Kernel{Name: "svals", Out: gesddOut("svals", false), Run: gesddRun("svals"), InPlace: -1},
	)
}

// gesddOut is U, the singular values as a column, and Vᵀ; or the values alone.
func gesddOut(name string, vectors bool) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkMatrices(name, a, 1, 1); err != nil {
			return nil, err
		}
		t := a.In[0]
		if err := checkFloat(name, t); err != nil {
			return nil, err
		}
		m, n := t.Shape[0], t.Shape[1]
		k := min(m, n)
		values := Spec{DType: t.DType, Shape: []int64{k, 1}}
		if !vectors {
			return []Spec{values}, nil
		}
		return []Spec{{DType: t.DType, Shape: []int64{m, k}}, values, {DType: t.DType, Shape: []int64{k, n}}}, nil
	}
}

func gesddRun(name string) func(*Args, []*tile.Tile, bool) error {
	return func(a *Args, out []*tile.Tile, _ bool) error {
		if out[0].DType == tile.Float32 {
			return gesdd[float32](name, a.In[0], out)
		}
		return gesdd[float64](name, a.In[0], out)
	}
}

// A = U diag(s) Vᵀ, the singular values in descending order.
func gesdd[T float](name string, in *tile.Tile, out []*tile.Tile) error {
	m, n := int(in.Shape[0]), int(in.Shape[1])
	if m == 0 || n == 0 {
		return nil
	}
	if err := checkFinite(name, svdFailed, tile.View[T](in), m); err != nil {
		return err
	}
	x, giveBack := borrow[T](m * n)
	defer giveBack()
	copy(x, tile.View[T](in))
	converged := false
	if len(out) == 1 {
		converged = lapackGesdd(m, n, x, tile.View[T](out[0]), nil, nil)
	} else {
		converged = lapackGesdd(m, n, x, tile.View[T](out[1]), tile.View[T](out[0]), tile.View[T](out[2]))
	}
	if !converged {
		return &Numerical{Kernel: name, Reason: "one whose singular values are not found", Failed: svdFailed}
	}
	return nil
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "gborm", Out: gbormOut, Run: gbormRun, InPlace: 2}) }

// gbormOut: gborm(V, T, C, p[k], trans) is Q C, or Qᵀ C, for a Q of gbqr or gblq: that of the panel whose reflections begin in the
// first row of p[k].
func gbormOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gborm", a, 3, 3); err != nil {
		return nil, err
	}
	v, t, c := a.In[0].Shape, a.In[1].Shape, a.In[2].Shape
	if err := checkFloat("gborm", a.In[0]); err != nil {
		return nil, err
	}
	if v[0] != c[0] || t[0] != v[1] || t[1] != v[1] || len(a.Axes) != 1 || a.Axes[0].Start > v[0] {
		return nil, errs.New(errs.Value, "gborm of a V, a T and a tile of the shapes %v, %v and %v: they do not fit together", v, t, c)
	}
	return like(a.In[2]), nil
}

func gbormRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[2], out[0]) {
		copy(out[0].Bytes(), a.In[2].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gborm[float32](a, out[0])
	} else {
		gborm[float64](a, out[0])
	}
	return nil
}

// C -= V op(T) (Vᵀ C)
func gborm[T float](a *Args, out *tile.Tile) {
	start, trans := int(a.Axes[0].Start), attrString(a, "trans") == "T"
	m, k, n := int(out.Shape[0])-start, int(a.In[0].Shape[1]), int(out.Shape[1])
	if m == 0 || k == 0 || n == 0 {
		return
	}
	v, ldv, t := tile.View[T](a.In[0])[start:], ld(a.In[0]), tile.View[T](a.In[1])
	c, ldc := tile.View[T](out)[start:], ld(out)
	parts := newCuts(n, pieceSide)
	a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		w := make([]T, k*size)
		blasGemm(true, false, k, size, m, 1, v, ldv, c[lo*ldc:], ldc, 0, w, k)
		blasTrmm(triangle{left: true, trans: trans}, k, size, t, k, w, k)
		blasGemm(false, false, m, size, k, -1, v, ldv, w, k, 1, c[lo*ldc:], ldc)
	})
}

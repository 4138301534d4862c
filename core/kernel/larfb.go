package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The reflections of a block column's panels as one block, Q = I - V T Vᵀ: what sy2sb found, for its back-transformation.

func init() {
	register(
		&Kernel{Name: "larft", Out: larftOut, Run: larftRun, InPlace: -1},
		&Kernel{Name: "larfb", Out: larfbOut, Run: larfbRun, InPlace: 2},
	)
}

// larftOut: larft(V, T) is the triangle of the whole V from those of its panels, which stand side by side in T.
func larftOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("larft", a, 2, 2); err != nil {
		return nil, err
	}
	v, t := a.In[0], a.In[1]
	if t.Shape[0] != bandSide || t.Shape[1] != v.Shape[1] {
		return nil, errs.New(errs.Value, "larft of a V of the shape %v and the triangles of its panels, %v", v.Shape, t.Shape)
	}
	return []Spec{{v.DType, []int64{v.Shape[1], v.Shape[1]}}}, checkFloat("larft", v)
}

func larftRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		larft[float32](a, out[0])
	} else {
		larft[float64](a, out[0])
	}
	return nil
}

// T₁₂ = -T₁ V₁ᵀ V₂ T₂, panel by panel.
func larft[T float](a *Args, out *tile.Tile) {
	out.Zero()
	n, k := int(a.In[0].Shape[0]), int(a.In[0].Shape[1])
	v, panels, t := tile.View[T](a.In[0]), tile.View[T](a.In[1]), tile.View[T](out)
	if n == 0 || k == 0 {
		return
	}
	parts := (k + bandSide - 1) / bandSide
	a.each(parts, func(p int) {
		lo := p * bandSide
		cols := min(bandSide, k-lo)
		for j := range cols {
			copy(t[(lo+j)*k+lo:(lo+j)*k+lo+cols], panels[(lo+j)*bandSide:])
		}
		if lo > 0 {
			blasGemm(true, false, lo, cols, n, -1, v, n, v[lo*n:], n, 0, t[lo*k:], k)
			blasTrmm(triangle{}, lo, cols, panels[lo*bandSide:], bandSide, t[lo*k:], k)
		}
	})
	for p := 1; p < parts; p++ {
		lo := p * bandSide
		blasTrmm(triangle{left: true}, lo, min(bandSide, k-lo), t, k, t[lo*k:], k)
	}
}

// larfbOut: larfb(V, T, C, c[k], trans="N") is Q C, or Qᵀ C, for the V of block column k.
func larfbOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("larfb", a, 3, 3); err != nil {
		return nil, err
	}
	v, t, c := a.In[0].Shape, a.In[1].Shape, a.In[2].Shape
	if len(a.Axes) != 1 || a.Axes[0].Len != v[0] || a.Axes[0].Extent != v[1] || t[0] != v[1] || t[1] != v[1] || c[0] != v[0] {
		return nil, errs.New(errs.Value, "larfb of tiles of the shapes %v, %v and %v: V and the last must have as many rows, and T the side of V's columns, which are the block's", v, t, c)
	}
	return like(a.In[2]), checkFloat("larfb", a.In[0])
}

func larfbRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[2], out[0]) {
		copy(out[0].Bytes(), a.In[2].Bytes())
	}
	if out[0].DType == tile.Float32 {
		larfb[float32](a, out[0])
	} else {
		larfb[float64](a, out[0])
	}
	return nil
}

// W = op(T) Vᵀ C;  C -= V W
func larfb[T float](a *Args, out *tile.Tile) {
	n, k := int(a.In[0].Shape[0]), int(a.In[0].Shape[1])
	v, t, c := tile.View[T](a.In[0]), tile.View[T](a.In[1]), tile.View[T](out)
	top := int(a.Axes[0].Start) + bandSide // rows above are zeros
	if top >= n {
		return
	}
	cuts := newCuts(int(out.Shape[1]), applySide)
	a.each(cuts.count(), func(p int) {
		lo, cols := cuts.at(p)
		w := make([]T, k*cols)
		x := c[lo*n+top:]
		blasGemm(true, false, k, cols, n-top, 1, v[top:], n, x, n, 0, w, k)
		blasTrmm(triangle{left: true, trans: attrString(a, "trans") == "T"}, k, cols, t, k, w, k)
		blasGemm(false, false, n-top, cols, k, -1, v[top:], n, w, k, 1, x, n)
	})
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "gemqrt", Out: gemqrtOut, Run: gemqrtRun, InPlace: 2},
		&Kernel{Name: "orgqrt", Out: orgqrtOut, Run: orgqrtRun, InPlace: -1},
	)
}

func gemqrtOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gemqrt", a, 3, 3); err != nil {
		return nil, err
	}
	if err := checkReflectors("gemqrt", a.In[0], a.In[1]); err != nil {
		return nil, err
	}
	if v, c := a.In[0].Shape, a.In[2].Shape; v[0] != c[0] {
		return nil, errs.New(errs.Value, "gemqrt of a V of the shape %v and a tile of the shape %v: they must have as many rows", v, c)
	}
	return like(a.In[2]), nil
}

func gemqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[2], out[0]) {
		copy(out[0].Bytes(), a.In[2].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gemqrt[float32](a, out[0])
	} else {
		gemqrt[float64](a, out[0])
	}
	return nil
}

// Q C, or Qᵀ C, for geqrt's Q.
func gemqrt[T float](a *Args, c *tile.Tile) {
	q := reflectorsOf[T](a.In[0], a.In[1])
	q.apply(a, attrString(a, "trans") == "T", int(c.Shape[1]), tile.View[T](c), ld(c), nil, 0)
}

func orgqrtOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("orgqrt", a, 3, 3); err != nil {
		return nil, err
	}
	if err := checkReflectors("orgqrt", a.In[0], a.In[1]); err != nil {
		return nil, err
	}
	v, c := a.In[0].Shape, a.In[2].Shape
	if c[0] < min(v[0], v[1]) {
		return nil, errs.New(errs.Value, "orgqrt of a V of the shape %v wants a tile of at least %d rows, not one of the shape %v", v, min(v[0], v[1]), c)
	}
	return []Spec{{DType: a.In[2].DType, Shape: []int64{v[0], c[1]}}}, nil
}

func orgqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		orgqrt[float32](a, out[0])
	} else {
		orgqrt[float64](a, out[0])
	}
	return nil
}

// Q [C; 0], for geqrt's Q. Of C only as many rows are read as V has rows and columns at least.
func orgqrt[T float](a *Args, out *tile.Tile) {
	q, c, x := reflectorsOf[T](a.In[0], a.In[1]), a.In[2], tile.View[T](out)
	p := int(c.Shape[1])
	copyColumns(x, ld(out), tile.View[T](c), ld(c), min(q.m, q.n), p)
	q.generate(a, p, x, ld(out), nil, 0)
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "tpmqrt", Out: tpmqrtOut, Run: tpmqrtRun, InPlace: 2, Also: map[int]int{1: 3}},
		&Kernel{Name: "tporgqrt", Out: tporgqrtOut, Run: tporgqrtRun, InPlace: 2},
	)
}

// checkUpper checks the tile of which tpqrt's reflections change the first rows.
func checkUpper(name string, a *Args) error {
	if err := checkReflectors(name, a.In[0], a.In[1]); err != nil {
		return err
	}
	if v, c := a.In[0].Shape, a.In[2].Shape; c[0] < v[1] {
		return errs.New(errs.Value, "%s of a V of the shape %v wants an upper tile of at least %d rows, not one of the shape %v", name, v, v[1], c)
	}
	return nil
}

func tpmqrtOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("tpmqrt", a, 4, 4); err != nil {
		return nil, err
	}
	if err := checkUpper("tpmqrt", a); err != nil {
		return nil, err
	}
	if v, c, d := a.In[0].Shape, a.In[2].Shape, a.In[3].Shape; c[1] != d[1] || d[0] < v[0] {
		return nil, errs.New(errs.Value, "tpmqrt of a V of the shape %v and tiles of the shapes %v and %v: the tiles must have as many columns, the lower one at least the rows of V",
			v, c, d)
	}
	return append(like(a.In[2]), like(a.In[3])...), nil
}

func tpmqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	for k := range out {
		if !same(a.In[2+k], out[k]) {
			copy(out[k].Bytes(), a.In[2+k].Bytes())
		}
	}
	if out[0].DType == tile.Float32 {
		tpmqrt[float32](a, out[0], out[1])
	} else {
		tpmqrt[float64](a, out[0], out[1])
	}
	return nil
}

// Q [C; D], or Qᵀ [C; D], for tpqrt's Q, which changes the first rows of each: as many of C as V has columns, of D as V has rows.
func tpmqrt[T float](a *Args, c, d *tile.Tile) {
	q := reflectorsOf[T](a.In[0], a.In[1])
	q.upper = attrString(a, "form") == "upper"
	q.apply(a, attrString(a, "trans") == "T", int(c.Shape[1]), tile.View[T](c), ld(c), tile.View[T](d), ld(d))
}

func tporgqrtOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("tporgqrt", a, 3, 3); err != nil {
		return nil, err
	}
	if err := checkUpper("tporgqrt", a); err != nil {
		return nil, err
	}
	lower := Spec{DType: a.In[2].DType, Shape: []int64{a.In[0].Shape[0], a.In[2].Shape[1]}}
	return append(like(a.In[2]), lower), nil
}

func tporgqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[2], out[0]) {
		copy(out[0].Bytes(), a.In[2].Bytes())
	}
	if out[0].DType == tile.Float32 {
		tporgqrt[float32](a, out[0], out[1])
	} else {
		tporgqrt[float64](a, out[0], out[1])
	}
	return nil
}

// Q [C; 0], for tpqrt's Q.
func tporgqrt[T float](a *Args, c, d *tile.Tile) {
	q := reflectorsOf[T](a.In[0], a.In[1])
	q.upper = attrString(a, "form") == "upper"
	q.generate(a, int(c.Shape[1]), tile.View[T](c), ld(c), tile.View[T](d), ld(d))
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "tpqrt", Out: tpqrtOut, Run: tpqrtRun, InPlace: 0, Also: map[int]int{1: 1}},
		&Kernel{Name: "tpqrr", Out: tpqrrOut, Run: tpqrrRun, InPlace: 0},
	)
}

// checkStacked checks a triangle above a tile.
func checkStacked(name string, a *Args) error {
	if err := checkMatrices(name, a, 2, 2); err != nil {
		return err
	}
	if r, b := a.In[0].Shape, a.In[1].Shape; r[1] != b[1] || r[0] < r[1] {
		return errs.New(errs.Value, "%s of tiles of the shapes %v and %v: the upper one must have as many columns as the lower, and no fewer rows than columns", name, r, b)
	}
	return checkFloat(name, a.In[0])
}

func tpqrtOut(a *Args) ([]Spec, error) {
	if err := checkStacked("tpqrt", a); err != nil {
		return nil, err
	}
	return append(like(a.In[0]), like(a.In[1])[0], reflectorSpec(a.In[1])), nil
}

func tpqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		tpqrt[float32](a, out)
	} else {
		tpqrt[float64](a, out)
	}
	return nil
}

// [R; B] = Q [R'; 0]. Only the upper triangle of R is read, and of B with form="upper".
func tpqrt[T float](a *Args, out []*tile.Tile) {
	r, v, t := out[0], out[1], out[2]
	copyUpper[T](r, a.In[0])
	q := reflectorsOf[T](v, t)
	q.upper = attrString(a, "form") == "upper"
	switch {
	case q.upper:
		copyUpper[T](v, a.In[1])
	case !same(v, a.In[1]):
		copy(v.Bytes(), a.In[1].Bytes())
	}
	t.Zero()
	for _, c := range chunks(q.m, q.n) {
		q.factorBelow(a, c, tile.View[T](r), ld(r))
	}
}

func tpqrrOut(a *Args) ([]Spec, error) {
	if err := checkStacked("tpqrr", a); err != nil {
		return nil, err
	}
	return like(a.In[0]), nil
}

func tpqrrRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		factorR[float32](a, a.In[0], a.In[1], out[0])
	} else {
		factorR[float64](a, a.In[0], a.In[1], out[0])
	}
	return nil
}

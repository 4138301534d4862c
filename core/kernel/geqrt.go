package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "geqrt", Out: geqrtOut, Run: geqrtRun, InPlace: 0},
		&Kernel{Name: "geqrr", Out: upperOut("geqrr"), Run: geqrrRun, InPlace: -1},
		&Kernel{Name: "upper", Out: upperOut("upper"), Run: upperRun, InPlace: -1},
	)
}

func geqrtOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("geqrt", a, 1, 1); err != nil {
		return nil, err
	}
	if err := checkFloat("geqrt", a.In[0]); err != nil {
		return nil, err
	}
	return append(like(a.In[0]), reflectorSpec(a.In[0])), nil
}

// reflectorSpec is the T that belongs to V.
func reflectorSpec(v *tile.Tile) Spec {
	return Spec{DType: v.DType, Shape: []int64{int64(reflectorRows(int(v.Shape[0]))), v.Shape[1]}}
}

func geqrtRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	out[1].Zero()
	if out[0].DType == tile.Float32 {
		geqrt[float32](a, out[0], out[1])
	} else {
		geqrt[float64](a, out[0], out[1])
	}
	return nil
}

// A = Q R: R is on and above the diagonal of the first result, V below it.
func geqrt[T float](a *Args, v, t *tile.Tile) {
	q := reflectorsOf[T](v, t)
	for _, c := range chunks(q.m, q.n) {
		if c.row == 0 {
			q.factorAcross(a, c)
		} else {
			q.factorBelow(a, c, q.v, q.ldv)
		}
	}
}

// reflectorsOf is the tiles V and T.
func reflectorsOf[T float](v, t *tile.Tile) *reflectors[T] {
	return &reflectors[T]{m: int(v.Shape[0]), n: int(v.Shape[1]), v: tile.View[T](v), t: tile.View[T](t), ldv: ld(v), ldt: ld(t)}
}

// upperOut is the shape of a square upper triangle, which a tile of few rows leaves zero in its last rows.
func upperOut(name string) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkMatrices(name, a, 1, 1); err != nil {
			return nil, err
		}
		t := a.In[0]
		if err := checkFloat(name, t); err != nil {
			return nil, err
		}
		return []Spec{{DType: t.DType, Shape: []int64{t.Shape[1], t.Shape[1]}}}, nil
	}
}

func upperRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		copyUpper[float32](out[0], a.In[0])
	} else {
		copyUpper[float64](out[0], a.In[0])
	}
	return nil
}

// copyUpper copies what is on and above the diagonal, with zeros below it. The two may be one.
func copyUpper[T float](to, from *tile.Tile) {
	x, y := tile.View[T](to), tile.View[T](from)
	copyTriangle(x, ld(to), int(to.Shape[0]), y, ld(from), int(from.Shape[0]), int(to.Shape[1]))
}

// copyTriangle copies the upper triangle of so many rows and columns to one of other rows.
func copyTriangle[T float](x []T, ldx, rows int, y []T, ldy, high, cols int) {
	for j := range cols {
		height := min(j+1, rows, high)
		copy(x[j*ldx:j*ldx+height], y[j*ldy:])
		clear(x[j*ldx+height : j*ldx+rows])
	}
}

func geqrrRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		factorR[float32](a, nil, a.In[0], out[0])
	} else {
		factorR[float64](a, nil, a.In[0], out[0])
	}
	return nil
}

// factorR is the R of geqrt, or with a triangle above that of tpqrt, alone: chunks of the tile are copied and factored one after the
// other, so that the tile is read once and no V is written.
func factorR[T float](a *Args, above, in, out *tile.Tile) {
	m, n := int(in.Shape[0]), int(in.Shape[1])
	x, r, ldr := tile.View[T](in), tile.View[T](out), ld(out)
	if above != nil {
		copyUpper[T](out, above)
	}
	list := chunks(m, n)
	if len(list) == 0 {
		clear(r)
		return
	}
	rows, side := list[0].rows, list[0].side
	q := &reflectors[T]{m: rows, n: n, v: make([]T, rows*n), t: make([]T, side*n), ldv: rows, ldt: side}
	for _, c := range list {
		copyColumns(q.v, rows, x[c.row:], ld(in), c.rows, n)
		part := chunk{0, c.rows, 0, c.side}
		if c.row == 0 && above == nil {
			q.factorAcross(a, part)
			copyTriangle(r, ldr, int(out.Shape[0]), q.v, rows, c.rows, n)
		} else {
			q.factorBelow(a, part, r, ldr)
		}
	}
}

// checkReflectors checks that T belongs to V.
func checkReflectors(name string, v, t *tile.Tile) error {
	if want := reflectorSpec(v).Shape; t.Shape[0] != want[0] || t.Shape[1] != want[1] {
		return errs.New(errs.Value, "%s: a V of the shape %v has a T of the shape %v, not %v", name, v.Shape, want, t.Shape)
	}
	return checkFloat(name, v)
}

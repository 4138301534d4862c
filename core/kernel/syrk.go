package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "syrk", Out: syrkOut, Run: syrkRun, InPlace: 0}) }

func syrkOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("syrk", a, 3, 3); err != nil {
		return nil, err
	}
	c, l, r := a.In[0].Shape, a.In[1].Shape, a.In[2].Shape
	if err := checkFloat("syrk", a.In[0]); err != nil {
		return nil, err
	}
	if l[1] != r[1] || c[0] != l[0] || c[1] != r[0] {
		return nil, errs.New(errs.Value, "syrk(C, A, B) = C - A Bᵀ cannot be of the shapes %v, %v, %v", c, l, r)
	}
	return like(a.In[0]), nil
}

func syrkRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		syrk[float32](a, out[0])
	} else {
		syrk[float64](a, out[0])
	}
	return nil
}

// C - A Bᵀ; of a symmetric update, where A is B, only the lower triangle: nobody reads more of a tile on the diagonal, and
// it is half the work.
func syrk[T float](args *Args, out *tile.Tile) {
	c, a, b := args.In[0], args.In[1], args.In[2]
	if !same(c, out) {
		copy(out.Bytes(), c.Bytes())
	}
	m, n, k := int(a.Shape[0]), int(b.Shape[0]), int(a.Shape[1])
	if m == 0 || n == 0 || k == 0 {
		return
	}
	if same(a, b) && m == n {
		subtractSquare(args, pieceSide, n, k, tile.View[T](a), ld(a), tile.View[T](out), ld(out))
		return
	}
	subtractProduct(args, m, n, k, tile.View[T](a), ld(a), tile.View[T](b), ld(b), tile.View[T](out), ld(out))
}

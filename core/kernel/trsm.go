package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "trsm", Out: trsmOut, Run: trsmRun, InPlace: 1}) }

func trsmOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("trsm", a, 2, 2); err != nil {
		return nil, err
	}
	t, b := a.In[0], a.In[1]
	if err := checkFloat("trsm", t); err != nil {
		return nil, err
	}
	side := b.Shape[1]
	if attrString(a, "side") == "L" {
		side = b.Shape[0]
	}
	if t.Shape[0] != side || t.Shape[1] != side {
		return nil, errs.New(errs.Value, "trsm on the %s side of a tile of the shape %v wants a triangle of the shape [%d %d], not %v",
			attrString(a, "side"), b.Shape, side, side, t.Shape)
	}
	return like(b), nil
}

func trsmRun(a *Args, out []*tile.Tile, _ bool) error {
	t := triangle{
		left: attrString(a, "side") == "L", lower: attrString(a, "uplo") == "L",
		trans: attrString(a, "trans") == "T", unit: attrString(a, "diag") == "U",
	}
	if out[0].DType == tile.Float32 {
		return trsm[float32](t, out[0], a.In[0], a.In[1])
	}
	return trsm[float64](t, out[0], a.In[0], a.In[1])
}

// op(T) X = B when t.left, else X op(T) = B.
func trsm[T float](t triangle, out, tri, b *tile.Tile) error {
	if b.Len() == 0 {
		return nil
	}
	n, a := int(tri.Shape[0]), tile.View[T](tri)
	if !t.unit {
		for j := range n {
			if a[j*n+j] == 0 {
				return &Numerical{Kernel: "trsm", Row: int64(j), Reason: "singular"}
			}
		}
	}
	if !same(b, out) {
		copy(out.Bytes(), b.Bytes())
	}
	blasTrsm(t, int(b.Shape[0]), int(b.Shape[1]), a, ld(tri), tile.View[T](out), ld(out))
	return nil
}

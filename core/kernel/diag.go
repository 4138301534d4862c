package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "diagpart", Out: diagpartOut, Run: diagpartRun, InPlace: -1},
		&Kernel{Name: "diagm", Out: diagmOut, Run: diagmRun, InPlace: -1},
	)
}

func diagpartOut(a *Args) ([]Spec, error) {
	if _, err := windowOut("diagpart")(a); err != nil {
		return nil, err
	}
	if len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "diagpart wants the blocks of two axes, not %d", len(a.Axes))
	}
	t := a.In[0]
	return []Spec{{DType: t.DType, Shape: []int64{min(t.Shape[0], t.Shape[1]), 1}}}, nil
}

// diagpartRun takes the elements of the tile on the k-th diagonal of the whole matrix. Where the diagonal leaves the tile
// early the column ends in zeros.
func diagpartRun(a *Args, out []*tile.Tile, _ bool) error {
	t, to, from := a.In[0], out[0].Bytes(), a.In[0].Bytes()
	size, rows, cols := int64(t.DType.Size()), t.Shape[0], t.Shape[1]
	n := int64(0)
	for j := range cols {
		if i := diagonalRow(a, j); i >= 0 && i < rows {
			copy(to[n*size:(n+1)*size], from[(j*rows+i)*size:])
			n++
		}
	}
	clear(to[n*size:])
	return nil
}

func diagmOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("diagm", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if t.Shape[1] != 1 {
		return nil, errs.New(errs.Value, "diagm wants a column, not a tile of the shape %v", t.Shape)
	}
	return []Spec{{DType: t.DType, Shape: []int64{t.Shape[0], t.Shape[0]}}}, nil
}

// diagmRun puts a column on the diagonal of a square tile of zeros.
func diagmRun(a *Args, out []*tile.Tile, _ bool) error {
	to, from := out[0].Bytes(), a.In[0].Bytes()
	size, n := int64(out[0].DType.Size()), a.In[0].Shape[0]
	clear(to)
	for j := range n {
		copy(to[j*(n+1)*size:], from[j*size:(j+1)*size])
	}
	return nil
}

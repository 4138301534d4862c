package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "tri", Out: triOut, Run: triRun, InPlace: -1}) }

func triOut(a *Args) ([]Spec, error) {
	if len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "tri wants the blocks of two axes, not %d", len(a.Axes))
	}
	return windowOut("tri")(a)
}

// triRun keeps the elements on one side of the k-th diagonal of the whole matrix, and that diagonal.
func triRun(a *Args, out []*tile.Tile, _ bool) error {
	t, to, from := a.In[0], out[0].Bytes(), a.In[0].Bytes()
	size, rows, cols := int64(t.DType.Size()), t.Shape[0], t.Shape[1]
	isLower := attrString(a, "uplo") != "U"
	for j := range cols {
		edge := diagonalRow(a, j)
		low, high := edge, rows // the rows that stay
		if !isLower {
			low, high = 0, edge+1
		}
		low = min(max(low, 0), rows)
		high = min(max(high, low), rows)
		column := to[j*rows*size : (j+1)*rows*size]
		clear(column[:low*size])
		copy(column[low*size:high*size], from[(j*rows+low)*size:])
		clear(column[high*size:])
	}
	return nil
}

// diagonalRow is the row, within the tile, where column j of the tile meets the k-th diagonal of the whole matrix; it may lie
// above or below the tile. The first axis is that of the rows.
func diagonalRow(a *Args, j int64) int64 {
	return a.Axes[1].Start + j - attrInt(a, "k") - a.Axes[0].Start
}

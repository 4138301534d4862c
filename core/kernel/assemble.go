package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "assemble", Out: assembleOut, Step: assembleStep, InPlace: -1}) }

// assembleOut is the block of the target; In[0] is the first part.
func assembleOut(a *Args) ([]Spec, error) {
	if err := checkOperand("assemble", a); err != nil {
		return nil, err
	}
	return []Spec{{DType: a.In[0].DType, Shape: extents(a)}}, nil
}

// assembleStep copies into the block of the target what of it lies in x. Where the target's elements are in the array that x
// is a block of, a's attribute offset says: the place there of the target's first element.
func assembleStep(acc *tile.Tile, first bool, x *tile.Tile, a, body *Args) error {
	ndim := len(acc.Shape)
	if body == nil || len(body.Axes) != ndim || len(x.Shape) != ndim {
		return errs.New(errs.Value, "assemble wants parts of %d dimensions, such as part(A[i, j], r[i], c[j])", ndim)
	}
	if x.DType != acc.DType {
		return errs.New(errs.Type, "assemble of %s and %s tiles: convert one to the other's dtype", acc.DType, x.DType)
	}
	offset, err := attrInts("assemble", a, "offset")
	if err != nil {
		return err
	}
	if offset == nil {
		offset = make([]int64, ndim)
	}
	if len(offset) != ndim {
		return errs.New(errs.Value, "assemble: offset=%q is not of %d dimensions", attrString(a, "offset"), ndim)
	}
	to, from, shape := make([]int64, ndim), make([]int64, ndim), make([]int64, ndim) // the overlap within acc, within x, its shape
	for d := range ndim {
		start := a.Axes[d].Start + offset[d] // of acc, where x is counted
		low := max(start, body.Axes[d].Start)
		high := min(start+acc.Shape[d], body.Axes[d].Start+x.Shape[d])
		to[d], from[d], shape[d] = low-start, low-body.Axes[d].Start, max(high-low, 0)
	}
	if first && !slices.Equal(shape, acc.Shape) {
		acc.Zero() // the other parts fill it, but no program is forced to give them
	}
	if slices.Contains(shape, 0) {
		return nil
	}
	dst, src := tile.Strides(acc.Shape, nil, acc.DType), tile.Strides(x.Shape, nil, x.DType)
	tile.Copy(acc.Bytes()[dot(to, dst):], dst, x.Bytes()[dot(from, src):], src, shape, acc.DType)
	return nil
}

func dot(x, y []int64) int64 {
	n := int64(0)
	for d := range x {
		n += x[d] * y[d]
	}
	return n
}

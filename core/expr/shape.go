package expr

import (
	"fmt"
	"slices"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// maxTile is the largest tile, in bytes, that broadcasting or an outer product makes of smaller ones.
const maxTile = 32 << 20

// maxDims is what a tile's index holds.
const maxDims = 6

// shapeText is a shape as NumPy's messages write it: (2,3), (4,), ().
func shapeText(shape []int64) string {
	var b strings.Builder
	b.WriteByte('(')
	for d, n := range shape {
		if d > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, n)
	}
	if len(shape) == 1 {
		b.WriteByte(',')
	}
	return b.String() + ")"
}

// broadcast is the common shape of several; dimensions are aligned at the right.
func broadcast(shapes [][]int64) ([]int64, error) {
	ndim := 0
	for _, s := range shapes {
		ndim = max(ndim, len(s))
	}
	out := slices.Repeat([]int64{1}, ndim)
	for _, s := range shapes {
		for d, n := range s {
			o := &out[ndim-len(s)+d]
			switch {
			case *o == 1:
				*o = n
			case n != 1 && n != *o:
				var all strings.Builder
				for _, s := range shapes {
					all.WriteString(" " + shapeText(s))
				}
				return nil, errs.New(errs.Value, "operands could not be broadcast together with shapes%s", all.String())
			}
		}
	}
	return out, nil
}

// normalizeAxis turns a negative axis into its place from the front.
func normalizeAxis(axis int64, ndim int) (int, error) {
	if axis < -int64(ndim) || axis >= int64(ndim) {
		return 0, errs.New(errs.Index, "axis %d is out of bounds for array of dimension %d", axis, ndim)
	}
	if axis < 0 {
		axis += int64(ndim)
	}
	return int(axis), nil
}

// normalizeAxes does so for a list, which must name each axis once; nil means all axes. The result is sorted.
func normalizeAxes(axes []int64, ndim int) ([]int, error) {
	if axes == nil {
		out := make([]int, ndim)
		for d := range out {
			out[d] = d
		}
		return out, nil
	}
	out := make([]int, len(axes))
	for i, a := range axes {
		var err error
		if out[i], err = normalizeAxis(a, ndim); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) < len(out) {
		return nil, errs.New(errs.Value, "duplicate value in 'axis'")
	}
	return out, nil
}

// gridOf cuts a shape into the blocks that the caller asks for, or the default ones.
func gridOf(shape, block []int64, dtype string) (grid.Grid, error) {
	if len(shape) > maxDims {
		return nil, errs.New(errs.Unsupported, "arrays of %d dimensions are not supported: %d is the most", len(shape), maxDims)
	}
	if block == nil {
		block = grid.DefaultBlock(shape, dtypes[dtype].size)
	}
	return grid.New(shape, block)
}

// checkSize refuses shapes of more elements, or more dimensions, than there can be.
func checkSize(shape []int64) error {
	_, err := gridOf(shape, slices.Repeat([]int64{1}, len(shape)), float64Type)
	return err
}

// defaultAxes cuts a shape that is known to be valid.
func defaultAxes(shape []int64, dtype string) grid.Grid {
	g := make(grid.Grid, len(shape))
	for d, b := range grid.DefaultBlock(shape, dtypes[dtype].size) {
		g[d] = grid.Axis{Len: shape[d], Block: max(b, 1)}
	}
	return g
}

// unit is a dimension of length 1.
var unit = grid.Axis{Len: 1, Block: 1}

// tileSize is the number of elements of a full tile.
func tileSize(g grid.Grid) int64 {
	n := int64(1)
	for _, a := range g {
		n *= a.Block
	}
	return n
}

// tooLarge says whether tiles of g are larger than maxTile, and larger than those that they are made from.
func tooLarge(g grid.Grid, dtype string, args []*Node) bool {
	n := tileSize(g)
	if n*int64(dtypes[dtype].size) <= maxTile {
		return false
	}
	return !slices.ContainsFunc(args, func(a *Node) bool { return tileSize(a.grid) >= n })
}

// commonGrid chooses the grid of the result of an elementwise operation: in each dimension the blocks of the largest operand
// that has it.
func commonGrid(shape []int64, dtype string, args []*Node) grid.Grid {
	bySize := slices.Clone(args)
	slices.SortStableFunc(bySize, func(a, b *Node) int { return int(min(max(b.size()-a.size(), -1), 1)) })
	g := make(grid.Grid, len(shape))
	for d := range g {
		g[d] = unit
		for _, a := range bySize {
			if at := d - len(shape) + a.ndim(); at >= 0 && a.grid[at].Len == shape[d] {
				g[d] = a.grid[at]
				break
			}
		}
	}
	if tooLarge(g, dtype, args) {
		return defaultAxes(shape, dtype)
	}
	return g
}

// sameAxis says whether two axes cut the same length at the same places; a block longer than its axis ends with it.
func sameAxis(a, b grid.Axis) bool {
	return a.Len == b.Len && (a.Block == b.Block || min(a.Block, a.Len) == min(b.Block, b.Len))
}

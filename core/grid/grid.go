// Package grid does the arithmetic of matrices cut into blocks: axes, grids of any number of dimensions, and the blocks that
// are chosen when the user names none. It knows nothing of what the blocks hold. Everybody calls it.
package grid

import (
	"iter"
	"slices"

	"numpywren/core/errs"
)

// Axis is one dimension of a matrix cut into blocks of Block elements; the last may be shorter.
type Axis struct{ Len, Block int64 }

// Blocks is how many blocks the axis has: none when it is empty.
func (a Axis) Blocks() int64 {
	if a.Len == 0 {
		return 0
	}
	return (a.Len-1)/a.Block + 1
}

// Start is the position of block i's first element.
func (a Axis) Start(i int64) int64 { return i * a.Block }

// Extent is the number of elements of block i: Block, less in the last one, none past the end.
func (a Axis) Extent(i int64) int64 { return max(0, min(a.Block, a.Len-i*a.Block)) }

// Find is the block that holds the element at pos, for 0 <= pos < Len.
func (a Axis) Find(pos int64) int64 { return pos / a.Block }

// Grid is a matrix cut into blocks along each of its dimensions. A matrix without dimensions is one tile, with the index [].
type Grid []Axis

// maxElements bounds the elements of a matrix, so that its bytes, 16 at most for each, can be counted in an int64.
const maxElements = 1 << 58

// New checks the shape and the block shape and makes their grid. Blocks larger than the matrix are cut to it, so that the
// same tiling is the same grid.
func New(shape, block []int64) (Grid, error) {
	if len(shape) != len(block) {
		return nil, errs.New(errs.Value, "block_shape %v has %d dimensions, the matrix %v has %d: give one size for each", block, len(block), shape, len(shape))
	}
	g := make(Grid, len(shape))
	size := int64(1)
	for d, n := range shape {
		if n < 0 {
			return nil, errs.New(errs.Value, "negative dimensions are not allowed: shape %v", shape)
		}
		if block[d] < 1 {
			return nil, errs.New(errs.Value, "block_shape %v has a size below 1: each must be at least 1", block)
		}
		if n > 0 && size > maxElements/n {
			return nil, errs.New(errs.Value, "a matrix of shape %v has more than 2**58 elements", shape)
		}
		size *= max(n, 1)
		g[d] = Axis{n, min(block[d], max(n, 1))}
	}
	return g, nil
}

func (g Grid) each(f func(Axis) int64) []int64 {
	out := make([]int64, len(g))
	for d, a := range g {
		out[d] = f(a)
	}
	return out
}

// Shape is the matrix's shape.
func (g Grid) Shape() []int64 { return g.each(func(a Axis) int64 { return a.Len }) }

// Block is the shape of a tile that is not at an edge.
func (g Grid) Block() []int64 { return g.each(func(a Axis) int64 { return a.Block }) }

// Blocks is how many blocks each dimension has.
func (g Grid) Blocks() []int64 { return g.each(Axis.Blocks) }

// NumTiles is the number of tiles.
func (g Grid) NumTiles() int64 { return product(g, Axis.Blocks) }

// Size is the number of elements.
func (g Grid) Size() int64 { return product(g, func(a Axis) int64 { return a.Len }) }

func product(g Grid, f func(Axis) int64) int64 {
	n := int64(1)
	for _, a := range g {
		n *= f(a)
	}
	return n
}

// TileShape is the shape of the tile at idx.
func (g Grid) TileShape(idx []int64) []int64 {
	out := make([]int64, len(g))
	for d, a := range g {
		out[d] = a.Extent(idx[d])
	}
	return out
}

// Starts is where the tile at idx begins.
func (g Grid) Starts(idx []int64) []int64 {
	out := make([]int64, len(g))
	for d, a := range g {
		out[d] = a.Start(idx[d])
	}
	return out
}

// Contains says whether idx is the index of a tile.
func (g Grid) Contains(idx []int64) bool {
	if len(idx) != len(g) {
		return false
	}
	for d, a := range g {
		if idx[d] < 0 || idx[d] >= a.Blocks() {
			return false
		}
	}
	return true
}

// Equal says whether two grids cut the same shape the same way.
func (g Grid) Equal(h Grid) bool { return slices.Equal(g, h) }

// All yields the index of each tile, the first dimension slowest. The slice is used again for the next one.
func (g Grid) All() iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		idx, blocks := make([]int64, len(g)), g.Blocks()
		if slices.Contains(blocks, 0) {
			return
		}
		for {
			if !yield(idx) {
				return
			}
			d := len(g) - 1
			for ; d >= 0; d-- {
				if idx[d]++; idx[d] < blocks[d] {
					break
				}
				idx[d] = 0
			}
			if d < 0 {
				return
			}
		}
	}
}

// Transpose is the grid of the transposed matrix: its dimensions in reverse order.
func (g Grid) Transpose() Grid {
	h := slices.Clone(g)
	slices.Reverse(h)
	return h
}

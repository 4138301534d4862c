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

// Extent is the number of elements of block i.
func (a Axis) Extent(i int64) int64 { return max(0, min(a.Block, a.Len-i*a.Block)) }

// Find is the block that holds the element at pos.
func (a Axis) Find(pos int64) int64 { return pos / a.Block }

// Grid is a matrix cut into blocks along each of its dimensions. A matrix without dimensions is one tile, with the index [].
type Grid []Axis

// New checks the shape and the block shape and makes their grid. Blocks larger than the matrix are cut to it.
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
		if n > 0 && size > (1<<62)/n {
			return nil, errs.New(errs.Value, "a matrix of shape %v is too large to count its elements", shape)
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

// Transpose is the grid of the transposed matrix.
func (g Grid) Transpose() Grid {
	h := slices.Clone(g)
	slices.Reverse(h)
	return h
}

// Sides of default blocks. They fit the kernels, which are near their best from 512 on, and leave enough tiles to share.
const (
	minSide  = 256
	maxSide  = 1024
	hugeSide = 2048    // of matrices where maxSide would make very many tiles
	hugeFrom = 16384   // what such a matrix measures
	tileSize = 8 << 20 // bytes of a tile that is longer than wide
	lineSize = 1 << 20 // elements of a one-dimensional block
)

// DefaultBlock chooses blocks from the shape and the size of an element alone, never from the machine: the same call gives
// the same tiles, and so the same bits, everywhere.
func DefaultBlock(shape []int64, itemsize int) []int64 {
	block := make([]int64, len(shape))
	if len(shape) == 1 {
		block[0] = clamp(shape[0], 1, lineSize)
		return block
	}
	for d, n := range shape {
		block[d] = side(n)
		if d < len(shape)-2 {
			block[d] = 1
		}
	}
	if len(shape) >= 2 {
		lengthen(shape[len(shape)-2:], block[len(shape)-2:], int64(itemsize))
	}
	return block
}

// side is the block of one side of a matrix: about an eighth of it.
func side(n int64) int64 {
	switch {
	case n <= minSide:
		return max(n, 1)
	case n >= hugeFrom:
		return hugeSide
	}
	eighth := (n + 7) / 8
	return clamp((eighth+127)/128*128, minSide, maxSide)
}

// lengthen makes the blocks of a thin matrix whole rows or columns, of tileSize bytes.
func lengthen(shape, block []int64, itemsize int64) {
	thin, long := 1, 0
	if shape[0] < shape[1] {
		thin, long = 0, 1
	}
	if shape[thin] > maxSide || shape[long] < 4*shape[thin] {
		return
	}
	block[thin] = max(shape[thin], 1)
	rows := tileSize / (itemsize * block[thin]) / 128 * 128
	block[long] = clamp(min(rows, (shape[long]+63)/64/128*128), 1024, 1<<16)
	block[long] = min(block[long], max(shape[long], 1))
}

func clamp(x, lo, hi int64) int64 { return max(lo, min(x, hi)) }

// Package tile holds the dense blocks that matrices are cut into: off the Go heap, reference-counted, in a pool that reuses
// their memory, and the coding of a tile as a Zarr chunk. What a tile means, and which tiles stay in memory, is for package
// matrix; what is computed with them for package kernel.
package tile

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"
)

// Tile is a dense block in column-major order: the first index runs fastest. Its memory belongs to the Pool that made it and
// goes back there with the last Release. Any number of goroutines may read a tile; writing is for the one that owns it.
type Tile struct {
	DType DType
	Shape []int64

	mem   []byte // len: the elements' bytes
	block *block // shared by the views of the same memory
}

// block is a piece of a pool's memory with the number of tiles on it.
type block struct {
	pool *Pool
	mem  []byte // all of it
	refs atomic.Int32
}

// Bytes is the tile's memory.
func (t *Tile) Bytes() []byte { return t.mem }

// Ptr is the address of the first element; nil for an empty tile.
func (t *Tile) Ptr() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(t.mem)) }

// Len is the number of elements.
func (t *Tile) Len() int64 { return elements(t.Shape) }

// NBytes is the number of bytes of the elements.
func (t *Tile) NBytes() int64 { return int64(len(t.mem)) }

// Zero sets all elements to zero.
func (t *Tile) Zero() { clear(t.mem) }

// Retain counts one more owner.
func (t *Tile) Retain() { t.block.refs.Add(1) }

// Release counts one owner less; the last one gives the memory back.
func (t *Tile) Release() {
	switch n := t.block.refs.Add(-1); {
	case n == 0:
		t.block.pool.put(t.block)
	case n < 0:
		panic(fmt.Sprintf("tile: Release of a released tile of %v %s", t.Shape, t.DType))
	}
}

// Refs is the number of owners.
func (t *Tile) Refs() int32 { return t.block.refs.Load() }

// Reshape is the same memory as a tile of another shape with as many elements. It counts as one more owner.
func (t *Tile) Reshape(shape []int64) *Tile {
	if elements(shape) != t.Len() {
		panic(fmt.Sprintf("tile: Reshape of %v to %v", t.Shape, shape))
	}
	t.Retain()
	return &Tile{DType: t.DType, Shape: slices.Clone(shape), mem: t.mem, block: t.block}
}

// View is the tile's elements as a slice of T, which must be as large as the tile's dtype.
func View[T any](t *Tile) []T {
	var zero T
	if int(unsafe.Sizeof(zero)) != t.DType.Size() {
		panic(fmt.Sprintf("tile: a %s tile is no slice of %T", t.DType, zero))
	}
	return unsafe.Slice((*T)(t.Ptr()), t.Len())
}

func elements(shape []int64) int64 {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	return n
}

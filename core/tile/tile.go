// Package tile holds the dense blocks that matrices are cut into: off the Go heap, counted, in a pool that reuses their
// memory; and the coding of a tile as a Zarr chunk. What a tile means, and which tiles stay in memory, is for package
// matrix; what is computed with them, for package kernel.
package tile

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"
)

// Tile is a dense block in column-major order: the first index runs fastest, nothing lies between the elements. Its memory
// belongs to a Pool and goes back there with the last Release.
//
// Retain, Release and Refs may be called by any goroutine that holds the tile; any number of holders may read its elements,
// and one may write them while no other reads.
type Tile struct {
	DType DType
	Shape []int64

	mem   []byte
	block *block // shared with the tiles that Reshape made
}

type refs = atomic.Int32

// Bytes is the tile's memory. It must not be used after the last Release.
func (t *Tile) Bytes() []byte {
	t.check()
	return t.mem
}

// Ptr is the address of the first element, on a cache line's boundary.
func (t *Tile) Ptr() unsafe.Pointer {
	t.check()
	return t.block.at
}

// Len is the number of elements.
func (t *Tile) Len() int64 { return elements(t.Shape) }

// NBytes is the number of bytes of the elements.
func (t *Tile) NBytes() int64 { return int64(len(t.mem)) }

// Zero sets all elements to zero.
func (t *Tile) Zero() { clear(t.Bytes()) }

// Fill sets all elements to the one whose bytes are given, little endian.
func (t *Tile) Fill(element []byte) {
	if len(element) != t.DType.Size() {
		panic(fmt.Sprintf("tile: Fill of %s elements with %d bytes", t.DType, len(element)))
	}
	mem := t.Bytes()
	for n := copy(mem, element); n < len(mem); {
		n += copy(mem[n:], mem[:n])
	}
}

// Retain counts one more holder.
func (t *Tile) Retain() {
	t.check()
	t.block.refs.Add(1)
}

// Release counts one holder less; the last one gives the memory back. To release more often than New, Retain and Reshape
// gave is a mistake that panics.
func (t *Tile) Release() {
	switch n := t.block.refs.Add(-1); {
	case n == 0:
		t.block.pool.put(t.block)
	case n < 0:
		panic(fmt.Sprintf("tile: Release of a %s tile of shape %v that was released before", t.DType, t.Shape))
	}
}

// Refs is the number of holders.
func (t *Tile) Refs() int32 { return t.block.refs.Load() }

// Reshape is the same memory as a tile of another shape with as many elements. The result counts as one more holder, to be
// released by itself.
func (t *Tile) Reshape(shape []int64) *Tile {
	if elements(shape) != t.Len() {
		panic(fmt.Sprintf("tile: Reshape of %v to %v", t.Shape, shape))
	}
	t.Retain()
	return &Tile{DType: t.DType, Shape: slices.Clone(shape), mem: t.mem, block: t.block}
}

func (t *Tile) check() {
	if invariants && t.block.refs.Load() <= 0 {
		panic(fmt.Sprintf("tile: use of a %s tile of shape %v after its last Release", t.DType, t.Shape))
	}
}

// View is the tile's memory as a slice of T, which must be as large as the tile's elements.
func View[T any](t *Tile) []T {
	var zero T
	if int(unsafe.Sizeof(zero)) != t.DType.Size() {
		panic(fmt.Sprintf("tile: the elements of a %s tile are no %T", t.DType, zero))
	}
	return unsafe.Slice((*T)(t.Ptr()), t.Len())
}

// Float64s is the elements of a Float64 tile.
func Float64s(t *Tile) []float64 { return typed[float64](t, Float64) }

// Float32s is the elements of a Float32 tile.
func Float32s(t *Tile) []float32 { return typed[float32](t, Float32) }

// Int64s is the elements of an Int64 tile.
func Int64s(t *Tile) []int64 { return typed[int64](t, Int64) }

// Bools is the elements of a Bool tile.
func Bools(t *Tile) []bool { return typed[bool](t, Bool) }

func typed[T any](t *Tile, d DType) []T {
	if t.DType != d {
		panic(fmt.Sprintf("tile: a tile of %s is used as one of %s", t.DType, d))
	}
	return View[T](t)
}

func elements(shape []int64) int64 {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	return n
}

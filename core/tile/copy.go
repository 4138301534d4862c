package tile

import (
	"cmp"
	"slices"
	"unsafe"
)

// Strides is the distance in bytes between neighbours along each dimension, when the elements of an array of the shape follow
// each other in the order given: dimensions from the slowest to the fastest, nil for column-major.
func Strides(shape []int64, order []int, d DType) []int64 {
	strides, s := make([]int64, len(shape)), int64(d.Size())
	for k := range shape {
		at := k
		if order != nil {
			at = order[len(order)-1-k]
		}
		strides[at] = s
		s *= shape[at]
	}
	return strides
}

// Copy copies a box of elements between memory of any strides in bytes; those of src may be 0 or negative, those of dst
// negative. dst and src begin with the first element, and need not reach to the last one.
func Copy(dst []byte, dstStrides []int64, src []byte, srcStrides, shape []int64, d DType) {
	if elements(shape) == 0 {
		return
	}
	axes := make([]axis, 0, len(shape)+2)
	for k, n := range shape {
		if n > 1 {
			axes = append(axes, axis{n, dstStrides[k], srcStrides[k]})
		}
	}
	slices.SortFunc(axes, func(a, b axis) int { return cmp.Compare(distance(a.dst), distance(b.dst)) })
	axes = merge(axes, int64(d.Size()))
	to, from := unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(unsafe.SliceData(src))
	switch d.Size() {
	case 1:
		copyAxes[uint8](to, from, axes)
	case 2:
		copyAxes[uint16](to, from, axes)
	case 4:
		copyAxes[uint32](to, from, axes)
	case 8:
		copyAxes[uint64](to, from, axes)
	default:
		copyAxes[[2]uint64](to, from, axes)
	}
}

// axis is one dimension of a copy: its length and its strides in bytes.
type axis struct{ n, dst, src int64 }

// distance is a stride without its direction.
func distance(stride int64) int64 { return max(stride, -stride) }

// merge joins axes, the fastest in dst first, that are one in both memories; at least two are left, the first being the
// fastest in dst and the second the fastest of the others in src.
func merge(axes []axis, size int64) []axis {
	out := axes[:0]
	for _, a := range axes {
		if k := len(out) - 1; k >= 0 && a.dst == out[k].n*out[k].dst && a.src == out[k].n*out[k].src {
			out[k].n *= a.n
			continue
		}
		out = append(out, a)
	}
	for len(out) < 2 {
		out = append(out, axis{1, size, size})
	}
	fastest := 1
	for k := 2; k < len(out); k++ {
		if distance(out[k].src) < distance(out[fastest].src) {
			fastest = k
		}
	}
	out[1], out[fastest] = out[fastest], out[1]
	return out
}

func copyAxes[T any](dst, src unsafe.Pointer, axes []axis) {
	if len(axes) > 2 {
		a := axes[len(axes)-1]
		for i := range a.n {
			copyAxes[T](unsafe.Add(dst, i*a.dst), unsafe.Add(src, i*a.src), axes[:len(axes)-1])
		}
		return
	}
	var zero T
	size := int64(unsafe.Sizeof(zero))
	if fast, slow := axes[0], axes[1]; fast.dst == size && fast.src == size {
		for j := range slow.n {
			copy(unsafe.Slice((*T)(unsafe.Add(dst, j*slow.dst)), fast.n), unsafe.Slice((*T)(unsafe.Add(src, j*slow.src)), fast.n))
		}
		return
	}
	transpose[T](dst, src, axes[0], axes[1])
}

// patch is the side of the square blocks in which transpose works: two of them fit the first level of cache.
const patch = 32

// transpose copies where the fast axis of dst is not that of src, by way of a small square block: so src is read, and dst
// written, in runs of whole cache lines. Straight from the one to the other the lines would push each other out of the cache
// before they are full, as their distance is a power of two as a rule. Every address that it forms is one of an element, since
// src and dst may lie in Go's heap.
func transpose[T any](dst, src unsafe.Pointer, fast, slow axis) {
	var block [patch * patch]T
	for i := int64(0); i < fast.n; i += patch {
		rows := min(patch, fast.n-i)
		for j := int64(0); j < slow.n; j += patch {
			columns := min(patch, slow.n-j)
			for r := range rows {
				gather(block[r*patch:r*patch+columns], unsafe.Add(src, (i+r)*fast.src+j*slow.src), slow.src)
			}
			for c := range columns {
				scatter(unsafe.Add(dst, i*fast.dst+(j+c)*slow.dst), fast.dst, block[c:(rows-1)*patch+c+1], rows)
			}
		}
	}
}

// gather reads a run of elements that are stride bytes apart.
func gather[T any](run []T, from unsafe.Pointer, stride int64) {
	if stride == int64(unsafe.Sizeof(run[0])) {
		copy(run, unsafe.Slice((*T)(from), len(run)))
		return
	}
	for k := range run {
		run[k] = *(*T)(unsafe.Add(from, int64(k)*stride))
	}
}

// scatter writes n elements stride bytes apart, from a column of a block.
func scatter[T any](to unsafe.Pointer, stride int64, column []T, n int64) {
	if stride == int64(unsafe.Sizeof(column[0])) {
		run := unsafe.Slice((*T)(to), n)
		for k := range run {
			run[k] = column[k*patch]
		}
		return
	}
	for k := range n {
		*(*T)(unsafe.Add(to, k*stride)) = column[k*patch]
	}
}

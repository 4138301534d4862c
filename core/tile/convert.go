package tile

import (
	"fmt"
	"slices"
	"unsafe"

	"numpywren/core/errs"
)

// Widened is the type that numpywren computes with when it is given elements of type d: narrower integers become int64.
func Widened(d DType) (DType, error) {
	switch d {
	case Float64, Float32, Int64, Bool, Pair:
		return d, nil
	case Int8, Int16, Int32, Uint8, Uint16, Uint32:
		return Int64, nil
	case Uint64:
		return 0, errs.New(errs.Type, "dtype uint64 is not supported, as int64 does not hold all of its values: convert the array with astype(int64) or astype(float64)")
	case Complex64, Complex128:
		return 0, errs.New(errs.Type, "dtype %s is not supported: use float64, float32, int64 or bool", d)
	}
	return 0, errs.New(errs.Type, "dtype %s is not supported", d)
}

// Convert copies elements of one type to elements of the type that Widened tells for it, or of the same type. Both begin
// where an element of their type may lie in memory.
func Convert(dst []byte, to DType, src []byte, from DType) {
	if to == from {
		copy(dst, src)
		return
	}
	if to != Int64 {
		panic(fmt.Sprintf("tile: Convert of %s to %s", from, to))
	}
	switch from {
	case Int8:
		widen[int8](dst, src)
	case Int16:
		widen[int16](dst, src)
	case Int32:
		widen[int32](dst, src)
	case Uint8:
		widen[uint8](dst, src)
	case Uint16:
		widen[uint16](dst, src)
	case Uint32:
		widen[uint32](dst, src)
	default:
		panic(fmt.Sprintf("tile: Convert of %s to %s", from, to))
	}
}

func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32](dst, src []byte) {
	var zero T
	in := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(src))), len(src)/int(unsafe.Sizeof(zero)))
	out := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)/8)
	for k, x := range in {
		out[k] = int64(x)
	}
}

// SwapBytes turns elements of the given number of bytes from big to little endian, or back.
func SwapBytes(p []byte, size int) {
	if size < 2 {
		return
	}
	for element := range slices.Chunk(p, size) {
		slices.Reverse(element)
	}
}

package kernel

import (
	"unsafe"

	"numpywren/core/tile"
)

// borrow gives a kernel n zeros as work space, which is not for the Go heap when it is as large as a matrix.
func borrow[T float](n int) (x []T, giveBack func()) {
	var zero T
	mem, giveBack := tile.Borrow(int64(n) * int64(unsafe.Sizeof(zero)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n), giveBack
}

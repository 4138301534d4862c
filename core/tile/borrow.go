package tile

import "unsafe"

// Borrow gives n zeroed bytes that belong to no tile and no pool, off the Go heap, until they are given back: work space as large as
// a matrix. On the heap it would be garbage for long, and let as much other garbage gather beside it.
func Borrow(n int64) (mem []byte, giveBack func()) {
	size := (max(n, 1) + extentUnit - 1) / extentUnit * extentUnit
	at, err := mapMemory(size)
	if err != nil {
		return make([]byte, n), func() {}
	}
	return unsafe.Slice((*byte)(at), n), func() { unmapMemory(at, size) }
}

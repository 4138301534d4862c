//go:build !purego

package kernel

// #cgo LDFLAGS: -lm
// #include "random.h"
import "C"

import "unsafe"

// fillRandom fills out: element (i, j) of a column-major rows×cols block is number first + i rows.step + j cols.step.
func fillRandom[T float](s stream, out []T, first uint64, rows, cols run) {
	c := C.npw_stream{seed: C.uint64_t(s.seed), shift: C.double(s.shift), scale: C.double(s.scale)}
	if s.normal {
		c.normal = 1
	}
	at := unsafe.Pointer(unsafe.SliceData(out))
	if isDouble[T]() {
		C.npw_random_f64(&c, (*C.double)(at), C.uint64_t(first), C.int64_t(rows.n), C.uint64_t(rows.step), C.int64_t(cols.n), C.uint64_t(cols.step))
	} else {
		C.npw_random_f32(&c, (*C.float)(at), C.uint64_t(first), C.int64_t(rows.n), C.uint64_t(rows.step), C.int64_t(cols.n), C.uint64_t(cols.step))
	}
}

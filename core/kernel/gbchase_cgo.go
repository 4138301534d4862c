//go:build !purego

package kernel

// #include "gbchase.h"
import "C"

// chaseSweeps is npw_gbchase.
func chaseSweeps[T float](n, b int, h []T, first, count int, v, tauV, w, tauW []T, ldt int) {
	if isDouble[T]() {
		C.npw_gbchase_f64(C.int64_t(n), C.int64_t(b), f64(h), C.int64_t(first), C.int64_t(count), f64(v), f64(tauV), f64(w), f64(tauW), C.int64_t(ldt))
	} else {
		C.npw_gbchase_f32(C.int64_t(n), C.int64_t(b), f32(h), C.int64_t(first), C.int64_t(count), f32(v), f32(tauV), f32(w), f32(tauW), C.int64_t(ldt))
	}
}

//go:build !purego

package kernel

// #include "triangle.h"
import "C"

// Small triangles with many right sides are ours to solve with on AVX-512 (triangle.c).
const ownRights = 8

// isOwnTriangle says whether B, of m rows and n columns, is ours to divide by a triangle.
func isOwnTriangle(t triangle, m, n int) bool {
	side, many := n, m
	if t.left {
		side, many = m, n
	}
	return ownProducts && side <= C.NPW_SOLVE_SIDE && many >= ownRights
}

// ownTrsm is blasTrsm.
func ownTrsm[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	side, many := C.int64_t(n), C.int64_t(m)
	if t.left {
		side, many = many, side
	}
	left, low, trans, one := pick(t.left, 1, 0), pick(t.lower, 1, 0), pick(t.trans, 1, 0), pick(t.unit, 1, 0)
	if isDouble[T]() {
		C.npw_solve_f64(left, low, trans, one, side, many, f64(a), C.int64_t(lda), f64(b), C.int64_t(ldb))
		return
	}
	C.npw_solve_f32(left, low, trans, one, side, many, f32(a), C.int64_t(lda), f32(b), C.int64_t(ldb))
}

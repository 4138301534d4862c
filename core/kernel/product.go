//go:build !purego

package kernel

// #include "product.h"
import "C"

import "numpywren/core/errs"

// Products on AVX-512 are our own (product.c). OpenBLAS is left the small ones, whose parts are not worth putting in order.
const (
	ownSide   = 64
	ownVolume = 100 * 100 * 100
)

var ownProducts = C.npw_product_runs() != 0

// isOwn says whether a product is ours to compute. Shapes alone decide, on one machine.
func isOwn(m, n, k int) bool {
	return ownProducts && min(m, n, k) >= ownSide && float64(m)*float64(n)*float64(k) >= ownVolume
}

// ownGemm is blasGemm.
func ownGemm[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	ta, tb := pick(transA, 1, 0), pick(transB, 1, 0)
	var done C.int
	if isDouble[T]() {
		done = C.npw_product_f64(ta, tb, C.int64_t(m), C.int64_t(n), C.int64_t(k), C.double(alpha), f64(a), C.int64_t(lda),
			f64(b), C.int64_t(ldb), C.double(beta), f64(c), C.int64_t(ldc))
	} else {
		done = C.npw_product_f32(ta, tb, C.int64_t(m), C.int64_t(n), C.int64_t(k), C.float(alpha), f32(a), C.int64_t(lda),
			f32(b), C.int64_t(ldb), C.float(beta), f32(c), C.int64_t(ldc))
	}
	if done == 0 {
		panic(errs.New(errs.Memory, "the system gives no memory for the parts of a product of %d×%d by %d×%d elements", m, k, k, n))
	}
}

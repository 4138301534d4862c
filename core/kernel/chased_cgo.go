//go:build !purego

package kernel

/*
#cgo CFLAGS: -Wno-psabi
#include "ormsb.h"

static void ormsb_f64(const double *v, int64_t ldv, const double *tau, int64_t ldtau, int64_t n, int64_t first, int64_t sweeps, int64_t side,
	int64_t shift, int trans, double *x, int64_t ldx, int64_t cols, double *work) {
	npw_chased_f64 q = {v, tau, ldv, ldtau, n, first, sweeps, side, shift};
	npw_ormsb_f64(&q, trans, x, ldx, cols, work);
}

static void ormsb_f32(const float *v, int64_t ldv, const float *tau, int64_t ldtau, int64_t n, int64_t first, int64_t sweeps, int64_t side,
	int64_t shift, int trans, float *x, int64_t ldx, int64_t cols, float *work) {
	npw_chased_f32 q = {v, tau, ldv, ldtau, n, first, sweeps, side, shift};
	npw_ormsb_f32(&q, trans, x, ldx, cols, work);
}
*/
import "C"

// applyTo is apply, to one piece.
func (q *chased[T]) applyTo(trans bool, p int, x []T, ldx int) {
	work, giveBack := borrow[T]((p+63)/64*64*q.n + 4*(q.side+4))
	defer giveBack()
	t := pick(trans, 1, 0)
	n, first, sweeps, side, shift := C.int64_t(q.n), C.int64_t(q.first), C.int64_t(q.sweeps), C.int64_t(q.side), C.int64_t(q.shift)
	if isDouble[T]() {
		C.ormsb_f64(f64(q.v), C.int64_t(q.ldv), f64(q.tau), C.int64_t(q.ldtau), n, first, sweeps, side, shift, t, f64(x), C.int64_t(ldx), C.int64_t(p), f64(work))
	} else {
		C.ormsb_f32(f32(q.v), C.int64_t(q.ldv), f32(q.tau), C.int64_t(q.ldtau), n, first, sweeps, side, shift, t, f32(x), C.int64_t(ldx), C.int64_t(p), f32(work))
	}
}

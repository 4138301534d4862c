//go:build !purego

package kernel

/*
#include "sb2st.h"

static void sb2st_f64(double *ab, double *vs, double *taus, double *v, double *tau, int64_t ld, int64_t n, int64_t first, int64_t ldv, int64_t ldtau,
	int64_t s, int64_t count, int64_t from, int64_t to) {
	npw_chase_f64 c = {ab, vs, taus, v, tau, ld, n, first, ldv, ldtau};
	npw_sb2st_f64(&c, s, count, from, to);
}

static void sb2st_f32(float *ab, float *vs, float *taus, float *v, float *tau, int64_t ld, int64_t n, int64_t first, int64_t ldv, int64_t ldtau,
	int64_t s, int64_t count, int64_t from, int64_t to) {
	npw_chase_f32 c = {ab, vs, taus, v, tau, ld, n, first, ldv, ldtau};
	npw_sb2st_f32(&c, s, count, from, to);
}
*/
import "C"

// advance takes count sweeps through times from … to - 1.
func (c *chase[T]) advance(sweep, count, from, to int) {
	n, first, ldv, ldtau := C.int64_t(c.n), C.int64_t(c.first), C.int64_t(c.ldv), C.int64_t(c.ldtau)
	band := c.band[bandLD:]
	if isDouble[T]() {
		C.sb2st_f64(f64(band), f64(c.vs), f64(c.taus), f64(c.v), f64(c.tau), bandLD, n, first, ldv, ldtau, C.int64_t(sweep), C.int64_t(count), C.int64_t(from), C.int64_t(to))
	} else {
		C.sb2st_f32(f32(band), f32(c.vs), f32(c.taus), f32(c.v), f32(c.tau), bandLD, n, first, ldv, ldtau, C.int64_t(sweep), C.int64_t(count), C.int64_t(from), C.int64_t(to))
	}
}

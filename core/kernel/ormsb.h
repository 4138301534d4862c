#ifndef NPW_ORMSB_H
#define NPW_ORMSB_H

#include <stdint.h>

// The reflections of sweeps first to first + sweeps - 1 of a bulge chase on n rows (chased.go): those of a sweep, side long, stand one
// below the other in its column of v, from row sweep + shift on, and their tau in its column of tau.
#define NPW_CHASED(T) struct { \
	const T *v, *tau; \
	int64_t ldv, ldtau, n, first, sweeps, side, shift; \
}
typedef NPW_CHASED(double) npw_chased_f64;
typedef NPW_CHASED(float) npw_chased_f32;

// X = Q X, or Q' X with trans, for cols columns of n rows; work has room for n elements for each column, of which there are taken to be
// a multiple of 64, and 4 * (side + 4) more.
void npw_ormsb_f64(const npw_chased_f64 *q, int trans, double *x, int64_t ldx, int64_t cols, double *work);
void npw_ormsb_f32(const npw_chased_f32 *q, int trans, float *x, int64_t ldx, int64_t cols, float *work);

#endif

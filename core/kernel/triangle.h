#ifndef NPW_TRIANGLE_H
#define NPW_TRIANGLE_H

#include <stdint.h>

// The largest triangle that npw_solve takes.
enum { NPW_SOLVE_SIDE = 128 };

// B = X, with X op(T) = B, or op(T) X = B when `left`, on column-major memory. T is a triangle of `side` rows, whose other half is not
// read; B has `many` right sides: rows, or columns when `left`. For CPUs for which npw_product_runs.
void npw_solve_f64(int left, int lower, int trans, int unit, int64_t side, int64_t many, const double *t, int64_t ldt, double *b,
	int64_t ldb);
void npw_solve_f32(int left, int lower, int trans, int unit, int64_t side, int64_t many, const float *t, int64_t ldt, float *b,
	int64_t ldb);

#endif

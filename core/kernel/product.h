#ifndef NPW_PRODUCT_H
#define NPW_PRODUCT_H

#include <stdint.h>

// Whether this machine can run the two functions below: it has AVX-512.
int npw_product_runs(void);

// C = alpha op(A) op(B) + beta C on column-major memory, op(A) being m×k and op(B) k×n, all at least 1; C is not read when beta
// is 0. Returns 0 when there is no memory to work in.
int npw_product_f64(int transa, int transb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
	const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
int npw_product_f32(int transa, int transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
	const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

#endif

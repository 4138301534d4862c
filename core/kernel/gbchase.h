#ifndef NPW_GBCHASE_H
#define NPW_GBCHASE_H

#include <stdint.h>

// A band of n columns: element (i, j) is h[j * (3 b + 1) + 2 b + i - j], of which that between the diagonals -2 b and b is used.
// Sweeps first to first + count - 1 take rows and columns to two diagonals. Row and column s + 1 + k b and the b - 1 after it
// are reflected, k = 0, 1 …: from the right by the vectors in column s - first of w, from the left by those of v, both of n rows, with
// the factors tauw and tauv of ldt rows.
void npw_gbchase_f64(int64_t n, int64_t b, double *h, int64_t first, int64_t count, double *v, double *tauv, double *w, double *tauw, int64_t ldt);
void npw_gbchase_f32(int64_t n, int64_t b, float *h, int64_t first, int64_t count, float *v, float *tauv, float *w, float *tauw, int64_t ldt);

#endif

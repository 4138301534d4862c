#ifndef NPW_RANDOM_H
#define NPW_RANDOM_H

#include <stdint.h>

// A stream of random numbers: which ones, and what is made of them.
typedef struct {
	uint64_t seed;
	int normal;          // standard normal, or uniform in [0, 1)
	double shift, scale; // the numbers are shift + scale * x
} npw_stream;

// Fills out with rows times cols numbers, a row after the other within each column; element (i, j) is number
// first + i * row_step + j * col_step of the stream.
void npw_random_f64(const npw_stream *s, double *out, uint64_t first, int64_t rows, uint64_t row_step, int64_t cols, uint64_t col_step);
void npw_random_f32(const npw_stream *s, float *out, uint64_t first, int64_t rows, uint64_t row_step, int64_t cols, uint64_t col_step);

#endif

// Small blocks of matrices, transposed, and how functions are compiled for AVX-512.

#ifndef NPW_TURN_H
#define NPW_TURN_H

#include <immintrin.h>
#include <stdint.h>

#define NPW_AVX512 __attribute__((target("avx512f,fma")))
#define INLINE static inline __attribute__((always_inline)) NPW_AVX512

// Four vectors of four elements each, transposed.
INLINE void turn_f64(const double *from, int64_t ld, double *to, int64_t step) {
	__m256d r0 = _mm256_loadu_pd(from), r1 = _mm256_loadu_pd(from + ld);
	__m256d r2 = _mm256_loadu_pd(from + 2 * ld), r3 = _mm256_loadu_pd(from + 3 * ld);
	__m256d l0 = _mm256_unpacklo_pd(r0, r1), h0 = _mm256_unpackhi_pd(r0, r1);
	__m256d l1 = _mm256_unpacklo_pd(r2, r3), h1 = _mm256_unpackhi_pd(r2, r3);
	_mm256_storeu_pd(to, _mm256_permute2f128_pd(l0, l1, 0x20));
	_mm256_storeu_pd(to + step, _mm256_permute2f128_pd(h0, h1, 0x20));
	_mm256_storeu_pd(to + 2 * step, _mm256_permute2f128_pd(l0, l1, 0x31));
	_mm256_storeu_pd(to + 3 * step, _mm256_permute2f128_pd(h0, h1, 0x31));
}

INLINE void turn_f32(const float *from, int64_t ld, float *to, int64_t step) {
	__m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + ld), r2 = _mm_loadu_ps(from + 2 * ld), r3 = _mm_loadu_ps(from + 3 * ld);
	_MM_TRANSPOSE4_PS(r0, r1, r2, r3);
	_mm_storeu_ps(to, r0);
	_mm_storeu_ps(to + step, r1);
	_mm_storeu_ps(to + 2 * step, r2);
	_mm_storeu_ps(to + 3 * step, r3);
}

#endif

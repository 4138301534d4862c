//go:build !purego

// Small triangular systems with many right sides, for CPUs with AVX-512: OpenBLAS solves them at a third of the speed of products.
// triangle_loops.h has the loops, once for each type.

#include "triangle.h"

#if defined(__x86_64__) && defined(__linux__)

#include <math.h>
#include <stddef.h>

#include "turn.h"

enum {
	COLS = 8, // of the unknowns that are in registers,
	VECS = 3, // and vectors of their rows
};

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

#define T double
#define NAME(x) x##_f64
#define WIDTH 8
#define VEC __m512d
#define SPREAD _mm512_set1_pd
#define LOAD _mm512_load_pd
#define LOADU _mm512_loadu_pd
#define STORE _mm512_store_pd
#define STOREU _mm512_storeu_pd
#define TIMES _mm512_mul_pd
#define OVER _mm512_div_pd
#define MINUS _mm512_fnmadd_pd
#include "triangle_loops.h"

#define T float
#define NAME(x) x##_f32
#define WIDTH 16
#define VEC __m512
#define SPREAD _mm512_set1_ps
#define LOAD _mm512_load_ps
#define LOADU _mm512_loadu_ps
#define STORE _mm512_store_ps
#define STOREU _mm512_storeu_ps
#define TIMES _mm512_mul_ps
#define OVER _mm512_div_ps
#define MINUS _mm512_fnmadd_ps
#include "triangle_loops.h"

#else

void npw_solve_f64(int left, int lower, int trans, int unit, int64_t side, int64_t many, const double *t, int64_t ldt, double *b,
	int64_t ldb) {}

void npw_solve_f32(int left, int lower, int trans, int unit, int64_t side, int64_t many, const float *t, int64_t ldt, float *b,
	int64_t ldb) {}

#endif

//go:build !purego

// Products of matrices for CPUs with AVX-512, in the manner of K. Goto and R. van de Geijn (Anatomy of high-performance matrix
// multiplication, ACM Trans. Math. Softw. 34, 2008): A and B are copied, a part at a time, into the order in which the innermost
// loop reads them, a part of A so that it stays in the second-level cache. product_loops.h has the loops, once for each type.

#include "product.h"

#if defined(__x86_64__) && defined(__linux__)

#include <immintrin.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#define LANES __attribute__((target("avx512f,fma")))
#define INLINE static inline __attribute__((always_inline)) LANES

enum {
	COLS = 8,  // of C in registers,
	VECS = 3,  // and vectors of its rows
	AHEAD = 8, // how many steps of the innermost loop before its use A is asked for

	A_BYTES = 512 << 10, // of the part of A in order
	B_BYTES = 4 << 20,   // of B
	DEPTH = 384,         // the most columns of A, and rows of B, in a part

	WORK_BYTES = 6 << 20,
	HUGE_PAGE = 2 << 20,
};

// Memory to work in, for each call that runs: as many as ran at once are kept.
typedef struct work {
	struct work *next;
} work;

static work *idle;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static void *borrow(void) {
	pthread_mutex_lock(&idle_lock);
	work *w = idle;
	if (w) idle = w->next;
	pthread_mutex_unlock(&idle_lock);
	if (w) return w;
	char *raw = mmap(NULL, WORK_BYTES + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED) return NULL;
	char *at = (char *)(((uintptr_t)raw + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	if (at > raw) munmap(raw, at - raw);
	munmap(at + WORK_BYTES, raw + HUGE_PAGE - at);
	madvise(at, WORK_BYTES, MADV_HUGEPAGE);
	return at;
}

static void give_back(void *at) {
	work *w = at;
	pthread_mutex_lock(&idle_lock);
	w->next = idle;
	idle = w;
	pthread_mutex_unlock(&idle_lock);
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// part is the size of the parts, multiples of unit but the last, in which so many are done, of at most `most` each.
static inline int64_t part(int64_t all, int64_t most, int64_t unit) {
	int64_t n = (all + most - 1) / most;
	return ((all + n - 1) / n + unit - 1) / unit * unit;
}

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

#define T double
#define NAME(x) x##_f64
#define WIDTH 8
#define VEC __m512d
#define ZERO _mm512_setzero_pd
#define SPREAD _mm512_set1_pd
#define LOAD _mm512_loadu_pd
#define STORE _mm512_storeu_pd
#define TIMES _mm512_mul_pd
#define FMA _mm512_fmadd_pd
#include "product_loops.h"

#define T float
#define NAME(x) x##_f32
#define WIDTH 16
#define VEC __m512
#define ZERO _mm512_setzero_ps
#define SPREAD _mm512_set1_ps
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define TIMES _mm512_mul_ps
#define FMA _mm512_fmadd_ps
#include "product_loops.h"

int npw_product_runs(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma"); }

#else

int npw_product_runs(void) { return 0; }

int npw_product_f64(int transa, int transb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
	const double *b, int64_t ldb, double beta, double *c, int64_t ldc) {
	return 0;
}

int npw_product_f32(int transa, int transb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
	const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
	return 0;
}

#endif

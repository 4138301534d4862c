//go:build !purego

// Products of matrices for CPUs with AVX-512, in the manner of K. Goto and R. van de Geijn (Anatomy of high-performance matrix
// multiplication, ACM Trans. Math. Softw. 34, 2008): A and B are copied, a part at a time, into the order in which the innermost
// loop reads them, a part of A so that it stays in the second-level cache. product_loops.h has the loops, once for each type.

#include "product.h"
#include "wy.h"

#if defined(__x86_64__) && defined(__linux__)

#include <immintrin.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "turn.h"

enum {
	COLS = 8,  // of C in registers,
	VECS = 3,  // and vectors of its rows
	AHEAD = 8, // how many steps of the innermost loop before its use A is asked for

	A_BYTES = 512 << 10, // of the part of A in order
	B_BYTES = 4 << 20,   // of B
	DEPTH = 384,         // the most columns of A, and rows of B, in a part

	SQUARE = 8,             // the side of the squares in which V and T of reflections are in order,
	UNIT = SQUARE * SQUARE, // of so many elements,
	SQUARES_AHEAD = 3,      // how many squares before its use one is asked for,
	PIECE_BYTES = 768 << 10, // and a piece of the matrix that is multiplied by them, which stays in the second-level cache

	WORK_BYTES = 6 << 20,
	PACKED_BYTES = 10 << 20,
	HUGE_PAGE = 2 << 20,
};

// Memory to work in, for each call that runs: as many as ran at once are kept.
typedef struct work {
	struct work *next;
} work;

typedef struct {
	size_t bytes;
	work *idle;
	pthread_mutex_t lock;
} works;

static works product_work = {WORK_BYTES, NULL, PTHREAD_MUTEX_INITIALIZER};
static works packed_work = {PACKED_BYTES, NULL, PTHREAD_MUTEX_INITIALIZER};

static void *borrow(works *from) {
	pthread_mutex_lock(&from->lock);
	work *w = from->idle;
	if (w) from->idle = w->next;
	pthread_mutex_unlock(&from->lock);
	if (w) return w;
	char *raw = mmap(NULL, from->bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED) return NULL;
	char *at = (char *)(((uintptr_t)raw + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	if (at > raw) munmap(raw, at - raw);
	munmap(at + from->bytes, raw + HUGE_PAGE - at);
	madvise(at, from->bytes, MADV_HUGEPAGE);
	return at;
}

static void give_back(works *to, void *at) {
	work *w = at;
	pthread_mutex_lock(&to->lock);
	w->next = to->idle;
	to->idle = w;
	pthread_mutex_unlock(&to->lock);
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// part is the size of the parts, multiples of unit but the last, in which so many are done, of at most `most` each.
static inline int64_t part(int64_t all, int64_t most, int64_t unit) {
	int64_t n = (all + most - 1) / most;
	return ((all + n - 1) / n + unit - 1) / unit * unit;
}

// extent is what one block of reflections has: the first column j of V, and k of them; rows of V from `top` on; and both in squares,
// with the distance of a row of squares to the next, which is odd, so that a column of them is spread over the cache.
typedef struct {
	int64_t j, k, top, rows, deep, wide, stride;
} extent;

static inline int64_t eights(int64_t n) { return (n + SQUARE - 1) / SQUARE; }

static extent block_extent(const npw_wy *q, int64_t block) {
	const int64_t j = block * q->columns, k = least(q->columns, q->n - j), top = q->shape == NPW_WY_LOWER ? j : 0;
	const int64_t rows = q->shape == NPW_WY_UPPER ? least(q->m, j + k) : q->m - top;
	return (extent){j, k, top, rows, eights(rows), eights(k), eights(k) | 1};
}

// slot is how many elements a block has at most.
static int64_t slot(const npw_wy *q) {
	const int64_t wide = eights(least(q->columns, q->n));
	return (eights(q->m) * (wide | 1) + wide * wide) * UNIT;
}

// span is a range of squares.
typedef struct {
	int64_t lo, hi;
} span;

// filled is which squares of a column of them V fills, and across of a row.
static span filled(const npw_wy *q, const extent *e, int64_t c) {
	return (span){q->shape == NPW_WY_LOWER ? c : 0, q->shape == NPW_WY_UPPER ? least(e->deep, e->j / SQUARE + c + 1) : e->deep};
}

static span across(const npw_wy *q, const extent *e, int64_t r) {
	const int64_t lo = q->shape == NPW_WY_UPPER ? r - e->j / SQUARE : 0;
	return (span){lo > 0 ? lo : 0, q->shape == NPW_WY_LOWER ? least(e->wide, r + 1) : e->wide};
}

int64_t npw_wy_fit(const npw_wy *q, int64_t bytes) {
	if (eights(q->m) * SQUARE * 3 * 64 > 2 * PIECE_BYTES) return 0;
	return PACKED_BYTES / (slot(q) * bytes);
}

int64_t npw_wy_piece(const npw_wy *q, int64_t bytes, int64_t p) {
	const int64_t strip = VECS * 64 / bytes, high = eights(q->m) * SQUARE * bytes * strip;
	return part(p, (high < PIECE_BYTES ? PIECE_BYTES / high : 1) * strip, strip);
}

void *npw_wy_borrow(void) { return borrow(&packed_work); }

void npw_wy_give_back(void *packed) { give_back(&packed_work, packed); }

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
#define FNMA _mm512_fnmadd_pd
#include "product_loops.h"
#include "wy_loops.h"
#include "lanes_end.h"

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
#define FNMA _mm512_fnmadd_ps
#include "product_loops.h"
#include "wy_loops.h"
#include "lanes_end.h"

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

int64_t npw_wy_fit(const npw_wy *q, int64_t bytes) { return 0; }

int64_t npw_wy_piece(const npw_wy *q, int64_t bytes, int64_t p) { return p; }

void *npw_wy_borrow(void) { return 0; }

void npw_wy_give_back(void *packed) {}

void npw_wy_pack_f64(const npw_wy *q, int64_t first, int64_t place, const double *v, int64_t ldv, const double *t, int64_t ldt,
	void *packed) {}

void npw_wy_pack_f32(const npw_wy *q, int64_t first, int64_t place, const float *v, int64_t ldv, const float *t, int64_t ldt,
	void *packed) {}

int npw_wy_apply_f64(const npw_wy *q, int64_t first, int64_t count, int trans, int fresh, const void *packed, int64_t p, double *c,
	int64_t ldc, double *d, int64_t ldd) {
	return 0;
}

int npw_wy_apply_f32(const npw_wy *q, int64_t first, int64_t count, int trans, int fresh, const void *packed, int64_t p, float *c,
	int64_t ldc, float *d, int64_t ldd) {
	return 0;
}

#endif

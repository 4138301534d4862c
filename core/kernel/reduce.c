//go:build !purego

// Reductions of elementwise programs, whose strips are folded as they come. Sums of floats carry what each addition lost
// (Knuth's two-sum) from strip to strip, and add up within a contiguous run of a strip by 64 lanes and then pairwise: along
// either direction they are more accurate than NumPy's.

#include "reduce.h"

#include <math.h>
#include <stdlib.h>

enum { LANES = 64, SHORT = 16 };

// What is to be done with n accumulators: set them to the identity; fold n runs of count elements each, one for each of them;
// fold count columns of n elements; write the results.
enum { START, RUNS, COLUMNS, FINISH };

#define ADD(r, v) ((T)((r) + (v)))
#define MULTIPLY(r, v) ((T)((r) * (v)))
#define LESS(r, v) ((v) < (r) || (v) != (v) ? (v) : (r))
#define MORE(r, v) ((v) > (r) || (v) != (v) ? (v) : (r))

#define JOIN(OP, k, v) acc[k] = OP(acc[k], v)
// TWO_SUM keeps the rounding error of acc[k] + v in lost[k].
#define TWO_SUM(OP, k, v) do { \
	T s = acc[k], y = (v), sum = s + y, z = sum - s; \
	lost[k] += (s - (sum - z)) + (y - z); \
	acc[k] = sum; \
} while (0)

#define FOLD(IDENTITY, OP, PUT, RESULT) \
	switch (how) { \
	case START: \
		for (int64_t k = 0; k < n; k++) acc[k] = (T)(IDENTITY), lost[k] = 0; \
		return; \
	case RUNS: \
		for (int64_t k = 0; k < n; k++, x += count) { \
			T r = (T)(IDENTITY); \
			if (count < SHORT) { \
				for (int64_t i = 0; i < count; i++) r = OP(r, x[i]); \
			} else { \
				T lane[LANES]; \
				int64_t i = 0; \
				for (int j = 0; j < LANES; j++) lane[j] = r; \
				for (; i + LANES <= count; i += LANES) \
					for (int j = 0; j < LANES; j++) lane[j] = OP(lane[j], x[i + j]); \
				for (int j = 0; i + j < count; j++) lane[j] = OP(lane[j], x[i + j]); \
				for (int w = LANES / 2; w; w /= 2) \
					for (int j = 0; j < w; j++) lane[j] = OP(lane[j], lane[j + w]); \
				r = lane[0]; \
			} \
			PUT(OP, k, r); \
		} \
		return; \
	case COLUMNS: \
		for (int64_t c = 0; c < count; c++, x += n) \
			NPW_EACH for (int64_t k = 0; k < n; k++) PUT(OP, k, x[k]); \
		return; \
	default: \
		for (int64_t k = 0; k < n; k++) out[k] = RESULT; \
		return; \
	}

#define SIGNATURE(S) NPW_CLONES void npw_fold_##S(int op, int how, int64_t n, int64_t count, void *vacc, void *vlost, const void *vx)
#define ACCUMULATORS(C) \
	typedef C T; \
	T *restrict acc = (T *)vacc, *restrict lost = (T *)vlost, *restrict out = (T *)(how == FINISH ? vx : vacc); \
	const T *restrict x = (const T *)vx;

#define FLOAT(ID, S, C, F) SIGNATURE(S) { \
	ACCUMULATORS(C) \
	switch (op) { \
	case NPW_SUM: FOLD(0, ADD, TWO_SUM, fabs##F(acc[k]) < (C)INFINITY ? acc[k] + lost[k] : acc[k]) \
	case NPW_PROD: FOLD(1, MULTIPLY, JOIN, acc[k]) \
	case NPW_LEAST: FOLD(INFINITY, LESS, JOIN, acc[k]) \
	case NPW_GREATEST: FOLD(-INFINITY, MORE, JOIN, acc[k]) \
	} \
	abort(); \
}
FLOAT(NPW_F64, f64, double, )
FLOAT(NPW_F32, f32, float, f)

// Integers and bools: LEAST and GREATEST are those of the type; sums and products are of 64 bits.
#define INTEGER(S, C, MIN, MAX, SUMS) SIGNATURE(S) { \
	ACCUMULATORS(C) \
	switch (op) { \
	SUMS \
	case NPW_LEAST: FOLD(MAX, LESS, JOIN, acc[k]) \
	case NPW_GREATEST: FOLD(MIN, MORE, JOIN, acc[k]) \
	} \
	abort(); \
}
#define SUMS case NPW_SUM: FOLD(0, ADD, JOIN, acc[k]) case NPW_PROD: FOLD(1, MULTIPLY, JOIN, acc[k])
INTEGER(bool, uint8_t, 0, 1, )
INTEGER(i8, int8_t, INT8_MIN, INT8_MAX, )
INTEGER(i16, int16_t, INT16_MIN, INT16_MAX, )
INTEGER(i32, int32_t, INT32_MIN, INT32_MAX, )
INTEGER(i64, int64_t, INT64_MIN, INT64_MAX, )
INTEGER(u8, uint8_t, 0, UINT8_MAX, )
INTEGER(u16, uint16_t, 0, UINT16_MAX, )
INTEGER(u32, uint32_t, 0, UINT32_MAX, )
INTEGER(u64, uint64_t, 0, UINT64_MAX, SUMS)

typedef struct {
	npw_ew ew;
	const npw_groups *g;
	char *acc, *lost;
} reducer;

// Sums wrap around, which only unsigned integers may do in C.
static void fold(const reducer *r, int how, int64_t n, int64_t count, const void *x) {
	int op = r->g->op, t = r->g->t == NPW_I64 && op <= NPW_PROD ? NPW_U64 : r->g->t;
	switch (t) {
#define CASE(ID, S, C, W) case ID: npw_fold_##S(op, how, n, count, r->acc, r->lost, x); return;
	NPW_ALL(CASE)
	}
	abort();
}

static int is_reduced(const npw_groups *g, int64_t k) { return (k % 2 == 0) == (g->first_reduced != 0); }

// The number of the elements of the outer groups that are reduced, or kept.
static int64_t outer(const npw_groups *g, int reduced) {
	int64_t count = 1;
	for (int64_t k = 2; k < g->n; k++)
		if (is_reduced(g, k) == reduced) count *= g->extent[k];
	return count;
}

// The place in the space of the q-th of them.
static int64_t place(const npw_groups *g, int reduced, int64_t q) {
	int64_t at = 0, step = g->extent[0] * g->extent[1];
	for (int64_t k = 2; k < g->n; k++) {
		if (is_reduced(g, k) == reduced) {
			at += q % g->extent[k] * step;
			q /= g->extent[k];
		}
		step *= g->extent[k];
	}
	return at;
}

// Folds count runs of run elements each, from p on, into as many accumulators.
static int fold_runs(reducer *r, int64_t p, int64_t run, int64_t count) {
	const void *data;
	int64_t strip = run <= r->ew.s->strip ? run * count : r->ew.s->strip;
	for (int64_t q = 0; q < run * count; q += strip) {
		int64_t n = run * count - q < strip ? run * count - q : strip;
		int failed = npw_ew_eval(&r->ew, p + q, n, NULL, &data);
		if (failed) return failed;
		fold(r, RUNS, count, n / count, data);
	}
	return NPW_OK;
}

// Folds count columns, of which elements p … p+n-1 of the first one count, into n accumulators.
static int fold_columns(reducer *r, int64_t p, int64_t n, int64_t column, int64_t count) {
	const void *data;
	int64_t batch = n == column && n <= r->ew.s->strip / 2 ? r->ew.s->strip / n : 1;
	for (int64_t c = 0; c < count; c += batch) {
		int64_t m = count - c < batch ? count - c : batch;
		int failed = npw_ew_eval(&r->ew, p + c * column, n * m, NULL, &data);
		if (failed) return failed;
		fold(r, COLUMNS, n, m, data);
	}
	return NPW_OK;
}

int npw_reduce(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code,
		const npw_groups *g, void *out) {
	reducer r = {.g = g, .acc = malloc(2 * s->strip * s->size)};
	if (!r.acc) return NPW_NO_MEMORY;
	r.lost = r.acc + s->strip * s->size;
	int failed = npw_ew_open(&r.ew, s, in, constants, code);
	if (failed) {
		free(r.acc);
		return failed;
	}
	// A block of accumulators is as many neighbours in the result as a strip has or can fill.
	int64_t inner = g->extent[0], next = g->extent[1], kept = g->first_reduced ? next : inner, step = g->first_reduced ? inner : 1;
	int64_t block = !g->first_reduced ? s->strip : inner >= s->strip ? 1 : s->strip / (inner ? inner : 1);
	if (kept > block) block = (kept + (kept + block - 1) / block - 1) / ((kept + block - 1) / block);
	int64_t outer_kept = outer(g, 0), outer_reduced = outer(g, 1);
	char *to = out;
	for (int64_t j = 0; j < outer_kept; j++) {
		for (int64_t k = 0; k < kept && !failed; k += block) {
			int64_t n = kept - k < block ? kept - k : block;
			fold(&r, START, n, 0, NULL);
			for (int64_t q = 0; q < outer_reduced && !failed; q++) {
				int64_t p = place(g, 0, j) + place(g, 1, q) + k * step;
				failed = g->first_reduced ? fold_runs(&r, p, inner, n) : fold_columns(&r, p, n, inner, next);
			}
			fold(&r, FINISH, n, 0, to);
			to += n * s->size;
		}
	}
	npw_ew_close(&r.ew);
	free(r.acc);
	return failed;
}

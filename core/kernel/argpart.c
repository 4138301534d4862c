//go:build !purego

// argmin and argmax of elementwise programs, whose strips are looked at as they come.

#include "argpart.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 64, SHORT = 16 };

// x comes before r.
#define LESS(x, r) ((x) < (r) || ((x) != (x) && (r) == (r)))
#define MORE(x, r) ((x) > (r) || ((x) != (x) && (r) == (r)))
#define SAME(x, r) ((x) == (r) || ((x) != (x) && (r) != (r)))

// The extreme of n elements, first by lanes. It asks only which one it is when that can count: when it comes before the best so
// far, or equals it and stands before it. index < 0: there is no best yet.
#define RUN(BEFORE) do { \
	T m = x[0]; \
	if (n < SHORT) { \
		for (int64_t i = 1; i < n; i++) m = BEFORE(x[i], m) ? x[i] : m; \
	} else { \
		T lane[LANES]; \
		int64_t i = 0; \
		for (int j = 0; j < LANES; j++) lane[j] = m; \
		for (; i + LANES <= n; i += LANES) \
			for (int j = 0; j < LANES; j++) lane[j] = BEFORE(x[i + j], lane[j]) ? x[i + j] : lane[j]; \
		for (int j = 0; i + j < n; j++) lane[j] = BEFORE(x[i + j], lane[j]) ? x[i + j] : lane[j]; \
		for (int w = LANES / 2; w; w /= 2) \
			for (int j = 0; j < w; j++) lane[j] = BEFORE(lane[j + w], lane[j]) ? lane[j + w] : lane[j]; \
		m = lane[0]; \
	} \
	if (*index >= 0 && !BEFORE(m, *best) && !(SAME(m, *best) && base < *index)) return; \
	int64_t at = 0; \
	while (!SAME(x[at], m)) at++; \
	if (*index >= 0 && SAME(m, *best) && base + at * step >= *index) return; \
	*best = m; \
	*index = base + at * step; \
} while (0)

#define COLUMN(BEFORE) \
	NPW_EACH for (int64_t i = 0; i < n; i++) { \
		int take = BEFORE(x[i], best[i]); \
		best[i] = take ? x[i] : best[i]; \
		index[i] = take ? at : index[i]; \
	}

#define DEFINE(ID, S, C, W) \
	NPW_CLONES void npw_arg_run_##S(int greatest, int64_t n, const void *vx, int64_t base, int64_t step, void *vbest, int64_t *index) { \
		typedef C T; \
		const T *x = (const T *)vx; \
		T *best = (T *)vbest; \
		if (greatest) RUN(MORE); \
		else RUN(LESS); \
	} \
	NPW_CLONES void npw_arg_column_##S(int greatest, int64_t n, const void *vx, int64_t at, void *vbest, int64_t *restrict index) { \
		typedef C T; \
		const T *restrict x = (const T *)vx; \
		T *restrict best = (T *)vbest; \
		if (greatest) COLUMN(MORE) \
		else COLUMN(LESS) \
	}
NPW_ALL(DEFINE)

static void see_run(const npw_arg *a, int64_t n, const void *x, int64_t base, int64_t step, void *best, int64_t *index) {
	switch (a->t) {
#define RUN_CASE(ID, S, C, W) case ID: npw_arg_run_##S(a->greatest, n, x, base, step, best, index); return;
	NPW_ALL(RUN_CASE)
	}
	abort();
}

static void see_column(const npw_arg *a, int64_t n, int64_t size, const void *x, int64_t r, void *best, int64_t *index) {
	if (r == 0) {
		memcpy(best, x, n * size);
		for (int64_t i = 0; i < n; i++) index[i] = a->start;
		return;
	}
	switch (a->t) {
#define COLUMN_CASE(ID, S, C, W) case ID: npw_arg_column_##S(a->greatest, n, x, a->start + r, best, index); return;
	NPW_ALL(COLUMN_CASE)
	}
	abort();
}

// The whole space, run after run along its first dimension.
static int flat(npw_ew *e, const npw_arg *a, npw_pair *out) {
	const npw_space *s = e->s;
	int64_t run = a->extent[0], piece = run <= s->strip ? s->strip / run * run : s->strip, idx[NPW_DIMS] = {0};
	*out = (npw_pair){0, -1};
	for (int64_t p = 0; p < s->len;) {
		const void *data;
		int64_t left = run <= s->strip ? s->len - p : run - p % run, n = left < piece ? left : piece;
		int failed = npw_ew_eval(e, p, n, NULL, &data);
		if (failed) return failed;
		for (int64_t q = 0; q < n;) {
			int64_t m = n - q < run ? n - q : run, base = a->start;
			for (int64_t d = 0; d < a->n; d++) base += idx[d] * a->weight[d];
			see_run(a, m, (const char *)data + q * s->size, base, a->weight[0], &out->value, &out->index);
			q += m;
			idx[0] += m;
			for (int64_t d = 0; d + 1 < a->n && idx[d] == a->extent[d]; d++) idx[d] = 0, idx[d + 1]++;
		}
		p += n;
	}
	return NPW_OK;
}

// Along the first dimension: the runs are contiguous, and several of them may fit a strip.
static int along_runs(npw_ew *e, const npw_arg *a, npw_pair *out) {
	const npw_space *s = e->s;
	int64_t batch = a->along < s->strip ? s->strip / a->along : 1;
	for (int64_t k = 0; k < a->after; k += batch) {
		int64_t count = a->after - k < batch ? a->after - k : batch, step = batch > 1 ? a->along * count : s->strip;
		for (int64_t j = 0; j < count; j++) out[k + j] = (npw_pair){0, -1};
		for (int64_t q = 0; q < a->along * count; q += step) {
			const void *data;
			int64_t n = a->along * count - q < step ? a->along * count - q : step, run = n / count;
			int failed = npw_ew_eval(e, k * a->along + q, n, NULL, &data);
			if (failed) return failed;
			for (int64_t j = 0; j < count; j++)
				see_run(a, run, (const char *)data + j * run * s->size, a->start + q, 1, &out[k + j].value, &out[k + j].index);
		}
	}
	return NPW_OK;
}

// Across columns of a->before elements, by blocks of rows.
static int across_columns(npw_ew *e, const npw_arg *a, npw_pair *out) {
	const npw_space *s = e->s;
	char *best = malloc(s->strip * (s->size + sizeof(int64_t)));
	if (!best) return NPW_NO_MEMORY;
	int64_t *index = (int64_t *)best;
	best += s->strip * sizeof(int64_t);
	int failed = NPW_OK;
	int64_t blocks = (a->before + s->strip - 1) / s->strip, block = (a->before + blocks - 1) / blocks;
	int64_t batch = a->before <= s->strip / 2 ? s->strip / a->before : 1;
	for (int64_t k = 0; k < a->after; k++) {
		for (int64_t i = 0; i < a->before && !failed; i += block) {
			int64_t n = a->before - i < block ? a->before - i : block;
			for (int64_t r = 0; r < a->along && !failed; r += batch) {
				const void *data;
				int64_t count = a->along - r < batch ? a->along - r : batch;
				if ((failed = npw_ew_eval(e, i + a->before * (r + a->along * k), n * count, NULL, &data))) break;
				for (int64_t c = 0; c < count; c++) see_column(a, n, s->size, (const char *)data + c * n * s->size, r + c, best, index);
			}
			npw_pair *to = out + i + a->before * k;
			for (int64_t c = 0; c < n && !failed; c++) {
				to[c] = (npw_pair){0, index[c]};
				memcpy(&to[c].value, best + c * s->size, s->size);
			}
		}
	}
	free(index);
	return failed;
}

int npw_argpart(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code,
		const npw_arg *a, npw_pair *out) {
	npw_ew e;
	int failed = npw_ew_open(&e, s, in, constants, code);
	if (failed) return failed;
	failed = a->flat ? flat(&e, a, out) : a->before == 1 ? along_runs(&e, a, out) : across_columns(&e, a, out);
	npw_ew_close(&e);
	return failed;
}

// A strip of VECTORS vectors of LANES columns, for a type T.

#include "vec.h"
#define WIDTH (VECTORS * LANES)

// x = (I - P t P') x: row i of P is p[4 * i] to p[4 * i + 3], and t is 4 by 4.
NPW_INLINE void NAME(reflect)(T *x, int64_t rows, const T *p, const T *t) {
	VEC y[TOGETHER][VECTORS], z[TOGETHER][VECTORS];
	for (int r = 0; r < TOGETHER; r++)
		for (int c = 0; c < VECTORS; c++)
			y[r][c] = z[r][c] = (VEC){0};
	for (int64_t i = 0; i < rows; i++)
		for (int c = 0; c < VECTORS; c++) {
			VEC a = NAME(load)(x + i * WIDTH + c * LANES);
			for (int r = 0; r < TOGETHER; r++)
				y[r][c] += p[i * TOGETHER + r] * a;
		}
	for (int r = 0; r < TOGETHER; r++)
		for (int s = 0; s < TOGETHER; s++)
			for (int c = 0; c < VECTORS; c++)
				z[r][c] += t[r * TOGETHER + s] * y[s][c];
	for (int64_t i = 0; i < rows; i++)
		for (int c = 0; c < VECTORS; c++) {
			VEC a = NAME(load)(x + i * WIDTH + c * LANES);
			for (int r = 0; r < TOGETHER; r++)
				a -= p[i * TOGETHER + r] * z[r][c];
			NAME(store)(x + i * WIDTH + c * LANES, a);
		}
}

NPW_INLINE T NAME(dot)(const T *x, const T *y, int64_t n) {
	VEC sums = {0};
	T sum = 0;
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		sums += NAME(load)(x + i) * NAME(load)(y + i);
	for (; i < n; i++)
		sum += x[i] * y[i];
	for (int l = 0; l < LANES; l++)
		sum += sums[l];
	return sum;
}

// Four reflections (k) of sweeps s to s + count - 1, as P and its t: H1 H2 H3 H4 = I - P t P', with t upper triangular. Tells how many
// rows P has, from row s + shift + k * side on.
NPW_INLINE int64_t NAME(gather)(const NAME(npw_chased) *q, int64_t s, int count, int64_t k, int trans, T *p, T *t) {
	int64_t row = s + q->shift + k * q->side, rows = q->side + TOGETHER - 1;
	if (rows > q->n - row)
		rows = q->n - row;
	memset(p, 0, rows * TOGETHER * sizeof(T));
	memset(t, 0, TOGETHER * TOGETHER * sizeof(T));
	for (int c = 0; c < count && c < rows; c++) {
		int64_t length = q->side < rows - c ? q->side : rows - c;
		const T *v = q->v + (s + c - q->first) * q->ldv + row + c;
		for (int64_t i = 0; i < length; i++)
			p[(i + c) * TOGETHER + c] = v[i];
		T tau = q->tau[(s + c - q->first) * q->ldtau + k], products[TOGETHER];
		for (int r = 0; r < c; r++) // what both have: the rows from row + c on
			products[r] = NAME(dot)(q->v + (s + r - q->first) * q->ldv + row + c, v, q->side - (c - r) < length ? q->side - (c - r) : length);
		for (int r = 0; r < c; r++) {
			T sum = 0;
			for (int m = r; m < c; m++)
				sum += t[r * TOGETHER + m] * products[m];
			t[r * TOGETHER + c] = -tau * sum;
		}
		t[c * TOGETHER + c] = tau;
	}
	if (trans)
		for (int r = 0; r < TOGETHER; r++)
			for (int c = 0; c < r; c++) {
				t[r * TOGETHER + c] = t[c * TOGETHER + r];
				t[c * TOGETHER + r] = 0;
			}
	return rows;
}

// The reflections (k) of sweeps s to end - 1: a diamond of the matrix's rows.
NPW_INLINE void NAME(diamond)(const NAME(npw_chased) *q, int trans, int64_t s, int64_t end, int64_t k, T *work, int strips, T *p) {
	int64_t fours = (end - s + TOGETHER - 1) / TOGETHER;
	T t[TOGETHER * TOGETHER];
	for (int64_t f = 0; f < fours; f++) {
		int64_t at = s + (trans ? f : fours - 1 - f) * TOGETHER, row = at + q->shift + k * q->side;
		if (row >= q->n)
			continue;
		int64_t rows = NAME(gather)(q, at, end - at < TOGETHER ? (int)(end - at) : TOGETHER, k, trans, p, t);
		for (int strip = 0; strip < strips; strip++)
			NAME(reflect)(work + (strip * q->n + row) * WIDTH, rows, p, t);
	}
}

// Copies columns into strips, whose rows are contiguous, or with back from them. What strips have beyond the columns is zeros.
NPW_INLINE void NAME(turn)(T *x, int64_t ldx, int64_t cols, T *work, int64_t n, int back) {
	for (int64_t first = 0; first < cols; first += WIDTH, work += n * WIDTH)
		for (int64_t row = 0; row < n; row += LANES) {
			int64_t end = row + LANES < n ? row + LANES : n;
			for (int c = 0; c < WIDTH; c++) {
				T *column = x + (first + c) * ldx;
				for (int64_t i = row; i < end; i++)
					if (first + c >= cols)
						work[i * WIDTH + c] = 0;
					else if (back)
						column[i] = work[i * WIDTH + c];
					else
						work[i * WIDTH + c] = column[i];
			}
		}
}

NPW_CLONES void NAME(npw_ormsb)(const NAME(npw_chased) *q, int trans, T *x, int64_t ldx, int64_t cols, T *work) {
	int strips = (int)((cols + WIDTH - 1) / WIDTH);
	int64_t last = q->first + q->sweeps;
	int64_t groups = (q->sweeps + DIAMOND - 1) / DIAMOND, steps = (q->n + q->side - 1) / q->side;
	T *p = work + strips * q->n * WIDTH;
	NAME(turn)(x, ldx, cols, work, q->n, 0);
	for (int64_t g = 0; g < groups; g++) {
		int64_t s = q->first + (trans ? g : groups - 1 - g) * DIAMOND, end = s + DIAMOND < last ? s + DIAMOND : last;
		for (int64_t k = 0; k < steps; k++)
			NAME(diamond)(q, trans, s, end, trans ? steps - 1 - k : k, work, strips, p);
	}
	NAME(turn)(x, ldx, cols, work, q->n, 1);
}

#undef VEC
#undef WIDTH

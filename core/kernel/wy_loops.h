// The application of blocks of reflections, for elements of type T, of which a vector has WIDTH: what product.c includes for wy.h.
//
// All products are of transposes: Wᵀ = Cᵀ + Dᵀ V, then Dᵀ -= (op(T) W)ᵀ Vᵀ. So the vectors are of D and W alone, and of V and T
// single elements are read: in squares of eight by eight, which serve both products. D, W are strips of columns of the matrix, in
// each of which the elements of a row are side by side; a strip's columns are filled up to whole vectors, its rows to eights.

#define STRIP (VECS * WIDTH)

// squares is a product of strips by squares, C = A B, or C + A B with keep, or C - A B with minus too: A is a strip of so many vectors
// and 8 deep rows, B so many squares, one step apart, and C eight rows. A square is a row after the other, and transposed if it is
// turned. What is ahead in B is asked for by us: its squares are too far apart for the hardware to see where they lead.
INLINE void NAME(squares)(int turned, int keep, int minus, int vecs, int64_t deep, const T *a, const T *b, int64_t step, T *c) {
	VEC sum[SQUARE][VECS];
#pragma GCC unroll 8
	for (int j = 0; j < SQUARE; j++) {
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) sum[j][v] = keep ? LOAD(c + (j * vecs + v) * WIDTH) : ZERO();
	}
	for (int64_t q = 0; q < deep; q++) {
		for (int p = 0; p < SQUARE; p++) {
			VEC x[VECS];
			_mm_prefetch((const char *)(b + SQUARES_AHEAD * step + p * SQUARE), _MM_HINT_T0);
#pragma GCC unroll 3
			for (int v = 0; v < vecs; v++) {
				x[v] = LOAD(a + v * WIDTH);
				_mm_prefetch((const char *)(a + (AHEAD * vecs + v) * WIDTH), _MM_HINT_T0);
			}
#pragma GCC unroll 8
			for (int j = 0; j < SQUARE; j++) {
				VEC y = SPREAD(b[turned ? j * SQUARE + p : p * SQUARE + j]);
#pragma GCC unroll 3
				for (int v = 0; v < vecs; v++) sum[j][v] = minus ? FNMA(x[v], y, sum[j][v]) : FMA(x[v], y, sum[j][v]);
			}
			a += vecs * WIDTH;
		}
		b += step;
	}
#pragma GCC unroll 8
	for (int j = 0; j < SQUARE; j++) {
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) STORE(c + (j * vecs + v) * WIDTH, sum[j][v]);
	}
}

// times is squares for a strip of any width; turned and less are for squares that are turned, and follow each other.
NPW_AVX512 static void NAME(times)(int64_t wide, int keep, int64_t deep, const T *a, const T *b, int64_t step, T *c) {
	if (wide == 3 * WIDTH) NAME(squares)(0, keep, 0, 3, deep, a, b, step, c);
	else if (wide == 2 * WIDTH) NAME(squares)(0, keep, 0, 2, deep, a, b, step, c);
	else NAME(squares)(0, keep, 0, 1, deep, a, b, step, c);
}

NPW_AVX512 static void NAME(turned)(int64_t wide, int64_t deep, const T *a, const T *b, T *c) {
	if (wide == 3 * WIDTH) NAME(squares)(1, 0, 0, 3, deep, a, b, UNIT, c);
	else if (wide == 2 * WIDTH) NAME(squares)(1, 0, 0, 2, deep, a, b, UNIT, c);
	else NAME(squares)(1, 0, 0, 1, deep, a, b, UNIT, c);
}

NPW_AVX512 static void NAME(less)(int64_t wide, int64_t deep, const T *a, const T *b, T *c) {
	if (wide == 3 * WIDTH) NAME(squares)(1, 1, 1, 3, deep, a, b, UNIT, c);
	else if (wide == 2 * WIDTH) NAME(squares)(1, 1, 1, 2, deep, a, b, UNIT, c);
	else NAME(squares)(1, 1, 1, 1, deep, a, b, UNIT, c);
}

// flip transposes eight by eight elements.
INLINE void NAME(flip)(const T *from, int64_t ld, T *to, int64_t step) {
	for (int j = 0; j < SQUARE; j += 4) {
		for (int i = 0; i < SQUARE; i += 4) NAME(turn)(from + j * ld + i, ld, to + i * step + j, step);
	}
}

// strips puts m×p elements of a matrix in order.
NPW_AVX512 static void NAME(strips)(int64_t m, int64_t p, const T *x, int64_t ld, T *to) {
	const int64_t high = eights(m) * SQUARE, all = (p + WIDTH - 1) / WIDTH * WIDTH;
	for (int64_t j = 0; j < all; j += SQUARE) {
		const int64_t strip = j / STRIP * STRIP, wide = least(STRIP, all - strip);
		T *at = to + strip * high + (j - strip);
		int64_t i = 0;
		if (j + SQUARE <= p) {
			for (; i + SQUARE <= m; i += SQUARE) {
				for (int c = 0; c < SQUARE; c++) _mm_prefetch((const char *)(x + (j + c) * ld + i + 8 * SQUARE), _MM_HINT_T0);
				NAME(flip)(x + j * ld + i, ld, at + i * wide, wide);
			}
		}
		for (; i < high; i++) {
			for (int c = 0; c < SQUARE; c++) at[i * wide + c] = i < m && j + c < p ? x[(j + c) * ld + i] : 0;
		}
	}
}

// unstrip is X = beta X + alpha times the strips of m×p elements; beta is 1 or 0.
INLINE void NAME(unstrip)(int64_t m, int64_t p, T alpha, const T *from, T beta, T *x, int64_t ld) {
	const int64_t high = eights(m) * SQUARE, all = (p + WIDTH - 1) / WIDTH * WIDTH;
	T whole[UNIT] __attribute__((aligned(64)));
	for (int64_t j = 0; j < p; j += SQUARE) {
		const int64_t strip = j / STRIP * STRIP, wide = least(STRIP, all - strip), cols = least(SQUARE, p - j);
		const T *at = from + strip * high + (j - strip);
		for (int64_t i = 0; i < m; i += SQUARE) {
			T *to = x + j * ld + i;
			NAME(flip)(at + i * wide, wide, whole, SQUARE);
			if (cols == SQUARE && i + SQUARE <= m) {
				for (int c = 0; c < SQUARE; c++) {
					_mm_prefetch((const char *)(to + c * ld + 8 * SQUARE), _MM_HINT_T0);
					for (int r = 0; r < SQUARE; r++) to[c * ld + r] = (beta != 0 ? to[c * ld + r] : 0) + alpha * whole[c * SQUARE + r];
				}
				continue;
			}
			for (int64_t c = 0; c < cols; c++) {
				for (int64_t r = 0; r < least(SQUARE, m - i); r++) {
					to[c * ld + r] = (beta != 0 ? to[c * ld + r] : 0) + alpha * whole[c * SQUARE + r];
				}
			}
		}
	}
}

NPW_AVX512 static void NAME(fetch)(int64_t m, int64_t p, const T *from, T *x, int64_t ld) { NAME(unstrip)(m, p, 1, from, 0, x, ld); }

NPW_AVX512 static void NAME(subtract)(int64_t m, int64_t p, const T *from, T *x, int64_t ld) { NAME(unstrip)(m, p, -1, from, 1, x, ld); }

// element is (i, c) of a block of V.
INLINE T NAME(element)(const npw_wy *q, const extent *e, int64_t i, int64_t c, const T *v, int64_t ldv) {
	if (i >= e->rows || c >= e->k) return 0;
	if (q->shape == NPW_WY_LOWER && i <= c) return i == c;
	if (q->shape == NPW_WY_UPPER && i > e->j + c) return 0;
	return v[c * ldv + i];
}

NPW_AVX512 void NAME(npw_wy_pack)(const npw_wy *q, int64_t first, int64_t place, const T *v, int64_t ldv, const T *t, int64_t ldt,
	void *packed) {
	const extent e = block_extent(q, first + place);
	T *to = (T *)packed + place * slot(q);
	v += e.j * ldv + e.top;
	for (int64_t c = 0; c < e.wide; c++) {
		const span r = filled(q, &e, c);
		for (int64_t i = r.lo; i < r.hi; i++) {
			T *at = to + (i * e.stride + c) * UNIT;
			const int64_t row = i * SQUARE, col = c * SQUARE;
			const int bent = (q->shape == NPW_WY_LOWER && i == r.lo) || (q->shape == NPW_WY_UPPER && i == r.hi - 1);
			if (!bent && row + SQUARE <= e.rows && col + SQUARE <= e.k) {
				NAME(flip)(v + col * ldv + row, ldv, at, SQUARE);
				continue;
			}
			for (int k = 0; k < UNIT; k++) at[k] = NAME(element)(q, &e, row + k / SQUARE, col + k % SQUARE, v, ldv);
		}
	}
	t += e.j * ldt;
	to += e.deep * e.stride * UNIT;
	for (int64_t r = 0; r < e.wide * SQUARE; r++) {
		for (int64_t c = r / SQUARE * SQUARE; c < e.wide * SQUARE; c++) {
			T *at = to + (r / SQUARE * e.wide + c / SQUARE) * UNIT;
			at[r % SQUARE * SQUARE + c % SQUARE] = r <= c && c < e.k ? t[c * ldt + r] : 0;
		}
	}
}

// reflect applies a block: d and the two w are strips of p columns, d from the block's first row on.
NPW_AVX512 static void NAME(reflect)(const npw_wy *q, const extent *e, int trans, int fresh, const T *v, int64_t p, T *c, int64_t ldc, T *d,
	int64_t high, T *w, T *x) {
	const int64_t all = (p + WIDTH - 1) / WIDTH * WIDTH, k = e->wide * SQUARE, top = e->top / SQUARE;
	const T *t = v + e->deep * e->stride * UNIT;
	if (c) NAME(strips)(e->k, p, c, ldc, w);
	for (int64_t g = 0; g < e->wide; g++) {
		span r = filled(q, e, g);
		if (fresh) r.hi = q->shape == NPW_WY_LOWER ? least(r.hi, e->wide) : r.lo;
		if (fresh && c) break;
		for (int64_t s = 0; s < all; s += STRIP) {
			const int64_t wide = least(STRIP, all - s);
			NAME(times)(wide, c != NULL, r.hi - r.lo, d + s * high + (top + r.lo) * SQUARE * wide, v + (r.lo * e->stride + g) * UNIT,
				e->stride * UNIT, w + s * k + g * SQUARE * wide);
		}
	}
	for (int64_t s = 0; s < all; s += STRIP) {
		const int64_t wide = least(STRIP, all - s);
		const T *from = w + s * k;
		for (int64_t g = 0; g < e->wide; g++) {
			T *to = x + s * k + g * SQUARE * wide;
			if (trans) NAME(times)(wide, 0, g + 1, from, t + g * UNIT, e->wide * UNIT, to);
			else NAME(turned)(wide, e->wide - g, from + g * SQUARE * wide, t + (g * e->wide + g) * UNIT, to);
		}
	}
	if (c) NAME(subtract)(e->k, p, x, c, ldc);
	for (int64_t i = 0; i < e->deep; i++) {
		const span r = across(q, e, i);
		for (int64_t s = 0; s < all; s += STRIP) {
			const int64_t wide = least(STRIP, all - s);
			NAME(less)(wide, r.hi - r.lo, x + s * k + r.lo * SQUARE * wide, v + (i * e->stride + r.lo) * UNIT,
				d + s * high + (top + i) * SQUARE * wide);
		}
	}
}

int NAME(npw_wy_apply)(const npw_wy *q, int64_t first, int64_t count, int trans, int fresh, const void *packed, int64_t p, T *c,
	int64_t ldc, T *d, int64_t ldd) {
	char *work = borrow(&product_work);
	if (!work) return 0;
	const int64_t high = eights(q->m) * SQUARE, all = (p + WIDTH - 1) / WIDTH * WIDTH, deepest = eights(least(q->columns, q->n)) * SQUARE;
	T *strips = (T *)work, *w = strips + high * all, *x = w + deepest * all;
	if (fresh && q->shape != NPW_WY_LOWER) memset(strips, 0, high * all * sizeof(T));
	else NAME(strips)(q->m, p, d, ldd, strips);
	for (int64_t s = 0; s < count; s++) {
		const int64_t place = trans ? s : count - 1 - s;
		const extent e = block_extent(q, first + place);
		NAME(reflect)(q, &e, trans, fresh && s == 0, (const T *)packed + place * slot(q), p, c ? c + e.j : NULL, ldc,
			strips, high, w, x);
	}
	NAME(fetch)(q->m, p, strips, d, ldd);
	give_back(&product_work, work);
	return 1;
}

// The loops of product.c for elements of type T, of which a vector has WIDTH.

// tile is C = alpha A B + beta C for a C of so many vectors of rows and COLS columns. a has the rows of a column of A side by
// side, b the columns of a row of B.
INLINE void NAME(tile)(int vecs, int64_t depth, T alpha, const T *a, const T *b, T beta, T *c, int64_t ldc) {
	VEC sum[COLS][VECS];
#pragma GCC unroll 8
	for (int j = 0; j < COLS; j++) {
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) {
			sum[j][v] = ZERO();
			_mm_prefetch((const char *)(c + j * ldc + v * WIDTH), _MM_HINT_T0);
		}
		_mm_prefetch((const char *)(c + j * ldc + vecs * WIDTH - 1), _MM_HINT_T0); // they may begin amid a cache line
	}
	for (int64_t p = 0; p < depth; p++) {
		VEC x[VECS];
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) {
			x[v] = LOAD(a + v * WIDTH);
			_mm_prefetch((const char *)(a + (AHEAD * vecs + v) * WIDTH), _MM_HINT_T0);
		}
#pragma GCC unroll 8
		for (int j = 0; j < COLS; j++) {
			VEC y = SPREAD(b[j]);
#pragma GCC unroll 3
			for (int v = 0; v < vecs; v++) sum[j][v] = FMA(x[v], y, sum[j][v]);
		}
		a += vecs * WIDTH;
		b += COLS;
	}
	VEC al = SPREAD(alpha), be = SPREAD(beta);
#pragma GCC unroll 8
	for (int j = 0; j < COLS; j++) {
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) {
			T *at = c + j * ldc + v * WIDTH;
			VEC old = beta == 0 ? ZERO() : beta == 1 ? LOAD(at) : TIMES(be, LOAD(at));
			STORE(at, FMA(al, sum[j][v], old));
		}
	}
}

// edge is tile for a C of fewer rows or columns.
NPW_AVX512 static void NAME(edge)(int vecs, int64_t rows, int64_t cols, int64_t depth, T alpha, const T *a, const T *b, T beta, T *c,
	int64_t ldc) {
	T whole[COLS * VECS * WIDTH] __attribute__((aligned(64)));
	switch (vecs) {
	case 1: NAME(tile)(1, depth, alpha, a, b, 0, whole, WIDTH); break;
	case 2: NAME(tile)(2, depth, alpha, a, b, 0, whole, 2 * WIDTH); break;
	default: NAME(tile)(3, depth, alpha, a, b, 0, whole, 3 * WIDTH);
	}
	for (int64_t j = 0; j < cols; j++) {
		for (int64_t i = 0; i < rows; i++) {
			T x = whole[j * vecs * WIDTH + i];
			c[j * ldc + i] = beta == 0 ? x : beta * c[j * ldc + i] + x;
		}
	}
}

// block is C = alpha A B + beta C for parts of A and B in order.
NPW_AVX512 static void NAME(block)(int64_t m, int64_t n, int64_t depth, T alpha, const T *a, const T *b, T beta, T *c, int64_t ldc) {
	for (int64_t j = 0; j < n; j += COLS) {
		const T *at = a;
		int64_t cols = least(COLS, n - j);
		for (int64_t i = 0; i < m; i += VECS * WIDTH) {
			int64_t rows = least(VECS * WIDTH, m - i);
			int vecs = (int)((rows + WIDTH - 1) / WIDTH);
			T *to = c + j * ldc + i;
			if (cols < COLS || rows < vecs * WIDTH) NAME(edge)(vecs, rows, cols, depth, alpha, at, b, beta, to, ldc);
			else if (vecs == 3) NAME(tile)(3, depth, alpha, at, b, beta, to, ldc);
			else if (vecs == 2) NAME(tile)(2, depth, alpha, at, b, beta, to, ldc);
			else NAME(tile)(1, depth, alpha, at, b, beta, to, ldc);
			at += vecs * WIDTH * depth;
		}
		b += COLS * depth;
	}
}

// rows puts m rows of a matrix of `depth` columns in order: groups of `high` of them one after the other, in each the columns; the
// last group is filled up with zeros, to whole vectors if high is some.
INLINE void NAME(rows)(int64_t m, int64_t high, int64_t depth, const T *x, int64_t ld, T *to) {
	const int64_t unit = high < WIDTH ? high : WIDTH, full = m / high * high, rest = m - full, wide = (rest + unit - 1) / unit * unit;
	for (int64_t p = 0; p < depth; p++) {
		for (int64_t q = 0; q < full; q += high) {
			T *at = to + q * depth + p * high;
#pragma GCC unroll 6
			for (int64_t i = 0; i < high; i += COLS) {
				if (i % WIDTH == 0) _mm_prefetch((const char *)(x + 4 * ld + q + i), _MM_HINT_T0);
				for (int64_t v = i; v < i + COLS; v++) at[v] = x[q + v];
			}
		}
		T *at = to + full * depth + p * wide;
		for (int64_t i = 0; i < rest; i++) at[i] = x[full + i];
		for (int64_t i = rest; i < wide; i++) at[i] = 0;
		x += ld;
	}
}

// columns puts the columns of a matrix in order as rows does with rows: it transposes.
INLINE void NAME(columns)(int64_t n, int64_t high, int64_t depth, const T *x, int64_t ld, T *to) {
	const int64_t unit = high < WIDTH ? high : WIDTH;
	for (int64_t q = 0; q < n; q += high) {
		const int64_t some = least(high, n - q), wide = (some + unit - 1) / unit * unit;
		int64_t p = 0;
		for (; p + 4 <= depth; p += 4) {
			int64_t i = 0;
			for (; i + 4 <= some; i += 4) NAME(turn)(x + i * ld + p, ld, to + p * wide + i, wide);
			for (; i < wide; i++) {
				for (int v = 0; v < 4; v++) to[(p + v) * wide + i] = i < some ? x[i * ld + p + v] : 0;
			}
		}
		for (; p < depth; p++) {
			for (int64_t i = 0; i < wide; i++) to[p * wide + i] = i < some ? x[i * ld + p] : 0;
		}
		x += some * ld;
		to += wide * depth;
	}
}

// order puts part of A, or of B, in order, whose rows (of Bᵀ) may be columns in memory.
NPW_AVX512 static void NAME(order_a)(int trans, int64_t m, int64_t depth, const T *x, int64_t ld, T *to) {
	if (trans) NAME(columns)(m, VECS * WIDTH, depth, x, ld, to);
	else NAME(rows)(m, VECS * WIDTH, depth, x, ld, to);
}

NPW_AVX512 static void NAME(order_b)(int trans, int64_t n, int64_t depth, const T *x, int64_t ld, T *to) {
	if (trans) NAME(rows)(n, COLS, depth, x, ld, to);
	else NAME(columns)(n, COLS, depth, x, ld, to);
}

int NAME(npw_product)(int transa, int transb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b,
	int64_t ldb, T beta, T *c, int64_t ldc) {
	char *work = borrow(&product_work);
	if (!work) return 0;
	T *pa = (T *)work, *pb = (T *)(work + A_BYTES);
	const int64_t depths = part(k, DEPTH, 8), high = VECS * WIDTH;
	const int64_t rows = part(m, (int64_t)(A_BYTES / sizeof(T)) / depths / high * high, high);
	const int64_t cols = part(n, (int64_t)(B_BYTES / sizeof(T)) / depths / COLS * COLS, COLS);
	for (int64_t j = 0; j < n; j += cols) {
		int64_t nj = least(cols, n - j);
		for (int64_t p = 0; p < k; p += depths) {
			int64_t depth = least(depths, k - p);
			NAME(order_b)(transb, nj, depth, transb ? b + p * ldb + j : b + j * ldb + p, ldb, pb);
			for (int64_t i = 0; i < m; i += rows) {
				int64_t mi = least(rows, m - i);
				NAME(order_a)(transa, mi, depth, transa ? a + i * lda + p : a + p * lda + i, lda, pa);
				NAME(block)(mi, nj, depth, alpha, pa, pb, p == 0 ? beta : 1, c + j * ldc + i, ldc);
			}
		}
	}
	give_back(&product_work, work);
	return 1;
}

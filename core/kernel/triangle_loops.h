// The loops of triangle.c for elements of type T, of which a vector has WIDTH.
//
// All systems are brought into one form: X U = B for an upper triangular U, whose rows and those of X are the unknowns' order of
// elimination. U is in order by blocks of COLS columns, in each the rows down to the diagonal's; B by groups of VECS vectors of
// rows, in each the columns.

// eliminate finds COLS columns of X, of so many vectors of rows; `before` of its columns are known, and u begins at theirs. The
// elements of the diagonal are reciprocals unless divide.
INLINE void NAME(eliminate)(int vecs, int64_t before, const T *u, int divide, const T *known, T *x) {
	VEC sum[COLS][VECS];
#pragma GCC unroll 8
	for (int j = 0; j < COLS; j++) {
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) sum[j][v] = LOAD(x + (j * vecs + v) * WIDTH);
	}
	for (const T *end = known + before * vecs * WIDTH; known < end; known += vecs * WIDTH) {
		VEC y[VECS];
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) y[v] = LOAD(known + v * WIDTH);
#pragma GCC unroll 8
		for (int j = 0; j < COLS; j++) {
			VEC z = SPREAD(u[j]);
#pragma GCC unroll 3
			for (int v = 0; v < vecs; v++) sum[j][v] = MINUS(y[v], z, sum[j][v]);
		}
		u += COLS;
	}
#pragma GCC unroll 8
	for (int j = 0; j < COLS; j++) {
		VEC d = SPREAD(u[j * COLS + j]);
#pragma GCC unroll 3
		for (int v = 0; v < vecs; v++) {
			sum[j][v] = divide ? OVER(sum[j][v], d) : TIMES(sum[j][v], d);
			STORE(x + (j * vecs + v) * WIDTH, sum[j][v]);
		}
#pragma GCC unroll 8
		for (int i = j + 1; i < COLS; i++) {
			VEC z = SPREAD(u[j * COLS + i]);
#pragma GCC unroll 3
			for (int v = 0; v < vecs; v++) sum[i][v] = MINUS(sum[j][v], z, sum[i][v]);
		}
	}
}

// solve finds so many vectors of rows of X.
NPW_AVX512 static void NAME(solve)(int vecs, int64_t blocks, const T *u, int divide, T *x) {
	for (int64_t k = 0; k < blocks; k++) {
		T *at = x + k * COLS * vecs * WIDTH;
		switch (vecs) {
		case 1: NAME(eliminate)(1, k * COLS, u, divide, x, at); break;
		case 2: NAME(eliminate)(2, k * COLS, u, divide, x, at); break;
		default: NAME(eliminate)(3, k * COLS, u, divide, x, at);
		}
		u += (k + 1) * COLS * COLS;
	}
}

// triangle puts U in order, with ones on the diagonal of what fills up the last block. It says whether to divide by the diagonal:
// some reciprocal is not a normal number.
static int NAME(triangle)(int flip, int turned, int unit, int64_t side, const T *t, int64_t ldt, T *u) {
	const int64_t down = turned ? -(flip ? ldt : 1) : flip ? ldt : 1, right = turned ? -(flip ? 1 : ldt) : flip ? 1 : ldt;
	const T *first = turned ? t + (side - 1) * (ldt + 1) : t;
	int divide = 0;
	for (int64_t j = 0; j < side && !unit; j++) {
		T d = first[j * (down + right)];
		divide |= !isnormal(d) || !isnormal(1 / d);
	}
	for (int64_t k = 0; k < side; k += COLS) {
		const int64_t cols = least(COLS, side - k);
		for (int64_t p = 0; p < k + COLS; p++) {
			for (int64_t j = 0; j < COLS; j++) {
				T z = 0;
				if (j >= cols || p >= side) z = p == k + j;
				else if (p < k + j) z = first[p * down + (k + j) * right];
				else if (p == k + j && unit) z = 1;
				else if (p == k + j) z = divide ? first[p * (down + right)] : 1 / first[p * (down + right)];
				*u++ = z;
			}
		}
	}
	return divide;
}

// bring puts so many rows of B in order, in so many vectors, and the columns from the last to the first if turned; what is left of
// the vectors is zeros. Columns in memory stand for rows if left.
NPW_AVX512 static void NAME(bring)(int left, int turned, int64_t side, int64_t rows, int vecs, const T *b, int64_t ldb, T *x) {
	const int64_t high = vecs * WIDTH, step = turned ? -high : high;
	T *to = turned ? x + (side - 1) * high : x;
	if (!left) {
		for (int64_t k = 0; k < side; k++, b += ldb, to += step) {
			int64_t i = 0;
			for (; i + WIDTH <= rows; i += WIDTH) STORE(to + i, LOADU(b + i));
			for (; i < high; i++) to[i] = i < rows ? b[i] : 0;
		}
		return;
	}
	int64_t k = 0;
	for (; k + 4 <= side; k += 4, b += 4, to += 4 * step) {
		int64_t i = 0;
		for (; i + 4 <= rows; i += 4) NAME(turn)(b + i * ldb, ldb, to + i, step);
		for (; i < high; i++) {
			for (int p = 0; p < 4; p++) to[p * step + i] = i < rows ? b[i * ldb + p] : 0;
		}
	}
	for (; k < side; k++, b++, to += step) {
		for (int64_t i = 0; i < high; i++) to[i] = i < rows ? b[i * ldb] : 0;
	}
}

// back is bring the other way.
NPW_AVX512 static void NAME(back)(int left, int turned, int64_t side, int64_t rows, int vecs, const T *x, T *b, int64_t ldb) {
	const int64_t high = vecs * WIDTH, step = turned ? -high : high;
	const T *from = turned ? x + (side - 1) * high : x;
	if (!left) {
		for (int64_t k = 0; k < side; k++, b += ldb, from += step) {
			int64_t i = 0;
			for (; i + WIDTH <= rows; i += WIDTH) STOREU(b + i, LOAD(from + i));
			for (; i < rows; i++) b[i] = from[i];
		}
		return;
	}
	int64_t k = 0;
	for (; k + 4 <= side; k += 4, b += 4, from += 4 * step) {
		int64_t i = 0;
		for (; i + 4 <= rows; i += 4) NAME(turn)(from + i, step, b + i * ldb, ldb);
		for (; i < rows; i++) {
			for (int p = 0; p < 4; p++) b[i * ldb + p] = from[p * step + i];
		}
	}
	for (; k < side; k++, b++, from += step) {
		for (int64_t i = 0; i < rows; i++) b[i * ldb] = from[i];
	}
}

void NAME(npw_solve)(int left, int lower, int trans, int unit, int64_t side, int64_t many, const T *t, int64_t ldt, T *b, int64_t ldb) {
	enum { BLOCKS = NPW_SOLVE_SIDE / COLS };
	T u[BLOCKS * (BLOCKS + 1) / 2 * COLS * COLS] __attribute__((aligned(64)));
	T x[NPW_SOLVE_SIDE * VECS * WIDTH] __attribute__((aligned(64)));
	const int turned = left ? lower == trans : lower != trans; // the last unknown is the first to be known
	const int64_t blocks = (side + COLS - 1) / COLS, step = left ? ldb : 1;
	const int divide = NAME(triangle)(left != trans, turned, unit, side, t, ldt, u);
	for (int64_t i = 0; i < many; i += VECS * WIDTH) {
		const int64_t rows = least(VECS * WIDTH, many - i);
		const int vecs = (int)((rows + WIDTH - 1) / WIDTH);
		for (int64_t k = side * vecs * WIDTH; k < blocks * COLS * vecs * WIDTH; k++) x[k] = 0;
		NAME(bring)(left, turned, side, rows, vecs, b + i * step, ldb, x);
		NAME(solve)(vecs, blocks, u, divide, x);
		NAME(back)(left, turned, side, rows, vecs, x, b + i * step, ldb);
	}
}

#undef T
#undef NAME
#undef WIDTH
#undef VEC
#undef SPREAD
#undef LOAD
#undef LOADU
#undef STORE
#undef STOREU
#undef TIMES
#undef OVER
#undef MINUS

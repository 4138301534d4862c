// What gbchase.c is made of, for a type T with LANES elements in 64 bytes; NAME(x) is a name of its own for each.

typedef T NAME(lanes) __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));

#define VEC NAME(lanes)
#define AT(p) (*(VEC *)(p))
#define READ(p) (*(const VEC *)(p))

NPW_INLINE T NAME(total)(VEC x) {
	T s = 0;
	for (int half = LANES / 2; half; half /= 2)
		for (int i = 0; i < half; i++) x[i] += x[i + half];
	s = x[0];
	return s;
}

// w = tau A v, A being rows × cols.
NPW_INLINE void NAME(times)(int64_t rows, int64_t cols, const T *a, int64_t lda, const T *v, T tau, T *w) {
	int64_t i = 0;
	for (; i + 4 * LANES <= rows; i += 4 * LANES) {
		VEC s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0};
		const T *x = a + i;
		int64_t j = 0;
		for (; j + 2 <= cols; j += 2, x += 2 * lda) {
			const T *y = x + lda;
			T f = v[j], g = v[j + 1];
			s0 += READ(x) * f;
			s1 += READ(x + LANES) * f;
			s2 += READ(x + 2 * LANES) * f;
			s3 += READ(x + 3 * LANES) * f;
			t0 += READ(y) * g;
			t1 += READ(y + LANES) * g;
			t2 += READ(y + 2 * LANES) * g;
			t3 += READ(y + 3 * LANES) * g;
		}
		for (; j < cols; j++, x += lda) {
			T f = v[j];
			s0 += READ(x) * f;
			s1 += READ(x + LANES) * f;
			s2 += READ(x + 2 * LANES) * f;
			s3 += READ(x + 3 * LANES) * f;
		}
		AT(w + i) = (s0 + t0) * tau;
		AT(w + i + LANES) = (s1 + t1) * tau;
		AT(w + i + 2 * LANES) = (s2 + t2) * tau;
		AT(w + i + 3 * LANES) = (s3 + t3) * tau;
	}
	for (; i + LANES <= rows; i += LANES) {
		VEC s = {0};
		for (int64_t j = 0; j < cols; j++) s += READ(a + j * lda + i) * v[j];
		AT(w + i) = s * tau;
	}
	for (; i < rows; i++) {
		T s = 0;
		for (int64_t j = 0; j < cols; j++) s += a[j * lda + i] * v[j];
		w[i] = s * tau;
	}
}

// x -= w f, of rows elements.
NPW_INLINE void NAME(less)(int64_t rows, T *x, const T *w, T f) {
	int64_t i = 0;
	for (; i + LANES <= rows; i += LANES) AT(x + i) -= READ(w + i) * f;
	for (; i < rows; i++) x[i] -= w[i] * f;
}

// In each of K columns: x -= w f[k], unless w is null; then x -= u tau (uᵀ x).
#define COLUMNS(K) do { \
	VEC s[K]; \
	T rest[K]; \
	for (int k = 0; k < K; k++) s[k] = (VEC){0}, rest[k] = 0; \
	int64_t i = 0; \
	for (; i + LANES <= rows; i += LANES) { \
		VEC z = READ(u + i); \
		for (int k = 0; k < K; k++) { \
			VEC c = READ(x + k * ldx + i); \
			if (w) { \
				c -= READ(w + i) * f[k]; \
				AT(x + k * ldx + i) = c; \
			} \
			s[k] += c * z; \
		} \
	} \
	for (; i < rows; i++) \
		for (int k = 0; k < K; k++) { \
			if (w) x[k * ldx + i] -= w[i] * f[k]; \
			rest[k] += x[k * ldx + i] * u[i]; \
		} \
	for (int k = 0; k < K; k++) rest[k] = (rest[k] + NAME(total)(s[k])) * tau; \
	for (i = 0; i + LANES <= rows; i += LANES) { \
		VEC z = READ(u + i); \
		for (int k = 0; k < K; k++) AT(x + k * ldx + i) -= z * rest[k]; \
	} \
	for (; i < rows; i++) \
		for (int k = 0; k < K; k++) x[k * ldx + i] -= u[i] * rest[k]; \
} while (0)

NPW_INLINE void NAME(reflect)(int64_t rows, int64_t cols, T *x, int64_t ldx, const T *w, const T *f, const T *u, T tau) {
	int64_t j = 0;
	for (; j + 4 <= cols; j += 4, x += 4 * ldx, f += 4) COLUMNS(4);
	for (; j < cols; j++, x += ldx, f++) COLUMNS(1);
}

// larfg: x becomes the vector, of which the first element is one; the result is what remains of it. Its norm is computed in double, in
// which squares that are too small are of numbers that are nothing beside the matrix, which is scaled: they become zeros.
NPW_INLINE T NAME(house)(int64_t n, T *x, T *tau) {
	double s = 0, lane[8] = {0};
	int64_t i = 1;
	for (; i + 8 <= n; i += 8)
		for (int k = 0; k < 8; k++) lane[k] += (double)x[i + k] * x[i + k];
	for (; i < n; i++) s += (double)x[i] * x[i];
	for (int k = 0; k < 8; k++) s += lane[k];
	double alpha = x[0], beta = alpha;
	x[0] = 1;
	if (s <= NPW_NEGLIGIBLE) { // not where there are NaNs
		*tau = 0;
		for (i = 1; i < n; i++) x[i] = 0;
		return (T)alpha;
	}
	beta = -copysign(sqrt(alpha * alpha + s), alpha);
	*tau = (T)((beta - alpha) / beta);
	double scale = 1 / (alpha - beta);
	for (i = 1; i < n; i++) x[i] = (T)(x[i] * scale);
	return (T)beta;
}

// Step k of sweep s: the row whose end is too long by b - 1 is shortened, from the right; then the column that this makes too long,
// from the left.
//
//	row → beta eᵀ;  [E; D] -= w (tau v)ᵀ, w = [E; D] v;  the first column of D → beta e;  [D E'] -= u tau uᵀ [D E']
NPW_INLINE void NAME(step)(int64_t b, int64_t n, T *h, int64_t s, int64_t k, T *u, T *tauu, T *v, T *tauv, T *w) {
	int64_t ld = 3 * b + 1, lda = ld - 1, lo = s + 1 + k * b;
	int64_t len = n - lo < b ? n - lo : b, above = k ? b : 0, row = k ? lo - b : s;
	T *diagonal = h + lo * ld + 2 * b; // element (lo, lo)
	T *x = diagonal + row - lo;
	u += lo, v += lo;
	for (int64_t j = 0; j < len; j++) v[j] = x[j * lda];
	T beta = NAME(house)(len, v, tauv);
	NAME(times)(above + len, len, diagonal - above, lda, v, *tauv, w);
	for (int64_t j = 0; above && j < len; j++) NAME(less)(above, diagonal - above + j * lda, w, v[j]);
	x[0] = beta;
	for (int64_t j = 1; j < len; j++) x[j * lda] = 0;
	w += above;
	NAME(less)(len, diagonal, w, v[0]);
	for (int64_t i = 0; i < len; i++) u[i] = diagonal[i];
	diagonal[0] = NAME(house)(len, u, tauu);
	for (int64_t i = 1; i < len; i++) diagonal[i] = 0;
	NAME(reflect)(len, len - 1, diagonal + lda, lda, w, v + 1, u, *tauu);
	int64_t beyond = n - lo - len < b ? n - lo - len : b;
	NAME(reflect)(len, beyond, diagonal + len * lda, lda, 0, v, u, *tauu);
}

// Some sweeps at once, each two steps behind the one before it, so that they find in the cache what that one has left there.
NPW_CLONES void NAME(npw_gbchase)(int64_t n, int64_t b, T *h, int64_t first, int64_t count, T *v, T *tauv, T *w, T *tauw, int64_t ldt) {
	T space[2 * MOST];
	for (int64_t g = 0; g < count; g += AT_ONCE) {
		int64_t sweeps = count - g < AT_ONCE ? count - g : AT_ONCE;
		int64_t steps = (n - first - g - 1 + b - 1) / b;
		for (int64_t front = 0; front < steps + LAG * (sweeps - 1); front++)
			for (int64_t q = 0; q < sweeps; q++) {
				int64_t k = front - LAG * q, s = first + g + q, c = g + q;
				if (k < 0 || s + 1 + k * b >= n) continue;
				if (b == 64) NAME(step)(64, n, h, s, k, v + c * n, tauv + c * ldt + k, w + c * n, tauw + c * ldt + k, space);
				else NAME(step)(b, n, h, s, k, v + c * n, tauv + c * ldt + k, w + c * n, tauw + c * ldt + k, space);
			}
	}
}

#undef VEC
#undef AT
#undef READ
#undef COLUMNS

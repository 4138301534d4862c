// One step of a sweep, for a type T of which LANES fill a vector. Blocks are 64 by 64: at the end of the band they reach into the zeros
// behind it, which stay zeros.

#include "vec.h"
#define COUNT (SIDE / LANES)

// Every lane becomes the sum of all.
NPW_INLINE VEC NAME(total)(VEC v) {
#if LANES == 16
	v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
	v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
	v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
	return v + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#else
	v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
	v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
	return v + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
#endif
}

NPW_INLINE VEC NAME(all)(T x) {
	VEC v = {0};
	return v + x;
}

// The lanes from lane r on of ones, of zeros before it.
static const T NAME(ones)[2 * LANES] = {[LANES] = 1, 1, 1, 1, 1, 1, 1, 1,
#if LANES == 16
	1, 1, 1, 1, 1, 1, 1, 1,
#endif
};
NPW_INLINE VEC NAME(from)(int r) { return NAME(load)(NAME(ones) + LANES - r); }

// H x = beta e1 for H = I - tau v v', v[0] = 1: x becomes v, and beta is told. Matrices are scaled so that what is too small to be
// squared is nothing beside their norm.
NPW_INLINE T NAME(reflect)(VEC x[COUNT], T *beta) {
	double sum = 0, head = x[0][0];
	for (int i = 0; i < COUNT; i++)
		for (int l = 0; l < LANES; l++)
			if (i + l > 0)
				sum += (double)x[i][l] * (double)x[i][l];
	if (sum <= NPW_NEGLIGIBLE) { // not where there are NaNs
		for (int i = 0; i < COUNT; i++)
			x[i] = NAME(all)(0);
		x[0][0] = 1;
		*beta = (T)head;
		return 0;
	}
	double norm = -copysign(sqrt(head * head + sum), head);
	VEC by = NAME(all)((T)(1 / (head - norm)));
	for (int i = 0; i < COUNT; i++)
		x[i] *= by;
	x[0][0] = 1;
	*beta = (T)norm;
	return (T)((norm - head) / norm);
}

// D = H D H for a symmetric D, of which the lower triangle is there, with zeros above it.
//
//	w = tau D v;  w -= tau/2 (w'v) v;  D -= v w' + w v'
NPW_INLINE void NAME(both)(T *d, int64_t ld, const T *v, T tau) {
	VEC w[COUNT], x[COUNT], dot = {0};
	T below[SIDE], sums[SIDE];
	for (int i = 0; i < COUNT; i++)
		x[i] = NAME(load)(v + i * LANES), w[i] = NAME(all)(0);
#pragma GCC unroll 8
	for (int b = 0; b < COUNT; b++)
		for (int r = 0; r < LANES; r++) {
			const T *column = d + (b * LANES + r) * ld;
			VEC a = NAME(load)(column + b * LANES), by = NAME(all)(v[b * LANES + r]);
			w[b] += a * by;
			VEC sum = a * x[b] * NAME(from)(r + 1);
#pragma GCC unroll 8
			for (int i = b + 1; i < COUNT; i++) {
				VEC e = NAME(load)(column + i * LANES);
				w[i] += e * by;
				sum += e * x[i];
			}
			below[b * LANES + r] = NAME(total)(sum)[0];
		}
	VEC scale = NAME(all)(tau);
	for (int i = 0; i < COUNT; i++) {
		w[i] = (w[i] + NAME(load)(below + i * LANES)) * scale;
		dot += w[i] * x[i];
	}
	VEC half = NAME(total)(dot) * (scale * (T)-0.5);
	for (int i = 0; i < COUNT; i++) {
		w[i] += half * x[i];
		NAME(store)(sums + i * LANES, w[i]);
	}
#pragma GCC unroll 8
	for (int b = 0; b < COUNT; b++)
		for (int r = 0; r < LANES; r++) {
			T *column = d + (b * LANES + r) * ld;
			VEC xj = NAME(all)(v[b * LANES + r]), wj = NAME(all)(sums[b * LANES + r]);
			NAME(store)(column + b * LANES, NAME(load)(column + b * LANES) - (x[b] * wj + w[b] * xj) * NAME(from)(r));
#pragma GCC unroll 8
			for (int i = b + 1; i < COUNT; i++)
				NAME(store)(column + i * LANES, NAME(load)(column + i * LANES) - x[i] * wj - w[i] * xj);
		}
}

// B = H' B H for the block beside two diagonal blocks: H is the last step's, v with tau, and H' takes the first column of B H to zero
// below its head; v becomes that of H', whose tau is told.
NPW_INLINE T NAME(beside)(T *b, int64_t ld, T *v, T tau) {
	VEC w[COUNT], x[COUNT];
	T beta;
	for (int i = 0; i < COUNT; i++)
		w[i] = NAME(all)(0);
	for (int j = 0; j < SIDE; j++) {
		VEC by = NAME(all)(v[j]);
		for (int i = 0; i < COUNT; i++)
			w[i] += NAME(load)(b + j * ld + i * LANES) * by;
	}
	for (int i = 0; i < COUNT; i++) {
		w[i] *= NAME(all)(tau);
		x[i] = NAME(load)(b + i * LANES) - w[i];
		NAME(store)(b + i * LANES, NAME(all)(0));
	}
	T next = NAME(reflect)(x, &beta);
	VEC scale = NAME(all)(next);
	b[0] = beta;
	for (int j = 1; j < SIDE; j++) {
		VEC e[COUNT], by = NAME(all)(v[j]), dot = {0};
		for (int i = 0; i < COUNT; i++) {
			e[i] = NAME(load)(b + j * ld + i * LANES) - w[i] * by;
			dot += e[i] * x[i];
		}
		dot = NAME(total)(dot) * scale;
		for (int i = 0; i < COUNT; i++)
			NAME(store)(b + j * ld + i * LANES, e[i] - dot * x[i]);
	}
	for (int i = 0; i < COUNT; i++)
		NAME(store)(v + i * LANES, x[i]);
	return next;
}

// Step k of sweep s.
NPW_INLINE void NAME(step)(const NAME(npw_chase) *c, int64_t s, int64_t k) {
	int64_t row = s + 1 + k * SIDE;
	T *v = c->vs + (s - c->first) * SIDE, *tau = c->taus + (s - c->first);
	if (k == 0) {
		T *column = c->ab + s * c->ld + 1, beta;
		VEC x[COUNT];
		for (int i = 0; i < COUNT; i++) {
			x[i] = NAME(load)(column + i * LANES);
			NAME(store)(column + i * LANES, NAME(all)(0));
		}
		*tau = NAME(reflect)(x, &beta);
		column[0] = beta;
		for (int i = 0; i < COUNT; i++)
			NAME(store)(v + i * LANES, x[i]);
	} else
		*tau = NAME(beside)(c->ab + (row - SIDE) * c->ld + SIDE, c->ld - 1, v, *tau);
	if (*tau != 0)
		NAME(both)(c->ab + row * c->ld, c->ld - 1, v, *tau);
	if (c->v) {
		int64_t rows = c->n - row < SIDE ? c->n - row : SIDE;
		memcpy(c->v + (s - c->first) * c->ldv + row, v, rows * sizeof(T));
		c->tau[(s - c->first) * c->ldtau + k] = *tau;
	}
}

NPW_CLONES void NAME(npw_sb2st)(const NAME(npw_chase) *c, int64_t s, int64_t count, int64_t from, int64_t to) {
	for (int64_t t = from; t < to; t++)
		for (int64_t j = 0; j < count && j <= t; j++)
			if (s + j + 1 + (t - j) * SIDE < c->n)
				NAME(step)(c, s + j, t - j);
}

#undef VEC
#undef COUNT

//go:build !purego

// Random numbers by their number in a stream: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", 2011) on it, and the method of Box and Muller. random_purego.go has the same arithmetic, operation by
// operation: neither the machine nor the compiler's instructions change a bit of a result, so no multiplication may be
// contracted with an addition.

#include "clones.h"
#include "random.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

// A strip is what is computed at a time: its loops are vectorised, and it stays in the first-level cache.
enum { STRIP = 512 };

typedef struct {
	uint32_t w[4][STRIP];
} words;

NPW_INLINE void philox(const npw_stream *s, const uint64_t *index, int n, words *out) {
	for (int i = 0; i < n; i++) {
		uint32_t c0 = (uint32_t)index[i], c1 = (uint32_t)(index[i] >> 32), c2 = (uint32_t)s->normal, c3 = 0;
		uint32_t k0 = (uint32_t)s->seed, k1 = (uint32_t)(s->seed >> 32);
#pragma GCC unroll 10
		for (int round = 0; round < 10; round++) {
			uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
			c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
			c1 = (uint32_t)p1;
			c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
			c3 = (uint32_t)p0;
			k0 += 0x9E3779B9;
			k1 += 0xBB67AE85;
		}
		out->w[0][i] = c0;
		out->w[1][i] = c1;
		out->w[2][i] = c2;
		out->w[3][i] = c3;
	}
}

// bits53 is an integer below 2^53 from two words, as a double.
NPW_INLINE double bits53(uint32_t high, uint32_t low) {
	return (double)(int32_t)(high >> 5) * 67108864.0 + (double)(int32_t)(low >> 6);
}

static const double unit53 = 1.0 / 9007199254740992.0;

NPW_INLINE uint64_t bits_of(double x) {
	uint64_t b;
	memcpy(&b, &x, sizeof b);
	return b;
}

NPW_INLINE double double_of(uint64_t b) {
	double x;
	memcpy(&x, &b, sizeof x);
	return x;
}

// log_unit is the natural logarithm on (0, 1], normal numbers only, by FreeBSD's polynomial: x = 2^k (1 + f), with 1 + f
// between the roots of 1/2 and 2.
NPW_INLINE double log_unit(double x) {
	const uint64_t root = 0x3fe6a09e00000000, one = 0x3ff0000000000000;
	uint64_t b = bits_of(x) + (one - root);
	double k = double_of((b >> 52) | 0x4330000000000000) - 4503599627371519.0; // 2^52 + 1023
	double f = double_of((b & 0x000fffffffffffff) + root) - 1.0;
	double s = f / (2.0 + f), z = s * s, w = z * z;
	double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
	double t2 = z * (6.666666666666735130e-01 +
		w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
	double half = 0.5 * f * f;
	return k * 6.93147180369123816490e-01 - ((half - (s * (half + (t1 + t2)) + k * 1.90821492927058770002e-10)) - f);
}

// cos_turns is the cosine of u turns, u in [0, 1]: to the nearest quarter, and FreeBSD's polynomials on what is left.
NPW_INLINE double cos_turns(double u) {
	const double magic = 6755399441055744.0; // 1.5 * 2^52: the last bits of the sum are the nearest integer
	double t = 4.0 * u, shifted = t + magic;
	uint64_t q = bits_of(shifted);
	double x = (t - (shifted - magic)) * 1.57079632679489661923, z = x * x;
	double sine = x + z * x * (-1.66666666666666324348e-01 + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 +
		z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
	double cosine = 1.0 - (0.5 * z - z * z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 +
		z * (2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 +
		z * -1.13596475577881948265e-11))))));
	uint64_t odd = -(q & 1), sign = ((q + 1) & 2) << 62;
	return double_of(((bits_of(sine) & odd) | (bits_of(cosine) & ~odd)) ^ sign);
}

NPW_INLINE double gauss(const words *w, int i) {
	double u = (bits53(w->w[0][i], w->w[1][i]) + 1.0) * unit53, turns = bits53(w->w[2][i], w->w[3][i]) * unit53;
	return sqrt(-2.0 * log_unit(u)) * cos_turns(turns);
}

NPW_CLONES static void strip_f64(const npw_stream *s, const uint64_t *index, int n, double *restrict out) {
	words w;
	philox(s, index, n, &w);
	double shift = s->shift, scale = s->scale;
	if (s->normal) {
		for (int i = 0; i < n; i++) out[i] = shift + scale * gauss(&w, i);
	} else {
		for (int i = 0; i < n; i++) out[i] = shift + scale * (bits53(w.w[0][i], w.w[1][i]) * unit53);
	}
}

// Uniform float32 have 24 bits, so that none is rounded up to 1.
NPW_CLONES static void strip_f32(const npw_stream *s, const uint64_t *index, int n, float *restrict out) {
	words w;
	philox(s, index, n, &w);
	double shift = s->shift, scale = s->scale;
	if (s->normal) {
		for (int i = 0; i < n; i++) out[i] = (float)(shift + scale * gauss(&w, i));
	} else {
		for (int i = 0; i < n; i++) out[i] = (float)(shift + scale * ((double)(int32_t)(w.w[0][i] >> 8) * (1.0 / 16777216.0)));
	}
}

// Strips go over the ends of columns, so that many short columns are no slower than one long one.
#define FILL(strip)                                                                                       \
	uint64_t index[STRIP];                                                                            \
	int n = 0;                                                                                        \
	for (int64_t j = 0; j < cols; j++) {                                                              \
		uint64_t next = first + (uint64_t)j * col_step;                                           \
		for (int64_t i = 0; i < rows;) {                                                          \
			int64_t stop = rows - i < STRIP - n ? rows : i + STRIP - n;                       \
			for (; i < stop; i++, next += row_step) index[n++] = next;                        \
			if (n == STRIP) {                                                                 \
				strip(s, index, n, out);                                                  \
				out += n;                                                                 \
				n = 0;                                                                    \
			}                                                                                 \
		}                                                                                         \
	}                                                                                                 \
	strip(s, index, n, out)

void npw_random_f64(const npw_stream *s, double *out, uint64_t first, int64_t rows, uint64_t row_step, int64_t cols, uint64_t col_step) {
	FILL(strip_f64);
}

void npw_random_f32(const npw_stream *s, float *out, uint64_t first, int64_t rows, uint64_t row_step, int64_t cols, uint64_t col_step) {
	FILL(strip_f32);
}

#ifndef NPW_EW_MATH_H
#define NPW_EW_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// exp and log without branches, so that loops of them become vectors. The methods and coefficients are those of fdlibm (Sun
// Microsystems, 1993), which are within one unit in the last place.

#define NPW_INLINE static inline __attribute__((always_inline))

#define BITS(NAME, FROM, TO) NPW_INLINE TO NAME(FROM x) { TO y; memcpy(&y, &x, sizeof y); return y; }
BITS(bits_f64, double, uint64_t)
BITS(from_bits_f64, uint64_t, double)
BITS(bits_f32, float, uint32_t)
BITS(from_bits_f32, uint32_t, float)

// EXP: x = k ln 2 + r; exp(r) by a rational function of r; 2^k in two factors, each of which has an exponent in range. Adding
// MAGIC rounds to an integer, which stands in the low bits then.
#define EXP(S, T, U, MAGIC, LOW, HIGH, MANT, BIAS, LN2HI, LN2LO, POLY) \
	NPW_INLINE T exp_##S(T x) { \
		T y = x < (T)(LOW) ? (T)(LOW) : x; \
		y = y > (T)(HIGH) ? (T)(HIGH) : y; \
		T shifted = y * (T)0x1.71547652b82fep0 + (T)(MAGIC), k = shifted - (T)(MAGIC); \
		T halved = k * (T)0.5 + (T)(MAGIC); \
		U whole = bits_##S(shifted) - bits_##S((T)(MAGIC)), half = bits_##S(halved) - bits_##S((T)(MAGIC)); \
		T hi = y - k * (T)(LN2HI), lo = k * (T)(LN2LO), r = hi - lo, z = r * r; \
		T c = r - z * (POLY); \
		T e = (T)1 - ((lo - r * c / ((T)2 - c)) - hi); \
		return e * from_bits_##S((half + (BIAS)) << (MANT)) * from_bits_##S((whole - half + (BIAS)) << (MANT)); \
	}

EXP(f64, double, uint64_t, 0x1.8p52, -746.0, 710.0, 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10,
	1.66666666666666019037e-01 + z * (-2.77777777770155933842e-03 + z * (6.61375632143793436117e-05 +
	z * (-1.65339022054652515390e-06 + z * 4.13813679705723846039e-08))))
EXP(f32, float, uint32_t, 0x1.8p23f, -104.0f, 89.0f, 23, 127, 6.9314575195e-01f, 1.4286067653e-06f,
	1.6666625440e-1f + z * -2.7667332906e-3f)

// LOG: x = 2^k (1 + f) with sqrt(2)/2 < 1 + f < sqrt(2); log(1 + f) by a polynomial in f / (2 + f). TOP are the bits of
// sqrt(2)/2, SUBNORMAL lifts tiny numbers by SHIFT bits. k becomes a float by way of MAGIC.
#define LOG(S, T, U, MAGIC, LEAST, LIFT, SHIFT, MANT, TOP, ONE, LN2HI, LN2LO, POLY) \
	NPW_INLINE T log_##S(T x) { \
		T tiny = x < (T)(LEAST) ? (T)1 : (T)0; \
		T y = x < (T)(LEAST) ? x * (T)(LIFT) : x; \
		U u = bits_##S(y) + ((U)(ONE) - (U)(TOP)); \
		U whole = (u >> (MANT)) + bits_##S((T)(MAGIC)) - ((U)(ONE) >> (MANT)); \
		T k = from_bits_##S(whole) - (T)(MAGIC) - tiny * (T)(SHIFT); \
		T f = from_bits_##S((u & (((U)1 << (MANT)) - 1)) + (U)(TOP)) - (T)1; \
		T s = f / ((T)2 + f), z = s * s, half = (T)0.5 * f * f; \
		T l = k * (T)(LN2HI) - ((half - (s * (half + z * (POLY)) + k * (T)(LN2LO))) - f); \
		l = x == (T)0 ? -(T)INFINITY : l; \
		l = x < (T)0 ? (T)NAN : l; \
		return x != x || x == (T)INFINITY ? x : l; \
	}

LOG(f64, double, uint64_t, 0x1.8p52, 0x1p-1022, 0x1p54, 54, 52, 0x3fe6a09e667f3bcd, 0x3ff0000000000000, 6.93147180369123816490e-01,
	1.90821492927058770002e-10, 6.666666666666735130e-01 + z * (3.999999999940941908e-01 + z * (2.857142874366239149e-01 +
	z * (2.222219843214978396e-01 + z * (1.818357216161805012e-01 + z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01))))))
LOG(f32, float, uint32_t, 0x1.8p23f, 0x1p-126f, 0x1p25f, 25, 23, 0x3f3504f3, 0x3f800000, 6.9313812256e-01f, 9.0580006145e-06f,
	0.66666662693f + z * (0.40000972152f + z * (0.28498786688f + z * 0.24279078841f)))

#endif

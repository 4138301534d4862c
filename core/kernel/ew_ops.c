//go:build !purego

// The instructions: one loop for each operation and type. NumPy's meaning, which ewnaive.go has element by element.

#include "ew.h"
#include "ew_math.h"

#include <stdlib.h>

// The loops of one type are cases of one function, which is cloned as a whole.
#define EACH(EXPR) do { NPW_EACH for (int64_t i = 0; i < n; i++) d[i] = (EXPR); } while (0); return NPW_OK
#define TEST(EXPR) do { uint8_t *t = (uint8_t *)vd; NPW_EACH for (int64_t i = 0; i < n; i++) t[i] = (EXPR); } while (0); return NPW_OK
#define CHOOSE do { \
	const uint8_t *cond = (const uint8_t *)va; \
	const T *c = (const T *)vc; \
	NPW_EACH for (int64_t i = 0; i < n; i++) d[i] = cond[i] ? b[i] : c[i]; \
} while (0); return NPW_OK
#define COMPARISONS \
	case NPW_EQ: TEST(a[i] == b[i]); \
	case NPW_NE: TEST(a[i] != b[i]); \
	case NPW_LT: TEST(a[i] < b[i]); \
	case NPW_LE: TEST(a[i] <= b[i]); \
	case NPW_GT: TEST(a[i] > b[i]); \
	case NPW_GE: TEST(a[i] >= b[i]); \
	case NPW_WHERE: CHOOSE
#define OPERANDS(C) \
	typedef C T; \
	T *d = (T *)vd; \
	const T *a = (const T *)va, *b = (const T *)vb;
#define SIGNATURE(S) NPW_CLONES int npw_step_##S(int op, int64_t n, void *vd, const void *va, const void *vb, const void *vc)

// Floats

#define FLOOR_DIVMOD(S, C, F) \
	NPW_INLINE C floor_mod_##S(C x, C y) { \
		C mod = fmod##F(x, y); \
		if (y == 0) return mod; \
		if (mod == 0) return copysign##F(0, y); \
		return (y < 0) != (mod < 0) ? mod + y : mod; \
	} \
	NPW_INLINE C floor_div_##S(C x, C y) { \
		if (y == 0) return x / y; \
		C mod = fmod##F(x, y), div = (x - mod) / y; \
		if (mod != 0 && (y < 0) != (mod < 0)) div -= 1; \
		if (div == 0) return copysign##F(0, x / y); \
		C whole = floor##F(div); \
		return div - whole > (C)0.5 ? whole + 1 : whole; \
	}
FLOOR_DIVMOD(f64, double, )
FLOOR_DIVMOD(f32, float, f)

#define FLOAT(ID, S, C, U, F) SIGNATURE(S) { \
	OPERANDS(C) \
	switch (op) { \
	case NPW_ADD: EACH(a[i] + b[i]); \
	case NPW_SUB: EACH(a[i] - b[i]); \
	case NPW_MUL: EACH(a[i] * b[i]); \
	case NPW_DIV: EACH(a[i] / b[i]); \
	case NPW_FLOORDIV: EACH(floor_div_##S(a[i], b[i])); \
	case NPW_MOD: EACH(floor_mod_##S(a[i], b[i])); \
	case NPW_POW: EACH(pow##F(a[i], b[i])); \
	case NPW_MAX: EACH(a[i] >= b[i] || a[i] != a[i] ? a[i] : b[i]); \
	case NPW_MIN: EACH(a[i] <= b[i] || a[i] != a[i] ? a[i] : b[i]); \
	case NPW_NEG: EACH(-a[i]); \
	case NPW_ABS: EACH(fabs##F(a[i])); \
	case NPW_SQUARE: EACH(a[i] * a[i]); \
	case NPW_SIGN: EACH(a[i] > 0 ? (C)1 : a[i] < 0 ? (C)-1 : a[i] == 0 ? (C)0 : a[i]); \
	case NPW_FLOOR: EACH(floor##F(a[i])); \
	case NPW_SQRT: EACH(sqrt##F(a[i])); \
	case NPW_EXP: EACH(exp_##S(a[i])); \
	case NPW_LOG: EACH(log_##S(a[i])); \
	case NPW_ISNAN: TEST(a[i] != a[i]); \
	case NPW_ISFINITE: TEST(fabs##F(a[i]) < (C)INFINITY); \
	COMPARISONS; \
	} \
	abort(); \
}
FLOAT(NPW_F64, f64, double, double, )
FLOAT(NPW_F32, f32, float, float, f)

// Integers: they wrap around, and a division by zero gives zero.

#define POWER(W) do { \
	W p = 1, x = (W)a[i]; \
	for (uint64_t e = (uint64_t)b[i]; e; e >>= 1, x *= x) if (e & 1) p *= x; \
	d[i] = (T)p; \
} while (0)

#define WRAPPED(W) \
	case NPW_ADD: EACH((T)((W)a[i] + (W)b[i])); \
	case NPW_SUB: EACH((T)((W)a[i] - (W)b[i])); \
	case NPW_MUL: EACH((T)((W)a[i] * (W)b[i])); \
	case NPW_NEG: EACH((T)(0 - (W)a[i])); \
	case NPW_SQUARE: EACH((T)((W)a[i] * (W)a[i])); \
	case NPW_MAX: EACH(a[i] > b[i] ? a[i] : b[i]); \
	case NPW_MIN: EACH(a[i] < b[i] ? a[i] : b[i]); \
	COMPARISONS;

#define INT_DIVMOD(ID, S, C, W) \
	NPW_INLINE C int_div_##S(C x, C y) { \
		if (y == 0) return 0; \
		if (y == -1) return (C)(0 - (W)x); \
		C div = x / y; \
		return x % y && (x < 0) != (y < 0) ? div - 1 : div; \
	} \
	NPW_INLINE C int_mod_##S(C x, C y) { \
		if (y == 0 || y == -1) return 0; \
		C mod = x % y; \
		return mod && (mod < 0) != (y < 0) ? mod + y : mod; \
	}
NPW_SIGNED(INT_DIVMOD)

#define SIGNED(ID, S, C, W) SIGNATURE(S) { \
	OPERANDS(C) \
	switch (op) { \
	WRAPPED(W) \
	case NPW_FLOORDIV: EACH(int_div_##S(a[i], b[i])); \
	case NPW_MOD: EACH(int_mod_##S(a[i], b[i])); \
	case NPW_ABS: EACH((T)(a[i] < 0 ? 0 - (W)a[i] : (W)a[i])); \
	case NPW_SIGN: EACH((T)((a[i] > 0) - (a[i] < 0))); \
	case NPW_POW: \
		for (int64_t i = 0; i < n; i++) { \
			if (b[i] < 0) return NPW_NEGATIVE_POWER; \
			POWER(W); \
		} \
		return NPW_OK; \
	} \
	abort(); \
}
NPW_SIGNED(SIGNED)

#define UNSIGNED(ID, S, C, W) SIGNATURE(S) { \
	OPERANDS(C) \
	switch (op) { \
	WRAPPED(W) \
	case NPW_FLOORDIV: EACH(b[i] ? a[i] / b[i] : 0); \
	case NPW_MOD: EACH(b[i] ? a[i] % b[i] : 0); \
	case NPW_SIGN: EACH(a[i] > 0); \
	case NPW_POW: for (int64_t i = 0; i < n; i++) POWER(W); return NPW_OK; \
	} \
	abort(); \
}
NPW_UNSIGNED(UNSIGNED)

SIGNATURE(bool) {
	OPERANDS(uint8_t)
	switch (op) {
	case NPW_AND: TEST(a[i] & b[i]);
	case NPW_OR: TEST(a[i] | b[i]);
	case NPW_NOT: TEST(!a[i]);
	COMPARISONS;
	}
	abort();
}

// Casts. C leaves open what a float beyond an integer's range becomes; here it is what x86 makes of it.

NPW_INLINE int64_t to_i64(double x) { return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN; }
NPW_INLINE int32_t to_i32(double x) { return x > -0x1p31 - 1 && x < 0x1p31 ? (int32_t)x : INT32_MIN; }
NPW_INLINE uint64_t to_u64(double x) { return x >= 0x1p63 ? (x < 0x1p64 ? (uint64_t)x : (uint64_t)1 << 63) : (uint64_t)to_i64(x); }

#define CAST_TO(ID, C, CONVERT) case ID: { C *d = (C *)vd; EACH((C)CONVERT(a[i])); }
#define CAST(S, C, NARROW, WIDE, LARGEST) NPW_CLONES int npw_cast_##S(int to, int64_t n, void *vd, const void *va) { \
	const C *a = (const C *)va; \
	switch (to) { \
	case NPW_BOOL: TEST(a[i] != 0); \
	CAST_TO(NPW_I8, int8_t, NARROW) CAST_TO(NPW_I16, int16_t, NARROW) CAST_TO(NPW_I32, int32_t, NARROW) \
	CAST_TO(NPW_I64, int64_t, WIDE) CAST_TO(NPW_U8, uint8_t, NARROW) CAST_TO(NPW_U16, uint16_t, NARROW) \
	CAST_TO(NPW_U32, uint32_t, WIDE) CAST_TO(NPW_U64, uint64_t, LARGEST) CAST_TO(NPW_F32, float, ) CAST_TO(NPW_F64, double, ) \
	} \
	abort(); \
}
#define CAST_INT(ID, S, C, W) CAST(S, C, , , )
NPW_BOOLS(CAST_INT)
NPW_SIGNED(CAST_INT)
NPW_UNSIGNED(CAST_INT)
#define CAST_FLOAT(ID, S, C, W) CAST(S, C, to_i32, to_i64, to_u64)
NPW_FLOATS(CAST_FLOAT)

int npw_ew_step(int op, int t, int to, int64_t n, void *d, const void *a, const void *b, const void *c) {
	switch (op == NPW_CAST ? NPW_TYPES + t : t) {
#define STEP(ID, S, C, W) case ID: return npw_step_##S(op, n, d, a, b, c);
	NPW_ALL(STEP)
#define CONVERT(ID, S, C, W) case NPW_TYPES + ID: return npw_cast_##S(to, n, d, a);
	NPW_ALL(CONVERT)
	}
	abort();
}

int npw_ew_apply(int op, int t, int64_t n, void *d, const void *a, const void *b) { return npw_ew_step(op, t, t, n, d, a, b, b); }

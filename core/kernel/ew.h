#ifndef NPW_EW_H
#define NPW_EW_H

#include "clones.h"

#include <stdint.h>

// Elementwise programs: see ewcompile.go. Types are numbered as in package tile.

// The operations, in the order of ewOp in ewparse.go.
enum {
	NPW_ADD, NPW_SUB, NPW_MUL, NPW_DIV, NPW_FLOORDIV, NPW_MOD, NPW_POW, NPW_MAX, NPW_MIN,
	NPW_EQ, NPW_NE, NPW_LT, NPW_LE, NPW_GT, NPW_GE,
	NPW_NEG, NPW_ABS, NPW_SQUARE, NPW_SIGN, NPW_FLOOR, NPW_SQRT, NPW_EXP, NPW_LOG, NPW_ISNAN, NPW_ISFINITE,
	NPW_AND, NPW_OR, NPW_NOT, NPW_WHERE, NPW_CAST, NPW_OPS
};

enum {
	NPW_BOOL = 1, NPW_I8, NPW_I16, NPW_I32, NPW_I64, NPW_U8, NPW_U16, NPW_U32, NPW_U64, NPW_F32, NPW_F64, NPW_TYPES
};

// What a function returns: success, an integer to a negative power, no memory.
enum { NPW_OK, NPW_NEGATIVE_POWER, NPW_NO_MEMORY };

// The types: X(number, suffix, C type, unsigned type of the arithmetic).
#define NPW_SIGNED(X) \
	X(NPW_I8, i8, int8_t, uint32_t) X(NPW_I16, i16, int16_t, uint32_t) X(NPW_I32, i32, int32_t, uint32_t) \
	X(NPW_I64, i64, int64_t, uint64_t)
#define NPW_UNSIGNED(X) \
	X(NPW_U8, u8, uint8_t, uint32_t) X(NPW_U16, u16, uint16_t, uint32_t) X(NPW_U32, u32, uint32_t, uint32_t) \
	X(NPW_U64, u64, uint64_t, uint64_t)
#define NPW_FLOATS(X) X(NPW_F32, f32, float, float) X(NPW_F64, f64, double, double)
#define NPW_BOOLS(X) X(NPW_BOOL, bool, uint8_t, uint32_t)
#define NPW_ALL(X) NPW_BOOLS(X) NPW_SIGNED(X) NPW_UNSIGNED(X) NPW_FLOATS(X)

// The iterations of a loop are independent, even where the result overwrites an operand.
#ifdef __clang__
#define NPW_EACH _Pragma("clang loop vectorize(assume_safety)")
#else
#define NPW_EACH _Pragma("GCC ivdep")
#endif

enum { NPW_DIMS = 16 };

// An instruction; a cast's destination type is in b.
typedef struct {
	uint8_t op, t;
	uint16_t dst, a, b, c;
} npw_instr;

typedef struct {
	uint64_t bits;
	int64_t size;
} npw_constant;

// An operand: its first element, the size of one, and the elements to step over along each dimension of the space, 0 where it
// is broadcast. One that is whole has the shape of the space.
typedef struct {
	const void *at;
	int64_t size, whole, stride[NPW_DIMS];
} npw_operand;

// A program on a space of elements, in column-major order.
typedef struct {
	int64_t len, ndim, extent[NPW_DIMS];
	int64_t operands, constants, temps, instrs;
	int64_t result; // the register
	int64_t strip;  // the elements of a register
	int64_t widest; // the size of the largest element
	int64_t size;   // that of the result's
} npw_space;

// out = the expression.
int npw_ew_run(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code, void *out);

// d = a op b, for n elements of type t. d may be a.
int npw_ew_apply(int op, int t, int64_t n, void *d, const void *a, const void *b);

// Execution by strips, for those that fold them. npw_ew_eval computes elements p … p+n-1, n <= strip, of the space, and
// returns them in data, which is valid until the next call; out may be NULL or memory for them.
typedef struct {
	const npw_space *s;
	const npw_operand *in;
	const npw_instr *code;
	char **reg, **own;   // the registers; the buffers of those operands that are broadcast
	int64_t *held, *len; // the element that fills such a buffer, -1 for none, and how much of it
	void *memory;
} npw_ew;

int npw_ew_open(npw_ew *e, const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code);
int npw_ew_eval(npw_ew *e, int64_t p, int64_t n, void *out, const void **data);
void npw_ew_close(npw_ew *e);

// One instruction on n elements.
int npw_ew_step(int op, int t, int to, int64_t n, void *d, const void *a, const void *b, const void *c);

#endif

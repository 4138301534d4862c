#ifndef NPW_ARGPART_H
#define NPW_ARGPART_H

#include "ew.h"

// The place of the least or greatest element along one dimension, whose positions count from start; or, when flat is set, of
// the whole space, by index = start + the sum of position * weight over its dimensions.
typedef struct {
	int64_t t, greatest, flat, start;
	int64_t before, along, after;                    // the extents below, of and above the dimension, when not flat
	int64_t n, extent[NPW_DIMS], weight[NPW_DIMS]; // the space's dimensions, when flat
} npw_arg;

// A result: the value's bytes in the low end, and the index.
typedef struct {
	uint64_t value;
	int64_t index;
} npw_pair;

// out = the pairs. Of equal elements the one with the least index counts; a NaN is before all others.
int npw_argpart(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code,
	const npw_arg *a, npw_pair *out);

#endif

#ifndef NPW_REDUCE_H
#define NPW_REDUCE_H

#include "ew.h"

enum { NPW_SUM, NPW_PROD, NPW_LEAST, NPW_GREATEST };

// What is reduced: the space's dimensions in groups that are reduced and kept by turns, at least two, the fastest first. The
// result has the elements of the kept ones, in their order, and the program's type t.
typedef struct {
	int64_t op, t, first_reduced, n, extent[NPW_DIMS];
} npw_groups;

// out = the reduction of the expression. The result of a reduction of nothing is the operation's identity.
int npw_reduce(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code,
	const npw_groups *g, void *out);

#endif

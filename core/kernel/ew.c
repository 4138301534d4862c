//go:build !purego

// The machine that runs elementwise programs: strip by strip, so that what lies between two instructions stays in the first
// level of cache.

#include "ew.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

#define FILL(T) do { T x, *to = (T *)d; memcpy(&x, element, sizeof x); NPW_EACH for (int64_t i = 0; i < n; i++) to[i] = x; } while (0)

// Fills d with n copies of an element.
NPW_CLONES void npw_ew_fill(char *d, const void *element, int64_t size, int64_t n) {
	switch (size) {
	case 1: memset(d, *(const unsigned char *)element, n); break;
	case 2: FILL(uint16_t); break;
	case 4: FILL(uint32_t); break;
	default: FILL(uint64_t);
	}
}

int npw_ew_open(npw_ew *e, const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code) {
	int64_t bytes = (s->strip * s->widest + ALIGN - 1) / ALIGN * ALIGN, buffers = s->constants + s->temps + 1;
	for (int64_t k = 0; k < s->operands; k++)
		if (in[k].at && !in[k].whole) buffers++;
	int64_t registers = s->operands + s->constants + s->temps + 1;
	int64_t head = (registers + s->operands) * sizeof(char *) + 2 * s->operands * sizeof(int64_t);
	*e = (npw_ew){.s = s, .in = in, .code = code, .memory = malloc(head + ALIGN + buffers * bytes)};
	if (!e->memory) return NPW_NO_MEMORY;
	memset(e->memory, 0, head);
	e->reg = e->memory;
	e->own = e->reg + registers;
	e->held = (int64_t *)(e->own + s->operands);
	e->len = e->held + s->operands;
	char *at = (char *)(((uintptr_t)e->memory + head + ALIGN - 1) / ALIGN * ALIGN);
	for (int64_t k = 0; k < s->operands; k++) {
		e->held[k] = -1;
		if (in[k].at && !in[k].whole) {
			e->own[k] = at;
			at += bytes;
		}
	}
	for (int64_t k = s->operands; k < registers; k++, at += bytes) {
		e->reg[k] = at;
		int64_t c = k - s->operands;
		if (c < s->constants) npw_ew_fill(at, &constants[c].bits, constants[c].size, s->strip);
	}
	return NPW_OK;
}

void npw_ew_close(npw_ew *e) { free(e->memory); }

#define GATHER(T) do { \
	const T *from = (const T *)o->at; \
	T *to = (T *)d; \
	for (;;) { \
		int64_t off = 0, run = s->extent[0] - idx[0]; \
		if (run > n) run = n; \
		for (int64_t k = 0; k < s->ndim; k++) off += idx[k] * o->stride[k]; \
		T x = from[off]; \
		if (o->stride[0]) NPW_EACH for (int64_t i = 0; i < run; i++) to[i] = from[off + i]; \
		else NPW_EACH for (int64_t i = 0; i < run; i++) to[i] = x; \
		to += run; \
		if (!(n -= run)) return; \
		idx[0] = 0; \
		for (int64_t k = 1; k < s->ndim && ++idx[k] == s->extent[k]; k++) idx[k] = 0; \
	} \
} while (0)

// Copies n elements of a broadcast operand, from the index on, into d.
NPW_CLONES void npw_ew_gather(const npw_space *s, const npw_operand *o, const int64_t *index, int64_t n, char *d) {
	int64_t idx[NPW_DIMS];
	memcpy(idx, index, sizeof idx);
	switch (o->size) {
	case 1: GATHER(uint8_t);
	case 2: GATHER(uint16_t);
	case 4: GATHER(uint32_t);
	default: GATHER(uint64_t);
	}
}

// Points the register of a broadcast operand to its elements from the index on: in place, or in its buffer.
static void load(npw_ew *e, int64_t k, const int64_t *idx, int64_t n) {
	const npw_operand *o = &e->in[k];
	int64_t off = 0;
	for (int64_t d = 0; d < e->s->ndim; d++) off += idx[d] * o->stride[d];
	int64_t constant = 1; // the extent over which the operand is one element
	for (int64_t d = 0; d < e->s->ndim && !o->stride[d]; d++) constant *= e->s->extent[d];
	e->reg[k] = e->own[k];
	if (idx[0] + n <= e->s->extent[0] && o->stride[0]) {
		e->reg[k] = (char *)o->at + off * o->size;
	} else if (idx[0] + n <= e->s->extent[0] || constant == e->s->len) {
		if (e->held[k] == off && e->len[k] >= n) return;
		npw_ew_fill(e->own[k], (const char *)o->at + off * o->size, o->size, n);
		e->held[k] = off;
		e->len[k] = n;
	} else {
		npw_ew_gather(e->s, o, idx, n, e->own[k]);
		e->held[k] = -1;
	}
}

int npw_ew_eval(npw_ew *e, int64_t p, int64_t n, void *out, const void **data) {
	const npw_space *s = e->s;
	int64_t idx[NPW_DIMS] = {0};
	for (int64_t d = 0, q = p; d < s->ndim; d++) {
		idx[d] = q % s->extent[d];
		q /= s->extent[d];
	}
	for (int64_t k = 0; k < s->operands; k++) {
		if (e->own[k]) load(e, k, idx, n);
		else e->reg[k] = (char *)e->in[k].at + p * e->in[k].size;
	}
	char **r = e->reg, *keep = r[s->result];
	if (out && s->instrs) r[s->result] = out;
	int failed = NPW_OK;
	for (const npw_instr *i = e->code, *end = i + s->instrs; i < end && !failed; i++)
		failed = npw_ew_step(i->op, i->t, i->b, n, r[i->dst], r[i->a], r[i->b], r[i->c]);
	*data = r[s->result];
	if (s->instrs) r[s->result] = keep;
	return failed;
}

int npw_ew_run(const npw_space *s, const npw_operand *in, const npw_constant *constants, const npw_instr *code, void *out) {
	npw_ew e;
	int failed = npw_ew_open(&e, s, in, constants, code);
	if (failed) return failed;
	// Strips keep within columns that are long enough: then nothing has to be gathered.
	int64_t column = s->extent[0] >= s->strip / 4 ? s->extent[0] : s->len;
	int64_t pieces = (column + s->strip - 1) / s->strip, piece = (column + pieces - 1) / pieces;
	for (int64_t top = 0; top < s->len && !failed; top += column) {
		for (int64_t q = 0; q < column && !failed; q += piece) {
			int64_t n = column - q < piece ? column - q : piece;
			char *to = (char *)out + (top + q) * s->size;
			const void *data;
			failed = npw_ew_eval(&e, top + q, n, to, &data);
			if (data != to) memcpy(to, data, n * s->size);
		}
	}
	npw_ew_close(&e);
	return failed;
}

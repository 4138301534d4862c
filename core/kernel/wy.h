#ifndef NPW_WY_H
#define NPW_WY_H

#include <stdint.h>

// Where a V has elements: everywhere; on and above its diagonal; or below it, with ones on it (below R in memory).
enum { NPW_WY_FULL, NPW_WY_UPPER, NPW_WY_LOWER };

// Reflections Q = (I - V₁ T₁ V₁ᵀ) (I - V₂ T₂ V₂ᵀ) … in blocks of so many columns of an m×n V. The columns of a block are a multiple of
// eight, unless there is one block.
typedef struct {
	int64_t m, n, columns;
	int shape;
} npw_wy;

// How many blocks fit the memory that npw_wy_borrow gives, and how many columns of a matrix should be multiplied at a time, of
// elements of so many bytes. The first is 0 where V is too large.
int64_t npw_wy_fit(const npw_wy *q, int64_t bytes);
int64_t npw_wy_piece(const npw_wy *q, int64_t bytes, int64_t p);

// Memory for blocks in order, or NULL; and back.
void *npw_wy_borrow(void);
void npw_wy_give_back(void *packed);

// Puts a block of V and T in order: block number first + place goes to a place in the memory.
void npw_wy_pack_f64(const npw_wy *q, int64_t first, int64_t place, const double *v, int64_t ldv, const double *t, int64_t ldt,
	void *packed);
void npw_wy_pack_f32(const npw_wy *q, int64_t first, int64_t place, const float *v, int64_t ldv, const float *t, int64_t ldt,
	void *packed);

// [C; D] = Q [C; D], or Qᵀ [C; D] with trans, for the Q of blocks first … first+count-1, which are in order, and p columns. Each block
// changes as many rows of C as it has columns, those of its columns' numbers, and m rows of D; with a lower V, whose C is NULL, the
// rows of D from its first column on. With fresh D is zeros, and what is there is not read; with a lower V it is zeros below the
// rows of the last block. Returns 0 when there is no memory to work in.
int npw_wy_apply_f64(const npw_wy *q, int64_t first, int64_t count, int trans, int fresh, const void *packed, int64_t p, double *c,
	int64_t ldc, double *d, int64_t ldd);
int npw_wy_apply_f32(const npw_wy *q, int64_t first, int64_t count, int trans, int fresh, const void *packed, int64_t p, float *c,
	int64_t ldc, float *d, int64_t ldd);

#endif

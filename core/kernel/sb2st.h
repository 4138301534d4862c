#ifndef NPW_SB2ST_H
#define NPW_SB2ST_H

#include <stdint.h>

// A symmetric band on its way to three diagonals: element (i, j), j <= i < j + 128, is ab[j * ld + i - j], with ld at least 144, and so
// many zeros before ab, and in columns n to n + 127. vs has, for each sweep, room for the 64 elements of the reflection that it found
// last, and taus for its tau. V, unless it is NULL, gets all reflections of sweep s in column s - first, and tau their tau.
#define NPW_CHASE(T) struct { \
	T *ab, *vs, *taus, *v, *tau; \
	int64_t ld, n, first, ldv, ldtau; \
}
typedef NPW_CHASE(double) npw_chase_f64;
typedef NPW_CHASE(float) npw_chase_f32;

// Runs sweeps s to s + count - 1 through times from <= t < to: at time t sweep s + j makes its step t - j.
void npw_sb2st_f64(const npw_chase_f64 *c, int64_t s, int64_t count, int64_t from, int64_t to);
void npw_sb2st_f32(const npw_chase_f32 *c, int64_t s, int64_t count, int64_t from, int64_t to);

#endif

//go:build !purego

// The product of a bulge chase's reflections and a matrix: what chased.go says. Four reflections of neighbouring sweeps, which are shifted
// by a row each, are applied at once, to columns of the matrix that lie side by side in vectors: the rows that they change stay in the
// first-level cache, and each number that is loaded is used four times.

#include "ormsb.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

enum { TOGETHER = 4, VECTORS = 4, DIAMOND = 64 }; // DIAMOND: sweeps whose reflections k are applied before those of k + 1

#define T double
#define LANES 8
#define NAME(x) x##_f64
#include "ormsb_strip.h"
#undef T
#undef LANES
#undef NAME

#define T float
#define LANES 16
#define NAME(x) x##_f32
#include "ormsb_strip.h"

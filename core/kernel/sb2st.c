//go:build !purego

// The chase of a band of 64 diagonals below the main one to a tridiagonal matrix: what sb2st.go plans.

#include "sb2st.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

enum { SIDE = 64 };

#define T double
#define LANES 8
#define NAME(x) x##_f64
#include "sb2st_step.h"
#undef T
#undef LANES
#undef NAME

#define T float
#define LANES 16
#define NAME(x) x##_f32
#include "sb2st_step.h"

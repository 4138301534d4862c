//go:build !purego

// The product of a bulge chase's reflections and a matrix: what chased.go says. Four reflections of neighbouring sweeps, which are shifted
// by a row each, are applied at once, to columns of the matrix that lie side by side in vectors: the rows that they change stay in the
// first-level cache, and each number that is loaded is used four times.

#include "clones.h"
#include "ormsb.h"

#include <string.h>

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

//go:build !purego

// The chase of a band of 64 diagonals below the main one to a tridiagonal matrix: what sb2st.go plans.

#include "clones.h"
#include "house.h"
#include "sb2st.h"

#include <math.h>
#include <string.h>

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

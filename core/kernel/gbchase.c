//go:build !purego

// An upper band becomes bidiagonal. gbchase_purego.go says the same in fewer words.

#include "clones.h"
#include "gbchase.h"
#include "house.h"

#include <math.h>

enum { MOST = 256, AT_ONCE = 4, LAG = 2 };

#define T double
#define LANES 8
#define NAME(x) x##_f64
#include "gbchase_step.h"
#undef T
#undef LANES
#undef NAME

#define T float
#define LANES 16
#define NAME(x) x##_f32
#include "gbchase_step.h"

//go:build !purego

// An upper band becomes bidiagonal. gbchase_purego.go says the same in fewer words.

#include "gbchase.h"
#include "ew.h"

#include <math.h>

#define NEGLIGIBLE 1e-280

enum { MOST = 256, AT_ONCE = 4, LAG = 2 };

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)

#define T double
#define NAME(x) JOIN(x, f64)
enum { LANES_f64 = 8, LANES_f32 = 16 };
#define LANES LANES_f64
#include "gbchase_step.h"
#undef T
#undef NAME
#undef LANES

#define T float
#define NAME(x) JOIN(x, f32)
#define LANES LANES_f32
#include "gbchase_step.h"

//go:build !purego

// A column of a join (join.go), whose divisions are most of the work beside the products.

#include "join.h"
#include "clones.h"

#define COLUMN(S, T)                                                                                                                  \
	NPW_CLONES void npw_join_column_##S(int64_t n, const T *restrict d, const T *restrict z, T near, T off, T factor, T *restrict s) { \
		for (int64_t i = 0; i < n; i++) \
			s[i] = z[i] / (d[i] - near - off) * factor; \
	}

COLUMN(f64, double)
COLUMN(f32, float)

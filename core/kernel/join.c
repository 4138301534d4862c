//go:build !purego

// Columns of a join (join.go), whose divisions are most of the work beside the products.

#include "join.h"
#include "clones.h"

#define COLUMN(NAME, T, ELEMENT) \
	NPW_CLONES void NAME(int64_t n, const T *restrict d, const T *restrict z, T near, T off, T factor, T *restrict s) { \
		for (int64_t i = 0; i < n; i++) \
			s[i] = ELEMENT; \
	}

COLUMN(npw_join_column_f64, double, z[i] / (d[i] - near - off) * factor)
COLUMN(npw_join_column_f32, float, z[i] / (d[i] - near - off) * factor)
COLUMN(npw_join_right_f64, double, z[i] / (d[i] - near - off) / (d[i] + near + off) * factor)
COLUMN(npw_join_right_f32, float, z[i] / (d[i] - near - off) / (d[i] + near + off) * factor)

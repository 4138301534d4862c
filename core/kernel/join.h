#ifndef NPW_JOIN_H
#define NPW_JOIN_H

#include <stdint.h>

// s[i] = z[i] / (d[i] - near - off) * factor
void npw_join_column_f64(int64_t n, const double *d, const double *z, double near, double off, double factor, double *s);
void npw_join_column_f32(int64_t n, const float *d, const float *z, float near, float off, float factor, float *s);

// s[i] = z[i] / (d[i] - near - off) / (d[i] + near + off) * factor
void npw_join_right_f64(int64_t n, const double *d, const double *z, double near, double off, double factor, double *s);
void npw_join_right_f32(int64_t n, const float *d, const float *z, float near, float off, float factor, float *s);

#endif

//go:build !purego

package kernel

// #include "join.h"
import "C"

// joinColumn is s[i] = z[i] / (d[i] - near - off) * factor.
func joinColumn[T float](d, z []T, near, off, factor T, s []T) {
	if isDouble[T]() {
		C.npw_join_column_f64(C.int64_t(len(d)), f64(d), f64(z), C.double(near), C.double(off), C.double(factor), f64(s))
	} else {
		C.npw_join_column_f32(C.int64_t(len(d)), f32(d), f32(z), C.float(near), C.float(off), C.float(factor), f32(s))
	}
}

// joinRight is s[i] = z[i] / (d[i] - near - off) / (d[i] + near + off) * factor.
func joinRight[T float](d, z []T, near, off, factor T, s []T) {
	if isDouble[T]() {
		C.npw_join_right_f64(C.int64_t(len(d)), f64(d), f64(z), C.double(near), C.double(off), C.double(factor), f64(s))
	} else {
		C.npw_join_right_f32(C.int64_t(len(d)), f32(d), f32(z), C.float(near), C.float(off), C.float(factor), f32(s))
	}
}

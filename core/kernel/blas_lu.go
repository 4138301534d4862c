//go:build !purego

package kernel

/*
#include <stddef.h>

void npw_dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void npw_sgetrf_(const int *m, const int *n, float *a, const int *lda, int *pivots, int *info);

static void dgetrf(int m, int n, double *a, int lda, int *pivots) {
	int info;
	npw_dgetrf_(&m, &n, a, &lda, pivots, &info);
}

static void sgetrf(int m, int n, float *a, int lda, int *pivots) {
	int info;
	npw_sgetrf_(&m, &n, a, &lda, pivots, &info);
}
*/
import "C"

// A = P L U, L and U in A's place, with partial pivoting: row k was exchanged with row pivots[k] ≥ k, of which there are
// min(m, n), counted from 1. A column without a pivot other than zero is left as it is.
func blasGetrf[T float](m, n int, a []T, lda int, pivots []int32) {
	if isDouble[T]() {
		C.dgetrf(C.int(m), C.int(n), f64(a), C.int(lda), ints(pivots))
	} else {
		C.sgetrf(C.int(m), C.int(n), f32(a), C.int(lda), ints(pivots))
	}
}

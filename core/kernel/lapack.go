//go:build !purego

package kernel

/*
#include <stddef.h>

void npw_dgeqrt2_(const int *m, const int *n, double *a, const int *lda, double *t, const int *ldt, int *info);
void npw_sgeqrt2_(const int *m, const int *n, float *a, const int *lda, float *t, const int *ldt, int *info);
void npw_dtpqrt2_(const int *m, const int *n, const int *l, double *a, const int *lda, double *b, const int *ldb, double *t,
	const int *ldt, int *info);
void npw_stpqrt2_(const int *m, const int *n, const int *l, float *a, const int *lda, float *b, const int *ldb, float *t,
	const int *ldt, int *info);
void npw_dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu,
	double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info, size_t jobz_len);
void npw_sgesdd_(const char *jobz, const int *m, const int *n, float *a, const int *lda, float *s, float *u, const int *ldu,
	float *vt, const int *ldvt, float *work, const int *lwork, int *iwork, int *info, size_t jobz_len);

static int dgesdd(char jobz, int m, int n, double *a, double *s, double *u, double *vt, int ldvt, double *work, int lwork, int *iwork) {
	int info, ld = m > 1 ? m : 1;
	npw_dgesdd_(&jobz, &m, &n, a, &ld, s, u, &ld, vt, &ldvt, work, &lwork, iwork, &info, 1);
	return info;
}

static int sgesdd(char jobz, int m, int n, float *a, float *s, float *u, float *vt, int ldvt, float *work, int lwork, int *iwork) {
	int info, ld = m > 1 ? m : 1;
	npw_sgesdd_(&jobz, &m, &n, a, &ld, s, u, &ld, vt, &ldvt, work, &lwork, iwork, &info, 1);
	return info;
}

static int dgeqrt2(int m, int n, double *a, int lda, double *t, int ldt) {
	int info;
	npw_dgeqrt2_(&m, &n, a, &lda, t, &ldt, &info);
	return info;
}

static int sgeqrt2(int m, int n, float *a, int lda, float *t, int ldt) {
	int info;
	npw_sgeqrt2_(&m, &n, a, &lda, t, &ldt, &info);
	return info;
}

static int dtpqrt2(int m, int n, double *a, int lda, double *b, int ldb, double *t, int ldt) {
	int info, l = 0;
	npw_dtpqrt2_(&m, &n, &l, a, &lda, b, &ldb, t, &ldt, &info);
	return info;
}

static int stpqrt2(int m, int n, float *a, int lda, float *b, int ldb, float *t, int ldt) {
	int info, l = 0;
	npw_stpqrt2_(&m, &n, &l, a, &lda, b, &ldb, t, &ldt, &info);
	return info;
}
*/
import "C"

import "fmt"

// LAPACK on column-major memory. lapack_purego.go has the same functions in Go.

// A = Q [R; 0] for an m×n A, m >= n: A becomes R, and V below it.
func lapackGeqrt2[T float](m, n int, a []T, lda int, t []T, ldt int) {
	info := C.int(0)
	if isDouble[T]() {
		info = C.dgeqrt2(C.int(m), C.int(n), f64(a), C.int(lda), f64(t), C.int(ldt))
	} else {
		info = C.sgeqrt2(C.int(m), C.int(n), f32(a), C.int(lda), f32(t), C.int(ldt))
	}
	mustAccept("geqrt2", int(info))
}

// [R; B] = Q [R'; 0] for an n×n upper triangular R and an m×n B, which becomes V.
func lapackTpqrt2[T float](m, n int, r []T, ldr int, b []T, ldb int, t []T, ldt int) {
	info := C.int(0)
	if isDouble[T]() {
		info = C.dtpqrt2(C.int(m), C.int(n), f64(r), C.int(ldr), f64(b), C.int(ldb), f64(t), C.int(ldt))
	} else {
		info = C.stpqrt2(C.int(m), C.int(n), f32(r), C.int(ldr), f32(b), C.int(ldb), f32(t), C.int(ldt))
	}
	mustAccept("tpqrt2", int(info))
}

// A = U diag(s) VT for an m×n A, which is overwritten; U is m×k, VT k×n, k being the lesser. Without vectors, U and VT are nil. It
// says whether it converged.
func lapackGesdd[T float](m, n int, a, s, u, vt []T) bool {
	job, k, iwork := C.char('S'), min(m, n), make([]C.int, 8*max(min(m, n), 1))
	if u == nil {
		job = 'N'
	}
	call := func(work []T, lwork int) int {
		if isDouble[T]() {
			return int(C.dgesdd(job, C.int(m), C.int(n), f64(a), f64(s), f64(u), f64(vt), C.int(max(k, 1)), f64(work), C.int(lwork), &iwork[0]))
		}
		return int(C.sgesdd(job, C.int(m), C.int(n), f32(a), f32(s), f32(u), f32(vt), C.int(max(k, 1)), f32(work), C.int(lwork), &iwork[0]))
	}
	best := make([]T, 1)
	mustAccept("gesdd", call(best, -1))
	lwork := int(best[0]) + int(best[0])>>20 + 1 // a float32 may have been rounded down
	work, giveBack := borrow[T](lwork)
	defer giveBack()
	info := call(work, lwork)
	mustAccept("gesdd", info)
	return info == 0
}

// mustAccept panics when LAPACK refused an argument, which is a mistake of ours.
func mustAccept(name string, info int) {
	if info < 0 {
		panic(fmt.Sprintf("kernel: LAPACK's %s refuses argument %d", name, -info))
	}
}

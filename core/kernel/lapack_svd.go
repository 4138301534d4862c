//go:build !purego

package kernel

/*
#include <stddef.h>

void npw_dbdsdc_(const char *uplo, const char *compq, const int *n, double *d, double *e, double *u, const int *ldu, double *vt,
	const int *ldvt, double *q, int *iq, double *work, int *iwork, int *info, size_t uplo_len, size_t compq_len);
void npw_sbdsdc_(const char *uplo, const char *compq, const int *n, float *d, float *e, float *u, const int *ldu, float *vt,
	const int *ldvt, float *q, int *iq, float *work, int *iwork, int *info, size_t uplo_len, size_t compq_len);
void npw_dbdsqr_(const char *uplo, const int *n, const int *ncvt, const int *nru, const int *ncc, double *d, double *e, double *vt,
	const int *ldvt, double *u, const int *ldu, double *c, const int *ldc, double *work, int *info, size_t uplo_len);
void npw_sbdsqr_(const char *uplo, const int *n, const int *ncvt, const int *nru, const int *ncc, float *d, float *e, float *vt,
	const int *ldvt, float *u, const int *ldu, float *c, const int *ldc, float *work, int *info, size_t uplo_len);

static int dbdsdc(int n, double *d, double *e, double *u, double *vt, double *work, int *iwork) {
	int info, iq;
	double q;
	npw_dbdsdc_("U", "I", &n, d, e, u, &n, vt, &n, &q, &iq, work, iwork, &info, 1, 1);
	return info;
}

static int sbdsdc(int n, float *d, float *e, float *u, float *vt, float *work, int *iwork) {
	int info, iq;
	float q;
	npw_sbdsdc_("U", "I", &n, d, e, u, &n, vt, &n, &q, &iq, work, iwork, &info, 1, 1);
	return info;
}

static int dbdsqr(int n, double *d, double *e, double *work) {
	int info, none = 0, one = 1;
	double x;
	npw_dbdsqr_("U", &n, &none, &none, &none, d, e, &x, &one, &x, &one, &x, &one, work, &info, 1);
	return info;
}

static int sbdsqr(int n, float *d, float *e, float *work) {
	int info, none = 0, one = 1;
	float x;
	npw_sbdsqr_("U", &n, &none, &none, &none, d, e, &x, &one, &x, &one, &x, &one, work, &info, 1);
	return info;
}
*/
import "C"

// B = U diag(s) VT for an upper bidiagonal B, by divide and conquer; d, its diagonal, becomes s, and e is overwritten. It says whether
// it converged.
func lapackBdsdc[T float](n int, d, e, u, vt []T) bool {
	work, iwork, info := make([]T, 3*n*n+4*n), make([]C.int, 8*n), C.int(0)
	if isDouble[T]() {
		info = C.dbdsdc(C.int(n), f64(d), f64(e), f64(u), f64(vt), f64(work), &iwork[0])
	} else {
		info = C.sbdsdc(C.int(n), f32(d), f32(e), f32(u), f32(vt), f32(work), &iwork[0])
	}
	mustAccept("bdsdc", int(info))
	return info == 0
}

// lapackBdsqr is the singular values alone, by the dqds algorithm.
func lapackBdsqr[T float](n int, d, e []T) bool {
	work, info := make([]T, 4*n), C.int(0)
	if isDouble[T]() {
		info = C.dbdsqr(C.int(n), f64(d), f64(e), f64(work))
	} else {
		info = C.sbdsqr(C.int(n), f32(d), f32(e), f32(work))
	}
	mustAccept("bdsqr", int(info))
	return info == 0
}

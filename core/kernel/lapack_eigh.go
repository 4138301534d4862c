//go:build !purego

package kernel

/*
#include <stddef.h>

void npw_dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
	int *iwork, const int *liwork, int *info, size_t jobz_len, size_t uplo_len);
void npw_ssyevd_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work, const int *lwork,
	int *iwork, const int *liwork, int *info, size_t jobz_len, size_t uplo_len);
void npw_dstedc_(const char *compz, const int *n, double *d, double *e, double *z, const int *ldz, double *work, const int *lwork, int *iwork,
	const int *liwork, int *info, size_t compz_len);
void npw_sstedc_(const char *compz, const int *n, float *d, float *e, float *z, const int *ldz, float *work, const int *lwork, int *iwork,
	const int *liwork, int *info, size_t compz_len);
void npw_dsterf_(const int *n, double *d, double *e, int *info);
void npw_ssterf_(const int *n, float *d, float *e, int *info);

static int dsyevd(char jobz, int n, double *a, int lda, double *w, double *work, int lwork, int *iwork, int liwork) {
	int info;
	npw_dsyevd_(&jobz, "L", &n, a, &lda, w, work, &lwork, iwork, &liwork, &info, 1, 1);
	return info;
}

static int ssyevd(char jobz, int n, float *a, int lda, float *w, float *work, int lwork, int *iwork, int liwork) {
	int info;
	npw_ssyevd_(&jobz, "L", &n, a, &lda, w, work, &lwork, iwork, &liwork, &info, 1, 1);
	return info;
}

static int dstedc(int n, double *d, double *e, double *z, int ldz, double *work, int lwork, int *iwork, int liwork) {
	int info;
	npw_dstedc_("I", &n, d, e, z, &ldz, work, &lwork, iwork, &liwork, &info, 1);
	return info;
}

static int sstedc(int n, float *d, float *e, float *z, int ldz, float *work, int lwork, int *iwork, int liwork) {
	int info;
	npw_sstedc_("I", &n, d, e, z, &ldz, work, &lwork, iwork, &liwork, &info, 1);
	return info;
}

static int dsterf(int n, double *d, double *e) {
	int info;
	npw_dsterf_(&n, d, e, &info);
	return info;
}

static int ssterf(int n, float *d, float *e) {
	int info;
	npw_ssterf_(&n, d, e, &info);
	return info;
}
*/
import "C"

// A = Z diag(w) Zᵀ for a symmetric A, whose lower triangle is read and which becomes Z, if vectors are wanted. It says whether it
// converged.
func lapackSyevd[T float](vectors bool, n int, a []T, lda int, w []T) bool {
	job, size, isize := C.char('N'), 2*n+1, 1
	if vectors {
		job, size, isize = 'V', 1+6*n+2*n*n, 3+5*n
	}
	size = max(size, n*66) // sytrd in blocks
	work, iwork, info := make([]T, size), make([]C.int, isize), 0
	if isDouble[T]() {
		info = int(C.dsyevd(job, C.int(n), f64(a), C.int(lda), f64(w), f64(work), C.int(size), &iwork[0], C.int(isize)))
	} else {
		info = int(C.ssyevd(job, C.int(n), f32(a), C.int(lda), f32(w), f32(work), C.int(size), &iwork[0], C.int(isize)))
	}
	mustAccept("syevd", info)
	return info == 0
}

// The symmetric matrix with the diagonals d and e is Z diag(w) Zᵀ; w replaces d, and e is overwritten.
func lapackStedc[T float](n int, d, e, z []T, ldz int) bool {
	size, isize := 1+4*n+n*n, 3+5*n
	work, iwork, info := make([]T, size), make([]C.int, isize), 0
	if isDouble[T]() {
		info = int(C.dstedc(C.int(n), f64(d), f64(e), f64(z), C.int(ldz), f64(work), C.int(size), &iwork[0], C.int(isize)))
	} else {
		info = int(C.sstedc(C.int(n), f32(d), f32(e), f32(z), C.int(ldz), f32(work), C.int(size), &iwork[0], C.int(isize)))
	}
	mustAccept("stedc", info)
	return info == 0
}

// The same without Z.
func lapackSterf[T float](n int, d, e []T) bool {
	info := 0
	if isDouble[T]() {
		info = int(C.dsterf(C.int(n), f64(d), f64(e)))
	} else {
		info = int(C.ssterf(C.int(n), f32(d), f32(e)))
	}
	mustAccept("sterf", info)
	return info == 0
}

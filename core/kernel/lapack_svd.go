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

void npw_dlasd0_(const int *n, const int *sqre, double *d, double *e, double *u, const int *ldu, double *vt, const int *ldvt,
	const int *smlsiz, int *iwork, double *work, int *info);
void npw_dlasd2_(const int *nl, const int *nr, const int *sqre, int *k, double *d, double *z, const double *alpha, const double *beta, double *u,
	const int *ldu, double *vt, const int *ldvt, double *dsigma, double *u2, const int *ldu2, double *vt2, const int *ldvt2, int *idxp, int *idx,
	int *idxc, int *idxq, int *coltyp, int *info);
void npw_dlasd4_(const int *n, const int *i, const double *d, const double *z, double *delta, const double *rho, double *sigma, double *work, int *info);
void npw_slasd0_(const int *n, const int *sqre, float *d, float *e, float *u, const int *ldu, float *vt, const int *ldvt,
	const int *smlsiz, int *iwork, float *work, int *info);
void npw_slasd2_(const int *nl, const int *nr, const int *sqre, int *k, float *d, float *z, const float *alpha, const float *beta, float *u,
	const int *ldu, float *vt, const int *ldvt, float *dsigma, float *u2, const int *ldu2, float *vt2, const int *ldvt2, int *idxp, int *idx,
	int *idxc, int *idxq, int *coltyp, int *info);
void npw_slasd4_(const int *n, const int *i, const float *d, const float *z, float *delta, const float *rho, float *sigma, float *work, int *info);

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

static int dlasd0(int n, int extra, double *d, double *e, double *u, int ldu, double *vt, int ldvt, int *iwork, double *work) {
	int info, leaf = 25;
	npw_dlasd0_(&n, &extra, d, e, u, &ldu, vt, &ldvt, &leaf, iwork, work, &info);
	return info;
}

static int dlasd2(int nl, int nr, int extra, double *d, double *z, double alpha, double beta, double *u, double *vt, int ld, double *dsigma, double *u2,
	double *vt2, int *idxp, int *idx, int *idxc, int *idxq, int *coltyp, int *info) {
	int k;
	npw_dlasd2_(&nl, &nr, &extra, &k, d, z, &alpha, &beta, u, &ld, vt, &ld, dsigma, u2, &ld, vt2, &ld, idxp, idx, idxc, idxq, coltyp, info);
	return k;
}

// Roots first to first + count - 1, each with its column of differences and of sums.
static int dlasd4(int n, int first, int count, const double *d, const double *z, double rho, double *sigma, double *delta, double *sums, int ld) {
	int info = 0;
	for (int i = first; i < first + count && info == 0; i++) {
		int at = i + 1;
		npw_dlasd4_(&n, &at, d, z, delta + (size_t)i * ld, &rho, sigma + i, sums + (size_t)i * ld, &info);
	}
	return info;
}

static int slasd0(int n, int extra, float *d, float *e, float *u, int ldu, float *vt, int ldvt, int *iwork, float *work) {
	int info, leaf = 25;
	npw_slasd0_(&n, &extra, d, e, u, &ldu, vt, &ldvt, &leaf, iwork, work, &info);
	return info;
}

static int slasd2(int nl, int nr, int extra, float *d, float *z, float alpha, float beta, float *u, float *vt, int ld, float *dsigma, float *u2,
	float *vt2, int *idxp, int *idx, int *idxc, int *idxq, int *coltyp, int *info) {
	int k;
	npw_slasd2_(&nl, &nr, &extra, &k, d, z, &alpha, &beta, u, &ld, vt, &ld, dsigma, u2, &ld, vt2, &ld, idxp, idx, idxc, idxq, coltyp, info);
	return k;
}

// Roots first to first + count - 1, each with its column of differences and of sums.
static int slasd4(int n, int first, int count, const float *d, const float *z, float rho, float *sigma, float *delta, float *sums, int ld) {
	int info = 0;
	for (int i = first; i < first + count && info == 0; i++) {
		int at = i + 1;
		npw_slasd4_(&n, &at, d, z, delta + (size_t)i * ld, &rho, sigma + i, sums + (size_t)i * ld, &info);
	}
	return info;
}
*/
import "C"

import "unsafe"

// B = U diag(s) VT for an upper bidiagonal B, by divide and conquer; d, its diagonal, becomes s, and e is overwritten. It says whether
// it converged.
func lapackBdsdc[T float](n int, d, e, u, vt []T) bool {
	iwork, info := make([]C.int, 8*n), C.int(0)
	work, giveBack := borrow[T](3*n*n + 4*n)
	defer giveBack()
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

// ints is integers for LAPACK.
func ints(x []int32) *C.int { return (*C.int)(unsafe.Pointer(unsafe.SliceData(x))) }

// lapackLasd0 decomposes a bidiagonal matrix of n rows and n + extra columns: u and vt, identities, become its singular vectors, d the
// values, in no order.
func lapackLasd0[T float](n, extra int, d, e, u []T, ldu int, vt []T, ldvt int) bool {
	m := n + extra
	work, iwork, info := make([]T, 3*m*m+2*m), make([]int32, 8*n), C.int(0)
	if isDouble[T]() {
		info = C.dlasd0(C.int(n), C.int(extra), f64(d), f64(e), f64(u), C.int(ldu), f64(vt), C.int(ldvt), ints(iwork), f64(work))
	} else {
		info = C.slasd0(C.int(n), C.int(extra), f32(d), f32(e), f32(u), C.int(ldu), f32(vt), C.int(ldvt), ints(iwork), f32(work))
	}
	mustAccept("lasd0", int(info))
	return info == 0
}

// lapackLasd2 puts the vectors of two halves, which a row joins, side by side in u2 and vt2, but for those that do not change, and says
// how many there are. idx[2] becomes their order, kind how many of each kind there are.
func lapackLasd2[T float](nl, nr, extra int, d, z []T, alpha, beta T, u, vt []T, ld int, sigma, u2, vt2 []T, idx *[4][]int32, idxq, kind []int32) int {
	k, info := C.int(0), C.int(0)
	if isDouble[T]() {
		k = C.dlasd2(C.int(nl), C.int(nr), C.int(extra), f64(d), f64(z), C.double(alpha), C.double(beta), f64(u), f64(vt), C.int(ld), f64(sigma),
			f64(u2), f64(vt2), ints(idx[0]), ints(idx[1]), ints(idx[2]), ints(idxq), ints(kind), &info)
	} else {
		k = C.slasd2(C.int(nl), C.int(nr), C.int(extra), f32(d), f32(z), C.float(alpha), C.float(beta), f32(u), f32(vt), C.int(ld), f32(sigma),
			f32(u2), f32(vt2), ints(idx[0]), ints(idx[1]), ints(idx[2]), ints(idxq), ints(kind), &info)
	}
	mustAccept("lasd2", int(info))
	return int(k)
}

// lapackLasd4 finds some of the n roots of a secular equation.
func lapackLasd4[T float](n, first, count int, old, z []T, rho T, roots, differences, sums []T, ld int) bool {
	info := C.int(0)
	if isDouble[T]() {
		info = C.dlasd4(C.int(n), C.int(first), C.int(count), f64(old), f64(z), C.double(rho), f64(roots), f64(differences), f64(sums), C.int(ld))
	} else {
		info = C.slasd4(C.int(n), C.int(first), C.int(count), f32(old), f32(z), C.float(rho), f32(roots), f32(differences), f32(sums), C.int(ld))
	}
	mustAccept("lasd4", int(info))
	return info == 0
}

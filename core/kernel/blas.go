//go:build !purego

package kernel

/*
#cgo LDFLAGS: -L${SRCDIR}/../../build/openblas -lnpw_openblas -Wl,-rpath,${SRCDIR}/../../build/openblas
#include <stddef.h>

void npw_openblas_set_num_threads(int threads);
int npw_openblas_get_num_threads(void);
char *npw_openblas_get_corename(void);

void npw_cblas_dgemm(int order, int transa, int transb, int m, int n, int k, double alpha, const double *a, int lda,
	const double *b, int ldb, double beta, double *c, int ldc);
void npw_cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha, const float *a, int lda,
	const float *b, int ldb, float beta, float *c, int ldc);
void npw_cblas_dgemv(int order, int trans, int m, int n, double alpha, const double *a, int lda, const double *x, int incx,
	double beta, double *y, int incy);
void npw_cblas_sgemv(int order, int trans, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
	float beta, float *y, int incy);
void npw_cblas_dsyrk(int order, int uplo, int trans, int n, int k, double alpha, const double *a, int lda, double beta,
	double *c, int ldc);
void npw_cblas_ssyrk(int order, int uplo, int trans, int n, int k, float alpha, const float *a, int lda, float beta,
	float *c, int ldc);
void npw_cblas_dsymm(int order, int side, int uplo, int m, int n, double alpha, const double *a, int lda, const double *b, int ldb,
	double beta, double *c, int ldc);
void npw_cblas_ssymm(int order, int side, int uplo, int m, int n, float alpha, const float *a, int lda, const float *b, int ldb,
	float beta, float *c, int ldc);
void npw_cblas_dtrsm(int order, int side, int uplo, int trans, int diag, int m, int n, double alpha, const double *a, int lda,
	double *b, int ldb);
void npw_cblas_strsm(int order, int side, int uplo, int trans, int diag, int m, int n, float alpha, const float *a, int lda,
	float *b, int ldb);
void npw_cblas_dtrmm(int order, int side, int uplo, int trans, int diag, int m, int n, double alpha, const double *a, int lda,
	double *b, int ldb);
void npw_cblas_strmm(int order, int side, int uplo, int trans, int diag, int m, int n, float alpha, const float *a, int lda,
	float *b, int ldb);

void npw_dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_len);
void npw_spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info, size_t uplo_len);

static int dpotrf_lower(int n, double *a, int lda) {
	int info;
	npw_dpotrf_("L", &n, a, &lda, &info, 1);
	return info;
}

static int spotrf_lower(int n, float *a, int lda) {
	int info;
	npw_spotrf_("L", &n, a, &lda, &info, 1);
	return info;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// OpenBLAS on column-major memory. blas_purego.go has the same functions on gonum. Callers leave out products without
// elements: reference BLAS does not agree with itself on them.

// One thread for each call: the runtime has a worker for each core, and two calls on one thread each are faster than one on
// two.
func init() { C.npw_openblas_set_num_threads(1) }

// Engine names what computes the kernels: benchmarks print it, since OPENBLAS_CORETYPE in the environment can halve its speed.
func Engine() string {
	return fmt.Sprintf("OpenBLAS %s, %d thread", C.GoString(C.npw_openblas_get_corename()), int(C.npw_openblas_get_num_threads()))
}

// CBLAS's constants.
const (
	colMajor            = 102
	noTrans, yesTrans   = 111, 112
	upper, lower        = 121, 122
	nonUnit, unit       = 131, 132
	leftSide, rightSide = 141, 142
)

// pick is C's number for a choice: a constant of CBLAS's, or a flag of ours.
func pick(cond bool, yes, no C.int) C.int {
	if cond {
		return yes
	}
	return no
}

func f64[T float](x []T) *C.double { return (*C.double)(unsafe.Pointer(unsafe.SliceData(x))) }
func f32[T float](x []T) *C.float  { return (*C.float)(unsafe.Pointer(unsafe.SliceData(x))) }

// isDouble tells the two types apart.
func isDouble[T float]() bool {
	var x T
	return unsafe.Sizeof(x) == 8
}

// C = alpha op(A) op(B) + beta C, op(A) being m×k and op(B) k×n; C is not read when beta is 0.
func blasGemm[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if isOwn(m, n, k) {
		ownGemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	ta, tb := pick(transA, yesTrans, noTrans), pick(transB, yesTrans, noTrans)
	if isDouble[T]() {
		C.npw_cblas_dgemm(colMajor, ta, tb, C.int(m), C.int(n), C.int(k), C.double(alpha), f64(a), C.int(lda), f64(b), C.int(ldb),
			C.double(beta), f64(c), C.int(ldc))
		return
	}
	C.npw_cblas_sgemm(colMajor, ta, tb, C.int(m), C.int(n), C.int(k), C.float(alpha), f32(a), C.int(lda), f32(b), C.int(ldb),
		C.float(beta), f32(c), C.int(ldc))
}

// columnCuts divides the n columns of a product, whose inner side is k, among so many hands, if it is our own: in those a column has
// the same bits wherever they are cut at multiples of 8, as newCuts does. (The edges of product_loops.h are rounded once more.)
func columnCuts(m, n, k, hands int) cuts {
	parts := newCuts(n, max(columnsSide, (n+hands-1)/hands))
	if _, last := parts.at(parts.count() - 1); hands > 1 && isOwn(m, last, k) {
		return parts
	}
	return newCuts(n, n)
}

// y = alpha op(A) x + beta y, A being m×n; y is not read when beta is 0.
func blasGemv[T float](transA bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T) {
	ta := pick(transA, yesTrans, noTrans)
	if isDouble[T]() {
		C.npw_cblas_dgemv(colMajor, ta, C.int(m), C.int(n), C.double(alpha), f64(a), C.int(lda), f64(x), 1, C.double(beta), f64(y), 1)
		return
	}
	C.npw_cblas_sgemv(colMajor, ta, C.int(m), C.int(n), C.float(alpha), f32(a), C.int(lda), f32(x), 1, C.float(beta), f32(y), 1)
}

// C = alpha op(A) op(A)ᵀ + beta C in the lower triangle of C, op(A) being n×k.
func blasSyrk[T float](transA bool, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	ta := pick(transA, yesTrans, noTrans)
	if isDouble[T]() {
		C.npw_cblas_dsyrk(colMajor, lower, ta, C.int(n), C.int(k), C.double(alpha), f64(a), C.int(lda), C.double(beta), f64(c), C.int(ldc))
		return
	}
	C.npw_cblas_ssyrk(colMajor, lower, ta, C.int(n), C.int(k), C.float(alpha), f32(a), C.int(lda), C.float(beta), f32(c), C.int(ldc))
}

// C = alpha A B + beta C for a symmetric m×m A, whose lower triangle is read, and an m×n B; C is not read when beta is 0.
func blasSymm[T float](m, n int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if isDouble[T]() {
		C.npw_cblas_dsymm(colMajor, leftSide, lower, C.int(m), C.int(n), C.double(alpha), f64(a), C.int(lda), f64(b), C.int(ldb), C.double(beta), f64(c), C.int(ldc))
		return
	}
	C.npw_cblas_ssymm(colMajor, leftSide, lower, C.int(m), C.int(n), C.float(alpha), f32(a), C.int(lda), f32(b), C.int(ldb), C.float(beta), f32(c), C.int(ldc))
}

// triangle says on which side of a matrix a triangle stands, in a product or in equations, and what of it is used.
type triangle struct{ left, lower, trans, unit bool }

// B = X, with op(T) X = B when t.left, else X op(T) = B; B is m×n.
func blasTrsm[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	if isOwnTriangle(t, m, n) {
		ownTrsm(t, m, n, a, lda, b, ldb)
		return
	}
	side, uplo := pick(t.left, leftSide, rightSide), pick(t.lower, lower, upper)
	ta, diag := pick(t.trans, yesTrans, noTrans), pick(t.unit, unit, nonUnit)
	if isDouble[T]() {
		C.npw_cblas_dtrsm(colMajor, side, uplo, ta, diag, C.int(m), C.int(n), 1, f64(a), C.int(lda), f64(b), C.int(ldb))
		return
	}
	C.npw_cblas_strsm(colMajor, side, uplo, ta, diag, C.int(m), C.int(n), 1, f32(a), C.int(lda), f32(b), C.int(ldb))
}

// B = op(T) B when t.left, else B op(T); B is m×n.
func blasTrmm[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	side, uplo := pick(t.left, leftSide, rightSide), pick(t.lower, lower, upper)
	ta, diag := pick(t.trans, yesTrans, noTrans), pick(t.unit, unit, nonUnit)
	if isDouble[T]() {
		C.npw_cblas_dtrmm(colMajor, side, uplo, ta, diag, C.int(m), C.int(n), 1, f64(a), C.int(lda), f64(b), C.int(ldb))
		return
	}
	C.npw_cblas_strmm(colMajor, side, uplo, ta, diag, C.int(m), C.int(n), 1, f32(a), C.int(lda), f32(b), C.int(ldb))
}

// A = L in the lower triangle of A. The result is the row where a pivot is not positive, -1 when there is none; a NaN may go
// unseen.
func blasPotrf[T float](n int, a []T, lda int) int {
	if isDouble[T]() {
		return int(C.dpotrf_lower(C.int(n), f64(a), C.int(lda))) - 1
	}
	return int(C.spotrf_lower(C.int(n), f32(a), C.int(lda))) - 1
}

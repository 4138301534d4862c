//go:build !purego

package kernel

/*
#include <math.h>

void npw_dlaed2_(int *k, const int *n, const int *n1, double *d, double *q, const int *ldq, int *indxq, double *rho, double *z, double *dlambda,
	double *w, double *q2, int *indx, int *indxc, int *indxp, int *coltyp, int *info);
void npw_slaed2_(int *k, const int *n, const int *n1, float *d, float *q, const int *ldq, int *indxq, float *rho, float *z, float *dlambda,
	float *w, float *q2, int *indx, int *indxc, int *indxp, int *coltyp, int *info);
void npw_dlaed4_(const int *n, const int *i, const double *d, const double *z, double *delta, const double *rho, double *lambda, int *info);
void npw_slaed4_(const int *n, const int *i, const float *d, const float *z, float *delta, const float *rho, float *lambda, int *info);
void npw_dlamrg_(const int *n1, const int *n2, const double *a, const int *step1, const int *step2, int *index);
void npw_slamrg_(const int *n1, const int *n2, const float *a, const int *step1, const int *step2, int *index);

static int dlaed2(int *k, int n, int n1, double *d, double *q, int ldq, int *indxq, double *rho, double *z, double *poles, double *w, double *q2,
	int *indx, int *indxc, int *indxp, int *coltyp) {
	int info;
	npw_dlaed2_(k, &n, &n1, d, q, &ldq, indxq, rho, z, poles, w, q2, indx, indxc, indxp, coltyp, &info);
	return info;
}

static int slaed2(int *k, int n, int n1, float *d, float *q, int ldq, int *indxq, float *rho, float *z, float *poles, float *w, float *q2,
	int *indx, int *indxc, int *indxp, int *coltyp) {
	int info;
	npw_slaed2_(k, &n, &n1, d, q, &ldq, indxq, rho, z, poles, w, q2, indx, indxc, indxp, coltyp, &info);
	return info;
}

static int dlaed4(int k, int first, int count, const double *poles, const double *z, double *q, long ldq, double rho, double *d) {
	int info = 0;
	for (int j = first + 1; j <= first + count && info == 0; j++)
		npw_dlaed4_(&k, &j, poles, z, q + (j - 1) * ldq, &rho, d + j - 1, &info);
	return info;
}

static int slaed4(int k, int first, int count, const float *poles, const float *z, float *q, long ldq, float rho, float *d) {
	int info = 0;
	for (int j = first + 1; j <= first + count && info == 0; j++)
		npw_slaed4_(&k, &j, poles, z, q + (j - 1) * ldq, &rho, d + j - 1, &info);
	return info;
}

// near[j] becomes the nearer pole of root j, and off[j] the root, counted from there; what of them is not found has the pole -1.
static void dnear(int k, int first, int count, const double *poles, const double *z, double *delta, double rho, double *near, double *off) {
	for (int j = first + 1; j <= first + count; j++) {
		int info;
		double root;
		npw_dlaed4_(&k, &j, poles, z, delta, &rho, &root, &info);
		int pole = j - 1;
		if (j < k && fabs(delta[j]) < fabs(delta[j - 1]))
			pole = j;
		near[j - 1] = info == 0 ? pole : -1;
		off[j - 1] = -delta[pole];
	}
}

static void snear(int k, int first, int count, const float *poles, const float *z, float *delta, float rho, float *near, float *off) {
	for (int j = first + 1; j <= first + count; j++) {
		int info;
		float root;
		npw_slaed4_(&k, &j, poles, z, delta, &rho, &root, &info);
		int pole = j - 1;
		if (j < k && fabsf(delta[j]) < fabsf(delta[j - 1]))
			pole = j;
		near[j - 1] = info == 0 ? pole : -1;
		off[j - 1] = -delta[pole];
	}
}

static void dlamrg(int n1, int n2, const double *a, int *index) {
	int up = 1, down = -1;
	npw_dlamrg_(&n1, &n2, a, &up, &down, index);
}

static void slamrg(int n1, int n2, const float *a, int *index) {
	int up = 1, down = -1;
	npw_slamrg_(&n1, &n2, a, &up, &down, index);
}
*/
import "C"

// lapackLaed2 deflates, and packs what is left of Q: it sets rho, poles, w, packed, order and kinds, and is how many are left.
func lapackLaed2[T float](m *merging[T], z []T, indices []int32) int {
	var k C.int
	n, n1, ldq, info := C.int(m.n), C.int(m.n1), C.int(m.ldq), C.int(0)
	work, kinds := make([]int32, 2*m.n), make([]int32, m.n)
	rho := []T{m.rho}
	if isDouble[T]() {
		info = C.dlaed2(&k, n, n1, f64(m.d), f64(m.q), ldq, ints(indices), f64(rho), f64(z), f64(m.poles), f64(m.w), f64(m.packed),
			ints(work), ints(m.order), ints(work[m.n:]), ints(kinds))
	} else {
		info = C.slaed2(&k, n, n1, f32(m.d), f32(m.q), ldq, ints(indices), f32(rho), f32(z), f32(m.poles), f32(m.w), f32(m.packed),
			ints(work), ints(m.order), ints(work[m.n:]), ints(kinds))
	}
	mustAccept("laed2", int(info))
	m.rho = rho[0]
	copy(m.kinds[:], kinds)
	return int(k)
}

// lapackLaed4 finds count of the k roots, from the first-th on, and in the columns of q their distances from the poles. It says whether
// it converged.
func lapackLaed4[T float](k, first, count int, poles, z, q []T, ldq int, rho T, d []T) bool {
	info := C.int(0)
	if isDouble[T]() {
		info = C.dlaed4(C.int(k), C.int(first), C.int(count), f64(poles), f64(z), f64(q), C.long(ldq), C.double(rho), f64(d))
	} else {
		info = C.slaed4(C.int(k), C.int(first), C.int(count), f32(poles), f32(z), f32(q), C.long(ldq), C.float(rho), f32(d))
	}
	return info == 0
}

// lapackLamrg is the order of n1 numbers that ascend and n2 that descend, from 1.
func lapackLamrg[T float](n1, n2 int, x []T, order []int32) {
	if isDouble[T]() {
		C.dlamrg(C.int(n1), C.int(n2), f64(x), ints(order))
	} else {
		C.slamrg(C.int(n1), C.int(n2), f32(x), ints(order))
	}
}

// secularRoots finds the roots lo … hi-1: for each its nearer pole, and its distance from there. The poles are squared, or not.
func secularRoots[T float](squared bool, poles, z []T, rho T, s span, near, off []T) {
	k := len(poles)
	if k > 2 { // LAPACK makes something else of fewer
		if squared {
			nearSquares(k, s, poles, z, rho, near, off)
		} else {
			nearPoles(k, s, poles, z, rho, near, off)
		}
	}
	for j := s.lo; j < s.hi; j++ {
		if k <= 2 || near[j] < 0 {
			near[j], off[j] = secularRoot(squared, poles, z, rho, j)
		}
	}
}

func nearPoles[T float](k int, s span, poles, z []T, rho T, near, off []T) {
	delta := make([]T, k)
	if isDouble[T]() {
		C.dnear(C.int(k), C.int(s.lo), C.int(s.hi-s.lo), f64(poles), f64(z), f64(delta), C.double(rho), f64(near), f64(off))
	} else {
		C.snear(C.int(k), C.int(s.lo), C.int(s.hi-s.lo), f32(poles), f32(z), f32(delta), C.float(rho), f32(near), f32(off))
	}
}

func nearSquares[T float](k int, s span, poles, z []T, rho T, near, off []T) {
	roots, differences, sums := make([]T, k), make([]T, k), make([]T, k)
	for j := s.lo; j < s.hi; j++ {
		if near[j] = -1; !lapackLasd4(k, j, 1, poles, z, rho, roots, differences, sums, 0) {
			continue
		}
		pole := j
		if j+1 < k && abs(differences[j+1]) < abs(differences[j]) {
			pole = j + 1
		}
		near[j], off[j] = T(pole), -differences[pole]
	}
}

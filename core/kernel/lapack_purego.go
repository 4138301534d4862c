//go:build purego

package kernel

import (
	"math"

	"gonum.org/v1/gonum/lapack"
	gonumlapack "gonum.org/v1/gonum/lapack/gonum"
)

// Householder's reflections column by column: gonum's LAPACK knows neither float32 nor tpqrt.

// A = Q [R; 0] for an m×n A, m >= n: A becomes R, and V below it.
func lapackGeqrt2[T float](m, n int, a []T, lda int, t []T, ldt int) {
	for j := range n {
		v := a[j*lda+j+1 : j*lda+m]
		tau := reflect(&a[j*lda+j], v)
		for k := j + 1; k < n; k++ {
			reflectColumn(tau, v, &a[k*lda+j], a[k*lda+j+1:k*lda+m])
		}
		growT(j, tau, t, ldt, func(i int) T { return a[i*lda+j] + dotProduct(a[i*lda+j+1:i*lda+m], v) })
	}
}

// [R; B] = Q [R'; 0] for an n×n upper triangular R and an m×n B, which becomes V.
func lapackTpqrt2[T float](m, n int, r []T, ldr int, b []T, ldb int, t []T, ldt int) {
	for j := range n {
		v := b[j*ldb : j*ldb+m]
		tau := reflect(&r[j*ldr+j], v)
		for k := j + 1; k < n; k++ {
			reflectColumn(tau, v, &r[k*ldr+j], b[k*ldb:k*ldb+m])
		}
		growT(j, tau, t, ldt, func(i int) T { return dotProduct(b[i*ldb:i*ldb+m], v) })
	}
}

// A = U diag(s) VT for an m×n A, which is overwritten; U is m×k, VT k×n, k being the lesser. Without vectors, U and VT are nil. It
// says whether it converged. gonum's is row-major, and in float64: it is given Aᵀ = VTᵀ diag(s) Uᵀ.
func lapackGesdd[T float](m, n int, a, s, u, vt []T) bool {
	k := min(m, n)
	job := lapack.SVDStore
	if u == nil {
		job = lapack.SVDNone
	}
	x, values, left, right := make([]float64, m*n), make([]float64, k), make([]float64, n*k), make([]float64, k*m)
	for i := range x {
		x[i] = float64(a[i])
	}
	var engine gonumlapack.Implementation
	best := make([]float64, 1)
	engine.Dgesvd(job, job, n, m, x, m, values, left, k, right, m, best, -1)
	ok := engine.Dgesvd(job, job, n, m, x, m, values, left, k, right, m, make([]float64, int(best[0])), int(best[0]))
	for i := range values {
		s[i] = T(values[i])
	}
	for i := range u {
		u[i] = T(right[i])
	}
	for i := range vt {
		vt[i] = T(left[i])
	}
	return ok
}

// reflect is larfg: H [alpha; x] = [beta; 0] with H = I - tau [1; v] [1; v]ᵀ; alpha becomes beta, and x v.
func reflect[T float](alpha *T, x []T) T {
	norm := norm2(x)
	if norm == 0 {
		return 0
	}
	a := float64(*alpha)
	beta := -math.Copysign(math.Hypot(a, norm), a)
	for i := range x {
		x[i] = T(float64(x[i]) / (a - beta))
	}
	*alpha = T(beta)
	return T((beta - a) / beta)
}

// reflectColumn is [head; x] -= tau [1; v] ([1; v]ᵀ [head; x]).
func reflectColumn[T float](tau T, v []T, head *T, x []T) {
	w := tau * (*head + dotProduct(v, x))
	*head -= w
	for i := range x {
		x[i] -= w * v[i]
	}
}

// growT adds column j to T: -tau T (Vᵀ vⱼ) above tau; product gives the elements of Vᵀ vⱼ.
func growT[T float](j int, tau T, t []T, ldt int, product func(i int) T) {
	column := t[j*ldt : j*ldt+j+1]
	for i := range j {
		column[i] = -tau * product(i)
	}
	for i := range j { // T is upper triangular: row i needs what is below it
		sum := T(0)
		for k := i; k < j; k++ {
			sum += t[k*ldt+i] * column[k]
		}
		column[i] = sum
	}
	column[j] = tau
}

func dotProduct[T float](x, y []T) T {
	sum := T(0)
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// norm2 is the Euclidean norm, without overflow.
func norm2[T float](x []T) float64 {
	scale, sum := 0.0, 1.0
	for _, e := range x {
		a := math.Abs(float64(e))
		switch {
		case a == 0:
		case !(a <= scale): // larger, or NaN
			sum = 1 + sum*(scale/a)*(scale/a)
			scale = a
		default:
			sum += (a / scale) * (a / scale)
		}
	}
	return scale * math.Sqrt(sum)
}

//go:build purego

package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/lapack"
	gonumlapack "gonum.org/v1/gonum/lapack/gonum"
)

// gonum's eigenproblems are row-major and in float64. A row-major upper triangle is our lower one.

// A = Z diag(w) Zᵀ for a symmetric A, whose lower triangle is read and which becomes Z, if vectors are wanted. It says whether it
// converged.
func lapackSyevd[T float](vectors bool, n int, a []T, lda int, w []T) bool {
	var engine gonumlapack.Implementation
	x, values, job := make([]float64, n*n), make([]float64, n), lapack.EVNone
	if vectors {
		job = lapack.EVCompute
	}
	for j := range n {
		for i := range n {
			x[j*n+i] = float64(a[j*lda+i])
		}
	}
	best := make([]float64, 1)
	engine.Dsyev(job, blas.Upper, n, x, n, values, best, -1)
	ok := engine.Dsyev(job, blas.Upper, n, x, n, values, make([]float64, int(best[0])), int(best[0]))
	narrow(w, values)
	for j := range n {
		for i := range n {
			a[j*lda+i] = T(x[i*n+j])
		}
	}
	return ok
}

// The symmetric matrix with the diagonals d and e is Z diag(w) Zᵀ; w replaces d, and e is overwritten.
func lapackStedc[T float](n int, d, e, z []T, ldz int) bool {
	var engine gonumlapack.Implementation
	x, values := make([]float64, n*n), wide(d[:n])
	ok := engine.Dsteqr(lapack.EVTridiag, n, values, wide(e[:n-1]), x, n, make([]float64, max(1, 2*n-2)))
	narrow(d, values)
	for j := range n {
		for i := range n {
			z[j*ldz+i] = T(x[i*n+j])
		}
	}
	return ok
}

// The same without Z.
func lapackSterf[T float](n int, d, e []T) bool {
	var engine gonumlapack.Implementation
	values := wide(d[:n])
	ok := engine.Dsterf(n, values, wide(e[:n-1]))
	narrow(d, values)
	return ok
}

func wide[T float](x []T) []float64 {
	y := make([]float64, len(x))
	for i, e := range x {
		y[i] = float64(e)
	}
	return y
}

func narrow[T float](to []T, from []float64) {
	for i, e := range from {
		to[i] = T(e)
	}
}

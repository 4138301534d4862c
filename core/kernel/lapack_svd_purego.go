//go:build purego

package kernel

import (
	"gonum.org/v1/gonum/blas"
	gonumlapack "gonum.org/v1/gonum/lapack/gonum"
)

// B = U diag(s) VT for an upper bidiagonal B; d, its diagonal, becomes s, and e is overwritten. It says whether it converged. gonum's is
// row-major, and in float64: it is given the transposes of U and VT.
func lapackBdsdc[T float](n int, d, e, u, vt []T) bool {
	x, y := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		x[i*n+i], y[i*n+i] = 1, 1
	}
	ok := bdsqr(n, d, e, n, x, y)
	for i := range n {
		for j := range n {
			u[j*n+i], vt[j*n+i] = T(x[i*n+j]), T(y[i*n+j])
		}
	}
	return ok
}

// lapackBdsqr is the singular values alone.
func lapackBdsqr[T float](n int, d, e []T) bool { return bdsqr(n, d, e, 0, nil, nil) }

func bdsqr[T float](n int, d, e []T, vectors int, u, vt []float64) bool {
	dd, ee := make([]float64, n), make([]float64, n)
	for i := range n {
		dd[i], ee[i] = float64(d[i]), float64(e[i])
	}
	var engine gonumlapack.Implementation
	ok := engine.Dbdsqr(blas.Upper, n, vectors, vectors, 0, dd, ee[:n-1], vt, max(vectors, 1), u, max(vectors, 1), nil, 1, make([]float64, 4*n))
	for i := range n {
		d[i] = T(dd[i])
	}
	return ok
}

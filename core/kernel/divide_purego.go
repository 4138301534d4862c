//go:build purego

package kernel

// divideAndConquer is lapackStedc; z is n×n.
func divideAndConquer[T float](_ *Args, n int, d, e, z []T) bool { return lapackStedc(n, d, e, z, n) }

// bidiagonalSVD is lapackBdsdc.
func bidiagonalSVD[T float](_ *Args, n int, d, e, u, vt []T) bool { return lapackBdsdc(n, d, e, u, vt) }

// secularRoots finds the roots lo … hi-1: for each its nearer pole, and its distance from there. The poles are squared, or not.
func secularRoots[T float](squared bool, poles, z []T, rho T, s span, near, off []T) {
	for j := s.lo; j < s.hi; j++ {
		near[j], off[j] = secularRoot(squared, poles, z, rho, j)
	}
}

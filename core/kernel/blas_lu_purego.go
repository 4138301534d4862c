//go:build purego

package kernel

// A = P L U, L and U in A's place, with partial pivoting: row k was exchanged with row pivots[k] ≥ k, of which there are
// min(m, n), counted from 1. A column without a pivot other than zero is left as it is. gonum has no float32 LAPACK; callers
// give narrow panels only, so column by column will do.
func blasGetrf[T float](m, n int, a []T, lda int, pivots []int32) {
	for k := range min(m, n) {
		column := a[k*lda : k*lda+m]
		best := k
		for i := k; i < m; i++ {
			if abs(column[i]) > abs(column[best]) {
				best = i
			}
		}
		pivots[k] = int32(best + 1)
		if column[best] == 0 {
			continue
		}
		for j := 0; best != k && j < n; j++ {
			a[j*lda+k], a[j*lda+best] = a[j*lda+best], a[j*lda+k]
		}
		for i := k + 1; i < m; i++ {
			column[i] /= column[k]
		}
		for j := k + 1; j < n; j++ {
			right := a[j*lda : j*lda+m]
			for i := k + 1; i < m; i++ {
				right[i] -= column[i] * right[k]
			}
		}
	}
}

func abs[T float](x T) T {
	if x < 0 {
		return -x
	}
	return x
}

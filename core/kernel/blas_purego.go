//go:build purego

package kernel

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gonum in OpenBLAS's place. gonum is row-major: it sees the transpose of each matrix, so sides, triangles and operands are
// swapped here, while what is transposed stays so.

// Engine names what computes the kernels.
func Engine() string { return "gonum" }

var impl gonum.Implementation

func transOf(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}

// C = alpha op(A) op(B) + beta C, op(A) being m×k and op(B) k×n; C is not read when beta is 0.
func blasGemm[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	switch a := any(a).(type) {
	case []float64:
		impl.Dgemm(transOf(transB), transOf(transA), n, m, k, float64(alpha), any(b).([]float64), ldb, a, lda, float64(beta), any(c).([]float64), ldc)
	case []float32:
		impl.Sgemm(transOf(transB), transOf(transA), n, m, k, float32(alpha), any(b).([]float32), ldb, a, lda, float32(beta), any(c).([]float32), ldc)
	}
}

// columnCuts leaves a product whole: who is there to help must not be seen in its bits.
func columnCuts(_, n, _, _ int) cuts { return newCuts(n, n) }

// y = alpha op(A) x + beta y, A being m×n; y is not read when beta is 0.
func blasGemv[T float](transA bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T) {
	switch a := any(a).(type) {
	case []float64:
		impl.Dgemv(transOf(!transA), n, m, float64(alpha), a, lda, any(x).([]float64), 1, float64(beta), any(y).([]float64), 1)
	case []float32:
		impl.Sgemv(transOf(!transA), n, m, float32(alpha), a, lda, any(x).([]float32), 1, float32(beta), any(y).([]float32), 1)
	}
}

// C = alpha op(A) op(A)ᵀ + beta C in the lower triangle of C, op(A) being n×k.
func blasSyrk[T float](transA bool, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	switch a := any(a).(type) {
	case []float64:
		impl.Dsyrk(blas.Upper, transOf(!transA), n, k, float64(alpha), a, lda, float64(beta), any(c).([]float64), ldc)
	case []float32:
		impl.Ssyrk(blas.Upper, transOf(!transA), n, k, float32(alpha), a, lda, float32(beta), any(c).([]float32), ldc)
	}
}

// C = alpha A B + beta C for a symmetric m×m A, whose lower triangle is read, and an m×n B; C is not read when beta is 0.
func blasSymm[T float](m, n int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	switch a := any(a).(type) {
	case []float64:
		impl.Dsymm(blas.Right, blas.Upper, n, m, float64(alpha), a, lda, any(b).([]float64), ldb, float64(beta), any(c).([]float64), ldc)
	case []float32:
		impl.Ssymm(blas.Right, blas.Upper, n, m, float32(alpha), a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
	}
}

// triangle says how trsm is to use its triangle.
type triangle struct{ left, lower, trans, unit bool }

// transposed is the triangle as BLAS by rows sees it, to which our columns are rows.
func (t triangle) transposed() (blas.Side, blas.Uplo, blas.Diag) {
	side, uplo, diag := blas.Left, blas.Lower, blas.NonUnit
	if t.left {
		side = blas.Right
	}
	if t.lower {
		uplo = blas.Upper
	}
	if t.unit {
		diag = blas.Unit
	}
	return side, uplo, diag
}

// B = X, with op(T) X = B when t.left, else X op(T) = B; B is m×n.
func blasTrsm[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	side, uplo, diag := t.transposed()
	switch a := any(a).(type) {
	case []float64:
		impl.Dtrsm(side, uplo, transOf(t.trans), diag, n, m, 1, a, lda, any(b).([]float64), ldb)
	case []float32:
		impl.Strsm(side, uplo, transOf(t.trans), diag, n, m, 1, a, lda, any(b).([]float32), ldb)
	}
}

// B = op(T) B when t.left, else B op(T); B is m×n.
func blasTrmm[T float](t triangle, m, n int, a []T, lda int, b []T, ldb int) {
	side, uplo, diag := t.transposed()
	switch a := any(a).(type) {
	case []float64:
		impl.Dtrmm(side, uplo, transOf(t.trans), diag, n, m, 1, a, lda, any(b).([]float64), ldb)
	case []float32:
		impl.Strmm(side, uplo, transOf(t.trans), diag, n, m, 1, a, lda, any(b).([]float32), ldb)
	}
}

// A = L in the lower triangle of A. The result is the row where a pivot is not positive, -1 when there is none. gonum has no
// float32 LAPACK and does not tell the row, so the blocks are ours, and BLAS has the bulk of the work.
func blasPotrf[T float](n int, a []T, lda int) int {
	const nb = 64
	for j := 0; j < n; j += nb {
		jb := min(nb, n-j)
		diagonal := a[j*lda+j:]
		if row := potf2(jb, diagonal, lda); row >= 0 {
			return j + row
		}
		if rest := n - j - jb; rest > 0 {
			below := a[j*lda+j+jb:]
			blasTrsm(triangle{lower: true, trans: true}, rest, jb, diagonal, lda, below, lda)
			blasSyrk(false, rest, jb, -1, below, lda, 1, a[(j+jb)*lda+j+jb:], lda)
		}
	}
	return -1
}

// potf2 factors a small block column by column.
func potf2[T float](n int, a []T, lda int) int {
	for j := range n {
		column := a[j*lda : j*lda+n]
		for k := range j {
			left := a[k*lda : k*lda+n]
			for i := j; i < n; i++ {
				column[i] -= left[i] * left[j]
			}
		}
		if !(column[j] > 0) {
			return j
		}
		column[j] = T(math.Sqrt(float64(column[j])))
		for i := j + 1; i < n; i++ {
			column[i] /= column[j]
		}
	}
	return -1
}

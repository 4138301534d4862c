package kernel

// Some kernels cut their work into pieces that others may compute: a worker without a task helps with those of another's, so
// that few, large tiles keep all workers busy on the critical path of a factorisation. Shapes alone decide where the cuts are,
// never who is there to help, so that the bits are the same with one worker or many. Products of our own are the exception, whose
// columns have the same bits in any pieces: see columnCuts.

const (
	pieceSide   = 1024 // of a piece of a product: smaller ones copy their operands more often for BLAS
	cholSide    = 512  // of a diagonal block of chol
	trsmSide    = 512  // the right sides of a piece of trsm
	columnsSide = 128  // the least columns of a product that are worth a piece
)

// each computes pieces 0 … n-1, in no order.
func (a *Args) each(n int, piece func(k int)) {
	if a.Share != nil && n > 1 {
		a.Share(n, piece)
		return
	}
	for k := range n {
		piece(k)
	}
}

// hands is how many there are for pieces at the moment, with this goroutine.
func (a *Args) hands() int {
	if a.Share == nil || a.Idle == nil {
		return 1
	}
	return 1 + a.Idle()
}

// cuts divides a side into equal parts of at most `most`, up to multiples of 64.
type cuts struct{ side, part int }

func newCuts(side, most int) cuts {
	n := max(1, (side+most-1)/most)
	return cuts{side, max(1, ((side+n-1)/n+63)/64*64)}
}

func (c cuts) count() int              { return (c.side + c.part - 1) / c.part }
func (c cuts) at(k int) (lo, size int) { return k * c.part, min(c.part, c.side-k*c.part) }

// solvePieces is solveTriangle, whose right sides are independent.
func solvePieces[T float](a *Args, most int, t triangle, m, n int, tri []T, lda int, b []T, ldb int) {
	if t.left {
		c := newCuts(n, most)
		a.each(c.count(), func(k int) {
			lo, size := c.at(k)
			solveTriangle(t, m, size, tri, lda, b[lo*ldb:], ldb)
		})
		return
	}
	c := newCuts(m, most)
	a.each(c.count(), func(k int) {
		lo, size := c.at(k)
		solveTriangle(t, size, n, tri, lda, b[lo:], ldb)
	})
}

// subtractSquare is C -= A Aᵀ in C's lower triangle; A is n×k. The pieces below the diagonal, which are the larger ones, come
// first.
func subtractSquare[T float](a *Args, most, n, k int, l []T, ldl int, c []T, ldc int) {
	parts := newCuts(n, most)
	side := parts.count()
	below := side * (side - 1) / 2
	a.each(below+side, func(p int) {
		if p >= below {
			lo, size := parts.at(p - below)
			blasSyrk(false, size, k, -1, l[lo:], ldl, 1, c[lo*ldc+lo:], ldc)
			return
		}
		i := 1
		for p >= i { // row i of the triangle has i pieces
			p -= i
			i++
		}
		row, rows := parts.at(i)
		col, cols := parts.at(p)
		blasGemm(false, true, rows, cols, k, -1, l[row:], ldl, l[col:], ldl, 1, c[col*ldc+row:], ldc)
	})
}

// subtractProduct is C -= A Bᵀ, C being m×n, by columns of C.
func subtractProduct[T float](a *Args, m, n, k int, l []T, ldl int, r []T, ldr int, c []T, ldc int) {
	parts := newCuts(n, pieceSide)
	a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		blasGemm(false, true, m, size, k, -1, l, ldl, r[lo:], ldr, 1, c[lo*ldc:], ldc)
	})
}

package kernel

// Householder's reflections in blocks (R. Schreiber, C. Van Loan, A storage-efficient WY representation for products of Householder
// transformations, 1989): Q = H₁ H₂ … = I - V T Vᵀ with T upper triangular. Two shapes of V occur. That of geqrt is a tile's: unit
// lower trapezoidal, below R. That of tpqrt is [I; V]: it takes a tile V below an upper triangle R to zero, whose own rows need not
// be stored.
//
// A tile is factored in chunks of rows, one after the other: the first by geqrt, those below it by tpqrt with the first's R. So a
// tall tile goes through the cache once (J. Demmel, L. Grigori, M. Hoemmen, J. Langou, Communication-optimal parallel and
// sequential QR and LU factorizations, 2012). Within a chunk the columns go in blocks, whose reflections are found by halves
// (E. Elmroth, F. Gustavson, Applying recursion to serial and parallel QR factorization, 2000), so that nearly all is gemm.
//
// Where products are our own (wy.go), V and T are put in order once, and pieces of a few columns meet all blocks while they are in
// the second-level cache; what is here serves panels, small tiles and other CPUs.
//
// T has, for each chunk, the triangles of its blocks side by side. Its rows follow from the tile's rows alone (reflectorRows), so
// that programs can tell the shape of its tiles.

const (
	chunkRows  = 1024 // of a chunk, unless the tile has more columns: with 128 columns it fits a second-level cache
	blockSide  = 128  // columns of a block for every chunkRows rows of a chunk
	leafSide   = 8    // columns that are left to LAPACK's unblocked code
	factorSide = 256  // columns of a piece of the update within a tile that is factored
	applySide  = 512  // columns of a piece of a tile that is multiplied by Q
)

// reflectorRows is how many rows T has for a tile of m rows.
func reflectorRows(m int) int {
	if m < blockSide {
		return m
	}
	return (m + chunkRows - 1) / chunkRows * blockSide
}

// chunk is a part of a tile's rows, with its place in T and the columns of its blocks.
type chunk struct{ row, rows, t, side int }

// chunks cuts m rows of n columns.
func chunks(m, n int) []chunk {
	most := max(1, (n+chunkRows-1)/chunkRows) * chunkRows
	var list []chunk
	for row, t := 0, 0; row < m; row += most {
		rows := min(most, m-row)
		side := reflectorRows(rows)
		list = append(list, chunk{row, rows, t, max(1, min(side, n))})
		t += side
	}
	return list
}

// block is k reflections: V has m rows, T is k×k.
type block[T float] struct {
	m, k     int
	v, t     []T
	ldv, ldt int
}

// below is [C; D] = Q [C; D], or Qᵀ of it with trans, for Q = I - [I; V] T [I; V]ᵀ; C is k×p, D m×p, W k×p to work in. D is not
// read if it is new, but taken to be zeros.
//
//	W = op(T) (C + Vᵀ D);  C -= W;  D -= V W
func (b *block[T]) below(trans bool, p int, c []T, ldc int, d []T, ldd int, w []T, ldw int, isNew bool) {
	copyColumns(w, ldw, c, ldc, b.k, p)
	beta := T(0)
	if !isNew {
		beta = 1
		blasGemm(true, false, b.k, p, b.m, 1, b.v, b.ldv, d, ldd, 1, w, ldw)
	}
	blasTrmm(triangle{left: true, trans: trans}, b.k, p, b.t, b.ldt, w, ldw)
	subtractColumns(c, ldc, w, ldw, b.k, p)
	blasGemm(false, false, b.m, p, b.k, -1, b.v, b.ldv, w, ldw, beta, d, ldd)
}

// across is C = Q C, or Qᵀ C with trans, for Q = I - V T Vᵀ with a V whose first k rows V₁ are unit lower triangular; C is m×p. Of
// a C that is new the rows below the first k are not read, but taken to be zeros.
//
//	W = op(T) (V₁ᵀ C₁ + V₂ᵀ C₂);  C₂ -= V₂ W;  C₁ -= V₁ W
func (b *block[T]) across(trans bool, p int, c []T, ldc int, w []T, ldw int, isNew bool) {
	corner := triangle{left: true, lower: true, unit: true}
	cornerT := triangle{left: true, lower: true, unit: true, trans: true}
	copyColumns(w, ldw, c, ldc, b.k, p)
	blasTrmm(cornerT, b.k, p, b.v, b.ldv, w, ldw)
	rest, beta := b.m-b.k, T(0)
	if rest > 0 && !isNew {
		beta = 1
		blasGemm(true, false, b.k, p, rest, 1, b.v[b.k:], b.ldv, c[b.k:], ldc, 1, w, ldw)
	}
	blasTrmm(triangle{left: true, trans: trans}, b.k, p, b.t, b.ldt, w, ldw)
	if rest > 0 {
		blasGemm(false, false, rest, p, b.k, -1, b.v[b.k:], b.ldv, w, ldw, beta, c[b.k:], ldc)
	}
	blasTrmm(corner, b.k, p, b.v, b.ldv, w, ldw)
	subtractColumns(c, ldc, w, ldw, b.k, p)
}

func copyColumns[T float](to []T, ldt int, from []T, ldf, m, n int) {
	for j := range n {
		copy(to[j*ldt:j*ldt+m], from[j*ldf:])
	}
}

func subtractColumns[T float](to []T, ldt int, from []T, ldf, m, n int) {
	for j := range n {
		x, y := to[j*ldt:j*ldt+m], from[j*ldf:j*ldf+m]
		for i := range x {
			x[i] -= y[i]
		}
	}
}

// panelBelow finds the reflections with [R; B] = Q [R'; 0]: R is n×n and upper triangular; B is m×n and becomes V.
//
//	[R₁₁; B₁] = Q₁ [R₁₁'; 0];  [R₁₂; B₂] = Q₁ᵀ [R₁₂; B₂];  [R₂₂; B₂] = Q₂ [R₂₂'; 0];  T₁₂ = -T₁ V₁ᵀ V₂ T₂
func panelBelow[T float](m, n int, r []T, ldr int, b []T, ldb int, t []T, ldt int) {
	if n <= leafSide {
		lapackTpqrt2(m, n, r, ldr, b, ldb, t, ldt)
		return
	}
	h := (n/2 + leafSide - 1) / leafSide * leafSide
	rest := n - h
	b2, t12, t22 := b[h*ldb:], t[h*ldt:], t[h*ldt+h:]
	panelBelow(m, h, r, ldr, b, ldb, t, ldt)
	first := block[T]{m, h, b, t, ldb, ldt}
	first.below(true, rest, r[h*ldr:], ldr, b2, ldb, t12, ldt, false)
	panelBelow(m, rest, r[h*ldr+h:], ldr, b2, ldb, t22, ldt)
	blasGemm(true, false, h, rest, m, -1, b, ldb, b2, ldb, 0, t12, ldt)
	blasTrmm(triangle{left: true}, h, rest, t, ldt, t12, ldt)
	blasTrmm(triangle{}, h, rest, t22, ldt, t12, ldt)
}

// panelAcross finds the reflections with A = Q [R; 0] for an m×n A, m >= n: A becomes R, and V below it.
//
//	A₁ = Q₁ [R₁₁; 0];  A₂ = Q₁ᵀ A₂;  A₂₂ = Q₂ [R₂₂; 0];  T₁₂ = -T₁ V₁ᵀ V₂ T₂
func panelAcross[T float](m, n int, a []T, lda int, t []T, ldt int) {
	if n <= leafSide {
		lapackGeqrt2(m, n, a, lda, t, ldt)
		return
	}
	h := (n/2 + leafSide - 1) / leafSide * leafSide
	rest := n - h
	a2, t12, t22 := a[h*lda:], t[h*ldt:], t[h*ldt+h:]
	panelAcross(m, h, a, lda, t, ldt)
	first := block[T]{m, h, a, t, lda, ldt}
	first.across(true, rest, a2, lda, t12, ldt, false)
	panelAcross(m-h, rest, a2[h:], lda, t22, ldt)
	for j := range rest { // the rows in which V₂ is unit lower triangular
		for i := range h {
			t12[j*ldt+i] = -a[i*lda+h+j]
		}
	}
	blasTrmm(triangle{lower: true, unit: true}, h, rest, a2[h:], lda, t12, ldt)
	if m > n {
		blasGemm(true, false, h, rest, m-n, -1, a[n:], lda, a2[n:], lda, 1, t12, ldt)
	}
	blasTrmm(triangle{left: true}, h, rest, t, ldt, t12, ldt)
	blasTrmm(triangle{}, h, rest, t22, ldt, t12, ldt)
}

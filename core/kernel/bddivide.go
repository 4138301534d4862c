//go:build !purego

package kernel

import (
	"cmp"
	"math"
	"slices"
)

// The SVD of a bidiagonal matrix by divide and conquer (M. Gu, S. Eisenstat, A divide-and-conquer algorithm for the bidiagonal SVD,
// SIAM J. Matrix Anal. Appl. 16, 1995): without one row it is two such matrices, which are decomposed each; and what the row adds to
// their singular vectors is found from the roots of a secular equation. LAPACK's routines do the small matrices (lasd0), the
// deflation (lasd2) and each root (lasd4). What most of the work is, roots, vectors and their products, is done here, in pieces.

const (
	conquerLeaf = 400 // rows that are left to LAPACK as a whole
	conquerSide = 256 // columns of a piece of a product
	rootsSide   = 64  // roots of a piece
)

// conquest is the state: of d the singular values, in no order; u and vt have the singular vectors of each part in blocks along the
// diagonal.
type conquest[T float] struct {
	a             *Args
	n             int
	d, e          []T
	u, vt         []T
	u2, vt2, q    []T // to work in, n×n each
	z, sigma      []T
	idxq          []int32
	idx           [4][]int32
	kind          []int32 // of vectors: how many of each
	leaves, joins []bidiagonal
}

// bidiagonal is a part: rows lo … lo+n-1, and as many columns, with extra one more. Of a join left are above the row that joins.
type bidiagonal struct{ lo, n, left, extra int }

// bidiagonalSVD is lapackBdsdc. A large matrix is done in pieces, unless it falls apart, which LAPACK knows how to use.
func bidiagonalSVD[T float](a *Args, n int, d, e, u, vt []T) bool {
	if n > 2*conquerLeaf {
		if norm, ok := scaleBidiagonal(n, d, e); ok {
			done := conquer(a, n, d, e, u, vt)
			for i := range d {
				d[i] *= norm
			}
			return done
		}
	}
	return lapackBdsdc(n, d, e, u, vt)
}

// conquer decomposes an upper bidiagonal matrix whose largest element is one and none beside its diagonal negligible: u and vt
// become the singular vectors in an order that descends, as d does.
func conquer[T float](a *Args, n int, d, e, u, vt []T) bool {
	work, giveBack := borrow[T](3 * n * n)
	defer giveBack()
	c := &conquest[T]{a: a, n: n, d: d, e: e, u2: u, vt2: vt, u: work[:n*n], vt: work[n*n : 2*n*n], q: work[2*n*n:]}
	c.z, c.sigma, c.idxq, c.kind = make([]T, n+1), make([]T, n), make([]int32, n), make([]int32, n)
	for k := range c.idx {
		c.idx[k] = make([]int32, n+1)
	}
	c.cut(bidiagonal{lo: 0, n: n})
	for i := range n {
		c.u[i*n+i], c.vt[i*n+i] = 1, 1
	}
	failed := make([]bool, len(c.leaves))
	a.each(len(c.leaves), func(k int) {
		b := c.leaves[k]
		at := b.lo*n + b.lo
		failed[k] = !lapackLasd0(b.n, b.extra, d[b.lo:], e[b.lo:], c.u[at:], n, c.vt[at:], n)
	})
	if slices.Contains(failed, true) {
		return false
	}
	for _, b := range c.leaves {
		c.order(b)
	}
	for _, b := range c.joins {
		if !c.join(b) {
			return false
		}
	}
	c.arrange(u, vt)
	return true
}

// cut lists the parts, those of a join before it.
func (c *conquest[T]) cut(b bidiagonal) {
	if b.n <= conquerLeaf {
		c.leaves = append(c.leaves, b)
		return
	}
	b.left = b.n / 2
	c.cut(bidiagonal{lo: b.lo, n: b.left, extra: 1})
	c.cut(bidiagonal{lo: b.lo + b.left + 1, n: b.n - b.left - 1, extra: b.extra})
	c.joins = append(c.joins, b)
}

// order notes how the values of a part ascend, counted from 1.
func (c *conquest[T]) order(b bidiagonal) {
	d, q := c.d[b.lo:b.lo+b.n], c.idxq[b.lo:b.lo+b.n]
	for i := range q {
		q[i] = int32(i + 1)
	}
	slices.SortStableFunc(q, func(i, j int32) int { return cmp.Compare(d[i-1], d[j-1]) })
}

// join makes the decomposition of a part from those of its halves.
func (c *conquest[T]) join(b bidiagonal) bool {
	n, at := c.n, b.lo*c.n+b.lo
	d := c.d[b.lo : b.lo+b.n]
	row := b.lo + b.left
	alpha, beta := c.d[row], T(0)
	if row < len(c.e) {
		beta = c.e[row]
	}
	d[b.left] = 0
	norm := max(abs(alpha), abs(beta))
	for _, x := range d {
		norm = max(norm, abs(x))
	}
	for i := range d {
		d[i] /= norm
	}
	u, vt := c.u[at:], c.vt[at:]
	k := lapackLasd2(b.left, b.n-b.left-1, b.extra, d, c.z, alpha/norm, beta/norm, u, vt, n, c.sigma, c.u2, c.vt2, &c.idx, c.idxq[b.lo:], c.kind)
	if k == 1 {
		c.single(b, d, u, vt)
	} else if !c.roots(k, d, u, vt) {
		return false
	} else {
		c.left(b, k, u, vt)
		c.right(b, k, vt)
	}
	for i := range d {
		d[i] *= norm
	}
	c.order(b)
	return true
}

func abs[T float](x T) T {
	if x < 0 {
		return -x
	}
	return x
}

// single: all but one vector are what they were.
func (c *conquest[T]) single(b bidiagonal, d, u, vt []T) {
	d[0] = abs(c.z[0])
	for j := range b.n + b.extra {
		vt[j*c.n] = c.vt2[j*c.n]
	}
	copy(u[:b.n], c.u2)
	if !(c.z[0] > 0) {
		for i := range b.n {
			u[i] = -u[i]
		}
	}
}

// roots finds the new values. The differences and sums of each and the old ones are left in its column of u and vt; z becomes the row
// for which the values that were found are exact.
func (c *conquest[T]) roots(k int, d, u, vt []T) bool {
	n, z, old := c.n, c.z[:k], c.sigma[:k]
	signs := slices.Clone(z)
	norm := T(length(z))
	for i := range z {
		z[i] /= norm
	}
	parts := newCuts(k, rootsSide)
	failed := make([]bool, parts.count())
	c.a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		failed[p] = !lapackLasd4(k, lo, size, old, z, norm*norm, d, u, vt, n)
	})
	if slices.Contains(failed, true) {
		return false
	}
	c.a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		for i := lo; i < lo+size; i++ {
			z[i] = u[(k-1)*n+i] * vt[(k-1)*n+i]
		}
		for j := range k - 1 {
			below, above := u[j*n:j*n+k], vt[j*n:j*n+k]
			for i := lo; i < lo+size; i++ {
				pole := old[j] // the old value that is beside root j, on the side away from i
				if i <= j {
					pole = old[j+1]
				}
				z[i] *= below[i] * above[i] / (old[i] - pole) / (old[i] + pole)
			}
		}
		for i := lo; i < lo+size; i++ {
			z[i] = T(math.Copysign(math.Sqrt(math.Abs(float64(z[i]))), float64(signs[i])))
		}
	})
	return true
}

// left makes the new left vectors: column i of q is the combination of old ones, in lasd2's order, that is vector i. vt keeps those of
// the right.
//
//	u₁ = -1, uⱼ = σⱼ vⱼ;  vⱼ = zⱼ / (σⱼ² - s²)
func (c *conquest[T]) left(b bidiagonal, k int, u, vt []T) {
	n, z, old, place := c.n, c.z, c.sigma, c.idx[2]
	parts := newCuts(k, rootsSide)
	c.a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		for i := lo; i < lo+size; i++ {
			x, v := u[i*n:i*n+k], vt[i*n:i*n+k]
			for j := range k {
				v[j] = z[j] / x[j] / v[j]
				x[j] = old[j] * v[j]
			}
			x[0] = -1
			c.gather(c.q[i*n:i*n+k], x, place)
		}
	})
	one, two := int(c.kind[0]), int(c.kind[1])
	below, dense := 1+one, 1+one+two // where the vectors of the lower half begin in u2, and those of both
	cols, lower := newCuts(k, conquerSide), b.n-b.left-1
	c.a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		x, q := u[lo*n:], c.q[lo*n:]
		if k == 2 {
			multiplyInto(false, b.n, size, k, c.u2, q, 0, x, n)
			return
		}
		multiplyInto(false, b.left, size, one, c.u2[n:], q[1:], 0, x, n)
		if k > dense {
			multiplyInto(false, b.left, size, k-dense, c.u2[dense*n:], q[dense:], 1, x, n)
		}
		for j := range size {
			x[j*n+b.left] = q[j*n]
		}
		if lower > 0 {
			multiplyInto(false, lower, size, k-below, c.u2[min(below, n-1)*n+b.left+1:], q[min(below, n-1):], 0, x[b.left+1:], n)
		}
	})
}

// gather is x in lasd2's order, of length one.
func (c *conquest[T]) gather(to, x []T, place []int32) {
	norm := T(length(x))
	to[0] = x[0] / norm
	for j := 1; j < len(to); j++ {
		to[j] = x[place[j]-1] / norm
	}
}

// multiplyInto is C = op(A) B + beta C, all of them n rows apart; zeros if there is nothing to sum over.
func multiplyInto[T float](trans bool, rows, cols, inner int, a, b []T, beta T, c []T, n int) {
	switch {
	case rows == 0 || cols == 0:
	case inner > 0:
		blasGemm(trans, false, rows, cols, inner, 1, a, n, b, n, beta, c, n)
	case beta == 0:
		clearRows(c, n, rows, cols)
	}
}

// right makes the new right vectors, as rows of vt. The row that joins is in both halves.
func (c *conquest[T]) right(b bidiagonal, k int, vt []T) {
	n, place := c.n, c.idx[2]
	parts := newCuts(k, rootsSide)
	c.a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		for i := lo; i < lo+size; i++ {
			c.gather(c.q[i*n:i*n+k], vt[i*n:i*n+k], place)
		}
	})
	one, two := int(c.kind[0]), int(c.kind[1])
	dense, m := 1+one+two, b.n+b.extra
	product := func(from, to int, f func(lo, size int)) {
		cols := newCuts(to-from, conquerSide)
		if to > from {
			c.a.each(cols.count(), func(p int) {
				lo, size := cols.at(p)
				f(from+lo, size)
			})
		}
	}
	if k == 2 {
		product(0, m, func(lo, size int) { multiplyInto(true, k, size, k, c.q, c.vt2[lo*n:], 0, vt[lo*n:], n) })
		return
	}
	product(0, b.left+1, func(lo, size int) {
		multiplyInto(true, k, size, 1+one, c.q, c.vt2[lo*n:], 0, vt[lo*n:], n)
		if k > dense {
			multiplyInto(true, k, size, k-dense, c.q[dense:], c.vt2[lo*n+dense:], 1, vt[lo*n:], n)
		}
	})
	for i := range k { // the vectors of the upper half are done with: the row that joins goes beside those of the lower
		c.q[i*n+one] = c.q[i*n]
	}
	for j := b.left + 1; j < m; j++ {
		c.vt2[j*n+one] = c.vt2[j*n]
	}
	product(b.left+1, m, func(lo, size int) {
		multiplyInto(true, k, size, k-one, c.q[one:], c.vt2[lo*n+one:], 0, vt[lo*n:], n)
	})
}

// arrange puts values and vectors in descending order.
func (c *conquest[T]) arrange(u, vt []T) {
	n, d := c.n, slices.Clone(c.d)
	from := make([]int, n)
	for i := range n {
		from[i] = int(c.idxq[n-1-i]) - 1
		c.d[i] = d[from[i]]
	}
	cols := newCuts(n, conquerSide)
	c.a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		for j := lo; j < lo+size; j++ {
			copy(u[j*n:(j+1)*n], c.u[from[j]*n:(from[j]+1)*n])
			column := c.vt[j*n : (j+1)*n]
			for i, k := range from {
				vt[j*n+i] = column[k]
			}
		}
	})
}

// scaleBidiagonal makes one the largest element of a bidiagonal matrix, which it gives, and what is negligible on its diagonal not quite
// zero, as LAPACK's bdsdc does. It does nothing, and says so, if anything beside the diagonal is negligible.
func scaleBidiagonal[T float](n int, d, e []T) (norm T, ok bool) {
	eps := roundOff[T]()
	for _, x := range d {
		norm = max(norm, abs(x))
	}
	for _, x := range e[:n-1] {
		norm = max(norm, abs(x))
	}
	for _, x := range e[:n-1] {
		if !(abs(x) > eps*norm) {
			return 1, false
		}
	}
	for i := range n {
		d[i] /= norm
		e[i] /= norm
		if abs(d[i]) < eps {
			d[i] = T(math.Copysign(float64(eps), float64(d[i])))
		}
	}
	return norm, true
}

//go:build !purego

package kernel

import (
	"cmp"
	"math"
	"slices"
)

// The symmetric tridiagonal eigenproblem by divide and conquer (J. Cuppen, 1981; M. Gu, S. Eisenstat, A divide-and-conquer algorithm for
// the symmetric tridiagonal eigenproblem, SIAM J. Matrix Anal. Appl. 16, 1995), as LAPACK's stedc does it, with its parts for what is
// deflated and for the secular equation's roots, but so that workers share the roots, the vectors and the products of a merge.
//
//	T = [T₁; T₂] + rho v vᵀ = Q (D + rho z zᵀ) Qᵀ,  Q = [Q₁; Q₂];  D + rho z zᵀ = S diag(w) Sᵀ;  Q becomes Q S

const (
	divideLeaf   = 128  // sides of parts that are left to LAPACK
	divideShared = 1024 // from this side on the work of a merge is shared, below it the merges of a level are
	divideCols   = 256  // columns of a piece of a merge
)

// divided is a tridiagonal matrix on its way: its parts [cuts[k], cuts[k+1]) are diagonalised, q being block diagonal.
type divided[T float] struct {
	n       int
	d, e    []T // the parts' eigenvalues, and what is beside the diagonal
	q       []T
	ldq     int
	cuts    []int
	indices []int32 // in each part, the order of its eigenvalues: from 1
	work    []T     // n*n elements, which merges share as q's blocks do
}

// divideAndConquer is lapackStedc with pieces; z is n×n.
func divideAndConquer[T float](a *Args, n int, d, e, z []T) bool {
	if n <= divideLeaf {
		return lapackStedc(n, d, e, z, n)
	}
	exponent := largestExponent(d[:n], e[:n-1])
	scalePower(d, -exponent)
	scalePower(e[:n-1], -exponent)
	q, giveBack := borrow[T](n * n)
	defer giveBack()
	x := &divided[T]{n: n, d: d, e: e, q: q, ldq: n, indices: make([]int32, n), work: z}
	ok := x.leaves(a)
	for ok && len(x.cuts) > 2 {
		ok = x.level(a)
	}
	if !ok {
		return false
	}
	x.sorted(a, z)
	scalePower(d, exponent)
	return true
}

// leaves cuts the matrix into parts, as many as a power of two, and diagonalises them.
func (x *divided[T]) leaves(a *Args) bool {
	x.cuts = []int{0, x.n}
	for x.cuts[1] > divideLeaf {
		var finer []int
		for k := range len(x.cuts) - 1 {
			lo, hi := x.cuts[k], x.cuts[k+1]
			finer = append(finer, lo, lo+(hi-lo)/2)
		}
		x.cuts = append(finer, x.n)
	}
	for _, at := range x.cuts[1 : len(x.cuts)-1] {
		tear := max(x.e[at-1], -x.e[at-1])
		x.d[at-1] -= tear
		x.d[at] -= tear
	}
	ok := make([]bool, len(x.cuts)-1)
	a.each(len(ok), func(k int) {
		lo, size := x.cuts[k], x.cuts[k+1]-x.cuts[k]
		e := slices.Clone(x.e[lo : lo+size]) // the last one belongs to the merge
		ok[k] = lapackStedc(size, x.d[lo:], e, x.q[lo*x.ldq+lo:], x.ldq)
		for i := range size {
			x.indices[lo+i] = int32(i + 1)
		}
	})
	return !slices.Contains(ok, false)
}

// level merges the parts in pairs.
func (x *divided[T]) level(a *Args) bool {
	pairs := (len(x.cuts) - 1) / 2
	ok := make([]bool, pairs)
	pair := func(a *Args, k int) { ok[k] = x.merge(a, x.cuts[2*k], x.cuts[2*k+1], x.cuts[2*k+2]) }
	if x.cuts[2] < divideShared {
		a.each(pairs, func(k int) { pair(&Args{}, k) })
	} else {
		for k := range pairs {
			pair(a, k)
		}
	}
	coarser := x.cuts[:1]
	for k := range pairs {
		coarser = append(coarser, x.cuts[2*k+2])
	}
	x.cuts = coarser
	return !slices.Contains(ok, false)
}

// merge makes one part of [lo, mid) and [mid, hi).
func (x *divided[T]) merge(a *Args, lo, mid, hi int) bool {
	n, n1 := hi-lo, mid-lo
	q, d, indices := x.q[lo*x.ldq+lo:], x.d[lo:hi], x.indices[lo:hi]
	z := make([]T, n)
	for j := range n1 {
		z[j] = q[j*x.ldq+n1-1]
	}
	for j := n1; j < n; j++ {
		z[j] = q[j*x.ldq+n1]
	}
	m := &merging[T]{n: n, n1: n1, d: d, q: q, ldq: x.ldq, rho: x.e[mid-1], packed: x.work[lo*x.n : hi*x.n]}
	m.deflate(z, indices)
	if m.k == 0 {
		for i := range n {
			indices[i] = int32(i + 1)
		}
		return true
	}
	if !m.roots(a) {
		return false
	}
	m.vectors(a)
	m.multiply(a)
	lapackLamrg(m.k, n-m.k, d, indices)
	return true
}

// merging is a merge of n1 and n - n1: of its eigenvalues k are not deflated.
type merging[T float] struct {
	n, n1, k int
	d        []T // deflated ones from k on
	q        []T
	ldq      int
	rho      T
	poles, w []T     // of the secular equation, and z
	packed   []T     // Q's columns that are not deflated: those of Q₁, then of Q₂, without the zeros beside them
	order    []int32 // of the poles in packed, from 1
	kinds    [4]int32
}

// deflate is LAPACK's laed2.
func (m *merging[T]) deflate(z []T, indices []int32) {
	m.poles, m.w, m.order = make([]T, m.n), make([]T, m.n), make([]int32, m.n)
	m.k = lapackLaed2(m, z, indices)
}

// roots finds the eigenvalues; column j of Q becomes the distances of the poles from root j.
func (m *merging[T]) roots(a *Args) bool {
	cols := newCuts(m.k, divideCols)
	ok := make([]bool, cols.count())
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		ok[p] = lapackLaed4(m.k, lo, size, m.poles, m.w, m.q, m.ldq, m.rho, m.d)
	})
	return !slices.Contains(ok, false)
}

// vectors makes S of the distances, in the order of packed: with the z for which the roots are exact they are orthogonal.
func (m *merging[T]) vectors(a *Args) {
	k, cols := m.k, newCuts(m.k, divideCols)
	if k <= 2 { // laed4's are the vectors
		for j := range k {
			column := m.q[j*m.ldq : j*m.ldq+k]
			if k == 2 && m.order[0] == 2 {
				column[0], column[1] = column[1], column[0]
			}
		}
		return
	}
	exact := make([]T, k)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		z, poles := exact[lo:lo+size], m.poles[lo:lo+size]
		for i := range z {
			z[i] = m.q[(lo+i)*m.ldq+lo+i]
		}
		for j := range k {
			column := m.q[j*m.ldq+lo : j*m.ldq+lo+size]
			for i, e := range column {
				if lo+i != j {
					z[i] *= e / (poles[i] - m.poles[j])
				}
			}
		}
		for i := range z {
			z[i] = T(math.Copysign(math.Sqrt(float64(-z[i])), float64(m.w[lo+i])))
		}
	})
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		s := make([]T, k)
		for j := lo; j < lo+size; j++ {
			column := m.q[j*m.ldq : j*m.ldq+k]
			for i := range s {
				s[i] = exact[i] / column[i]
			}
			size := T(length(s))
			for i := range column {
				column[i] = s[m.order[i]-1] / size
			}
		}
	})
}

// multiply is Q = packed S, by columns.
func (m *merging[T]) multiply(a *Args) {
	first, both, second := int(m.kinds[0]), int(m.kinds[1]), int(m.kinds[2])
	n1, n2 := m.n1, m.n-m.n1
	upper, lower := first+both, both+second
	cols := newCuts(m.k, divideCols)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		s, q := make([]T, m.k*size), m.q[lo*m.ldq:]
		copyColumns(s, m.k, q, m.ldq, m.k, size)
		clearRows(q, m.ldq, m.n, size)
		if lower > 0 {
			blasGemm(false, false, n2, size, lower, 1, m.packed[n1*upper:], n2, s[first:], m.k, 0, q[n1:], m.ldq)
		}
		if upper > 0 {
			blasGemm(false, false, n1, size, upper, 1, m.packed, n1, s, m.k, 0, q, m.ldq)
		}
	})
}

// sorted puts the eigenvalues in order, and their vectors into z. The last merge's order may be wrong by rounding errors.
func (x *divided[T]) sorted(a *Args, z []T) {
	d := slices.Clone(x.d[:x.n])
	slices.SortStableFunc(x.indices, func(i, j int32) int { return cmp.Compare(d[i-1], d[j-1]) })
	cols := newCuts(x.n, divideCols)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		for j := lo; j < lo+size; j++ {
			from := int(x.indices[j]) - 1
			x.d[j] = d[from]
			copy(z[j*x.n:(j+1)*x.n], x.q[from*x.ldq:])
		}
	})
}

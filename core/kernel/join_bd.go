package kernel

import (
	"cmp"
	"math"
	"slices"
)

// Joins of a bidiagonal matrix (M. Gu, S. Eisenstat, A divide-and-conquer algorithm for the bidiagonal SVD, SIAM J. Matrix Anal. Appl. 16,
// 1995). A part that is not the last has one row less than columns: its last row is that which joins it with the part after it. So that
// all is square, the vectors of such a part are, after the singular ones, that row itself on the left and, on the right, the vector that
// the part takes to zero.
//
//	[B₁; alpha beta; B₂] = [U₁; U₂] [D + e₀ zᵀ] [V₁; V₂]ᵀ,  D + e₀ zᵀ = S diag(s) Rᵀ

// findBidiagonal makes a join of two parts, and the part that they become: alpha and beta are the row that joins them, last says whether
// nothing comes after them, all whether nothing comes before them either.
func (m *join[T]) findBidiagonal(a *Args, left, right, out part[T], alpha, beta T, last, all bool) {
	n1, n := len(left.value), len(m.source)
	d, z := slices.Concat(left.value, right.value), make([]T, n)
	for j := range z {
		if j < n1 {
			z[j] = alpha * left.last[j]
		} else {
			z[j] = beta * right.first[j-n1]
		}
	}
	values := m.deflateBidiagonal(n1, d, z, max(abs(alpha), abs(beta)), last)
	k := len(m.poles)
	origin, offset, signs, norm := make([]T, k), make([]T, k), slices.Clone(m.weights), T(length(m.weights))
	for i := range m.weights {
		m.weights[i] /= norm
	}
	m.roots(a, norm*norm, origin, offset)
	m.correctBidiagonal(a, origin, offset, signs)
	m.arrange(values, origin, offset, out.value, all)
	m.lengthsBidiagonal(a)
	m.outerRows(a, fromRight, left, right, out)
}

// deflateBidiagonal is LAPACK's lasd2, without U and V: it sets source, kind, cos, sin and poles, and z as weights. The first pole, zero,
// is that of the row that joins.
func (m *join[T]) deflateBidiagonal(n1 int, d, z []T, most T, last bool) (values []T) {
	n := len(d)
	order := make([]int, 0, n)
	for j := range n {
		if j != n1-1 && (last || j != n-1) {
			order, most = append(order, j), max(most, d[j])
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(d[i], d[j]) })
	small := 8 * roundOff[T]() * most
	values = make([]T, n)
	t := m.rowThatJoins(n1, z, small, last)
	k, before := 1, -1
	keep := func() {
		if before >= 0 {
			m.poles[k], m.weights[k] = d[before], z[before]
			k++
		}
	}
	for i, at := range order {
		p := t + i
		m.source[p] = T(at)
		if abs(z[at]) <= small {
			m.kind[p], values[p] = deflated, d[at]
			continue
		}
		if before >= 0 && d[at]-d[before] <= small {
			length := T(math.Hypot(float64(z[before]), float64(z[at])))
			m.kind[p], m.cos[p], m.sin[p] = turned, z[at]/length, -z[before]/length
			z[at], values[p] = length, d[before]
			before = at
			continue
		}
		keep()
		m.kind[p], before = kept, at
	}
	keep()
	m.limit()
	if k > 1 {
		m.poles[1] = max(m.poles[1], small/2)
	}
	return values
}

// rowThatJoins puts it first, and the vectors that are taken to zero, of which there is one less then. It says how many places are taken.
func (m *join[T]) rowThatJoins(n1 int, z []T, small T, last bool) int {
	m.source[0], m.kind[0], m.poles[0] = T(n1-1), kept, 0
	one := z[n1-1]
	if last {
		if m.weights[0] = one; abs(one) <= small {
			m.weights[0] = small
		}
		return 1
	}
	n := len(z)
	length := T(math.Hypot(float64(one), float64(z[n-1])))
	m.source[1], m.kind[1], m.target[1], m.origin[n-1] = T(n-1), leftOver, T(n-1), -1
	m.cos[1], m.sin[1], m.weights[0] = 0, -1, small
	if length > small {
		m.cos[1], m.sin[1], m.weights[0] = z[n-1]/length, -one/length, length
	}
	return 2
}

// correctBidiagonal replaces z by that for which the roots are exact.
func (m *join[T]) correctBidiagonal(a *Args, origin, offset, signs []T) {
	k := len(m.poles)
	cols := newCuts(k, joinPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		w, d := make([]T, size), m.poles[lo:lo+size]
		near, off := m.poles[int(origin[k-1])], offset[k-1]
		for i, e := range d {
			w[i] = (e - near - off) * (e + near + off)
		}
		for j := range k - 1 {
			near, off := m.poles[int(origin[j])], offset[j]
			for i, e := range d {
				pole := m.poles[j] // beside root j, on the side away from i
				if lo+i <= j {
					pole = m.poles[j+1]
				}
				w[i] *= (e - near - off) * (e + near + off) / (e - pole) / (e + pole)
			}
		}
		for i, e := range w {
			m.weights[lo+i] = T(math.Copysign(math.Sqrt(math.Abs(float64(e))), float64(signs[lo+i])))
		}
	})
}

// lengthsBidiagonal makes the columns of S and R as long as 1.
func (m *join[T]) lengthsBidiagonal(a *Args) {
	cols := newCuts(len(m.origin), joinPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		for c := lo; c < lo+size; c++ {
			if m.origin[c] < 0 {
				continue
			}
			near, off, left, right := m.poles[int(m.origin[c])], m.offset[c], 1.0, 0.0
			for i, e := range m.poles {
				x := float64(m.weights[i] / (e - near - off) / (e + near + off))
				y := float64(e) * x
				left, right = left+y*y, right+x*x
			}
			m.left[c], m.factor[c] = T(1/math.Sqrt(left)), T(1/math.Sqrt(right))
		}
	})
}

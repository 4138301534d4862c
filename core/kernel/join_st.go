package kernel

import (
	"math"
	"slices"
)

// Joins of a symmetric tridiagonal matrix: what join.go needs of them.

// find makes a join of two parts, and the part that they become.
func (m *join[T]) find(a *Args, left, right, out part[T], rho T) {
	n1, n := len(left.value), len(m.source)
	d, z := slices.Concat(left.value, right.value), make([]T, n)
	half := T(math.Sqrt(0.5)) // [last row of Q₁, first row of Q₂] has the length √2
	for j := range z {
		switch {
		case j < n1:
			z[j] = left.last[j] * half
		case rho < 0:
			z[j] = -right.first[j-n1] * half
		default:
			z[j] = right.first[j-n1] * half
		}
	}
	rho = 2 * abs(rho)
	values := m.deflate(n1, d, z, rho) // of those that are deflated, in the order of source
	origin, offset := make([]T, len(m.poles)), make([]T, len(m.poles))
	m.roots(a, rho, origin, offset)
	m.correct(a, origin, offset)
	m.arrange(values, origin, offset, out.value, false)
	m.lengths(a)
	m.outerRows(a, eigenvectors, left, right, out)
}

// deflate is LAPACK's laed2, without Q: it sets source, kind, cos, sin and poles, and z as weights. d and z are overwritten.
func (m *join[T]) deflate(n1 int, d, z []T, rho T) (values []T) {
	n := len(d)
	most := T(0)
	for j := range n {
		most = max(most, abs(d[j]), abs(z[j]))
	}
	small := 8 * roundOff[T]() * most
	values = make([]T, n)
	k, last := 0, -1
	keep := func() {
		if last >= 0 {
			m.poles[k], m.weights[k] = d[last], z[last]
			k++
		}
	}
	for t, i, j := 0, 0, n1; t < n; t++ {
		at := j
		if j == n || i < n1 && d[i] <= d[j] {
			at = i
			i++
		} else {
			j++
		}
		m.source[t] = T(at)
		if rho*abs(z[at]) <= small {
			m.kind[t], values[t] = deflated, d[at]
			continue
		}
		if last >= 0 {
			length := T(math.Hypot(float64(z[last]), float64(z[at])))
			c, s := z[at]/length, -z[last]/length
			if abs((d[at]-d[last])*c*s) <= small {
				m.kind[t], m.cos[t], m.sin[t] = turned, c, s
				z[at] = length
				values[t], d[at] = d[last]*c*c+d[at]*s*s, d[last]*s*s+d[at]*c*c
				last = at
				continue
			}
			keep()
		}
		m.kind[t], last = kept, at
	}
	keep()
	m.limit()
	return values
}

// correct replaces z by that for which the roots are exact, so that the columns of S are orthogonal.
func (m *join[T]) correct(a *Args, origin, offset []T) {
	if len(m.poles) == 0 {
		return
	}
	cols := newCuts(len(m.poles), joinPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		w, d := make([]T, size), m.poles[lo:lo+size]
		for i := range w {
			w[i] = d[i] - m.poles[int(origin[lo+i])] - offset[lo+i]
		}
		for j, pole := range m.poles {
			near, off := m.poles[int(origin[j])], offset[j]
			for i, e := range d {
				if lo+i != j {
					w[i] *= (e - near - off) / (e - pole)
				}
			}
		}
		for i := range w {
			m.weights[lo+i] = T(math.Copysign(math.Sqrt(math.Abs(float64(w[i]))), float64(m.weights[lo+i])))
		}
	})
}

// lengths makes the columns of S as long as 1.
func (m *join[T]) lengths(a *Args) {
	cols := newCuts(len(m.origin), joinPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		for c := lo; c < lo+size; c++ {
			if m.origin[c] < 0 {
				continue
			}
			near, off, sum := m.poles[int(m.origin[c])], m.offset[c], 0.0
			for i, e := range m.poles {
				x := float64(m.weights[i] / (e - near - off))
				sum += x * x
			}
			m.factor[c] = T(1 / math.Sqrt(sum))
		}
	})
}

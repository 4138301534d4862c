//go:build purego

package kernel

// applyTo is apply, to one piece: one reflection after the other.
func (q *chased[T]) applyTo(trans bool, p int, x []T, ldx int) {
	for c := range q.sweeps {
		j := order(c, q.sweeps, trans)
		for k := 0; q.first+j+q.shift+k*q.side < q.n; k++ {
			row := q.first + j + q.shift + k*q.side
			v, tau := q.v[j*q.ldv+row:j*q.ldv+min(row+q.side, q.n)], q.tau[j*q.ldtau+k]
			for col := range p {
				y := x[col*ldx+row : col*ldx+row+len(v)]
				w := tau * dotProduct(v, y)
				for i := range v {
					y[i] -= w * v[i]
				}
			}
		}
	}
}

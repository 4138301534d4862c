//go:build purego

package kernel

// advance takes count sweeps through times from … to - 1.
func (c *chase[T]) advance(sweep, count, from, to int) {
	for t := from; t < to; t++ {
		for j := 0; j < count && j <= t; j++ {
			if sweep+j+1+(t-j)*bandSide < c.n {
				c.step(sweep+j, t-j)
			}
		}
	}
}

// step is step k of a sweep.
func (c *chase[T]) step(sweep, k int) {
	at := sweep - c.first
	row := sweep + 1 + k*bandSide
	rows := min(bandSide, c.n-row)
	v, tau := c.vs[at*bandSide:(at+1)*bandSide], &c.taus[at]
	if k == 0 {
		x := c.column(sweep)[1:]
		*tau = c.find(x[:rows], v)
	} else { // H' B H
		for i := range rows {
			sum := T(0)
			for j := range bandSide {
				sum += *c.at(row+i, row-bandSide+j) * v[j]
			}
			for j := range bandSide {
				*c.at(row+i, row-bandSide+j) -= *tau * sum * v[j]
			}
		}
		*tau = c.find(c.column(row - bandSide)[bandSide:bandSide+rows], v)
		for j := 1; j < bandSide; j++ {
			sum := T(0)
			for i := range rows {
				sum += *c.at(row+i, row-bandSide+j) * v[i]
			}
			for i := range rows {
				*c.at(row+i, row-bandSide+j) -= *tau * sum * v[i]
			}
		}
	}
	c.both(row, rows, v, *tau)
	if c.v != nil {
		copy(c.v[at*c.ldv+row:at*c.ldv+row+rows], v)
		c.tau[at*c.ldtau+k] = *tau
	}
}

func (c *chase[T]) at(i, j int) *T { return &c.column(j)[i-j] }

// find is the reflection that takes x to zero below its head, as v, of bandSide elements.
func (c *chase[T]) find(x, v []T) T {
	clear(v)
	copy(v[1:], x[1:])
	tau := reflect(&x[0], v[1:])
	v[0] = 1
	clear(x[1:])
	return tau
}

// both is D = H D H for the diagonal block of so many rows from row on.
func (c *chase[T]) both(row, rows int, v []T, tau T) {
	w := make([]T, rows)
	for i := range rows {
		for j := range rows {
			w[i] += tau * *c.at(row+max(i, j), row+min(i, j)) * v[j]
		}
	}
	half := tau / 2 * dotProduct(w, v[:rows])
	for i := range rows {
		w[i] -= half * v[i]
	}
	for j := range rows {
		for i := j; i < rows; i++ {
			*c.at(row+i, row+j) -= v[i]*w[j] + w[i]*v[j]
		}
	}
}

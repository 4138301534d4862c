package affine

// A lattice is the integer solution of linear equations A x = b: x = U y, where U is unimodular and A U is a lower
// triangle H in its pivot columns and zero in the others. So the y of the pivots follow from b by forward substitution
// with a divisibility test for each, and the y of the free columns are any integers (the column-style Hermite form;
// Schrijver, Theory of Linear and Integer Programming, ch. 4). A pivot with coefficient ±1, nearly all of them in
// practice, leaves the other variables as they are, so that the free columns mostly are loop variables.
type lattice struct {
	n      int
	u      []row   // u[i][j]: x_i as a combination of the y_j
	pivots []pivot // in the order of forward substitution
	checks []pivot // equations that have no pivot of their own: they must hold
	free   []int   // the other columns
	ok     bool    // nothing overflowed
}

// pivot is h*y[col] + Σ earlier[i]*y[pivots[i].col] + c == target, the target being 0 when its index is -1.
type pivot struct {
	col     int
	h       int64
	earlier []int64
	c       int64
	target  int
}

// newLattice solves the idx rows (== target of that index) and then eqs (== 0), all over n columns.
func newLattice(n int, idx, eqs []row) *lattice {
	l := &lattice{n: n, u: make([]row, n), ok: true}
	for i := range l.u {
		l.u[i] = make(row, n)
		l.u[i][i] = 1
	}
	taken := make([]bool, n)
	for i, r := range idx {
		l.eliminate(r, i, taken)
	}
	for _, r := range eqs {
		l.eliminate(r, -1, taken)
	}
	for j, t := range taken {
		if !t {
			l.free = append(l.free, j)
		}
	}
	return l
}

func (l *lattice) eliminate(r row, target int, taken []bool) {
	a := l.transform(r)
	p := pivot{col: -1, c: r[l.n], target: target}
	for {
		p.col = -1
		others := false
		for j, v := range a { // the least magnitude; of equals the innermost
			if v == 0 || taken[j] {
				continue
			}
			others = others || p.col >= 0
			if p.col < 0 || magnitude(v) <= magnitude(a[p.col]) {
				p.col = j
			}
		}
		if !others {
			break
		}
		for j, v := range a { // Euclid's step on the columns
			if v != 0 && j != p.col && !taken[j] {
				l.addColumn(j, p.col, -(v / a[p.col]))
				a[j] = v % a[p.col]
			}
		}
	}
	for _, q := range l.pivots {
		p.earlier = append(p.earlier, a[q.col])
	}
	if p.col < 0 {
		l.checks = append(l.checks, p)
		return
	}
	p.h = a[p.col]
	taken[p.col] = true
	l.pivots = append(l.pivots, p)
}

// transform is the coefficients of r over y.
func (l *lattice) transform(r row) row {
	out := make(row, l.n)
	for i := range l.n {
		if r[i] != 0 {
			for j := range out {
				var ok bool
				out[j], ok = mulAdd(1, out[j], r[i], l.u[i][j])
				l.ok = l.ok && ok
			}
		}
	}
	return out
}

// addColumn adds f times column from of U to column to.
func (l *lattice) addColumn(to, from int, f int64) {
	for _, r := range l.u {
		if r[from] != 0 {
			var ok bool
			r[to], ok = mulAdd(1, r[to], f, r[from])
			l.ok = l.ok && ok
		}
	}
}

// over writes r, a row over x, over the free columns, then the pivots, then the constant.
func (l *lattice) over(r row) row {
	y := l.transform(r)
	out := make(row, 0, l.n+1)
	for _, j := range l.free {
		out = append(out, y[j])
	}
	for _, p := range l.pivots {
		out = append(out, y[p.col])
	}
	return append(out, r[l.n])
}

// fold writes r over the free columns and the constant, for a lattice without targets whose pivots have the values given.
func (l *lattice) fold(r row, values []int64) row {
	w := l.over(r)
	f := len(l.free)
	out := append(make(row, 0, f+1), w[:f]...)
	c := r[l.n]
	for i, v := range values {
		var ok bool
		c, ok = mulAdd(1, c, w[f+i], v)
		l.ok = l.ok && ok
	}
	return append(out, c)
}

// solve gives the pivots' values when there are no targets; false when the equations have no integer solution.
func (l *lattice) solve() ([]int64, bool) {
	y := make([]int64, 0, len(l.pivots))
	rest := func(p pivot) int64 {
		c := p.c
		for i, a := range p.earlier {
			var ok bool
			c, ok = mulAdd(1, c, a, y[i])
			l.ok = l.ok && ok
		}
		return c
	}
	for _, p := range l.pivots {
		c := rest(p)
		if c%p.h != 0 {
			return nil, false
		}
		y = append(y, -c/p.h)
	}
	for _, p := range l.checks {
		if rest(p) != 0 {
			return nil, false
		}
	}
	return y, true
}

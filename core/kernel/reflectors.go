package kernel

// reflectors is the tiles V and T of geqrt, or of tpqrt.
type reflectors[T float] struct {
	m, n     int // of V
	v, t     []T
	ldv, ldt int
	upper    bool // V is upper triangular: nothing below its diagonal is read
}

// piece is the block of a chunk's reflections that begins at column j, of V's that lie below R.
func (q *reflectors[T]) piece(c chunk, j int) block[T] {
	k, rows := min(c.side, q.n-j), c.rows
	if q.upper {
		rows = min(rows, j+k)
	}
	return block[T]{rows, k, q.v[j*q.ldv+c.row:], q.t[j*q.ldt+c.t:], q.ldv, q.ldt}
}

// corner is the block of the first chunk's reflections that begins at column j, of geqrt's.
func (q *reflectors[T]) corner(c chunk, j, n int) block[T] {
	return block[T]{c.rows - j, min(c.side, n-j), q.v[j*q.ldv+j:], q.t[j*q.ldt+c.t:], q.ldv, q.ldt}
}

// factorBelow takes a chunk of V, which is the tile yet, to zero below R.
func (q *reflectors[T]) factorBelow(a *Args, c chunk, r []T, ldr int) {
	if o := q.ordered(c, false); o.all() {
		o.factor(a, q.n, r, ldr, o.v, q.ldv, func(s int) {
			b := q.piece(c, s*c.side)
			panelBelow(b.m, b.k, r[s*c.side*(ldr+1):], ldr, b.v, b.ldv, b.t, b.ldt)
		})
		return
	}
	for j := 0; j < q.n; j += c.side {
		b := q.piece(c, j)
		panelBelow(b.m, b.k, r[j*ldr+j:], ldr, b.v, b.ldv, b.t, b.ldt)
		rest := newCuts(q.n-j-b.k, factorSide)
		if rest.side == 0 {
			break
		}
		a.each(rest.count(), func(k int) {
			lo, cols := rest.at(k)
			to := j + b.k + lo
			b.below(true, cols, r[to*ldr+j:], ldr, q.v[to*q.ldv+c.row:], q.ldv, make([]T, b.k*cols), b.k, false)
		})
	}
}

// factorAcross factors the first chunk of V, which is the tile yet.
func (q *reflectors[T]) factorAcross(a *Args, c chunk) {
	n := min(c.rows, q.n)
	if o := q.ordered(c, true); o.all() {
		o.factor(a, q.n, nil, 0, o.v, q.ldv, func(s int) {
			b := q.corner(c, s*c.side, n)
			panelAcross(b.m, b.k, b.v, b.ldv, b.t, b.ldt)
		})
		return
	}
	for j := 0; j < n; j += c.side {
		b := q.corner(c, j, n)
		panelAcross(b.m, b.k, b.v, b.ldv, b.t, b.ldt)
		rest := newCuts(q.n-j-b.k, factorSide)
		if rest.side == 0 {
			break
		}
		a.each(rest.count(), func(k int) {
			lo, cols := rest.at(k)
			to := j + b.k + lo
			b.across(true, cols, q.v[to*q.ldv+j:], q.ldv, make([]T, b.k*cols), b.k, false)
		})
	}
}

// apply multiplies C by Q, or with trans by Qᵀ. x is C's rows that meet the first n of V, and d, for tpqrt's reflections, those that
// meet V; for geqrt's, x is all of C.
func (q *reflectors[T]) apply(a *Args, trans bool, p int, x []T, ldx int, d []T, ldd int) {
	list, cols := chunks(q.m, q.n), newCuts(p, applySide)
	if q.n == 0 || p == 0 {
		return
	}
	for s := range list {
		c := list[order(s, len(list), trans)]
		below, ldb := q.below(c, x, ldx, d, ldd)
		if o := q.ordered(c, d == nil); o.fit(p) > 0 {
			if o.shape == wyLower {
				o.apply(a, trans, p, nil, 0, x, ldx, nil)
			} else {
				o.apply(a, trans, p, x, ldx, below, ldb, nil)
			}
			continue
		}
		a.each(cols.count(), func(piece int) {
			lo, size := cols.at(piece)
			w := make([]T, c.side*size)
			if d == nil && c.row == 0 {
				q.applyAcross(c, trans, size, x[lo*ldx:], ldx, w)
			} else {
				q.applyBelow(c, trans, size, x[lo*ldx:], ldx, below[lo*ldb:], ldb, w)
			}
		})
	}
}

// below is the rows that meet a chunk, of what Q is applied to.
func (q *reflectors[T]) below(c chunk, x []T, ldx int, d []T, ldd int) ([]T, int) {
	if d == nil {
		return x[c.row:], ldx
	}
	return d[c.row:], ldd
}

// ordered is a chunk's reflections for products of our own; whole says that they are geqrt's.
func (q *reflectors[T]) ordered(c chunk, whole bool) *inOrder[T] {
	o := &inOrder[T]{wyFull, c.rows, q.n, c.side, q.v[c.row:], q.t[c.t:], q.ldv, q.ldt}
	switch {
	case whole && c.row == 0:
		o.shape, o.n = wyLower, min(c.rows, q.n)
	case q.upper:
		o.shape, o.m = wyUpper, min(c.rows, q.n)
	}
	return o
}

// order is step s of n, forwards or backwards.
func order(s, n int, forwards bool) int {
	if forwards {
		return s
	}
	return n - 1 - s
}

func (q *reflectors[T]) applyBelow(c chunk, trans bool, p int, x []T, ldx int, d []T, ldd int, w []T) {
	n := (q.n + c.side - 1) / c.side
	for s := range n {
		j := order(s, n, trans) * c.side
		b := q.piece(c, j)
		b.below(trans, p, x[j:], ldx, d, ldd, w, b.k, false)
	}
}

func (q *reflectors[T]) applyAcross(c chunk, trans bool, p int, x []T, ldx int, w []T) {
	k := min(c.rows, q.n)
	n := (k + c.side - 1) / c.side
	for s := range n {
		j := order(s, n, trans) * c.side
		b := q.corner(c, j, k)
		b.across(trans, p, x[j:], ldx, w, b.k, false)
	}
}

// generate is apply, of Q to a C that is zeros but for x, of n rows; d is overwritten, and so are, for geqrt's reflections, the rows
// of x below the first n. Where x begins with zeros in the columns of a triangle, as it does when Q itself is wanted, nothing is
// computed of them: that is half of the work.
func (q *reflectors[T]) generate(a *Args, p int, x []T, ldx int, d []T, ldd int) {
	list, cols := chunks(q.m, q.n), newCuts(p, applySide)
	if q.n == 0 || p == 0 {
		return
	}
	for s := range list {
		c := list[len(list)-1-s]
		below, ldb := q.below(c, x, ldx, d, ldd)
		if o := q.ordered(c, d == nil); o.fit(p) > 0 {
			q.generateOrdered(a, o, c, p, x, ldx, below, ldb)
			continue
		}
		a.each(cols.count(), func(piece int) {
			lo, size := cols.at(piece)
			w := make([]T, c.side*size)
			if d == nil && c.row == 0 {
				q.generateAcross(c, size, x[lo*ldx:], ldx, w)
			} else {
				q.generateBelow(c, size, x[lo*ldx:], ldx, below[lo*ldb:], ldb, w)
			}
		})
	}
}

func (q *reflectors[T]) generateOrdered(a *Args, o *inOrder[T], c chunk, p int, x []T, ldx int, d []T, ldd int) {
	need := func(lo, size int) int {
		for b := o.blocks(); b > 0; b-- {
			if firstColumn(x[lo*ldx:], ldx, (b-1)*o.side, o.n, size) < size {
				return b
			}
		}
		return 0
	}
	if o.shape == wyLower {
		if c.rows > o.n {
			clearRows(x[o.n:], ldx, c.rows-o.n, p)
		}
		o.apply(a, false, p, nil, 0, x, ldx, need)
		return
	}
	if c.rows > o.m {
		clearRows(d[o.m:], ldd, c.rows-o.m, p)
	}
	o.apply(a, false, p, x, ldx, d, ldd, need)
}

func (q *reflectors[T]) generateBelow(c chunk, p int, x []T, ldx int, d []T, ldd int, w []T) {
	if q.n <= c.side && !q.upper { // one block: what it computes is all that there is
		b := q.piece(c, 0)
		b.below(false, p, x, ldx, d, ldd, w, b.k, true)
		return
	}
	clearRows(d, ldd, c.rows, p)
	for j := (q.n - 1) / c.side * c.side; j >= 0; j -= c.side {
		b, lo := q.piece(c, j), firstColumn(x, ldx, j, q.n, p)
		if lo < p {
			b.below(false, p-lo, x[lo*ldx+j:], ldx, d[lo*ldd:], ldd, w, b.k, false)
		}
	}
}

func (q *reflectors[T]) generateAcross(c chunk, p int, x []T, ldx int, w []T) {
	k := min(c.rows, q.n)
	if k <= c.side {
		b := q.corner(c, 0, k)
		b.across(false, p, x, ldx, w, b.k, true)
		return
	}
	if c.rows > k {
		clearRows(x[k:], ldx, c.rows-k, p)
	}
	for j := (k - 1) / c.side * c.side; j >= 0; j -= c.side {
		b, lo := q.corner(c, j, k), firstColumn(x, ldx, j, k, p)
		if lo < p {
			b.across(false, p-lo, x[lo*ldx+j:], ldx, w, b.k, false)
		}
	}
}

// firstColumn is the first of p columns in which rows j … n-1 are not all zeros.
func firstColumn[T float](x []T, ldx, j, n, p int) int {
	for col := range p {
		for _, e := range x[col*ldx+j : col*ldx+n] {
			if e != 0 {
				return col
			}
		}
	}
	return p
}

func clearRows[T float](x []T, ldx, m, n int) {
	for j := range n {
		clear(x[j*ldx : j*ldx+m])
	}
}

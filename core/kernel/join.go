package kernel

import (
	"cmp"
	"math"
	"slices"

	"numpywren/core/tile"
)

// Divide and conquer in tiles. A join of two parts of a tridiagonal matrix, as divide.go has it, is told by a few columns of numbers:
//
//	[T₁; T₂] + rho v vᵀ = [Q₁; Q₂] S diag(w) Sᵀ [Q₁; Q₂]ᵀ
//
// S is rotations of columns that deflation found, and for each root of the secular equation a column zᵢ / (dᵢ - w), of length 1, where w
// is kept as its distance from the nearer pole (M. Gu, S. Eisenstat, 1995, section 3). So any part of S can be made anywhere, and a tile
// of [Q₁; Q₂] S is a sum of products of tiles. The join itself needs of Q₁ and Q₂ only their outer rows, which go along from join to
// join, as in LAPACK's lasd6.

// What is known of a part, in the columns of a tile with a row for each of the matrix.
const (
	partValue  = iota // its eigenvalues, ascending
	partFirst         // the first row of its eigenvectors
	partLast          // and the last
	partInside        // 1 in its rows
	partColumns
)

// What tells a join, in the columns of such a tile. All but the poles are columns of [Q₁; Q₂], in the order of their values, or of
// the product.
const (
	joinSource = iota // which column it is
	joinKind          // deflated, kept or turned; outside of the parts -1
	joinCos           // of a column that is turned: the rotation, with the column that was kept or turned last
	joinSin
	joinTarget // of a column that is deflated, by itself or by a rotation: where it goes
	joinPole   // d and z of the columns that are kept, which come first
	joinWeight
	joinOrigin // of each column of the product: the nearer pole of its root, -1 if it is a column that was deflated
	joinOffset // the root, counted from there
	joinFactor // one over the length of the column of S
	joinColumns

	joinLeft          = joinColumns // of singular vectors from the left, whose S is another
	joinedBidiagonals = joinColumns + 1
)

const (
	deflated = iota // an eigenvector as it is
	kept            // not deflated
	turned          // rotated with the last column that was kept: that one is deflated now, and this one kept
	leftOver        // of singular vectors from the right turned, from the left deflated
)

// side is whose S it is.
type side int

const (
	eigenvectors side = iota
	fromRight         // singular vectors
	fromLeft
)

const (
	joinPiece = 256 // columns of the product, or poles, of a piece of work
	rootPiece = 64  // roots of a piece
)

// span is the columns lo … hi-1.
type span struct{ lo, hi int }

func (s span) has(j int) bool { return s.lo <= j && j < s.hi }

// part is rows lo … hi-1 of the tridiagonal matrix.
type part[T float] struct {
	span
	value, first, last []T
}

// partOf reads a part.
func partOf[T float](t *tile.Tile) part[T] {
	n, x := int(t.Shape[0]), tile.View[T](t)
	inside := x[partInside*n : (partInside+1)*n]
	lo := max(slices.Index(inside, 1), 0)
	hi := lo
	for hi < n && inside[hi] == 1 {
		hi++
	}
	return partAt(x, n, span{lo, hi})
}

func partAt[T float](x []T, n int, s span) part[T] {
	column := func(k int) []T { return x[k*n+s.lo : k*n+s.hi] }
	return part[T]{s, column(partValue), column(partFirst), column(partLast)}
}

// newPart is a part whose numbers are to be set.
func newPart[T float](t *tile.Tile, s span) part[T] {
	n, x := int(t.Shape[0]), tile.View[T](t)
	clear(x)
	for i := s.lo; i < s.hi; i++ {
		x[partInside*n+i] = 1
	}
	return partAt(x, n, s)
}

// join is what tells one. Columns are counted from the first of the parts.
type join[T float] struct {
	span
	source, kind, cos, sin, target []T
	poles, weights                 []T // as many as columns are kept
	origin, offset, factor, left   []T // left is nil for eigenvectors
}

// joinOf reads what tells a join.
func joinOf[T float](t *tile.Tile) *join[T] {
	n, x := int(t.Shape[0]), tile.View[T](t)
	kinds := x[joinKind*n : (joinKind+1)*n]
	lo := max(slices.IndexFunc(kinds, func(k T) bool { return k >= 0 }), 0)
	hi := lo
	for hi < n && kinds[hi] >= 0 {
		hi++
	}
	m := joinAt(x, n, span{lo, hi})
	m.limit()
	return m
}

func joinAt[T float](x []T, n int, s span) *join[T] {
	c := func(k int) []T { return x[k*n+s.lo : k*n+s.hi] }
	m := &join[T]{s, c(joinSource), c(joinKind), c(joinCos), c(joinSin), c(joinTarget), c(joinPole), c(joinWeight), c(joinOrigin), c(joinOffset), c(joinFactor), nil}
	if len(x) > joinColumns*n {
		m.left = c(joinLeft)
	}
	return m
}

// newJoin is a join that is to be found.
func newJoin[T float](t *tile.Tile, s span) *join[T] {
	n, x := int(t.Shape[0]), tile.View[T](t)
	clear(x)
	for i := range n {
		x[joinKind*n+i] = -1
	}
	return joinAt(x, n, s)
}

// limit leaves the poles that there are.
func (m *join[T]) limit() {
	k := 0
	for _, kind := range m.kind {
		if kind == kept {
			k++
		}
	}
	m.poles, m.weights = m.poles[:k], m.weights[:k]
}

// roundOff is half the distance from 1 to the next number: LAPACK's lamch("E").
func roundOff[T float]() T {
	if one := T(1); one+0x1p-40 == one {
		return 0x1p-24
	}
	return 0x1p-53
}

// roots finds the nearer pole of each root, and its distance from there.
func (m *join[T]) roots(a *Args, rho T, origin, offset []T) {
	if len(m.poles) == 0 {
		return
	}
	cols := newCuts(len(m.poles), rootPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		secularRoots(m.left != nil, m.poles, m.weights, rho, span{lo, lo + size}, origin, offset)
	})
}

// arrange puts the values in order, an ascending one or not, and says where their vectors go.
func (m *join[T]) arrange(values, origin, offset, sorted []T, descending bool) {
	type found struct {
		value T
		from  int // a root, or below 0 a column that is deflated
	}
	var list []found
	for j := range m.poles {
		list = append(list, found{m.poles[int(origin[j])] + offset[j], j})
	}
	for t, kind := range m.kind {
		if kind == deflated || kind == turned {
			list = append(list, found{values[t], -1 - t})
		}
	}
	slices.SortStableFunc(list, func(x, y found) int { return cmp.Compare(x.value, y.value) })
	if descending {
		slices.Reverse(list)
	}
	for c, e := range list {
		sorted[c] = e.value
		if e.from < 0 {
			m.origin[c], m.target[-1-e.from] = -1, T(c)
		} else {
			m.origin[c], m.offset[c] = origin[e.from], offset[e.from]
		}
	}
}

// outerRows finds the outer rows of what two parts become from the first row of [Q₁; Q₂], and the last.
func (m *join[T]) outerRows(a *Args, of side, left, right, out part[T]) {
	n1, n := len(left.value), len(m.source)
	outer, rows := make([]T, 2*n), make([]T, 2*n)
	for j := range n {
		if j < n1 {
			outer[2*j] = left.first[j]
		} else {
			outer[2*j+1] = right.last[j-n1]
		}
	}
	m.times(a, of, 2, outer, span{0, n}, rows, span{0, n})
	for j := range n {
		out.first[j], out.last[j] = rows[2*j], rows[2*j+1]
	}
}

// times adds to out, columns `to` of the product, what columns `from` of [Q₁; Q₂] give: q has some of their rows.
func (m *join[T]) times(a *Args, of side, rows int, q []T, from span, out []T, to span) {
	packed, which := m.pack(of, rows, q, from, out, to)
	d, z := make([]T, len(which)), make([]T, len(which))
	for i, p := range which {
		d[i], z[i] = m.poles[p], m.weights[p]
	}
	cols := newCuts(to.hi-to.lo, joinPiece)
	a.each(cols.count(), func(p int) {
		lo, size := cols.at(p)
		var wanted []int // columns that are not deflated
		for c := lo; c < lo+size; c++ {
			if m.origin[to.lo+c] >= 0 {
				wanted = append(wanted, c)
			}
		}
		if len(wanted) == 0 || len(which) == 0 || rows == 0 {
			return
		}
		s := make([]T, len(which)*len(wanted))
		for k, c := range wanted {
			m.column(of, to.lo+c, d, z, s[k*len(d):(k+1)*len(d)])
		}
		if len(wanted) == size {
			blasGemm(false, false, rows, size, len(d), 1, packed, rows, s, len(d), 1, out[lo*rows:], rows)
			return
		}
		product := make([]T, rows*len(wanted))
		blasGemm(false, false, rows, len(wanted), len(d), 1, packed, rows, s, len(d), 0, product, rows)
		for k, c := range wanted {
			add(out[c*rows:(c+1)*rows], 1, product[k*rows:])
		}
	})
}

// column is that part of a column of S that stands beside the poles d.
func (m *join[T]) column(of side, c int, d, z, s []T) {
	near, off := m.poles[int(m.origin[c])], m.offset[c]
	switch of {
	case eigenvectors:
		joinColumn(d, z, near, off, m.factor[c], s)
	case fromRight:
		joinRight(d, z, near, off, m.factor[c], s)
	case fromLeft:
		joinRight(d, z, near, off, m.left[c], s)
		for i, e := range d {
			if s[i] *= e; e == 0 { // the row that joins
				s[i] = -m.left[c]
			}
		}
	}
}

// kindFor is what becomes of a column from one side.
func (m *join[T]) kindFor(of side, t int) T {
	if k := m.kind[t]; k != leftOver {
		return k
	}
	if of == fromLeft {
		return deflated
	}
	return turned
}

// add is y += alpha x.
func add[T float](y []T, alpha T, x []T) {
	for i := range y {
		y[i] += alpha * x[i]
	}
}

// pack is what columns `from` give to those that are kept, and the numbers of these; to those that are deflated it is added in out.
func (m *join[T]) pack(of side, rows int, q []T, from span, out []T, to span) (packed []T, which []int) {
	if which, ok := m.unmixed(of, from); ok {
		return q, which
	}
	packed = make([]T, (from.hi-from.lo+1)*rows)
	pole, some := -1, false // the column that was kept last, and whether `from` gives it anything
	slot := func() []T { return packed[len(which)*rows : (len(which)+1)*rows] }
	flush := func() {
		if some {
			which = append(which, pole)
		}
	}
	for t := range m.kind {
		kind := m.kindFor(of, t)
		j, inside := int(m.source[t]), from.has(int(m.source[t]))
		var column, target []T
		if inside {
			column = q[(j-from.lo)*rows : (j-from.lo+1)*rows]
		}
		if c := int(m.target[t]); kind != kept && to.has(c) {
			target = out[(c-to.lo)*rows : (c-to.lo+1)*rows]
		}
		switch {
		case kind == kept:
			flush()
			pole, some = pole+1, inside
			copy(slot(), column)
		case kind == deflated && inside:
			add(target, 1, column)
		case kind == turned && (inside || some):
			if !some {
				clear(slot())
				some = true
			}
			m.turn(t, slot(), column, target)
		}
	}
	flush()
	return packed, which
}

// turn is [x y] = [x y] [c -s; s c] for the rotation of column t: x is added to target, and y becomes x. No y is zeros.
func (m *join[T]) turn(t int, x, y, target []T) {
	add(target, m.cos[t], x)
	for i := range x {
		x[i] *= -m.sin[t]
	}
	if y != nil {
		add(target, m.sin[t], y)
		add(x, m.cos[t], y)
	}
}

// unmixed says whether all columns `from` are kept as they are, and which they are.
func (m *join[T]) unmixed(of side, from span) (which []int, ok bool) {
	pole, inside := -1, false // whether the column that was kept last is one of them
	for t := range m.kind {
		kind := m.kindFor(of, t)
		here := from.has(int(m.source[t]))
		switch {
		case kind == kept:
			if pole, inside = pole+1, here; here {
				if int(m.source[t]) != from.lo+len(which) { // those of two parts, mixed
					return nil, false
				}
				which = append(which, pole)
			}
		case here || kind == turned && inside:
			return nil, false
		}
	}
	return which, true
}

// length is the Euclidean norm of numbers of which some are of the size of 1.
func length[T float](x []T) float64 {
	sum := 0.0
	for _, e := range x {
		sum += float64(e) * float64(e)
	}
	return math.Sqrt(sum)
}

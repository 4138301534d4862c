package kernel

import (
	"math"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The tasks of divide and conquer in tiles, for a bidiagonal matrix whose singular vectors are too many for one: join_bd.go says how.

func init() {
	register(
		&Kernel{Name: "bdcut", Out: bdcutOut, Run: bdcutRun, InPlace: -1},
		&Kernel{Name: "bdleaf", Out: bdleafOut, Run: bdleafRun, InPlace: -1},
		&Kernel{Name: "bdjoin", Out: bdjoinOut, Run: bdjoinRun, InPlace: -1},
		&Kernel{Name: "bdmul", Out: bdmulOut, Run: bdmulRun, InPlace: -1, CanAccumulate: true},
	)
}

// bdcutOut: bdcut(D) is two columns, the diagonal of an upper bidiagonal matrix and the one above it, divided by a power of two, without
// zeros on the diagonal; and the exponent of the power.
func bdcutOut(a *Args) ([]Spec, error) {
	if err := checkDiagonals("bdcut", a, 0); err != nil {
		return nil, err
	}
	return []Spec{{a.In[0].DType, a.In[0].Shape}, {a.In[0].DType, []int64{1, 1}}}, nil
}

func bdcutRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return bdcut[float32](a, out)
	}
	return bdcut[float64](a, out)
}

func bdcut[T float](a *Args, out []*tile.Tile) error {
	n, x, y := int(a.In[0].Shape[0]), tile.View[T](out[0]), tile.View[T](out[1])
	copy(x, tile.View[T](a.In[0]))
	if y[0] = 0; n == 0 {
		return nil
	}
	if err := checkFinite("bdcut", svdFailed, x, n); err != nil {
		return err
	}
	d, e := x[:n], x[n:]
	e[n-1] = 0
	exponent := largestExponent(d, e)
	if !slices.ContainsFunc(x, func(e T) bool { return e != 0 }) {
		exponent = -4096 // what stands for zeros below is zero again in the end
	}
	scalePower(x, -exponent)
	for i, e := range d {
		if eps := roundOff[T](); abs(e) < eps {
			d[i] = T(math.Copysign(float64(eps), float64(e)))
		}
	}
	y[0] = T(exponent)
	return nil
}

// bdleafOut: bdleaf(K, r[h]) is what is known of block h of bdcut's matrix, in the rows of the block of a tile with rows for the whole
// matrix, and its vectors from the left and from the right.
func bdleafOut(a *Args) ([]Spec, error) {
	specs, err := stleafOut(a)
	if err != nil {
		return nil, err
	}
	return append(specs, specs[1]), nil
}

func bdleafRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return bdleaf[float32](a, out)
	}
	return bdleaf[float64](a, out)
}

func bdleaf[T float](a *Args, out []*tile.Tile) error {
	n, lo, size := int(a.In[0].Shape[0]), int(a.Axes[0].Start), int(a.Axes[0].Extent)
	k, u, v := tile.View[T](a.In[0]), tile.View[T](out[1]), tile.View[T](out[2])
	rows := size // and as many singular values
	if lo+size < n {
		rows--
	}
	d, e := append([]T(nil), k[lo:lo+size]...), append([]T(nil), k[n+lo:n+lo+size]...)
	square, giveBack := borrow[T](2 * rows * rows)
	defer giveBack()
	x, y := square[:rows*rows], square[rows*rows:] // of the square matrix, the vectors from the left and, as rows, from the right
	var turns []rotation[T]
	if rows < size {
		turns = squared(rows, d, e)
	}
	if rows > 0 && !bidiagonalSVD(a, rows, d[:rows], e[:rows], x, y) {
		return &Numerical{Kernel: "bdleaf", Row: int64(lo), Reason: "one whose singular values are not found", Failed: svdFailed}
	}
	place := func(j int) int { // they descend, which parts do not
		if size == n {
			return j
		}
		return rows - 1 - j
	}
	clear(u)
	clear(v)
	for j := range rows {
		from := place(j)
		for i := range rows {
			left, right := x[from*rows+i], y[i*rows+from]
			if rows < size { // it was transposed
				left, right = right, left
			}
			u[j*size+i], v[j*size+i] = left, right
		}
	}
	if rows < size {
		u[len(u)-1], v[len(v)-1] = 1, 1
		for i := rows - 1; i >= 0; i-- {
			turns[i].rows(v, size, i)
		}
	}
	p := newPart[T](out[0], span{lo, lo + size})
	for j := range rows {
		p.value[j] = d[place(j)]
	}
	for j := range size {
		p.first[j], p.last[j] = v[j*size], v[j*size+size-1]
	}
	return nil
}

// rotation is of two rows.
type rotation[T float] struct{ c, s T }

// rows rotates rows i and i+1.
func (r rotation[T]) rows(x []T, ld, i int) {
	for ; i < len(x); i += ld {
		x[i], x[i+1] = r.c*x[i]-r.s*x[i+1], r.s*x[i]+r.c*x[i+1]
	}
}

// squared takes an upper bidiagonal matrix of one row less than columns, by rotations of its columns, to a square one that is lower
// bidiagonal, beside zeros.
func squared[T float](rows int, d, e []T) []rotation[T] {
	turns := make([]rotation[T], rows)
	for i := range turns {
		length := T(math.Hypot(float64(d[i]), float64(e[i]))) // d is not zero
		r := rotation[T]{d[i] / length, e[i] / length}
		turns[i], d[i] = r, length
		if i+1 < rows {
			e[i], d[i+1] = r.s*d[i+1], r.c*d[i+1]
		}
	}
	return turns
}

// bdjoinOut: bdjoin(E, F, K) joins what is known of two parts that are side by side: of what they become, and what tells the join.
func bdjoinOut(a *Args) ([]Spec, error) {
	specs, err := stjoinOut(a)
	if err != nil {
		return nil, err
	}
	specs[1].Shape = []int64{specs[1].Shape[0], joinedBidiagonals}
	return specs, nil
}

func bdjoinRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return bdjoin[float32](a, out)
	}
	return bdjoin[float64](a, out)
}

func bdjoin[T float](a *Args, out []*tile.Tile) error {
	left, right, err := neighbours[T]("bdjoin", a)
	if err != nil {
		return err
	}
	n, k := int(a.In[2].Shape[0]), tile.View[T](a.In[2])
	all, row := span{left.lo, right.hi}, left.hi-1
	newJoin[T](out[1], all).findBidiagonal(a, left, right, newPart[T](out[0], all), k[row], k[n+row], right.hi == n, all == span{0, n})
	return nil
}

// bdmulOut: bdmul(Q, M, r[k], r[j], side="L") is what Q, a tile of the vectors from the left, or with side="R" from the right, before the
// join M and of block k of their columns, adds to block j of the columns after it.
func bdmulOut(a *Args) ([]Spec, error) { return joinedOut("bdmul", a, joinedBidiagonals) }

func bdmulRun(a *Args, out []*tile.Tile, accumulate bool) error {
	of := fromLeft
	switch s := attrString(a, "side"); s {
	case "L":
	case "R":
		of = fromRight
	default:
		return errs.New(errs.Value, "bdmul: side=%q is neither \"L\" nor \"R\"", s)
	}
	return joinedRun("bdmul", a, of, out[0], accumulate)
}

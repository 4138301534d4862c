package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The tasks of divide and conquer in tiles, for a tridiagonal matrix whose eigenvectors are too many for one: join.go says how.

func init() {
	register(
		&Kernel{Name: "stcut", Out: stcutOut, Run: stcutRun, InPlace: -1},
		&Kernel{Name: "stleaf", Out: stleafOut, Run: stleafRun, InPlace: -1},
		&Kernel{Name: "stjoin", Out: stjoinOut, Run: stjoinRun, InPlace: -1},
		&Kernel{Name: "stmul", Out: stmulOut, Run: stmulRun, InPlace: -1, CanAccumulate: true},
		&Kernel{Name: "stvalues", Out: stvaluesOut, Run: stvaluesRun, InPlace: -1},
	)
}

// stcutOut: stcut(B, r[0]) is the diagonals of a band of which sb2st has left two, as columns, divided by a power of two and without
// what joins blocks as long as r[0]; and the exponent of the power.
func stcutOut(a *Args) ([]Spec, error) {
	b, err := bandSpec("stcut", a)
	if err != nil {
		return nil, err
	}
	if len(a.Axes) != 1 || a.Axes[0].Len != b.Shape[1] {
		return nil, errs.New(errs.Value, "stcut of a band of %d columns wants a block of them", b.Shape[1])
	}
	return []Spec{{b.DType, []int64{b.Shape[1], 2}}, {b.DType, []int64{1, 1}}}, nil
}

func stcutRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return stcut[float32](a, out)
	}
	return stcut[float64](a, out)
}

func stcut[T float](a *Args, out []*tile.Tile) error {
	n, block := int(a.In[0].Shape[1]), int(max(a.Axes[0].Extent, 1))
	if n == 0 {
		tile.View[T](out[1])[0] = 0
		return nil
	}
	d, e := diagonals[T](a.In[0])
	e[n-1] = 0
	if err := checkFinite("stcut", eighFailed, d, n); err != nil {
		return err
	}
	if err := checkFinite("stcut", eighFailed, e, n); err != nil {
		return err
	}
	exponent := largestExponent(d, e)
	scalePower(d, -exponent)
	scalePower(e, -exponent)
	for at := block; at < n; at += block {
		tear := abs(e[at-1])
		d[at-1] -= tear
		d[at] -= tear
	}
	x := tile.View[T](out[0])
	copy(x, d)
	copy(x[n:], e)
	tile.View[T](out[1])[0] = T(exponent)
	return nil
}

// largestExponent is that of the power of two above the largest magnitude.
func largestExponent[T float](d, e []T) int {
	most := T(0)
	for _, x := range d {
		most = max(most, x, -x)
	}
	for _, x := range e {
		most = max(most, x, -x)
	}
	_, exponent := math.Frexp(float64(most))
	return exponent
}

// scalePower multiplies by a power of two.
func scalePower[T float](x []T, exponent int) {
	for i := range x {
		x[i] = T(math.Ldexp(float64(x[i]), exponent))
	}
}

// stleafOut: stleaf(K, r[h]) is what is known of block h of stcut's matrix, in the rows of the block of a tile with rows for the whole
// matrix, and its eigenvectors.
func stleafOut(a *Args) ([]Spec, error) {
	if err := checkDiagonals("stleaf", a, 0); err != nil {
		return nil, err
	}
	k := a.In[0]
	if len(a.In) != 1 || len(a.Axes) != 1 || a.Axes[0].Len != k.Shape[0] {
		return nil, errs.New(errs.Value, "stleaf of diagonals of %d elements wants a block of them", k.Shape[0])
	}
	size := a.Axes[0].Extent
	return []Spec{{k.DType, []int64{k.Shape[0], partColumns}}, {k.DType, []int64{size, size}}}, nil
}

// checkDiagonals wants stcut's at place k of the operands, which are floats of one type.
func checkDiagonals(name string, a *Args, k int) error {
	if err := checkMatrices(name, a, 1, 3); err != nil {
		return err
	}
	if len(a.In) <= k || a.In[k].Shape[1] != 2 {
		return errs.New(errs.Value, "%s wants the diagonals of a tridiagonal matrix, a tile of two columns, as operand %d", name, k)
	}
	return checkFloat(name, a.In[0])
}

func stleafRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return stleaf[float32](a, out)
	}
	return stleaf[float64](a, out)
}

func stleaf[T float](a *Args, out []*tile.Tile) error {
	n, lo, size := int(a.In[0].Shape[0]), int(a.Axes[0].Start), int(a.Axes[0].Extent)
	k, q := tile.View[T](a.In[0]), tile.View[T](out[1])
	d, e := append([]T(nil), k[lo:lo+size]...), append([]T(nil), k[n+lo:n+lo+size]...)
	if !divideAndConquer(a, size, d, e, q) {
		return &Numerical{Kernel: "stleaf", Row: int64(lo), Reason: "one whose eigenvalues are not found", Failed: eighFailed}
	}
	p := newPart[T](out[0], span{lo, lo + size})
	copy(p.value, d)
	for j := range size {
		p.first[j], p.last[j] = q[j*size], q[j*size+size-1]
	}
	return nil
}

// stjoinOut: stjoin(E, F, K) joins what is known of two parts that are side by side: of what they become, and what tells the join.
func stjoinOut(a *Args) ([]Spec, error) {
	if err := checkDiagonals("stjoin", a, 2); err != nil {
		return nil, err
	}
	n := a.In[2].Shape[0]
	for _, t := range a.In[:2] {
		if err := checkColumns("stjoin", t, n, partColumns); err != nil {
			return nil, err
		}
	}
	return []Spec{{a.In[0].DType, []int64{n, partColumns}}, {a.In[0].DType, []int64{n, joinColumns}}}, nil
}

func checkColumns(name string, t *tile.Tile, rows, cols int64) error {
	if t.Shape[0] != rows || t.Shape[1] != cols {
		return errs.New(errs.Value, "%s of a tile of the shape %v: one of %d×%d was expected", name, t.Shape, rows, cols)
	}
	return nil
}

func stjoinRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return stjoin[float32](a, out)
	}
	return stjoin[float64](a, out)
}

func stjoin[T float](a *Args, out []*tile.Tile) error {
	left, right, err := neighbours[T]("stjoin", a)
	if err != nil {
		return err
	}
	all := span{left.lo, right.hi}
	rho := tile.View[T](a.In[2])[int(a.In[2].Shape[0])+left.hi-1]
	newJoin[T](out[1], all).find(a, left, right, newPart[T](out[0], all), rho)
	return nil
}

// neighbours is the parts that are joined.
func neighbours[T float](name string, a *Args) (left, right part[T], err error) {
	left, right = partOf[T](a.In[0]), partOf[T](a.In[1])
	if left.hi != right.lo || left.hi == left.lo || right.hi == right.lo {
		err = errs.New(errs.Value, "%s of rows %d to %d and %d to %d, which are not side by side", name, left.lo, left.hi, right.lo, right.hi)
	}
	return left, right, err
}

// stmulOut: stmul(Q, M, r[k], r[j]) is what Q, a tile of the eigenvectors before the join M and of block k of their columns, adds to
// block j of the columns after it.
func stmulOut(a *Args) ([]Spec, error) { return joinedOut("stmul", a, joinColumns) }

// joinedOut is Out of kernels that multiply a tile of vectors by a join of so many columns.
func joinedOut(name string, a *Args, columns int64) ([]Spec, error) {
	if err := checkMatrices(name, a, 2, 2); err != nil {
		return nil, err
	}
	q, m := a.In[0], a.In[1]
	if len(a.Axes) != 2 || a.Axes[0].Extent != q.Shape[1] || a.Axes[0].Len != m.Shape[0] || a.Axes[1].Len != m.Shape[0] {
		return nil, errs.New(errs.Value, "%s of a tile of the shape %v wants its block of columns, and one of the result, of %d", name, q.Shape, m.Shape[0])
	}
	if err := checkColumns(name, m, m.Shape[0], columns); err != nil {
		return nil, err
	}
	return []Spec{{q.DType, []int64{q.Shape[0], a.Axes[1].Extent}}}, checkFloat(name, q)
}

func stmulRun(a *Args, out []*tile.Tile, accumulate bool) error {
	return joinedRun("stmul", a, eigenvectors, out[0], accumulate)
}

func joinedRun(name string, a *Args, of side, out *tile.Tile, accumulate bool) error {
	if !accumulate {
		out.Zero()
	}
	if out.DType == tile.Float32 {
		return multiplyJoined[float32](name, a, of, out)
	}
	return multiplyJoined[float64](name, a, of, out)
}

func multiplyJoined[T float](name string, a *Args, of side, out *tile.Tile) error {
	m := joinOf[T](a.In[1])
	block := func(k int) span {
		lo := int(a.Axes[k].Start) - m.lo
		return span{lo, lo + int(a.Axes[k].Extent)}
	}
	from, to := block(0), block(1)
	if n := m.hi - m.lo; from.lo < 0 || to.lo < 0 || from.hi > n || to.hi > n {
		return errs.New(errs.Value, "%s: columns %d to %d are joined, not %d to %d", name, m.lo, m.hi, m.lo+min(from.lo, to.lo), m.lo+max(from.hi, to.hi))
	}
	m.times(a, of, int(out.Shape[0]), tile.View[T](a.In[0]), from, tile.View[T](out), to)
	return nil
}

// stvaluesOut: stvalues(E, F) is the eigenvalues of all rows, as a column, times stcut's power of two.
func stvaluesOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("stvalues", a, 2, 2); err != nil {
		return nil, err
	}
	n := a.In[0].Shape[0]
	if err := checkColumns("stvalues", a.In[0], n, partColumns); err != nil {
		return nil, err
	}
	if err := checkColumns("stvalues", a.In[1], 1, 1); err != nil {
		return nil, err
	}
	return []Spec{{a.In[0].DType, []int64{n, 1}}}, checkFloat("stvalues", a.In[0])
}

func stvaluesRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		stvalues[float32](a, out[0])
	} else {
		stvalues[float64](a, out[0])
	}
	return nil
}

func stvalues[T float](a *Args, out *tile.Tile) {
	w := tile.View[T](out)
	copy(w, tile.View[T](a.In[0])[partValue*len(w):])
	scalePower(w, int(tile.View[T](a.In[1])[0]))
}

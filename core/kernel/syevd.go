package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "syevd", Out: valuesOut("syevd", true), Run: syevdRun("syevd"), InPlace: -1},
		&Kernel{Name: "syevn", Out: valuesOut("syevn", false), Run: syevdRun("syevn"), InPlace: -1},
		&Kernel{Name: "stedc", Out: tridiagonalOut("stedc", true), Run: stedcRun("stedc"), InPlace: -1},
		&Kernel{Name: "sterf", Out: tridiagonalOut("sterf", false), Run: stedcRun("sterf"), InPlace: -1},
	)
}

// NumPy's words.
const (
	eighFailed = "Eigenvalues did not converge"
	svdFailed  = "SVD did not converge"
)

// checkFinite wants numbers, of which column by column there are so many rows: LAPACK may never end with others.
func checkFinite[T float](name, failed string, x []T, rows int) error {
	for i, e := range x {
		if e-e != 0 {
			return &Numerical{Kernel: name, Row: int64(i % rows), Reason: "not finite", Failed: failed}
		}
	}
	return nil
}

// valuesOut: syevd(A) is the eigenvalues, ascending, as a column, and the vectors of a symmetric tile, of which the lower triangle is
// read; syevn(A) the values alone.
func valuesOut(name string, vectors bool) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkMatrices(name, a, 1, 1); err != nil {
			return nil, err
		}
		t := a.In[0]
		if t.Shape[0] != t.Shape[1] {
			return nil, errs.New(errs.Value, "%s of a tile of the shape %v: a square one was expected", name, t.Shape)
		}
		return spectrum(t, t.Shape[0], vectors), checkFloat(name, t)
	}
}

// spectrum is n values, and their vectors.
func spectrum(t *tile.Tile, n int64, vectors bool) []Spec {
	specs := []Spec{{t.DType, []int64{n, 1}}}
	if vectors {
		specs = append(specs, Spec{t.DType, []int64{n, n}})
	}
	return specs
}

func syevdRun(name string) func(*Args, []*tile.Tile, bool) error {
	return func(a *Args, out []*tile.Tile, _ bool) error {
		if out[0].DType == tile.Float32 {
			return syevd[float32](name, a.In[0], out)
		}
		return syevd[float64](name, a.In[0], out)
	}
}

// A = Z diag(w) Zᵀ
func syevd[T float](name string, in *tile.Tile, out []*tile.Tile) error {
	n := int(in.Shape[0])
	if n == 0 {
		return nil
	}
	x := tile.View[T](in)
	if row := notFinite(x, n, n, 0); row >= 0 { // LAPACK may never end
		return &Numerical{Kernel: name, Row: int64(row), Reason: "not finite", Failed: eighFailed}
	}
	var z []T
	if len(out) > 1 {
		z = tile.View[T](out[1])
	} else {
		var giveBack func()
		z, giveBack = borrow[T](n * n)
		defer giveBack()
	}
	copy(z, x)
	if !lapackSyevd(len(out) > 1, n, z, n, tile.View[T](out[0])) {
		return &Numerical{Kernel: name, Reason: "one whose eigenvalues are not found", Failed: eighFailed}
	}
	return nil
}

// notFinite is the row of an element that is not finite, on or below the diagonal of a symmetric matrix, of which x has some columns;
// -1 if there is none.
func notFinite[T float](x []T, n, cols, first int) int {
	for j := range cols {
		for i := first + j; i < n; i++ {
			if e := x[j*n+i]; e-e != 0 {
				return i
			}
		}
	}
	return -1
}

// tridiagonalOut: stedc(B) is that of a band of which sb2st has left two diagonals; sterf(B) the values alone.
func tridiagonalOut(name string, vectors bool) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		b, err := bandSpec(name, a)
		if err != nil {
			return nil, err
		}
		return spectrum(a.In[0], b.Shape[1], vectors), nil
	}
}

func stedcRun(name string) func(*Args, []*tile.Tile, bool) error {
	return func(a *Args, out []*tile.Tile, _ bool) error {
		if out[0].DType == tile.Float32 {
			return stedc[float32](name, a, out)
		}
		return stedc[float64](name, a, out)
	}
}

func stedc[T float](name string, a *Args, out []*tile.Tile) error {
	n := int(a.In[0].Shape[1])
	if n == 0 {
		return nil
	}
	d, e := diagonals[T](a.In[0])
	if err := checkFinite(name, eighFailed, d, n); err != nil {
		return err
	}
	if err := checkFinite(name, eighFailed, e[:n-1], n); err != nil {
		return err
	}
	converged := false
	if len(out) > 1 {
		converged = divideAndConquer(a, n, d, e, tile.View[T](out[1]))
	} else {
		converged = lapackSterf(n, d, e)
	}
	if !converged {
		return &Numerical{Kernel: name, Reason: "one whose eigenvalues are not found", Failed: eighFailed}
	}
	copy(tile.View[T](out[0]), d)
	return nil
}

// diagonals is copies of the first two of a band.
func diagonals[T float](in *tile.Tile) (d, e []T) {
	n, x := int(in.Shape[1]), tile.View[T](in)
	d, e = make([]T, n), make([]T, n)
	for j := range n {
		d[j], e[j] = x[j*bandRows], x[j*bandRows+1]
	}
	return d, e
}

// The scale of a matrix: the largest magnitude on and below its diagonal, block column by block column; then the power of two that it is
// multiplied by, so that squares of its elements neither overflow nor vanish; then the product.

func init() {
	register(
		&Kernel{Name: "symax", Out: symaxOut, Run: symaxRun, InPlace: -1},
		&Kernel{Name: "syunit", Out: syunitOut, Run: syunitRun, InPlace: -1},
		&Kernel{Name: "syscale", Out: syscaleOut, Run: syscaleRun, InPlace: 0},
	)
}

// symaxOut: symax(A, r[i], c[j]) is a tile of one element: of those of A that are not above the matrix's diagonal.
func symaxOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("symax", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if len(a.Axes) != 2 || a.Axes[0].Extent != t.Shape[0] || a.Axes[1].Extent != t.Shape[1] {
		return nil, errs.New(errs.Value, "symax of a tile of the shape %v wants the blocks of its rows and columns", t.Shape)
	}
	return []Spec{{t.DType, []int64{1, 1}}}, checkFloat("symax", t)
}

func symaxRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return symax[float32](a, out[0])
	}
	return symax[float64](a, out[0])
}

func symax[T float](a *Args, out *tile.Tile) error {
	rows, cols := int(a.In[0].Shape[0]), int(a.In[0].Shape[1])
	diagonal := int(a.Axes[1].Start - a.Axes[0].Start) // the row of the tile in which that of the matrix meets its first column
	x := tile.View[T](a.In[0])
	most := make([]T, max(cols, 1))
	bad := make([]int, cols)
	cuts := newCuts(cols, mulSide)
	a.each(cuts.count(), func(k int) {
		lo, size := cuts.at(k)
		for j := lo; j < lo+size; j++ {
			first := min(max(diagonal+j, 0), rows)
			var lost T // becomes NaN with one element that is not finite
			for _, e := range x[j*rows+first : (j+1)*rows] {
				most[j] = max(most[j], e, -e)
				lost += e - e
			}
			if bad[j] = -1; lost != 0 {
				bad[j] = int(a.Axes[0].Start) + notFinite(x[j*rows:], rows, 1, first)
			}
		}
	})
	for j, row := range bad {
		if row >= 0 {
			return &Numerical{Kernel: "symax", Row: int64(row), Reason: "not finite", Failed: eighFailed}
		}
		most[0] = max(most[0], most[j])
	}
	tile.View[T](out)[0] = most[0]
	return nil
}

// syunitOut: syunit(M) is the factor for a matrix whose largest magnitude is M.
func syunitOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("syunit", a, 1, 1); err != nil {
		return nil, err
	}
	return like(a.In[0]), checkFloat("syunit", a.In[0])
}

func syunitRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		syunit[float32](a, out[0], 30, 126)
	} else {
		syunit[float64](a, out[0], 200, 1022)
	}
	return nil
}

// syunit leaves matrices alone whose largest element has an exponent of at most `most`.
func syunit[T float](a *Args, out *tile.Tile, most, bound int) {
	x, y := tile.View[T](a.In[0]), tile.View[T](out)
	for i, e := range x {
		y[i] = 1
		if _, exponent := math.Frexp(float64(e)); e != 0 && (exponent < -most || exponent > most) {
			y[i] = T(math.Ldexp(1, max(min(-exponent, bound), -bound)))
		}
	}
}

// syscaleOut: syscale(A, F) is F A, for a tile F of one element.
func syscaleOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("syscale", a, 2, 2); err != nil {
		return nil, err
	}
	if a.In[1].Len() != 1 {
		return nil, errs.New(errs.Value, "syscale by a tile of the shape %v: one of one element was expected", a.In[1].Shape)
	}
	return like(a.In[0]), checkFloat("syscale", a.In[0])
}

func syscaleRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		syscale[float32](a, out[0])
	} else {
		syscale[float64](a, out[0])
	}
	return nil
}

func syscale[T float](a *Args, out *tile.Tile) {
	factor := tile.View[T](a.In[1])[0]
	if factor == 1 {
		return
	}
	x := tile.View[T](out)
	for i := range x {
		x[i] *= factor
	}
}

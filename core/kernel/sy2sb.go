package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// From a symmetric matrix to a band of bandSide diagonals below the main one (LAPACK's sytrd_sy2sb; C. Bischof, B. Lang, X. Sun, 2000).
// Block columns are tiles as high as the matrix, of which only what is on and below its diagonal is read. Panel t, of bandSide columns,
// is taken to zero below row (t+1) bandSide by A = Q [R; 0], Q = I - V T Vᵀ, and the rest of the matrix becomes
//
//	Qᵀ A Q = A - V Wᵀ - W Vᵀ,  W = Y T - V (Tᵀ Vᵀ Y T) / 2,  Y = A V

func init() {
	register(
		&Kernel{Name: "sy2sb", Out: sy2sbOut, Run: sy2sbRun, InPlace: -1},
		&Kernel{Name: "sybmul", Out: sybmulOut, Run: sybmulRun, InPlace: -1},
		&Kernel{Name: "sybw", Out: sybwOut, Run: sybwRun, InPlace: -1},
		&Kernel{Name: "sybr2", Out: sybr2Out, Run: sybr2Run, InPlace: 0},
	)
}

// panelOf is the panel that is the call's last axis: where its rows begin, those of its reflections, how many these are.
type panelOf struct{ start, cols, row, rank int }

func lastPanel(a *Args, n int) panelOf {
	p := a.Axes[len(a.Axes)-1]
	row := int(p.Start) + bandSide
	return panelOf{int(p.Start), int(p.Extent), row, max(0, min(int(p.Extent), n-row))}
}

// isPanel says whether a block of an axis is a panel of a matrix of n rows: T has no room for the triangle of a wider one.
func isPanel(p AxisBlock, n int64) bool {
	return p.Len == n && p.Extent <= bandSide && p.Start%bandSide == 0
}

// checkPanel wants a block column of a symmetric matrix first, its axis, and that of a panel.
func checkPanel(name string, a *Args, tiles int) error {
	if err := checkMatrices(name, a, tiles, tiles); err != nil {
		return err
	}
	if err := checkFloat(name, a.In[0]); err != nil {
		return err
	}
	s := a.In[0].Shape
	if len(a.Axes) != 2 || a.Axes[0].Extent != s[1] || a.Axes[0].Len != s[0] || !isPanel(a.Axes[1], s[0]) {
		return errs.New(errs.Value, "%s of a tile of the shape %v wants its block of columns, and a block of %d columns", name, s, bandSide)
	}
	for _, t := range a.In[1:] {
		if t.Shape[0] != s[0] || t.Shape[1] != a.Axes[1].Extent && t.Shape[1] != 2*a.Axes[1].Extent {
			return errs.New(errs.Value, "%s: a tile of the shape %v does not belong to a panel of %d columns of %d rows", name, t.Shape, a.Axes[1].Extent, s[0])
		}
	}
	return nil
}

// sy2sbOut: sy2sb(A, c[k], p[t]) factors panel t, which is in block column k: V, T, and the panel's diagonals as a band.
func sy2sbOut(a *Args) ([]Spec, error) {
	if err := checkPanel("sy2sb", a, 1); err != nil {
		return nil, err
	}
	d, n, cols := a.In[0].DType, a.In[0].Shape[0], a.Axes[1].Extent
	if a.Axes[1].Start < a.Axes[0].Start || a.Axes[1].Start+cols > a.Axes[0].Start+a.Axes[0].Extent {
		return nil, errs.New(errs.Value, "sy2sb: the panel that begins in column %d is not in its block column", a.Axes[1].Start)
	}
	return []Spec{{d, []int64{n, cols}}, {d, []int64{bandSide, cols}}, {d, []int64{bandRows, cols}}}, nil
}

func sy2sbRun(a *Args, out []*tile.Tile, _ bool) error {
	for _, t := range out {
		t.Zero()
	}
	if out[0].DType == tile.Float32 {
		sy2sb[float32](a, out)
	} else {
		sy2sb[float64](a, out)
	}
	return nil
}

func sy2sb[T float](a *Args, out []*tile.Tile) {
	n := int(a.In[0].Shape[0])
	p := lastPanel(a, n)
	v, t, band := tile.View[T](out[0]), tile.View[T](out[1]), tile.View[T](out[2])
	panel := tile.View[T](a.In[0])[(p.start-int(a.Axes[0].Start))*n:]
	for j := range p.cols { // the diagonal block
		copy(band[j*bandRows:], panel[j*n+p.start+j:j*n+min(p.row, n)])
	}
	if p.row >= n {
		return
	}
	high := n - p.row
	copyColumns(v[p.row:], n, panel[p.row:], n, high, p.cols)
	panelAcross(high, p.rank, v[p.row:], n, t, bandSide)
	if rest := p.cols - p.rank; rest > 0 {
		q := block[T]{high, p.rank, v[p.row:], t, n, bandSide}
		q.across(true, rest, v[p.rank*n+p.row:], n, make([]T, p.rank*rest), p.rank, false)
	}
	for j := range p.cols { // R, which is in the band from diagonal bandSide - j on
		height := min(j+1, high)
		copy(band[j*bandRows+bandSide-j:], v[j*n+p.row:j*n+p.row+height])
		clear(v[j*n+p.row : j*n+p.row+height])
		if j < p.rank {
			v[j*n+p.row+j] = 1
		} else {
			clear(v[j*n : (j+1)*n])
		}
	}
}

// sybmulOut: sybmul(A, V, c[j], p[t]) is what block column j, and what is beside it, adds to Y = A V.
func sybmulOut(a *Args) ([]Spec, error) {
	if err := checkPanel("sybmul", a, 2); err != nil {
		return nil, err
	}
	return []Spec{{a.In[0].DType, []int64{a.In[0].Shape[0], a.Axes[1].Extent}}}, nil
}

func sybmulRun(a *Args, out []*tile.Tile, _ bool) error {
	out[0].Zero()
	if out[0].DType == tile.Float32 {
		sybmul[float32](a, out[0])
	} else {
		sybmul[float64](a, out[0])
	}
	return nil
}

// part is the columns of block column Axes[0] from the rows of panel p on: the first of them, and the one after the last.
func (p panelOf) part(a *Args) (lo, hi int) {
	start := int(a.Axes[0].Start)
	return max(start, p.row), start + int(a.Axes[0].Extent)
}

const (
	mulRows = 512 // rows of a piece of a product with a panel: what is read of A for it is used twice
	mulCols = 256 // columns of a piece of an update
)

// Below the diagonal block D, L is the block column:  Y₁ = D V₁ + Lᵀ V₂;  Y₂ = L V₁
func sybmul[T float](a *Args, out *tile.Tile) {
	n := int(out.Shape[0])
	p := lastPanel(a, n)
	lo, hi := p.part(a)
	if lo >= hi || p.rank == 0 {
		return
	}
	x, v, y := tile.View[T](a.In[0])[(lo-int(a.Axes[0].Start))*n:], tile.View[T](a.In[1]), tile.View[T](out)
	below := newCuts(n-hi, mulRows)
	sums := make([]T, max(below.count(), 1)*(hi-lo)*p.cols) // of Lᵀ V₂, for each piece
	a.each(below.count()+1, func(k int) {
		if k == below.count() {
			blasSymm(hi-lo, p.cols, 1, x[lo:], n, v[lo:], n, 0, y[lo:], n)
			return
		}
		row, rows := below.at(k)
		row += hi
		if rows == 0 {
			return
		}
		blasGemm(false, false, rows, p.cols, hi-lo, 1, x[row:], n, v[lo:], n, 0, y[row:], n)
		blasGemm(true, false, hi-lo, p.cols, rows, 1, x[row:], n, v[row:], n, 0, sums[k*(hi-lo)*p.cols:], hi-lo)
	})
	if n == hi {
		return
	}
	for k := range below.count() {
		for j := range p.cols {
			to, from := y[j*n+lo:j*n+hi], sums[(k*p.cols+j)*(hi-lo):]
			for i := range to {
				to[i] += from[i]
			}
		}
	}
}

// sybwOut: sybw(Y, V, T, p[t]) is V and W side by side.
func sybwOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("sybw", a, 3, 3); err != nil {
		return nil, err
	}
	y, v, t := a.In[0], a.In[1], a.In[2]
	if len(a.Axes) != 1 || !isPanel(a.Axes[0], y.Shape[0]) || a.Axes[0].Extent != y.Shape[1] || v.Shape[0] != y.Shape[0] || v.Shape[1] != y.Shape[1] ||
		t.Shape[0] != bandSide || t.Shape[1] != y.Shape[1] {
		return nil, errs.New(errs.Value, "sybw of tiles of the shapes %v, %v and %v: they do not belong to one panel", y.Shape, v.Shape, t.Shape)
	}
	return []Spec{{y.DType, []int64{y.Shape[0], 2 * y.Shape[1]}}}, checkFloat("sybw", y)
}

func sybwRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		sybw[float32](a, out[0])
	} else {
		sybw[float64](a, out[0])
	}
	return nil
}

// X = Y T;  M = Tᵀ Vᵀ X;  W = X - V M / 2
func sybw[T float](a *Args, out *tile.Tile) {
	n := int(out.Shape[0])
	p := lastPanel(a, n)
	y, v, t, pair := tile.View[T](a.In[0]), tile.View[T](a.In[1]), tile.View[T](a.In[2]), tile.View[T](out)
	w := pair[p.cols*n:]
	copy(pair, v)
	clear(w)
	if p.rank == 0 {
		return
	}
	cuts := newCuts(n-p.row, pieceSide)
	square := p.cols * p.cols
	sums := make([]T, cuts.count()*square)
	a.each(cuts.count(), func(k int) {
		row, rows := cuts.at(k)
		row += p.row
		blasGemm(false, false, rows, p.cols, p.cols, 1, y[row:], n, t, bandSide, 0, w[row:], n)
		blasGemm(true, false, p.cols, p.cols, rows, 1, v[row:], n, w[row:], n, 0, sums[k*square:], p.cols)
	})
	m := sums[:square]
	for k := 1; k < cuts.count(); k++ {
		for i, e := range sums[k*square : (k+1)*square] {
			m[i] += e
		}
	}
	blasTrmm(triangle{left: true, trans: true}, p.cols, p.cols, t, bandSide, m, p.cols)
	a.each(cuts.count(), func(k int) {
		row, rows := cuts.at(k)
		row += p.row
		blasGemm(false, false, rows, p.cols, p.cols, -0.5, v[row:], n, m, p.cols, 1, w[row:], n)
	})
}

// sybr2Out: sybr2(A, VW, c[j], p[t]) is A - V Wᵀ - W Vᵀ of block column j, on and below its diagonal.
func sybr2Out(a *Args) ([]Spec, error) {
	if err := checkPanel("sybr2", a, 2); err != nil {
		return nil, err
	}
	if a.In[1].Shape[1] != 2*a.Axes[1].Extent {
		return nil, errs.New(errs.Value, "sybr2 wants V and W side by side, not a tile of the shape %v", a.In[1].Shape)
	}
	return like(a.In[0]), nil
}

func sybr2Run(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		sybr2[float32](a, out[0])
	} else {
		sybr2[float64](a, out[0])
	}
	return nil
}

// A -= [V W] [W V]ᵀ
func sybr2[T float](a *Args, out *tile.Tile) {
	n := int(out.Shape[0])
	p := lastPanel(a, n)
	lo, hi := p.part(a)
	if lo >= hi || p.rank == 0 {
		return
	}
	x, pair := tile.View[T](out)[(lo-int(a.Axes[0].Start))*n:], tile.View[T](a.In[1])
	swapped := make([]T, (hi-lo)*2*p.cols) // [W V] of the block's rows
	copyColumns(swapped, hi-lo, pair[p.cols*n+lo:], n, hi-lo, p.cols)
	copyColumns(swapped[(hi-lo)*p.cols:], hi-lo, pair[lo:], n, hi-lo, p.cols)
	cuts := newCuts(hi-lo, mulCols)
	a.each(cuts.count(), func(k int) {
		col, cols := cuts.at(k)
		row := lo + col
		blasGemm(false, true, n-row, cols, 2*p.cols, -1, pair[row:], n, swapped[col:], hi-lo, 1, x[col*n+row:], n)
	})
}

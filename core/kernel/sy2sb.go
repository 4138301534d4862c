package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// From a symmetric matrix to a band of bandSide diagonals below the main one (LAPACK's sytrd_sy2sb; C. Bischof, B. Lang, X. Sun, 2000).
// The matrix is in tiles on and below its diagonal; of those on it the other half is not read. Panel t, of bandSide columns, is taken
// to zero below row (t+1) bandSide by A = Q [R; 0], Q = I - V T Vᵀ, and the rest of the matrix becomes
//
//	Qᵀ A Q = A - V Wᵀ - W Vᵀ,  W = Y T - V (Tᵀ Vᵀ Y T) / 2,  Y = A V

func init() {
	register(
		&Kernel{Name: "sy2sb", Out: sy2sbOut, Run: sy2sbRun, InPlace: -1},
		&Kernel{Name: "sybmul", Out: sybmulOut, Run: sybmulRun, InPlace: -1, CanAccumulate: true},
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

// checkTile wants a tile of a symmetric matrix on or below its diagonal, one of so many panels, as high as the matrix, and the blocks
// that are the first one's rows and columns, and the panel.
func checkTile(name string, a *Args, panels int64) error {
	if err := placed(name, a, 2); err != nil {
		return err
	}
	r, c, p, t := a.Axes[0], a.Axes[1], a.Axes[2], a.In[1]
	if r.Len != c.Len || r != c && r.Start < c.end() {
		return errs.New(errs.Value, "%s: the tile of rows %d to %d and columns %d to %d is neither on nor below the diagonal", name,
			r.Start, r.end()-1, c.Start, c.end()-1)
	}
	if !isPanel(p, r.Len) || t.Shape[0] != r.Len || t.Shape[1] != panels*p.Extent {
		return errs.New(errs.Value, "%s: a tile of the shape %v is not %d times a panel of %d columns of %d rows", name, t.Shape, panels, p.Extent, r.Len)
	}
	return nil
}

// sy2sbOut: sy2sb(A, p[t]) factors panel t, whose columns A has in full: V, T, and the panel's diagonals as a band.
func sy2sbOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("sy2sb", a, 1, 1); err != nil {
		return nil, err
	}
	d, s := a.In[0].DType, a.In[0].Shape
	if len(a.Axes) != 1 || !isPanel(a.Axes[0], s[0]) || a.Axes[0].Extent != s[1] {
		return nil, errs.New(errs.Value, "sy2sb of a tile of the shape %v wants a block of columns, of %d at most", s, bandSide)
	}
	return []Spec{{d, s}, {d, []int64{bandSide, s[1]}}, {d, []int64{bandRows, s[1]}}}, checkFloat("sy2sb", a.In[0])
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
	panel := tile.View[T](a.In[0])
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

// sybmulOut: sybmul(A, V, r[i], c[j], p[t]) is what a tile and its transpose add to Y = A V.
func sybmulOut(a *Args) ([]Spec, error) {
	if err := checkTile("sybmul", a, 1); err != nil {
		return nil, err
	}
	return like(a.In[1]), nil
}

func sybmulRun(a *Args, out []*tile.Tile, accumulate bool) error {
	if !accumulate {
		out[0].Zero()
	}
	if out[0].DType == tile.Float32 {
		sybmul[float32](a, out[0])
	} else {
		sybmul[float64](a, out[0])
	}
	return nil
}

// left is the columns of the block that begin after panel p: the first of them, and the one after the last.
func (p panelOf) left(c AxisBlock) (lo, hi int) { return max(int(c.Start), p.row), int(c.end()) }

// mulSide is the side of a piece of a product with a panel, or of an update, in rows or columns of a tile.
const mulSide = 256

// Y_i += A V_j;  Y_j += Aᵀ V_i
func sybmul[T float](a *Args, out *tile.Tile) {
	n, r, c := int(out.Shape[0]), a.Axes[0], a.Axes[1]
	p := lastPanel(a, n)
	lo, hi := p.left(c)
	if lo >= hi || p.rank == 0 {
		return
	}
	lda := ld(a.In[0])
	x, v, y := tile.View[T](a.In[0])[(lo-int(c.Start))*lda:], tile.View[T](a.In[1]), tile.View[T](out)
	if r.Start == c.Start {
		blasSymm(hi-lo, p.cols, 1, x[lo-int(c.Start):], lda, v[lo:], n, 1, y[lo:], n)
		return
	}
	row := int(r.Start)
	down, across := newCuts(int(r.Extent), mulSide), newCuts(hi-lo, mulSide)
	a.each(down.count()+across.count(), func(k int) {
		if k < down.count() {
			at, rows := down.at(k)
			blasGemm(false, false, rows, p.cols, hi-lo, 1, x[at:], lda, v[lo:], n, 1, y[row+at:], n)
			return
		}
		at, cols := across.at(k - down.count())
		blasGemm(true, false, cols, p.cols, int(r.Extent), 1, x[at*lda:], lda, v[row:], n, 1, y[lo+at:], n)
	})
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

// sybr2Out: sybr2(A, VW, r[i], c[j], p[t]) is a tile of A - V Wᵀ - W Vᵀ, on and below the diagonal.
func sybr2Out(a *Args) ([]Spec, error) {
	if err := checkTile("sybr2", a, 2); err != nil {
		return nil, err
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
	n, r, c := int(a.In[1].Shape[0]), a.Axes[0], a.Axes[1]
	p := lastPanel(a, n)
	lo, hi := p.left(c)
	if lo >= hi || p.rank == 0 {
		return
	}
	ldx, start := ld(out), int(r.Start)
	x, pair := tile.View[T](out)[(lo-int(c.Start))*ldx:], tile.View[T](a.In[1])
	swapped := make([]T, (hi-lo)*2*p.cols) // [W V] of the tile's columns
	copyColumns(swapped, hi-lo, pair[p.cols*n+lo:], n, hi-lo, p.cols)
	copyColumns(swapped[(hi-lo)*p.cols:], hi-lo, pair[lo:], n, hi-lo, p.cols)
	cuts := newCuts(hi-lo, mulSide)
	a.each(cuts.count(), func(k int) {
		col, cols := cuts.at(k)
		row := start
		if r.Start == c.Start {
			row = lo + col
		}
		blasGemm(false, true, int(r.end())-row, cols, 2*p.cols, -1, pair[row:], n, swapped[col:], hi-lo, 1, x[col*ldx+row-start:], ldx)
	})
}

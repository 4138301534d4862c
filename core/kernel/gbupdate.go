package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "gbmul", Out: gbmulOut, Run: gbmulRun, InPlace: -1, CanAccumulate: true},
		&Kernel{Name: "gbrow", Out: gbrowOut, Run: gbrowRun, InPlace: 0},
		&Kernel{Name: "gbcol", Out: gbcolOut, Run: gbcolRun, InPlace: 0},
		&Kernel{Name: "gbupdate", Out: gbupdateOut, Run: gbupdateRun, InPlace: 0},
	)
}

// behind is how many rows or columns of a block are before a place, and are done.
func behind(b AxisBlock, place int64) int { return int(min(max(place-b.Start, 0), b.Extent)) }

// end is where a block ends.
func (b AxisBlock) end() int64 { return b.Start + b.Extent }

// placed checks a call of so many tiles, of which A is first, with the blocks of A's rows and columns and the panel's.
func placed(name string, a *Args, tiles int) error {
	if err := checkMatrices(name, a, tiles, tiles); err != nil {
		return err
	}
	if err := checkFloat(name, a.In[0]); err != nil {
		return err
	}
	if len(a.Axes) != 3 || a.Axes[0].Extent != a.In[0].Shape[0] || a.Axes[1].Extent != a.In[0].Shape[1] {
		return errs.New(errs.Value, "%s of a tile of the shape %v wants the blocks of its rows and columns, and that of the panel", name, a.In[0].Shape)
	}
	return nil
}

// reaches checks that a tile of whole columns has all rows of a block.
func reaches(name string, t *tile.Tile, b AxisBlock) error {
	if t.Shape[0] < b.end() {
		return errs.New(errs.Value, "%s: a tile of the shape %v has not all of rows %d to %d", name, t.Shape, b.Start, b.end()-1)
	}
	return nil
}

// gbmulOut: gbmul(A, V, r[i], c[j], p[k], trans) is Aᵀ V, or with trans="N" A W, of the part of A that is left: the columns behind
// p[k], and for Aᵀ V the rows from p[k] on, for A W those behind it too.
func gbmulOut(a *Args) ([]Spec, error) {
	if err := placed("gbmul", a, 2); err != nil {
		return nil, err
	}
	summed, kept := a.Axes[0], a.Axes[1]
	if attrString(a, "trans") != "T" {
		summed, kept = kept, summed
	}
	if err := reaches("gbmul", a.In[1], summed); err != nil {
		return nil, err
	}
	return []Spec{{DType: a.In[0].DType, Shape: []int64{kept.Extent, a.In[1].Shape[1]}}}, nil
}

func gbmulRun(a *Args, out []*tile.Tile, accumulate bool) error {
	if out[0].DType == tile.Float32 {
		gbmul[float32](a, out[0], accumulate)
	} else {
		gbmul[float64](a, out[0], accumulate)
	}
	return nil
}

func gbmul[T float](a *Args, out *tile.Tile, accumulate bool) {
	r, c, p := a.Axes[0], a.Axes[1], a.Axes[2]
	x, v, y := tile.View[T](a.In[0]), tile.View[T](a.In[1]), tile.View[T](out)
	lda, ldv, ldy, b := ld(a.In[0]), ld(a.In[1]), ld(out), int(out.Shape[1])
	trans := attrString(a, "trans") == "T"
	row, col := behind(r, p.end()), behind(c, p.end())
	if trans {
		row = behind(r, p.Start)
	}
	rows, cols, beta := int(r.Extent)-row, int(c.Extent)-col, T(1)
	if !accumulate {
		clear(y)
		beta = 0
	}
	if rows == 0 || cols == 0 || b == 0 {
		return
	}
	x = x[col*lda+row:]
	if trans {
		parts := newCuts(cols, pieceSide)
		a.each(parts.count(), func(k int) {
			lo, size := parts.at(k)
			blasGemm(true, false, size, b, rows, 1, x[lo*lda:], lda, v[int(r.Start)+row:], ldv, beta, y[col+lo:], ldy)
		})
		return
	}
	parts := newCuts(rows, pieceSide)
	a.each(parts.count(), func(k int) {
		lo, size := parts.at(k)
		blasGemm(false, false, size, b, cols, 1, x[lo:], lda, v[int(c.Start)+col:], ldv, beta, y[row+lo:], ldy)
	})
}

// gbrowOut: gbrow(G, T, A, V, r[i], c[j], p[k]) is Y = G T, and the rows of the panel in A after Qᵀ: A - V Yᵀ. The tile A has these
// rows, and Y's rows as columns.
func gbrowOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbrow", a, 4, 4); err != nil {
		return nil, err
	}
	if err := checkFloat("gbrow", a.In[0]); err != nil {
		return nil, err
	}
	g, t, x, v := a.In[0].Shape, a.In[1].Shape, a.In[2].Shape, a.In[3]
	if len(a.Axes) != 3 || a.Axes[0].Extent != x[0] || a.Axes[1].Extent != x[1] || g[0] != x[1] || g[1] != t[0] || t[0] != t[1] || v.Shape[1] != g[1] {
		return nil, errs.New(errs.Value, "gbrow of tiles of the shapes %v, %v, %v and %v: they do not fit together", g, t, x, v.Shape)
	}
	if p := a.Axes[2]; p.Start < a.Axes[0].Start || p.end() > a.Axes[0].end() {
		return nil, errs.New(errs.Value, "gbrow: rows %d to %d of the panel are not in rows %d to %d", p.Start, p.end()-1, a.Axes[0].Start, a.Axes[0].end()-1)
	}
	return append(like(a.In[0]), Spec{a.In[0].DType, []int64{a.Axes[2].Extent, x[1]}}), reaches("gbrow", v, a.Axes[0])
}

func gbrowRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gbrow[float32](a, out)
	} else {
		gbrow[float64](a, out)
	}
	return nil
}

func gbrow[T float](a *Args, out []*tile.Tile) {
	r, c, p := a.Axes[0], a.Axes[1], a.Axes[2]
	y, e, x, v := tile.View[T](out[0]), tile.View[T](out[1]), tile.View[T](a.In[2]), tile.View[T](a.In[3])
	ldy, lde, ldx, ldv := ld(out[0]), ld(out[1]), ld(a.In[2]), ld(a.In[3])
	b, rows, col := int(out[0].Shape[1]), int(p.Extent), behind(c, p.end())
	cols := int(c.Extent) - col
	clear(e[:col*lde])
	if cols == 0 || b == 0 {
		return
	}
	blasTrmm(triangle{}, cols, b, tile.View[T](a.In[1]), ld(a.In[1]), y[col:], ldy)
	copyColumns(e[col*lde:], lde, x[col*ldx+int(p.Start-r.Start):], ldx, rows, cols)
	blasGemm(false, true, rows, cols, b, -1, v[p.Start:], ldv, y[col:], ldy, 1, e[col*lde:], lde)
}

// gbcolOut: gbcol(G, S, M, V, r[i]) is X = (G - V M) S.
func gbcolOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbcol", a, 4, 4); err != nil {
		return nil, err
	}
	if err := checkFloat("gbcol", a.In[0]); err != nil {
		return nil, err
	}
	g, b := a.In[0].Shape, a.In[0].Shape[1]
	for _, t := range a.In[1:3] {
		if t.Shape[0] != b || t.Shape[1] != b {
			return nil, errs.New(errs.Value, "gbcol of a tile of the shape %v and one of the shape %v, which is not as wide and square", g, t.Shape)
		}
	}
	if len(a.Axes) != 1 || a.Axes[0].Extent != g[0] || a.In[3].Shape[1] != b {
		return nil, errs.New(errs.Value, "gbcol of a tile of the shape %v wants the block of its rows, and a V as wide, not of the shape %v", g, a.In[3].Shape)
	}
	return like(a.In[0]), reaches("gbcol", a.In[3], a.Axes[0])
}

func gbcolRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gbcol[float32](a, out[0])
	} else {
		gbcol[float64](a, out[0])
	}
	return nil
}

func gbcol[T float](a *Args, out *tile.Tile) {
	x, v := tile.View[T](out), tile.View[T](a.In[3])
	rows, b := int(out.Shape[0]), int(out.Shape[1])
	if rows == 0 || b == 0 {
		return
	}
	blasGemm(false, false, rows, b, b, -1, v[a.Axes[0].Start:], ld(a.In[3]), tile.View[T](a.In[2]), b, 1, x, ld(out))
	blasTrmm(triangle{}, rows, b, tile.View[T](a.In[1]), b, x, ld(out))
}

// gbupdateOut: gbupdate(A, V, Y, X, W, r[i], c[j], p[k]) is A - V Yᵀ - X Wᵀ behind the panel. Y and X are the tiles of A's columns
// and rows, V and W are whole.
func gbupdateOut(a *Args) ([]Spec, error) {
	if err := placed("gbupdate", a, 5); err != nil {
		return nil, err
	}
	x, v, y, z, w := a.In[0].Shape, a.In[1], a.In[2].Shape, a.In[3].Shape, a.In[4]
	if y[0] != x[1] || z[0] != x[0] || v.Shape[1] != y[1] || w.Shape[1] != z[1] {
		return nil, errs.New(errs.Value, "gbupdate of tiles of the shapes %v, %v, %v, %v and %v: they do not fit together", x, v.Shape, y, z, w.Shape)
	}
	if err := reaches("gbupdate", v, a.Axes[0]); err != nil {
		return nil, err
	}
	return like(a.In[0]), reaches("gbupdate", w, a.Axes[1])
}

func gbupdateRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gbupdate[float32](a, out[0])
	} else {
		gbupdate[float64](a, out[0])
	}
	return nil
}

// gbupdate is one product of twice the inner length, of operands that are put side by side: its pieces of A go through the cache once.
func gbupdate[T float](a *Args, out *tile.Tile) {
	r, c, p := a.Axes[0], a.Axes[1], a.Axes[2]
	row, col := behind(r, p.end()), behind(c, p.end())
	rows, cols := int(r.Extent)-row, int(c.Extent)-col
	b, also := int(a.In[2].Shape[1]), int(a.In[3].Shape[1])
	if rows == 0 || cols == 0 || b+also == 0 {
		return
	}
	left, right := make([]T, rows*(b+also)), make([]T, cols*(b+also))
	copyColumns(left, rows, tile.View[T](a.In[1])[int(r.Start)+row:], ld(a.In[1]), rows, b)
	copyColumns(left[rows*b:], rows, tile.View[T](a.In[3])[row:], ld(a.In[3]), rows, also)
	copyColumns(right, cols, tile.View[T](a.In[2])[col:], ld(a.In[2]), cols, b)
	copyColumns(right[cols*b:], cols, tile.View[T](a.In[4])[int(c.Start)+col:], ld(a.In[4]), cols, also)
	subtractProduct(a, rows, cols, b+also, left, rows, right, cols, tile.View[T](out)[col*ld(out)+row:], ld(out))
}

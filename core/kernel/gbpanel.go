package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// A dense matrix becomes an upper band of b diagonals beside its own (B. Großer, B. Lang, Efficient parallel reduction to bidiagonal
// form, Parallel Computing 25, 1999) a panel of b columns and then of b rows at a time: the columns are Q R, and the rows beside
// them L Pᵀ. What is left of the matrix, A, then becomes Qᵀ A P, with all products between large tiles:
//
//	Q = I - V T Vᵀ, P = I - W S Wᵀ:   Y = Aᵀ V T;   X = (A W - V (Yᵀ W)) S;   A -= V Yᵀ + X Wᵀ
//
// as in LAPACK's labrd, but b columns later. V and W are whole columns of the matrix, with zeros above. The kernels take the blocks of
// rows and columns that their tile has, and the panel's, p[k]: what is done already is not touched.

func init() {
	register(
		&Kernel{Name: "gbqr", Out: gbqrOut, Run: gbqrRun, InPlace: 0},
		&Kernel{Name: "gblq", Out: gblqOut, Run: gblqRun, InPlace: -1},
	)
}

// gbqrOut: gbqr(A, p[k]) of the columns A of p[k] gives V, T and R for the rows from p[k] on.
func gbqrOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbqr", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if err := checkFloat("gbqr", t); err != nil {
		return nil, err
	}
	if len(a.Axes) != 1 || a.Axes[0].Extent != t.Shape[1] || a.Axes[0].Start+t.Shape[1] > t.Shape[0] {
		return nil, errs.New(errs.Value, "gbqr of a tile of the shape %v wants the block of its columns, which must not begin below its last rows", t.Shape)
	}
	n := t.Shape[1]
	return append(like(t), Spec{t.DType, []int64{n, n}}, Spec{t.DType, []int64{n, n}}), nil
}

func gbqrRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gbqr[float32](a, out)
	} else {
		gbqr[float64](a, out)
	}
	return nil
}

func gbqr[T float](a *Args, out []*tile.Tile) {
	v, m, start := tile.View[T](out[0]), ld(out[0]), int(a.Axes[0].Start)
	panel(a, m, start, int(out[0].Shape[1]), v, tile.View[T](out[1]), tile.View[T](out[2]))
}

// panel factors the columns V of m rows from a row on. V becomes the reflections' vectors, with their ones and zeros above them; T
// and R are n×n. There may be fewer rows than columns.
func panel[T float](a *Args, m, start, n int, v, t, r []T) {
	clear(t)
	clear(r)
	rows := m - start
	k := min(rows, n)
	if k == 0 {
		clear(v)
		return
	}
	panelAcross(rows, k, v[start:], m, t, n)
	if n > k { // beside a square there are columns without reflections of their own
		q := block[T]{rows, k, v[start:], t, m, n}
		q.across(true, n-k, v[k*m+start:], m, make([]T, k*(n-k)), k, false)
	}
	copyTriangle(r, n, n, v[start:], m, rows, n)
	for j := range n {
		column := v[j*m : (j+1)*m]
		clear(column[:min(start+j, m)])
		if j < k {
			column[start+j] = 1
		} else {
			clear(column)
		}
	}
}

// gblqOut: gblq(E, Y, p[k], p[k+1]) of the rows E of p[k], whose columns are the matrix's, gives W, S, L and Yᵀ W for the columns
// from p[k+1] on. L has the columns of p[k+1]: all others are zeros.
func gblqOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gblq", a, 2, 2); err != nil {
		return nil, err
	}
	e, y := a.In[0], a.In[1]
	if err := checkFloat("gblq", e); err != nil {
		return nil, err
	}
	if len(a.Axes) != 2 || e.Shape[1] != y.Shape[0] || e.Shape[0] != y.Shape[1] || a.Axes[0].Extent != e.Shape[0] || a.Axes[1].end() > e.Shape[1] ||
		a.Axes[1].Extent > e.Shape[0] {
		return nil, errs.New(errs.Value, "gblq of tiles of the shapes %v and %v wants one that is as large as the other transposed, the block of its rows, and the next",
			e.Shape, y.Shape)
	}
	n := e.Shape[0]
	square := Spec{e.DType, []int64{n, n}}
	return append(like(y), square, Spec{e.DType, []int64{n, a.Axes[1].Extent}}, square), nil
}

func gblqRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		gblq[float32](a, out)
	} else {
		gblq[float64](a, out)
	}
	return nil
}

func gblq[T float](a *Args, out []*tile.Tile) {
	w, s, l, product := tile.View[T](out[0]), tile.View[T](out[1]), tile.View[T](out[2]), tile.View[T](out[3])
	n, b := int(out[0].Shape[0]), int(out[0].Shape[1])
	transposeTo(out[0], a.In[0], true)
	start, r := int(a.Axes[1].Start), make([]T, b*b)
	panel(a, n, start, b, w, s, r)
	for j := range int(out[2].Shape[1]) { // L = Rᵀ
		for i := range b {
			l[j*b+i] = r[i*b+j]
		}
	}
	clear(product)
	if rows := n - start; rows > 0 {
		blasGemm(true, false, b, b, rows, 1, tile.View[T](a.In[1])[start:], ld(a.In[1]), w[start:], n, 0, product, b)
	}
}

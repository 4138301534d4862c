package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "lu", Out: luOut, Run: luRun, InPlace: 0}) }

// lu(A, r[k]) factors a panel: the columns A of a matrix from row r[k] on, with partial pivoting. The rows above are left alone.
//
// The first result is L and U in A's place: the rows from r[k] on, in their new order. The second says what the order is, for
// everybody who has other columns of the same rows. Only rows of block r[k] change places with others, so a line for each of
// them is enough, of two numbers: the row of the matrix that is there now, and the row where the one that was there has gone.
// Read the other way round it is the inverse exchange.
const (
	cameFrom = 0 // column of an exchange: the row that is now here
	wentTo   = 1 // the row where the one that was here is now
)

func luOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("lu", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if err := checkFloat("lu", t); err != nil {
		return nil, err
	}
	if len(a.Axes) != 1 {
		return nil, errs.New(errs.Value, "lu wants the block of rows where the panel begins, not %d axes", len(a.Axes))
	}
	r := a.Axes[0]
	if r.Start+r.Extent > t.Shape[0] || min(t.Shape[0]-r.Start, t.Shape[1]) > r.Extent {
		return nil, errs.New(errs.Value, "lu of a panel of the shape %v from row %d on, in blocks of %d rows: the pivots do not fit in a block",
			t.Shape, r.Start, r.Extent)
	}
	return []Spec{{DType: t.DType, Shape: t.Shape}, {DType: tile.Int64, Shape: []int64{r.Extent, 2}}}, nil
}

func luRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		return lu[float32](a, out)
	}
	return lu[float64](a, out)
}

func lu[T float](a *Args, out []*tile.Tile) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	start := int(a.Axes[0].Start)
	m, n := int(out[0].Shape[0])-start, int(out[0].Shape[1])
	var pivots []int32
	if m > 0 && n > 0 {
		pivots = make([]int32, min(m, n))
		x := tile.View[T](out[0])[start:]
		factorPanel(a, m, n, x, ld(out[0]), pivots)
		if attrInt(a, "strict") != 0 {
			for k := range pivots {
				if x[k*ld(out[0])+k] == 0 {
					return &Numerical{Kernel: "lu", Row: int64(start + k), Reason: "singular"}
				}
			}
		}
	}
	exchanges(out[1], start, pivots)
	return nil
}

// panelLeaf is the width of a panel that is left to LAPACK.
const panelLeaf = 64

// factorPanel is getrf by halves of the columns, so that most of it is a matrix product, whose pieces are shared (S. Toledo,
// Locality of reference in LU decomposition with partial pivoting, SIAM J. Matrix Anal. Appl. 18, 1997). pivots are counted
// from 0.
//
//	the left half;  its exchanges in the right one;  U₁₂ = L₁₁⁻¹ A₁₂;  A₂₂ -= L₂₁ U₁₂;  the right half;  its exchanges in the left one
func factorPanel[T float](a *Args, m, n int, x []T, ld int, pivots []int32) {
	if len(pivots) <= panelLeaf {
		blasGetrf(m, n, x, ld, pivots)
		for k, p := range pivots {
			pivots[k] = int32(min(max(int(p)-1, k), m-1)) // where there are NaNs no pivot is the largest
		}
		return
	}
	h := (len(pivots)/2 + 31) / 32 * 32
	right := x[h*ld:]
	factorPanel(a, m, h, x, ld, pivots[:h])
	swapRows(a, n-h, right, ld, 0, pivots[:h])
	solveTriangle(triangle{left: true, lower: true, unit: true}, h, n-h, x, ld, right, ld)
	if m == h {
		return
	}
	parts := newCuts(m-h, pieceSide)
	a.each(parts.count(), func(k int) {
		lo, size := parts.at(k)
		blasGemm(false, false, size, n-h, h, -1, x[h+lo:], ld, right, ld, 1, right[h+lo:], ld)
	})
	rest := pivots[h:]
	factorPanel(a, m-h, n-h, right[h:], ld, rest)
	swapRows(a, h, x[h:], ld, 0, rest)
	for k := range rest {
		rest[k] += int32(h)
	}
}

// swapSide is how many columns are one piece of an exchange of rows.
const swapSide = 64

// swapRows exchanges row first+k with row pivots[k], for each k in turn, in n columns.
func swapRows[T float](a *Args, n int, x []T, ld, first int, pivots []int32) {
	parts := newCuts(n, swapSide)
	a.each(parts.count(), func(p int) {
		lo, size := parts.at(p)
		for j := lo; j < lo+size; j++ {
			column := x[j*ld:]
			for k, row := range pivots {
				column[first+k], column[row] = column[row], column[first+k]
			}
		}
	})
}

// exchanges writes what the pivots do to the rows of a block that begins at row start, in the form of lu's second result.
func exchanges(out *tile.Tile, start int, pivots []int32) {
	n := int(out.Shape[0])
	lines := tile.View[int64](out)
	from, to := lines[:n], lines[n:]
	moved := map[int]int{} // the rows that are now at places below the block
	now := make([]int, n)
	for k := range now {
		now[k] = k
	}
	for k, p := range pivots {
		p := int(p)
		switch {
		case p < n:
			now[k], now[p] = now[p], now[k]
		default:
			row, known := moved[p]
			if !known {
				row = p
			}
			now[k], moved[p] = row, now[k]
		}
	}
	for k, row := range now {
		from[k] = int64(start + row)
		if row < n {
			to[row] = int64(start + k)
		}
	}
	for place, row := range moved { // a row of the block: a place loses its own row for good
		to[row] = int64(start + place)
	}
}

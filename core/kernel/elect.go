package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Tournament pivoting: of a panel that is too high for one task, each of several groups of rows elects as many as the panel has
// columns, by partial pivoting among its own; a last election among those that won decides. (L. Grigori, J. Demmel, H. Xiang,
// CALU: a communication optimal LU factorization algorithm, SIAM J. Matrix Anal. Appl. 32, 2011.)

func init() {
	register(
		&Kernel{Name: "elect", Out: electOut, Run: electRun, InPlace: -1},
		&Kernel{Name: "seat", Out: seatOut, Run: seatRun, InPlace: -1},
		&Kernel{Name: "luplain", Out: luPlainOut, Run: luPlainRun, InPlace: 0},
	)
}

// electOut: elect(A, g[i], r[k], s[i]) are the pivot rows of a tile A of the rows g[i], those before r[k] left out: a tile of as
// many rows as s[i] has, in their order, zeros where there are fewer; and their numbers in the whole matrix, counted from 1, 0
// where there are fewer.
func electOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("elect", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if err := checkFloat("elect", t); err != nil {
		return nil, err
	}
	if len(a.Axes) != 3 || a.Axes[0].Extent != t.Shape[0] || a.Axes[2].Extent < min(t.Shape[0], t.Shape[1]) {
		return nil, errs.New(errs.Value, "elect of a tile of the shape %v wants the block of its rows, the panel's first one, and one with a row for each of its columns",
			t.Shape)
	}
	seats := a.Axes[2].Extent
	return []Spec{{DType: t.DType, Shape: []int64{seats, t.Shape[1]}}, {DType: tile.Int64, Shape: []int64{seats}}}, nil
}

func electRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		elect[float32](a, out)
	} else {
		elect[float64](a, out)
	}
	return nil
}

func elect[T float](a *Args, out []*tile.Tile) {
	t := a.In[0]
	first := int(min(max(a.Axes[1].Start-a.Axes[0].Start, 0), t.Shape[0]))
	var rows []int
	for k := first; k < int(t.Shape[0]); k++ {
		rows = append(rows, k)
	}
	won := pivotRows[T](a, t, rows)
	seats, n := int(out[0].Shape[0]), int(t.Shape[0])
	y, x, numbers := tile.View[T](out[0]), tile.View[T](t), tile.View[int64](out[1])
	clear(y)
	clear(numbers)
	for k, row := range won {
		numbers[k] = a.Axes[0].Start + int64(row) + 1
	}
	for range int(t.Shape[1]) {
		for k, row := range won {
			y[k] = x[row]
		}
		y, x = y[seats:], x[n:]
	}
}

// pivotRows are the pivots, in their order, that partial pivoting finds among some rows of a tile. It factors a copy of them, which
// the task has reserved memory for (the signature says that it copies).
func pivotRows[T float](a *Args, t *tile.Tile, rows []int) []int {
	m, n, height := len(rows), int(t.Shape[1]), int(t.Shape[0])
	if m == 0 || n == 0 {
		return nil
	}
	work, x := make([]T, m*n), tile.View[T](t)
	for j := range n {
		column, from := work[j*m:(j+1)*m], x[j*height:]
		for i, row := range rows {
			column[i] = from[row]
		}
	}
	pivots := make([]int32, min(m, n))
	factorPanel(a, m, n, work, m, pivots)
	for k, p := range pivots {
		rows[k], rows[p] = rows[p], rows[k]
	}
	return rows[:len(pivots)]
}

// seatOut: seat(A, I, r[k]) is the exchange, as lu makes it, that puts the pivots among the elected rows A, whose numbers are I,
// into row block r[k].
func seatOut(a *Args) ([]Spec, error) {
	if len(a.In) != 2 || len(a.Axes) != 1 {
		return nil, errs.New(errs.Value, "seat takes two tiles and a block of rows, not %d and %d", len(a.In), len(a.Axes))
	}
	t, numbers := a.In[0], a.In[1]
	if err := checkFloat("seat", t); err != nil {
		return nil, err
	}
	if len(t.Shape) != 2 || numbers.DType != tile.Int64 || len(numbers.Shape) != 1 || numbers.Shape[0] != t.Shape[0] {
		return nil, errs.New(errs.Value, "seat wants rows and their numbers, as elect makes them, not tiles of the shapes %v and %v", t.Shape, numbers.Shape)
	}
	return []Spec{{DType: tile.Int64, Shape: []int64{a.Axes[0].Extent, 2}}}, nil
}

func seatRun(a *Args, out []*tile.Tile, _ bool) error {
	numbers := tile.View[int64](a.In[1])
	var rows []int
	for k, number := range numbers {
		if number > 0 {
			rows = append(rows, k)
		}
	}
	var won []int
	if a.In[0].DType == tile.Float32 {
		won = pivotRows[float32](a, a.In[0], rows)
	} else {
		won = pivotRows[float64](a, a.In[0], rows)
	}
	r := a.Axes[0]
	if int64(len(won)) > r.Extent {
		return errs.New(errs.Value, "seat of %d rows in a block of %d", len(won), r.Extent)
	}
	from, to := lines(out[0], cameFrom, false), lines(out[0], wentTo, false)
	elected := make(map[int64]bool, len(won))
	var free []int64 // places of elected rows below the block
	for k, row := range won {
		number := numbers[row] - 1
		switch {
		case number < r.Start || elected[number]:
			return errs.New(errs.Value, "seat: row %d is above the block of rows %d to %d, or elected twice: the numbers must be as elect made them",
				number, r.Start, r.Start+r.Extent-1)
		case number < r.Start+r.Extent:
			to[number-r.Start] = r.Start + int64(k)
		default:
			free = append(free, number)
		}
		from[k], elected[number] = number, true
	}
	next := int64(len(won)) // of the block's places that nobody has yet
	for k := range r.Extent {
		row := r.Start + k
		switch {
		case elected[row]:
		case next < r.Extent:
			from[next], to[k] = row, r.Start+next
			next++
		default:
			to[k] = free[0]
			free = free[1:]
		}
	}
	return nil
}

// luPlainOut: luplain(A) is L and U in A's place, without pivoting: for a tile whose rows are in the order of their pivots.
func luPlainOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("luplain", a, 1, 1); err != nil {
		return nil, err
	}
	if err := checkFloat("luplain", a.In[0]); err != nil {
		return nil, err
	}
	return like(a.In[0]), nil
}

func luPlainRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		return luPlain[float32](a, out[0])
	}
	return luPlain[float64](a, out[0])
}

func luPlain[T float](a *Args, out *tile.Tile) error {
	m, n, x := int(out.Shape[0]), int(out.Shape[1]), tile.View[T](out)
	if m == 0 || n == 0 {
		return nil
	}
	factorPlain(m, n, x, m)
	for k := range min(m, n) {
		if attrInt(a, "strict") != 0 && x[k*m+k] == 0 {
			return &Numerical{Kernel: "luplain", Row: int64(k), Reason: "singular"}
		}
	}
	return nil
}

// factorPlain is factorPanel without exchanges.
func factorPlain[T float](m, n int, x []T, ld int) {
	k := min(m, n)
	if k <= plainLeaf {
		factorColumns(m, n, x, ld)
		return
	}
	h := k / 2
	right := x[h*ld:]
	factorPlain(m, h, x, ld)
	solveTriangle(triangle{left: true, lower: true, unit: true}, h, n-h, x, ld, right, ld)
	if m > h {
		blasGemm(false, false, m-h, n-h, h, -1, x[h:], ld, right, ld, 1, right[h:], ld)
		factorPlain(m-h, n-h, right[h:], ld)
	}
}

// plainLeaf is the width of a panel that is factored column by column.
const plainLeaf = 16

// factorColumns factors a narrow panel. Below a pivot of zero L is zeros: such a row of U adds nothing.
func factorColumns[T float](m, n int, x []T, ld int) {
	for k := range min(m, n) {
		column := x[k*ld : k*ld+m]
		pivot := column[k]
		for i := k + 1; i < m; i++ {
			if pivot == 0 {
				column[i] = 0
			} else {
				column[i] /= pivot
			}
		}
		for j := k + 1; j < n; j++ {
			right := x[j*ld : j*ld+m]
			for i, top := k+1, right[k]; i < m; i++ {
				right[i] -= column[i] * top
			}
		}
	}
}

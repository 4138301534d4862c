package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// What lu's exchanges do to other tiles of the same rows: see there for what they are made of.

func init() {
	register(
		&Kernel{Name: "exchange", Out: exchangeOut, Run: exchangeRun, InPlace: 0},
		&Kernel{Name: "relabel", Out: relabelOut, Run: relabelRun, InPlace: 0},
		&Kernel{Name: "take", Out: takeOut, Step: takeStep, InPlace: -1},
	)
}

// lines is one column of an exchange: the other way round for the inverse.
func lines(p *tile.Tile, column int, inverse bool) []int64 {
	if inverse {
		column = 1 - column
	}
	n := int(p.Shape[0])
	return tile.View[int64](p)[column*n : (column+1)*n]
}

// checkExchange wants an exchange of the rows of a block.
func checkExchange(name string, p *tile.Tile, r AxisBlock) error {
	if p.DType != tile.Int64 || len(p.Shape) != 2 || p.Shape[0] != r.Extent || p.Shape[1] != 2 {
		return errs.New(errs.Value, "%s wants an exchange of %d rows as lu makes it, int64 of the shape [%d 2], not %s of the shape %v",
			name, r.Extent, r.Extent, p.DType, p.Shape)
	}
	return nil
}

// exchangeOut: exchange(A, B, P, r[i], r[k]) is the tile A of the rows r[i] after the exchange P of rows r[k], whose tile in
// these columns is B.
func exchangeOut(a *Args) ([]Spec, error) {
	if len(a.In) != 3 || len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "exchange takes three tiles and two blocks of rows, not %d and %d", len(a.In), len(a.Axes))
	}
	t, b := a.In[0], a.In[1]
	if len(t.Shape) != 2 || len(b.Shape) != 2 || t.DType != b.DType || t.Shape[1] != b.Shape[1] ||
		t.Shape[0] != a.Axes[0].Extent || b.Shape[0] != a.Axes[1].Extent {
		return nil, errs.New(errs.Value, "exchange between a %s tile of the shape %v in %d rows and a %s tile of the shape %v in %d rows",
			t.DType, t.Shape, a.Axes[0].Extent, b.DType, b.Shape, a.Axes[1].Extent)
	}
	if err := checkExchange("exchange", a.In[2], a.Axes[1]); err != nil {
		return nil, err
	}
	return like(t), nil
}

func exchangeRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	var moves []move
	r := a.Axes[0]
	for k, row := range lines(a.In[2], wentTo, attrInt(a, "inverse") != 0) {
		if row >= r.Start && row < r.Start+r.Extent {
			moves = append(moves, move{to: int(row - r.Start), from: k})
		}
	}
	moveRows(out[0], a.In[1], moves)
	return nil
}

// move copies one row to another.
type move struct{ to, from int }

// moveRows copies rows of one tile to another of as many columns.
func moveRows(to, from *tile.Tile, moves []move) {
	if len(moves) == 0 {
		return
	}
	switch to.DType.Size() {
	case 1:
		moveRowsOf[uint8](to, from, moves)
	case 2:
		moveRowsOf[uint16](to, from, moves)
	case 4:
		moveRowsOf[uint32](to, from, moves)
	case 8:
		moveRowsOf[uint64](to, from, moves)
	default:
		moveRowsOf[[2]uint64](to, from, moves)
	}
}

func moveRowsOf[T any](to, from *tile.Tile, moves []move) {
	y, x := tile.View[T](to), tile.View[T](from)
	m, n := int(to.Shape[0]), int(from.Shape[0])
	for range int(to.Shape[1]) {
		for _, v := range moves {
			y[v.to] = x[v.from]
		}
		y, x = y[m:], x[n:]
	}
}

// moveColumns copies columns of one tile to another of as many rows.
func moveColumns(to, from *tile.Tile, moves []move) {
	size := int(to.Shape[0]) * to.DType.Size()
	y, x := to.Bytes(), from.Bytes()
	for _, v := range moves {
		copy(y[v.to*size:(v.to+1)*size], x[v.from*size:])
	}
}

// takeOut is the block of the target; In[0] is the first part, In[1] says what to take.
func takeOut(a *Args) ([]Spec, error) {
	if len(a.In) != 2 || len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "take wants a list of tiles, one that says which rows, and two blocks of axes: there are %d tiles and %d axes",
			len(a.In), len(a.Axes))
	}
	axis, index := attrInt(a, "axis"), a.In[1]
	if axis != 0 && axis != 1 {
		return nil, errs.New(errs.Value, "take with axis=%d: 0, for rows, or 1, for columns, was expected", axis)
	}
	side, rank := a.Axes[axis].Extent, len(index.Shape)
	if index.DType != tile.Int64 || rank < 1 || rank > 2 || index.Shape[0] != side || rank == 2 && index.Shape[1] != 2 {
		return nil, errs.New(errs.Value, "take wants an int64 tile of %d numbers, or an exchange of as many rows, not a %s one of the shape %v",
			side, index.DType, index.Shape)
	}
	return []Spec{{DType: a.In[0].DType, Shape: extents(a)}}, nil
}

// takeStep copies from x the rows (or, with axis=1, columns) that are wanted and that it has. a.In[1] has their numbers in the
// whole matrix: one for each row of the result, or an exchange of its rows.
func takeStep(acc *tile.Tile, first bool, x *tile.Tile, a, body *Args) error {
	if body == nil || len(body.Axes) != 2 || len(x.Shape) != 2 {
		return errs.New(errs.Value, "take wants parts of two dimensions, such as part(A[i, j], r[i], c[j])")
	}
	d := int(attrInt(a, "axis"))
	if x.DType != acc.DType || x.Shape[1-d] != acc.Shape[1-d] {
		return errs.New(errs.Value, "take of %s tiles of the shape %v for a %s tile of the shape %v", x.DType, x.Shape, acc.DType, acc.Shape)
	}
	if first {
		acc.Zero()
	}
	index := tile.View[int64](a.In[1])
	if len(a.In[1].Shape) == 2 {
		index = lines(a.In[1], cameFrom, attrInt(a, "inverse") != 0)
	}
	var moves []move
	start := body.Axes[d].Start
	for k, g := range index {
		if g >= start && g < start+x.Shape[d] {
			moves = append(moves, move{to: k, from: int(g - start)})
		}
	}
	if d == 0 {
		slices.SortFunc(moves, func(a, b move) int { return a.from - b.from }) // x is read in order: that takes half the time
		moveRows(acc, x, moves)
	} else {
		moveColumns(acc, x, moves)
	}
	return nil
}

// relabelOut: relabel(R, P, r[k]) are the rows that were, before the exchange P of rows r[k], at the places R.
func relabelOut(a *Args) ([]Spec, error) {
	if len(a.In) != 2 || len(a.Axes) != 1 {
		return nil, errs.New(errs.Value, "relabel takes two tiles and a block of rows, not %d and %d", len(a.In), len(a.Axes))
	}
	if t := a.In[0]; t.DType != tile.Int64 {
		return nil, errs.New(errs.Type, "relabel of a %s tile: numbers of rows are int64", t.DType)
	}
	if err := checkExchange("relabel", a.In[1], a.Axes[0]); err != nil {
		return nil, err
	}
	return like(a.In[0]), nil
}

func relabelRun(a *Args, out []*tile.Tile, _ bool) error {
	inverse, r := attrInt(a, "inverse") != 0, a.Axes[0]
	from, to := lines(a.In[1], cameFrom, inverse), lines(a.In[1], wentTo, inverse)
	moved := make(map[int64]int64, len(to)) // rows of the block that are now elsewhere, by where
	for k, place := range to {
		moved[place] = r.Start + int64(k)
	}
	x, y := tile.View[int64](a.In[0]), tile.View[int64](out[0])
	for k, place := range x {
		if place >= r.Start && place < r.Start+r.Extent {
			place = from[place-r.Start]
		} else if row, ok := moved[place]; ok {
			place = row
		}
		y[k] = place
	}
	return nil
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "argpart", Out: argpartOut, Run: argpartRun, InPlace: -1}) }

// pair is an element of a Pair tile: the bytes of a value in the low end, zeros above them, and an index.
type pair struct {
	value uint64
	index int64
}

func argpartOut(a *Args) ([]Spec, error) {
	shape, err := broadcast("argpart", a.In)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf("argpart", a, len(shape))
	if err != nil {
		return nil, err
	}
	return []Spec{{DType: tile.Pair, Shape: keptShape(shape, axes)}}, nil
}

func argpartRun(a *Args, out []*tile.Tile, _ bool) error {
	greatest, err := greatestOf("argpart", a)
	if err != nil {
		return err
	}
	c, err := operandCall("argpart", a, func(value tile.DType) tile.DType { return value })
	if err != nil {
		return err
	}
	search, err := newArgSearch(a, c.shape)
	if err != nil || out[0].Len() == 0 {
		return err
	}
	if c.len() == 0 {
		return errs.New(errs.Value, "attempt to get arg%s of an empty sequence", attrString(a, "op"))
	}
	search.greatest = greatest
	return c.argpart(search, out[0])
}

// greatestOf reads the attribute op of the arg-reductions.
func greatestOf(kernel string, a *Args) (bool, error) {
	switch op := attrString(a, "op"); op {
	case "min", "":
		return false, nil
	case "max":
		return true, nil
	default:
		return false, errs.New(errs.Value, "%s: op=%q: there are min and max", kernel, op)
	}
}

// argSearch says what indices elements have: start + the sum of their positions along the dimensions times weight.
type argSearch struct {
	greatest bool
	axis     int // the only dimension that is reduced; -1 when all are
	start    int64
	weight   []int64
}

// newArgSearch finds the indices in the whole array of a tile's elements: along one axis, or in C order over all. The call has
// the blocks of the axes that are reduced, or of all.
func newArgSearch(a *Args, shape []int64) (*argSearch, error) {
	marked, err := axesOf("argpart", a, len(shape))
	if err != nil {
		return nil, err
	}
	var axes []int
	for d, m := range marked {
		if m {
			axes = append(axes, d)
		}
	}
	s := &argSearch{axis: -1, weight: make([]int64, len(shape))}
	switch len(axes) {
	case len(shape):
	case 1:
		s.axis = axes[0]
	default:
		return nil, errs.New(errs.Unsupported, "argpart: axis=%q: one axis, or all, is possible", attrString(a, "axis"))
	}
	blocks := a.Axes
	if len(blocks) == len(shape) && len(axes) < len(shape) {
		blocks = blocks[s.axis : s.axis+1]
	}
	if len(blocks) != len(axes) {
		return nil, errs.New(errs.Value, "argpart takes the block of each axis that is reduced: there are %d, and %d blocks are given",
			len(axes), len(blocks))
	}
	step := int64(1)
	for k := len(axes) - 1; k >= 0; k-- {
		if b := blocks[k]; b.Extent != shape[axes[k]] {
			return nil, errs.New(errs.Value, "argpart: the tile has shape %v, but the block of axis %d has %d elements",
				shape, axes[k], b.Extent)
		}
		s.weight[axes[k]] = step
		s.start += blocks[k].Start * step
		step *= blocks[k].Len
	}
	return s, nil
}

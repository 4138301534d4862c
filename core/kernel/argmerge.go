package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "argmerge", Step: argmergeStep, InPlace: -1}) }

// argmergeStep keeps, element by element, the pair that comes first.
func argmergeStep(acc *tile.Tile, first bool, x *tile.Tile, a, _ *Args) error {
	if err := checkStep("argmerge", acc, x); err != nil {
		return err
	}
	greatest, err := greatestOf("argmerge", a)
	if err != nil {
		return err
	}
	d, err := attrDType(a)
	switch {
	case err != nil:
		return err
	case x.DType != tile.Pair || !isReal(d):
		return errs.New(errs.Type, "argmerge of %s tiles with values of %s: it merges what argpart gives", x.DType, d)
	case first:
		copy(acc.Bytes(), x.Bytes())
		return nil
	}
	to, from := tile.View[pair](acc), tile.View[pair](x)
	for k := range from {
		if from[k].before(&to[k], d, greatest) {
			to[k] = from[k]
		}
	}
	return nil
}

// before says whether the pair, with a value of the type, is to be taken rather than the other.
func (p *pair) before(r *pair, t tile.DType, greatest bool) bool {
	less := p.index < r.index
	switch {
	case isFloat(t):
		x, y := castEw(t, tile.Float64, p.value), castEw(t, tile.Float64, r.value)
		return pairBefore(math.Float64frombits(x), math.Float64frombits(y), less, greatest)
	case t == tile.Bool || isUnsigned(t):
		return pairBefore(p.value, r.value, less, greatest)
	}
	return pairBefore(signExtend(p.value, t), signExtend(r.value, t), less, greatest)
}

// pairBefore says whether x comes before r: NaNs do before all others, and of equals the one whose index is less.
func pairBefore[T float64 | int64 | uint64](x, r T, less, greatest bool) bool {
	switch {
	case x != x || r != r:
		return x != x && (r == r || less)
	case x == r:
		return less
	}
	return (x > r) == greatest
}

package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "sum", Step: elementStep("sum", ewAdd, ewOr), InPlace: -1},
		&Kernel{Name: "min", Step: elementStep("min", ewMin, ewAnd), InPlace: -1},
		&Kernel{Name: "max", Step: elementStep("max", ewMax, ewOr), InPlace: -1},
	)
}

// elementStep is Step of reducers that work element by element: acc = acc op x, onBool for bools.
func elementStep(name string, op, onBool ewOp) func(acc *tile.Tile, first bool, x *tile.Tile, a, body *Args) error {
	return func(acc *tile.Tile, first bool, x *tile.Tile, _, _ *Args) error {
		if err := checkStep(name, acc, x); err != nil {
			return err
		}
		switch {
		case !isReal(x.DType):
			return errs.New(errs.Type, "%s of %s tiles: there is no arithmetic for them", name, x.DType)
		case first:
			copy(acc.Bytes(), x.Bytes())
			return nil
		case x.DType == tile.Bool:
			return applyEw(onBool, acc, x)
		}
		return applyEw(op, acc, x)
	}
}

// checkStep wants the tiles that a reducer is fed to be alike.
func checkStep(name string, acc, x *tile.Tile) error {
	if acc.DType != x.DType || !slices.Equal(acc.Shape, x.Shape) {
		return errs.New(errs.Value, "%s of tiles that differ: one is %s of shape %v, one %s of shape %v",
			name, acc.DType, acc.Shape, x.DType, x.Shape)
	}
	return nil
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "eye", Out: eyeOut, Run: eyeRun, InPlace: -1}) }

func eyeOut(a *Args) ([]Spec, error) {
	if len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "eye wants the blocks of two axes, not %d", len(a.Axes))
	}
	return fromAxes(a)
}

// eyeRun has ones on the k-th diagonal of the whole matrix.
func eyeRun(a *Args, out []*tile.Tile, _ bool) error {
	one, err := elementOf(out[0].DType, "1")
	if err != nil {
		return err
	}
	out[0].Zero()
	rows, mem := out[0].Shape[0], out[0].Bytes()
	for j := range out[0].Shape[1] {
		if i := diagonalRow(a, j); i >= 0 && i < rows {
			copy(mem[(j*rows+i)*int64(len(one)):], one)
		}
	}
	return nil
}

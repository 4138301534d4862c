package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "reduce", Out: reduceOut, Run: reduceRun, InPlace: -1}) }

// reduction is an operation that folds elements; the numbers are those of reduce.h.
type reduction int64

const (
	reduceSum reduction = iota
	reduceProd
	reduceMin
	reduceMax
)

// reductionOf is the operation of a call; any and all are the extremes of bools.
func reductionOf(a *Args) (reduction, error) {
	switch op := attrString(a, "op"); op {
	case "sum", "":
		return reduceSum, nil
	case "prod":
		return reduceProd, nil
	case "min", "all":
		return reduceMin, nil
	case "max", "any":
		return reduceMax, nil
	default:
		return 0, errs.New(errs.Value, "reduce: op=%q: there are sum, prod, min, max, any, all and norm", op)
	}
}

// reducedDType is NumPy's: any and all give bools, sums and products of small integers and bools have 64 bits.
func reducedDType(op string, t tile.DType) tile.DType {
	switch op {
	case "any", "all":
		return tile.Bool
	case "min", "max", "norm":
		return t
	}
	switch {
	case isUnsigned(t):
		return tile.Uint64
	case t == tile.Bool || isInteger(t):
		return tile.Int64
	}
	return t
}

func reduceOut(a *Args) ([]Spec, error) {
	_, value, err := operandText("reduce", a)
	if err != nil {
		return nil, err
	}
	shape, err := broadcast("reduce", a.In)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf("reduce", a, len(shape))
	if err == nil && attrString(a, "op") == "norm" {
		err = checkNorm(value)
	}
	if err != nil {
		return nil, err
	}
	return []Spec{{DType: reducedDType(attrString(a, "op"), value), Shape: keptShape(shape, axes)}}, nil
}

func reduceRun(a *Args, out []*tile.Tile, _ bool) error {
	if attrString(a, "op") == "norm" {
		shape, err := broadcast("reduce", a.In)
		if err != nil {
			return err
		}
		axes, err := axesOf("reduce", a, len(shape))
		if err != nil || out[0].Len() == 0 {
			return err
		}
		return reduceNorm(a, axes, out[0])
	}
	op, err := reductionOf(a)
	if err != nil {
		return err
	}
	c, err := operandCall("reduce", a, func(value tile.DType) tile.DType { return reducedDType(attrString(a, "op"), value) })
	if err != nil {
		return err
	}
	axes, err := axesOf("reduce", a, len(c.shape))
	if err != nil || out[0].Len() == 0 {
		return err
	}
	if name := attrString(a, "op"); c.len() == 0 && (name == "min" || name == "max") {
		return errs.New(errs.Value, "zero-size array to reduction operation %simum which has no identity", name)
	}
	return c.reduce(op, axes, out[0])
}

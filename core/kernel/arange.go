package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "arange", Out: arangeOut, Run: arangeRun, InPlace: -1}) }

func arangeOut(a *Args) ([]Spec, error) {
	if len(a.Axes) != 1 {
		return nil, errs.New(errs.Value, "arange wants the block of one axis, not %d", len(a.Axes))
	}
	return fromAxes(a)
}

func arangeRun(a *Args, out []*tile.Tile, _ bool) error {
	if len(a.Ints) != 2 && len(a.Floats) != 2 {
		return errs.New(errs.Value, "arange wants start and step, both integers or both with a decimal point: arange(c[i], 0.0, 0.5)")
	}
	switch t := out[0]; t.DType {
	case tile.Float64:
		arange[float64](a, t)
	case tile.Float32:
		arange[float32](a, t)
	case tile.Int8:
		arange[int8](a, t)
	case tile.Int16:
		arange[int16](a, t)
	case tile.Int32:
		arange[int32](a, t)
	case tile.Int64:
		arange[int64](a, t)
	case tile.Uint8:
		arange[uint8](a, t)
	case tile.Uint16:
		arange[uint16](a, t)
	case tile.Uint32:
		arange[uint32](a, t)
	case tile.Uint64:
		arange[uint64](a, t)
	default:
		return errs.New(errs.Type, "arange of %s is not supported: use a real number's dtype", t.DType)
	}
	return nil
}

// arange is start + i delta in arithmetic of T, delta being the difference of the first two elements: so NumPy does it, to
// the last bit.
func arange[T realNumber](a *Args, out *tile.Tile) {
	var start, delta T
	if len(a.Ints) == 2 {
		start = T(a.Ints[0])
		delta = T(a.Ints[0]+a.Ints[1]) - start
	} else {
		start = truncated[T](a.Floats[0])
		delta = truncated[T](a.Floats[0]+a.Floats[1]) - start
	}
	x, from := tile.View[T](out), a.Axes[0].Start
	for i := range x {
		x[i] = start + T(T(from+int64(i))*delta) // the conversion forbids a fused multiply-add
	}
}

// truncated is x as a T; integers lose the fraction, and wrap around.
func truncated[T realNumber](x float64) T {
	if T(1)/2 == 0 {
		return T(int64(x))
	}
	return T(x)
}

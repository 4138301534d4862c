package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Kernels whose result has the operand's bytes in the operand's order: a column-major tile does not change when sides of one
// element come or go. The runtime reads part's operand where it is, within assemble; by itself part is its operand.

func init() {
	register(
		&Kernel{Name: "squeeze", Out: squeezeOut, Run: sameBytes, InPlace: -1},
		&Kernel{Name: "expand", Out: expandOut, Run: sameBytes, InPlace: -1},
		&Kernel{Name: "part", Out: windowOut("part"), Run: sameBytes, InPlace: -1},
	)
}

func sameBytes(a *Args, out []*tile.Tile, _ bool) error {
	copy(out[0].Bytes(), a.In[0].Bytes())
	return nil
}

// squeezeOut is the operand's shape without the axes, all of them when none is named; each must have one element.
func squeezeOut(a *Args) ([]Spec, error) {
	if err := checkOperand("squeeze", a); err != nil {
		return nil, err
	}
	axes, err := attrInts("squeeze", a, "axis")
	if err != nil {
		return nil, err
	}
	t := a.In[0]
	for _, d := range axes {
		if d < 0 || d >= int64(len(t.Shape)) {
			return nil, errs.New(errs.Index, "squeeze: axis %d is none of a tile of %d dimensions", d, len(t.Shape))
		}
	}
	shape := []int64{}
	for d, n := range t.Shape {
		switch {
		case len(axes) > 0 && !slices.Contains(axes, int64(d)):
			shape = append(shape, n)
		case n != 1:
			return nil, errs.New(errs.Value, "squeeze of axis %d of a tile of the shape %v: it has more or less than one element", d, t.Shape)
		}
	}
	return []Spec{{DType: t.DType, Shape: shape}}, nil
}

// expandOut is the operand's shape with axes of one element, at these places of the result.
func expandOut(a *Args) ([]Spec, error) {
	if err := checkOperand("expand", a); err != nil {
		return nil, err
	}
	axes, err := attrInts("expand", a, "axis")
	if err != nil {
		return nil, err
	}
	t := a.In[0]
	shape, from := make([]int64, len(t.Shape)+len(axes)), 0
	for d := range shape {
		switch {
		case slices.Contains(axes, int64(d)):
			shape[d] = 1
		case from < len(t.Shape):
			shape[d] = t.Shape[from]
			from++
		default: // an axis is named twice or lies beyond the result
			from = -1
		}
		if from < 0 {
			break
		}
	}
	if from != len(t.Shape) {
		return nil, errs.New(errs.Index, "expand: axes %v are not distinct axes of a result of %d dimensions", axes, len(shape))
	}
	return []Spec{{DType: t.DType, Shape: shape}}, nil
}

// windowOut is Out of kernels with an operand that lies at the blocks of the axes.
func windowOut(name string) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		if err := checkOperand(name, a); err != nil {
			return nil, err
		}
		if shape := extents(a); !slices.Equal(shape, a.In[0].Shape) {
			return nil, errs.New(errs.Value, "%s: the tile has the shape %v, the blocks of its axes %v", name, a.In[0].Shape, shape)
		}
		return like(a.In[0]), nil
	}
}

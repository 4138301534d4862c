package kernel

import (
	"slices"

	"numpywren/core/tile"
)

func init() {
	register(&Kernel{Name: "copy", Out: copyOut, Run: copyRun, InPlace: 0, HandlesTrans: true})
}

func copyOut(a *Args) ([]Spec, error) {
	if err := checkOperand("copy", a); err != nil {
		return nil, err
	}
	shape := a.In[0].Shape
	if trans(a, 0) {
		shape = slices.Clone(shape)
		slices.Reverse(shape)
	}
	return []Spec{{DType: a.In[0].DType, Shape: shape}}, nil
}

func copyRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(out[0], a.In[0]) {
		transposeTo(out[0], a.In[0], trans(a, 0))
	}
	return nil
}

// transposeTo copies a tile, with its dimensions reversed if so told.
func transposeTo(to, from *tile.Tile, reverse bool) {
	if !reverse {
		copy(to.Bytes(), from.Bytes())
		return
	}
	strides := tile.Strides(from.Shape, nil, from.DType)
	slices.Reverse(strides)
	tile.Copy(to.Bytes(), tile.Strides(to.Shape, nil, to.DType), from.Bytes(), strides, to.Shape, to.DType)
}

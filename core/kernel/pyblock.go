package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "pyblock", Out: pyblockOut, Run: pyblockRun, InPlace: -1}) }

// pyblockOut broadcasts the operands' shapes, as NumPy's functions do; the dtype is an attribute, or the first operand's.
func pyblockOut(a *Args) ([]Spec, error) {
	if len(a.In) == 0 || len(a.Strs) != 1 {
		return nil, errs.New(errs.Value, "pyblock takes the key of a function and one tile or more")
	}
	d := a.In[0].DType
	if attrString(a, "dtype") != "" {
		var err error
		if d, err = attrDType(a); err != nil {
			return nil, err
		}
	}
	shape := slices.Clone(a.In[0].Shape)
	for _, t := range a.In[1:] {
		if len(t.Shape) != len(shape) {
			return nil, errs.New(errs.Value, "pyblock of tiles of %d and %d dimensions", len(shape), len(t.Shape))
		}
		for k, n := range t.Shape {
			switch {
			case shape[k] == 1:
				shape[k] = n
			case n != 1 && n != shape[k]:
				return nil, errs.New(errs.Value, "pyblock of tiles of shapes %v and %v", a.In[0].Shape, t.Shape)
			}
		}
	}
	return []Spec{{DType: d, Shape: shape}}, nil
}

// pyblockRun applies a function of the user's. One without elements is not asked for.
func pyblockRun(a *Args, out []*tile.Tile, _ bool) error {
	switch {
	case a.Block == nil:
		return errs.New(errs.Unsupported, "pyblock: there is no Python here in which the function %q could run", a.Strs[0])
	case out[0].Len() == 0:
		return nil
	}
	return a.Block(a.Strs[0], a.In, out[0])
}

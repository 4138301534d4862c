package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "argindex", Out: argindexOut, Run: argindexRun, InPlace: -1}) }

func argindexOut(a *Args) ([]Spec, error) {
	if err := checkOperand("argindex", a); err != nil {
		return nil, err
	}
	return []Spec{{DType: tile.Int64, Shape: a.In[0].Shape}}, nil
}

func argindexRun(a *Args, out []*tile.Tile, _ bool) error {
	if d := a.In[0].DType; d != tile.Pair {
		return errs.New(errs.Type, "argindex of a %s tile: it takes what argpart and argmerge give", d)
	}
	to := tile.Int64s(out[0])
	for k, p := range tile.View[pair](a.In[0]) {
		to[k] = p.index
	}
	return nil
}

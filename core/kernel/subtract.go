package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "subtract", Out: subtractOut, Run: subtractRun, InPlace: 0}) }

// subtractOut: subtract(A, B) is A - B. Other than ew's difference it has its operands' type, so that the programs of the library
// serve float32 and float64.
func subtractOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("subtract", a, 2, 2); err != nil {
		return nil, err
	}
	if x, y := a.In[0], a.In[1]; !slices.Equal(x.Shape, y.Shape) {
		return nil, errs.New(errs.Value, "subtract of tiles of the shapes %v and %v", x.Shape, y.Shape)
	}
	if err := checkFloat("subtract", a.In[0]); err != nil {
		return nil, err
	}
	return like(a.In[0]), nil
}

func subtractRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		subtract(tile.Float32s(out[0]), tile.Float32s(a.In[0]), tile.Float32s(a.In[1]))
	} else {
		subtract(tile.Float64s(out[0]), tile.Float64s(a.In[0]), tile.Float64s(a.In[1]))
	}
	return nil
}

func subtract[T float](z, x, y []T) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Products of a matrix with its own transpose: gram adds up their lower triangles, which is half the work, and mirror makes the
// symmetric tile of the sum.
func init() {
	register(
		&Kernel{Name: "gram", Out: gramOut, Run: gramRun, InPlace: -1, HandlesTrans: true, CanAccumulate: true},
		&Kernel{Name: "mirror", Out: mirrorOut, Run: mirrorRun, InPlace: 0},
	)
}

func gramOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gram", a, 1, 1); err != nil {
		return nil, err
	}
	if err := checkFloat("gram", a.In[0]); err != nil {
		return nil, err
	}
	n, _ := sides(a, 0)
	return []Spec{{DType: a.In[0].DType, Shape: []int64{n, n}}}, nil
}

func gramRun(a *Args, out []*tile.Tile, accumulate bool) error {
	if !accumulate {
		out[0].Zero() // above the diagonal too
	}
	if out[0].DType == tile.Float32 {
		gram[float32](a, out[0])
	} else {
		gram[float64](a, out[0])
	}
	return nil
}

// C += A Aᵀ, in the lower triangle.
func gram[T float](a *Args, out *tile.Tile) {
	n, k := sides(a, 0)
	if n > 0 && k > 0 {
		blasSyrk(trans(a, 0), int(n), int(k), 1, tile.View[T](a.In[0]), ld(a.In[0]), 1, tile.View[T](out), ld(out))
	}
}

func mirrorOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("mirror", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if t.Shape[0] != t.Shape[1] {
		return nil, errs.New(errs.Value, "mirror wants a square tile, not one of the shape %v", t.Shape)
	}
	return like(t), checkFloat("mirror", t)
}

func mirrorRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		mirror(tile.Float32s(out[0]), int(out[0].Shape[0]))
	} else {
		mirror(tile.Float64s(out[0]), int(out[0].Shape[0]))
	}
	return nil
}

// mirrorSide is the side of the squares in which mirror goes, so that their rows and columns stay in the cache.
const mirrorSide = 32

// mirror copies what is below the diagonal of a square of columns of n elements to what is above it.
func mirror[T float](x []T, n int) {
	for top := 0; top < n; top += mirrorSide {
		for left := 0; left <= top; left += mirrorSide {
			for j := left; j < min(left+mirrorSide, n); j++ {
				for i := max(top, j+1); i < min(top+mirrorSide, n); i++ {
					x[i*n+j] = x[j*n+i]
				}
			}
		}
	}
}

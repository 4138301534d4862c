package kernel

import (
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// float is the types that BLAS computes with.
type float interface{ float32 | float64 }

// checkMatrices wants between least and most operands, all of two dimensions and one dtype.
func checkMatrices(name string, a *Args, least, most int) error {
	if len(a.In) < least || len(a.In) > most {
		return errs.New(errs.Value, "%s takes %d to %d tiles, not %d", name, least, most, len(a.In))
	}
	for _, t := range a.In {
		if len(t.Shape) != 2 {
			return errs.New(errs.Value, "%s wants tiles of 2 dimensions, one has the shape %v", name, t.Shape)
		}
		if t.DType != a.In[0].DType {
			return errs.New(errs.Type, "%s of tiles of %s and %s: convert one to the other's dtype", name, a.In[0].DType, t.DType)
		}
	}
	return nil
}

// checkFloat refuses dtypes that LAPACK's kernels have no code for.
func checkFloat(name string, t *tile.Tile) error {
	if t.DType != tile.Float32 && t.DType != tile.Float64 {
		return errs.New(errs.Type, "%s of a %s tile: convert it to float64 or float32 first", name, t.DType)
	}
	return nil
}

// checkOperand wants exactly one operand.
func checkOperand(name string, a *Args) error {
	if len(a.In) != 1 {
		return errs.New(errs.Value, "%s takes one tile, not %d", name, len(a.In))
	}
	return nil
}

// trans says whether operand k stands for its transpose.
func trans(a *Args, k int) bool { return k < len(a.Trans) && a.Trans[k] }

// sides is the rows and columns of operand k, as the kernel is to see it.
func sides(a *Args, k int) (rows, cols int64) {
	s := a.In[k].Shape
	if trans(a, k) {
		return s[1], s[0]
	}
	return s[0], s[1]
}

// ld is LAPACK's leading dimension of a tile: no less than one, even where there are no rows.
func ld(t *tile.Tile) int { return int(max(t.Shape[0], 1)) }

// same says whether two tiles are one memory.
func same(a, b *tile.Tile) bool { return a.Ptr() == b.Ptr() }

// like is a result of the dtype and shape of an operand.
func like(t *tile.Tile) []Spec { return []Spec{{DType: t.DType, Shape: t.Shape}} }

// extents is the shape of the blocks of the call's axes.
func extents(a *Args) []int64 {
	shape := make([]int64, len(a.Axes))
	for d, axis := range a.Axes {
		shape[d] = axis.Extent
	}
	return shape
}

// attrs: lambdapack has checked their types and filled in the defaults; one that is absent is zero.

func attrString(a *Args, name string) string { s, _ := a.Attrs[name].(string); return s }
func attrInt(a *Args, name string) int64     { n, _ := a.Attrs[name].(int64); return n }

// attrFloat is a number that may have been written as an integer; otherwise is what it is when it was left out.
func attrFloat(a *Args, name string, otherwise float64) float64 {
	switch x := a.Attrs[name].(type) {
	case float64:
		return x
	case int64:
		return float64(x)
	}
	return otherwise
}

// attrDType is the result's dtype of kernels that are told it.
func attrDType(a *Args) (tile.DType, error) { return tile.ParseDType(attrString(a, "dtype")) }

// attrInts reads a list such as "0,1"; nothing is an empty list.
func attrInts(kernel string, a *Args, name string) ([]int64, error) {
	text := attrString(a, name)
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	list := make([]int64, len(parts))
	for k, part := range parts {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil {
			return nil, errs.New(errs.Value, "%s: %s=%q is no list of integers such as \"0,1\"", kernel, name, text)
		}
		list[k] = n
	}
	return list, nil
}

// fromAxes is Out of generators: the shape is that of the axes' blocks, the dtype is an attribute.
func fromAxes(a *Args) ([]Spec, error) {
	d, err := attrDType(a)
	if err != nil {
		return nil, err
	}
	return []Spec{{DType: d, Shape: extents(a)}}, nil
}

package kernel

import (
	"slices"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "ew", Out: ewOut, Run: ewRun, InPlace: -1}) }

// ewText is the expression of a call of ew.
func ewText(a *Args) (string, error) {
	if len(a.Strs) != 1 {
		return "", errs.New(errs.Value, "ew takes one expression, not %d", len(a.Strs))
	}
	return a.Strs[0], nil
}

func ewOut(a *Args) ([]Spec, error) {
	d, err := attrDType(a)
	if err != nil {
		return nil, err
	}
	shape, err := broadcast("ew", a.In)
	return []Spec{{DType: d, Shape: shape}}, err
}

func ewRun(a *Args, out []*tile.Tile, _ bool) error {
	text, err := ewText(a)
	if err != nil {
		return err
	}
	c, err := newEwCall("ew", text, a.In, out[0].DType, out[0].DType)
	if err != nil || c.len() == 0 {
		return err
	}
	return c.run(out[0])
}

// EwCanReuse says whether ew may write its result, which is as out says, over the operand in: every strip is read before it is
// written, so any operand that is as large and of the same dtype will do.
func EwCanReuse(_ string, dtype tile.DType, in *tile.Tile, out Spec) bool {
	return in.DType == dtype && out.DType == dtype && slices.Equal(in.Shape, out.Shape)
}

// ewCall is a compiled expression with its operands.
type ewCall struct {
	*ewProgram
	in    []*tile.Tile
	shape []int64    // that the operands are broadcast to
	out   tile.DType // of the result
}

// newEwCall compiles an expression whose result is converted to via and then to out.
func newEwCall(kernel, text string, in []*tile.Tile, via, out tile.DType) (*ewCall, error) {
	shape, err := broadcast(kernel, in)
	if err != nil {
		return nil, err
	}
	types := make([]tile.DType, len(in))
	for k, t := range in {
		types[k] = t.DType
	}
	p, err := compileEw(text, types, via, out)
	if err != nil {
		return nil, err
	}
	return &ewCall{p, in, shape, out}, nil
}

// operandCall is the operand of a reduction or of argpart, converted to out: Args.Ew, or the only tile. value is its dtype
// before that.
func operandCall(kernel string, a *Args, out func(value tile.DType) tile.DType) (*ewCall, error) {
	text, value, err := operandText(kernel, a)
	if err != nil {
		return nil, err
	}
	return newEwCall(kernel, text, a.In, value, out(value))
}

func operandText(kernel string, a *Args) (text string, value tile.DType, err error) {
	if a.Ew != nil {
		return a.Ew.Expr, a.Ew.DType, nil
	}
	if err := checkOperand(kernel, a); err != nil {
		return "", 0, err
	}
	return "a", a.In[0].DType, nil
}

func (c *ewCall) len() int64 {
	n := int64(1)
	for _, s := range c.shape {
		n *= s
	}
	return n
}

// broadcast is the shape of the result of tiles of as many dimensions, in which those of extent 1 are repeated.
func broadcast(kernel string, in []*tile.Tile) ([]int64, error) {
	if len(in) == 0 {
		return nil, errs.New(errs.Value, "%s takes at least one tile", kernel)
	}
	shape := slices.Clone(in[0].Shape)
	for _, t := range in[1:] {
		if len(t.Shape) != len(shape) {
			return nil, errs.New(errs.Value, "%s of tiles of shapes %v and %v: they must have as many dimensions, use expand",
				kernel, in[0].Shape, t.Shape)
		}
		for d, n := range t.Shape {
			switch {
			case shape[d] == 1:
				shape[d] = n
			case n != 1 && n != shape[d]:
				return nil, errs.New(errs.Value,
					"%s of tiles whose shapes %v and %v do not broadcast: the extents of dimension %d must be equal or 1", kernel, shape, t.Shape, d)
			}
		}
	}
	return shape, nil
}

// axesOf marks the dimensions that the attribute axis lists, "0,1"; none means all.
func axesOf(kernel string, a *Args, rank int) ([]bool, error) {
	list, err := attrInts(kernel, a, "axis")
	if err != nil {
		return nil, err
	}
	marked := make([]bool, rank)
	for d := range marked {
		marked[d] = len(list) == 0
	}
	for _, d := range list {
		if d < 0 || d >= int64(rank) {
			return nil, errs.New(errs.Index, "%s: axis %d is out of bounds for a tile of %d dimensions", kernel, d, rank)
		}
		marked[d] = true
	}
	return marked, nil
}

// keptShape is the shape with the marked dimensions at extent 1.
func keptShape(shape []int64, marked []bool) []int64 {
	kept := slices.Clone(shape)
	for d := range kept {
		if marked[d] {
			kept[d] = 1
		}
	}
	return kept
}

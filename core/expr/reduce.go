package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// reduceOp reduces the dimensions Axes of its operand, which stay with length 1. Op is of the kernel reduce.
type reduceOp struct {
	Op   string
	Axes []int
}

// argOp finds the place of the extreme along Axis, or, with Axis -1, in the whole array in C order. Reduced dimensions stay
// with length 1.
type argOp struct {
	Op   string // min or max
	Axis int
}

// reducer is the kernel that combines partial results; there is none for prod.
var reducer = map[string]string{"sum": "sum", "min": "min", "max": "max", "any": "max", "all": "min", "norm": "hypot"}

// identity is the result of reducing nothing.
var identity = map[string]int64{"sum": 0, "prod": 1, "any": 0, "all": 1, "norm": 0}

// reduce makes a reduction that keeps its dimensions. The caller has refused those that have no identity and nothing to reduce.
func (b *builder) reduce(x *Node, op string, axes []int) *Node {
	if len(axes) == 0 {
		return x
	}
	g, count := reducedGrid(x.grid, axes)
	if count == 0 {
		return b.full(g, identity[op], x.dtype)
	}
	if _, ok := x.op.(transposeOp); ok { // reduce what lies below: a view costs nothing, a transposed tile a copy
		if args := b.argsOf(x); args != nil {
			mirrored := make([]int, len(axes))
			for i, a := range axes {
				mirrored[len(axes)-1-i] = x.ndim() - 1 - a
			}
			return b.transpose(b.reduce(args[0], op, mirrored))
		}
	}
	return b.keep(makeNode(reduceOp{op, axes}, b.op, g, x.dtype, []*Node{x}))
}

// reducedGrid is the grid with the axes at length 1, and how many elements each result is made of.
func reducedGrid(g grid.Grid, axes []int) (grid.Grid, int64) {
	g = slices.Clone(g)
	count := int64(1)
	for _, a := range axes {
		count *= g[a].Len
		g[a] = unit
	}
	return g, count
}

// reduction reads the parameters that all reductions have.
func reduction(x *Node, p *params) (axes []int, keepdims bool, err error) {
	axes, err = normalizeAxes(p.ints("axis"), x.ndim())
	keepdims = p.bool("keepdims", false)
	if err == nil {
		err = p.err
	}
	return axes, keepdims, err
}

// finish drops the reduced dimensions unless they are kept.
func (b *builder) finish(x *Node, axes []int, keepdims bool) *Node {
	if keepdims {
		return x
	}
	return b.squeeze(x, axes)
}

// summed is the type in which NumPy adds up: 64 bits for integers.
func summed(dtype string) string {
	switch {
	case isFloat(dtype):
		return dtype
	case dtypes[dtype].unsigned:
		return "uint64"
	}
	return int64Type
}

// applySum is sum and prod.
func applySum(b *builder, x *Node, p *params) (*Node, error) {
	axes, keepdims, err := reduction(x, p)
	if err != nil {
		return nil, err
	}
	return b.finish(b.reduce(b.cast(x, summed(x.dtype)), b.op, axes), axes, keepdims), nil
}

func applyMean(b *builder, x *Node, p *params) (*Node, error) {
	axes, keepdims, err := reduction(x, p)
	if err != nil {
		return nil, err
	}
	if !isFloat(x.dtype) {
		x = b.cast(x, float64Type)
	}
	_, count := reducedGrid(x.grid, axes)
	sum := b.reduce(x, "sum", axes)
	return b.finish(b.unary("a / "+strconv.FormatInt(count, 10), sum), axes, keepdims), nil
}

// applyExtreme is min and max.
func applyExtreme(b *builder, x *Node, p *params) (*Node, error) {
	axes, keepdims, err := reduction(x, p)
	if err != nil {
		return nil, err
	}
	if _, count := reducedGrid(x.grid, axes); count == 0 {
		return nil, errs.New(errs.Value, "zero-size array to reduction operation %simum which has no identity", b.op)
	}
	return b.finish(b.reduce(x, b.op, axes), axes, keepdims), nil
}

// applyTruth is any and all.
func applyTruth(b *builder, x *Node, p *params) (*Node, error) {
	axes, keepdims, err := reduction(x, p)
	if err != nil {
		return nil, err
	}
	return b.finish(b.reduce(b.cast(x, boolType), b.op, axes), axes, keepdims), nil
}

// applyArg is argmin and argmax.
func applyArg(b *builder, x *Node, p *params) (*Node, error) {
	given := p.ints("axis")
	keepdims := p.bool("keepdims", false)
	if p.err != nil {
		return nil, p.err
	}
	if len(given) > 1 {
		return nil, errs.New(errs.Type, "%s: axis=%v: one axis, or none, is possible", b.op, given)
	}
	axes, err := normalizeAxes(given, x.ndim())
	if err != nil {
		return nil, err
	}
	g, count := reducedGrid(x.grid, axes)
	if count == 0 {
		return nil, errs.New(errs.Value, "attempt to get %s of an empty sequence", b.op)
	}
	o := argOp{strings.TrimPrefix(b.op, "arg"), -1}
	switch {
	case x.ndim() == 0:
		return b.full(nil, int64(0), int64Type), nil
	case given != nil:
		o.Axis = axes[0]
	case x.ndim() == 1:
		o.Axis = 0
	}
	n := b.keep(makeNode(o, b.op, g, int64Type, []*Node{x}))
	return b.finish(n, axes, keepdims), nil
}

// emit writes one partial result for each tile and combines them:
//
//	P[i, j] = reduce(X[i, j], op="sum", axis="1")
//	R[i, 0] = sum([P[i, q1] for q1 in range(n1)])
func (o reduceOp) emit(l *lowering, n *Node, name string) {
	x := l.argsOf(n)[0]
	t := &tree{l: l, n: n, x: x, axes: o.Axes, whole: func(e string) string { return e }}
	t.partial = func(idx []string) string {
		return fmt.Sprintf("reduce(%s, op=%q, axis=%q)", l.ref(x, idx), o.Op, axesText(o.Axes))
	}
	if kernel, ok := reducer[o.Op]; ok {
		t.combine = func(ref, clauses string) string { return fmt.Sprintf("%s([%s%s])", kernel, ref, clauses) }
	}
	t.emit(name)
}

func (o argOp) emit(l *lowering, n *Node, name string) {
	x := l.argsOf(n)[0]
	axes, axis := []int{o.Axis}, strconv.Itoa(o.Axis)
	if o.Axis < 0 {
		axes, axis = nil, ""
		for d := range x.grid {
			axes = append(axes, d)
		}
	}
	t := &tree{l: l, n: n, x: x, axes: axes, whole: func(e string) string { return "argindex(" + e + ")" }}
	t.partial = func(idx []string) string {
		var blocks strings.Builder
		for _, d := range axes {
			blocks.WriteString(", " + l.block(x.grid[d], idx[d]))
		}
		return fmt.Sprintf("argpart(%s%s, op=%q, axis=%q)", l.ref(x, idx), blocks.String(), o.Op, axis)
	}
	t.combine = func(ref, clauses string) string {
		return fmt.Sprintf("argmerge([%s%s], op=%q, dtype=%q)", ref, clauses, o.Op, x.dtype)
	}
	t.emit(name)
}

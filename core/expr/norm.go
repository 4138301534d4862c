package expr

import (
	"math"

	"numpywren/core/errs"
)

// norming is what norms take: the operand in a float type, the order, the axes as they were given and sorted.
type norming struct {
	x        *Node
	ord      any
	hasOrd   bool
	axis     []int64 // nil: none was given
	axes     []int
	keepdims bool
}

func (b *builder) norming(x *Node, p *params) (*norming, error) {
	n := &norming{x: x}
	n.ord, n.hasOrd = p.get("ord")
	n.axis, n.keepdims = p.ints("axis"), p.bool("keepdims", false)
	if p.err != nil {
		return nil, p.err
	}
	if !isFloat(x.dtype) {
		n.x = b.cast(x, float64Type)
	}
	var err error
	n.axes, err = normalizeAxes(n.axis, x.ndim())
	if err != nil && errs.KindOf(err) == errs.Value {
		err = errs.New(errs.Value, "Duplicate axes given.")
	}
	return n, err
}

// applyNorm is numpy.linalg.norm.
func applyNorm(b *builder, x *Node, p *params) (*Node, error) {
	n, err := b.norming(x, p)
	if err != nil {
		return nil, err
	}
	var out *Node
	switch {
	case !n.hasOrd && (n.axis == nil || len(n.axes) == 1 || len(n.axes) == 2):
		out = b.euclid(n.x, n.axes)
	case len(n.axes) == 1:
		out, err = b.vectorNorm(n.x, n.ord, n.axes)
	case len(n.axes) == 2:
		rows, _ := normalizeAxis(append(n.axis, 0)[0], x.ndim())
		out, err = b.matrixNorm(n.x, n.ord, n.axes, rows == n.axes[0])
	default:
		err = errs.New(errs.Value, "Improper number of dimensions to norm.")
	}
	if err != nil {
		return nil, err
	}
	return b.finish(out, n.axes, n.keepdims), nil
}

// applyVectorNorm is numpy.linalg.vector_norm: of all elements along the axes, however many.
func applyVectorNorm(b *builder, x *Node, p *params) (*Node, error) {
	n, err := b.norming(x, p)
	if err != nil {
		return nil, err
	}
	if !n.hasOrd {
		n.ord = int64(2)
	}
	out, err := b.vectorNorm(n.x, n.ord, n.axes)
	if err != nil {
		return nil, err
	}
	return b.finish(out, n.axes, n.keepdims), nil
}

// euclid is the square root of the sum of squares, of any magnitude.
func (b *builder) euclid(x *Node, axes []int) *Node {
	if len(axes) == 0 {
		return b.unary("abs(a)", x)
	}
	return b.reduce(x, "norm", axes)
}

// extreme is a reduction to a minimum or maximum, which needs something to reduce.
func (b *builder) extreme(x *Node, op string, axes []int) (*Node, error) {
	if g, count := reducedGrid(x.grid, axes); count == 0 {
		if op == "max" { // the norms are not negative: NumPy begins with 0
			return b.full(g, int64(0), x.dtype), nil
		}
		return nil, errs.New(errs.Value, "zero-size array to reduction operation %simum which has no identity", op)
	}
	return b.reduce(x, op, axes), nil
}

func (b *builder) vectorNorm(x *Node, ord any, axes []int) (*Node, error) {
	v, ok := toFloat(ord)
	if !ok {
		return nil, errs.New(errs.Value, "Invalid norm order '%v' for vectors: a number, inf or -inf was expected", ord)
	}
	abs := b.unary("abs(a)", x)
	switch {
	case math.IsInf(v, 1):
		return b.extreme(abs, "max", axes)
	case math.IsInf(v, -1):
		return b.extreme(abs, "min", axes)
	case v == 0:
		return b.reduce(b.ew(x.dtype+"(a != 0)", x.dtype, x.grid, x), "sum", axes), nil
	case v == 1:
		return b.reduce(abs, "sum", axes), nil
	case v == 2:
		return b.euclid(x, axes), nil
	}
	powers := b.reduce(b.unary("abs(a) ** "+number(v), x), "sum", axes)
	return b.unary("a ** "+number(1/v), powers), nil
}

// matrixNorm is the norm of the matrices in two dimensions; rowsFirst says that the rows are along axes[0].
func (b *builder) matrixNorm(x *Node, ord any, axes []int, rowsFirst bool) (*Node, error) {
	if ord == "fro" {
		return b.euclid(x, axes), nil
	}
	v, ok := toFloat(ord)
	if ord == "nuc" || ok && math.Abs(v) == 2 {
		return b.spectral(x, ord)
	}
	if !ok || (math.Abs(v) != 1 && !math.IsInf(v, 0)) {
		return nil, errs.New(errs.Value, `Invalid norm order %v for matrices: 1, -1, 2, -2, inf, -inf, "fro" or "nuc" was expected`, ord)
	}
	sums, rest := axes[:1], axes[1:] // 1: the sums go down the rows
	if (math.Abs(v) == 1) != rowsFirst {
		sums, rest = rest, sums
	}
	op := "max"
	if v < 0 {
		op = "min"
	}
	return b.extreme(b.reduce(b.unary("abs(a)", x), "sum", sums), op, rest)
}

// spectral is the sum of a matrix's singular values, or the largest, or the least, as an array of two dimensions.
func (b *builder) spectral(x *Node, ord any) (*Node, error) {
	if x.ndim() != 2 {
		return nil, b.refuse("ord=%v of an array of shape %s: only one matrix is supported, not a stack of them", ord, shapeText(x.Shape()))
	}
	s, err := b.singularValues(x)
	if err != nil {
		return nil, err
	}
	op := "sum"
	switch v, _ := toFloat(ord); v {
	case 2:
		op = "max"
	case -2:
		op = "min"
	}
	column := b.expand(s, []int{1})
	if op == "sum" {
		return b.reduce(column, op, []int{0}), nil
	}
	return b.extreme(column, op, []int{0})
}

// singularValues is svd's, in descending order.
func (b *builder) singularValues(x *Node) (*Node, error) {
	out, err := applySVD(b, []Operand{{Node: x}}, &params{op: b.op, values: map[string]any{"compute_uv": false}})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

package expr

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// fanIn is how many partial results one task combines.
const fanIn = 32

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
var reducer = map[string]string{"sum": "sum", "min": "min", "max": "max", "any": "max", "all": "min"}

// identity is the result of reducing nothing.
var identity = map[string]string{"sum": "0", "prod": "1", "any": "0", "all": "1"}

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
	if x.ndim()+len(axes) > maxDims { // partial results have the reduced dimensions twice
		last := len(axes) - 1
		return b.reduce(b.reduce(x, op, axes[last:]), op, axes[:last])
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
		return b.full(nil, "0", int64Type), nil
	case given != nil:
		o.Axis = axes[0]
	case x.ndim() == 1:
		o.Axis = 0
	}
	if x.ndim()+len(axes) > maxDims {
		return nil, b.refuse("%d dimensions are too many without an axis", x.ndim())
	}
	n := b.keep(makeNode(o, b.op, g, int64Type, []*Node{x}))
	return b.finish(n, axes, keepdims), nil
}

// applyNorm is numpy.linalg.norm without the singular values.
func applyNorm(b *builder, x *Node, p *params) (*Node, error) {
	ord, given := p.get("ord")
	axis := p.ints("axis")
	keepdims := p.bool("keepdims", false)
	if p.err != nil {
		return nil, p.err
	}
	if !isFloat(x.dtype) {
		x = b.cast(x, float64Type)
	}
	axes, err := normalizeAxes(axis, x.ndim())
	if err != nil {
		if errs.KindOf(err) == errs.Value {
			err = errs.New(errs.Value, "Duplicate axes given.")
		}
		return nil, err
	}
	var out *Node
	switch {
	case !given && (axis == nil || len(axes) == 1 || len(axes) == 2):
		out, err = b.euclid(x, axes), nil
	case len(axes) == 1:
		out, err = b.vectorNorm(x, ord, axes)
	case len(axes) == 2:
		rows, _ := normalizeAxis(append(axis, 0)[0], x.ndim())
		out, err = b.matrixNorm(x, ord, axes, rows == axes[0])
	default:
		err = errs.New(errs.Value, "Improper number of dimensions to norm.")
	}
	if err != nil {
		return nil, err
	}
	return b.finish(out, axes, keepdims), nil
}

// euclid is the square root of the sum of squares.
func (b *builder) euclid(x *Node, axes []int) *Node {
	return b.unary("sqrt(a)", b.reduce(b.unary("square(a)", x), "sum", axes))
}

// extreme is a reduction to a minimum or maximum, which needs something to reduce.
func (b *builder) extreme(x *Node, op string, axes []int) (*Node, error) {
	if g, count := reducedGrid(x.grid, axes); count == 0 {
		if op == "max" { // the norms are not negative: NumPy begins with 0
			return b.full(g, "0", x.dtype), nil
		}
		return nil, errs.New(errs.Value, "zero-size array to reduction operation %simum which has no identity", op)
	}
	return b.reduce(x, op, axes), nil
}

func (b *builder) vectorNorm(x *Node, ord any, axes []int) (*Node, error) {
	v, ok := toFloat(ord)
	if !ok {
		return nil, errs.New(errs.Value, "Invalid norm order '%v' for vectors", ord)
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
	if ord == "nuc" || v == 2 || v == -2 {
		return nil, b.refuse("ord=%v of a matrix needs singular values, which are not supported: None, 'fro', 1, -1, inf and -inf are", ord)
	}
	if !ok || (math.Abs(v) != 1 && !math.IsInf(v, 0)) {
		return nil, errs.New(errs.Value, "Invalid norm order for matrices.")
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

// emit writes one partial result for each tile and combines them:
//
//	P[j, i, 0] = reduce(X[i, j], op="sum", axis="1")
//	R[i, 0] = sum([P[j, i, 0] for j in range(n1)])
func (o reduceOp) emit(l *lowering, n *Node, name string) {
	x := l.argsOf(n)[0]
	partial := func(idx []string) string {
		return fmt.Sprintf("reduce(%s, op=%q, axis=%q)", l.ref(x, idx), o.Op, axesText(o.Axes))
	}
	t := &tree{l: l, n: n, x: x, axes: o.Axes, whole: func(e string) string { return e }}
	kernel, ok := reducer[o.Op]
	if !ok {
		t.chain(name, partial)
		return
	}
	t.combine = func(ref, clauses string) string { return fmt.Sprintf("%s([%s%s])", kernel, ref, clauses) }
	t.emit(name, partial)
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
	t.combine = func(ref, clauses string) string {
		return fmt.Sprintf("argmerge([%s%s], op=%q, dtype=%q)", ref, clauses, o.Op, x.dtype)
	}
	t.emit(name, func(idx []string) string {
		var blocks strings.Builder
		for _, d := range axes {
			fmt.Fprintf(&blocks, ", %s[%s]", l.axis(x.grid[d]), idx[d])
		}
		return fmt.Sprintf("argpart(%s%s, op=%q, axis=%q)", l.ref(x, idx), blocks.String(), o.Op, axis)
	})
}

// tree writes a reduction: partial results with the block along each reduced dimension as leading indices, then levels of
// tasks, each of which combines fanIn of them along one dimension.
type tree struct {
	l       *lowering
	n       *Node // the result
	x       *Node // what is reduced
	axes    []int
	whole   func(e string) string            // makes a result of a combined partial
	combine func(ref, clauses string) string // combines a comprehension
}

func (t *tree) emit(name string, partial func(idx []string) string) {
	var split []int // the dimensions with several blocks
	tiles := int64(1)
	for _, d := range t.axes {
		if n := t.x.grid[d].Blocks(); n > 1 {
			split = append(split, d)
			tiles *= n
		}
	}
	if len(split) == 0 {
		s := t.l.loops(t.n.grid)
		s.assign(name, t.n.label, t.whole(partial(s.idx)))
		return
	}
	p := t.partials(name, split, partial)
	counts := make([]string, len(split)) // of blocks along each dimension, and their number
	sizes := make([]int64, len(split))
	for i, d := range split {
		counts[i], sizes[i] = t.l.blocks(t.x.grid[d]), t.x.grid[d].Blocks()
	}
	for i := len(split) - 1; i >= 0; i-- {
		for tiles > fanIn && sizes[i] > 1 {
			p = t.level(name, p, counts, i)
			counts[i] = fmt.Sprintf("(%s + %d)//%d", counts[i], fanIn-1, fanIn)
			tiles /= sizes[i]
			sizes[i] = (sizes[i] + fanIn - 1) / fanIn
			tiles *= sizes[i]
		}
	}
	s := t.l.loops(t.n.grid)
	lead, clauses := t.lead(counts)
	s.assign(name, t.n.label, t.whole(t.combine(tileRef(p, append(lead, s.idx...)), clauses)))
}

// partials writes the first level: one result for each tile of x.
func (t *tree) partials(name string, split []int, partial func(idx []string) string) string {
	p := t.l.temp(name)
	s := t.l.loops(t.n.grid)
	idx := slices.Clone(s.idx)
	lead := make([]string, len(split))
	for i, d := range split {
		lead[i] = s.loop(t.l.blocks(t.x.grid[d]))
		idx[d] = lead[i]
	}
	s.assignTo(p, append(lead, s.idx...), t.n.label, partial(idx))
	return p
}

// level combines along dimension i of the leading indices.
func (t *tree) level(name, p string, counts []string, i int) string {
	q := t.l.temp(name)
	s := t.l.loops(t.n.grid)
	from, to := make([]string, len(counts)), make([]string, len(counts))
	for k, c := range counts {
		if k == i {
			c = fmt.Sprintf("(%s + %d)//%d", c, fanIn-1, fanIn)
		}
		to[k] = s.loop(c)
		from[k] = to[k]
	}
	from[i] = "q"
	clauses := fmt.Sprintf(" for q in range(%d*%s, min(%d*%s + %d, %s))", fanIn, to[i], fanIn, to[i], fanIn, counts[i])
	s.assignTo(q, append(to, s.idx...), t.n.label, t.combine(tileRef(p, append(from, s.idx...)), clauses))
	return q
}

// lead names the leading indices of the last level and the loops over them.
func (t *tree) lead(counts []string) ([]string, string) {
	var clauses strings.Builder
	lead := make([]string, len(counts))
	for i, c := range counts {
		lead[i] = "q" + strconv.Itoa(i)
		fmt.Fprintf(&clauses, " for %s in range(%s)", lead[i], c)
	}
	return lead, clauses.String()
}

// chain multiplies partial results one after the other: no reducer of the catalogue does it.
//
//	P[j, i, 0] = reduce(X[i, j], op="prod", axis="1")
//	Q[0, i, 0] = P[0, i, 0];  Q[j, i, 0] = ew("a * b", Q[j - 1, i, 0], P[j, i, 0])
func (t *tree) chain(name string, partial func(idx []string) string) {
	var split []int
	for _, d := range t.axes {
		if t.x.grid[d].Blocks() > 1 {
			split = append(split, d)
		}
	}
	if len(split) == 0 {
		s := t.l.loops(t.n.grid)
		s.assign(name, t.n.label, partial(s.idx))
		return
	}
	p := t.partials(name, split, partial)
	for len(split) > 0 { // along the last of the leading indices
		last := len(split) - 1
		count := t.l.blocks(t.x.grid[split[last]])
		q := t.l.temp(name)
		s := t.l.loops(t.n.grid)
		var lead []string
		for _, d := range split[:last] {
			lead = append(lead, s.loop(t.l.blocks(t.x.grid[d])))
		}
		at := func(m, i string) string { return tileRef(m, slices.Concat(lead, []string{i}, s.idx)) }
		first := *s
		first.line(fmt.Sprintf("%s = copy(%s)", at(q, "0"), at(p, "0")))
		i := s.loopFrom("1", count)
		s.label(t.n.label)
		s.line(fmt.Sprintf("%s = ew(\"a * b\", %s, %s, dtype=%q)", at(q, i), at(q, i+" - 1"), at(p, i), t.n.dtype))
		s.flush()
		p, split = q, split[:last]
		if len(split) > 0 {
			p = t.last(p, count, lead)
			continue
		}
		s = t.l.loops(t.n.grid)
		s.assign(name, t.n.label, "copy("+tileRef(p, append([]string{count + " - 1"}, s.idx...))+")")
	}
}

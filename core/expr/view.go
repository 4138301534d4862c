package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// Views: arrays without tiles of their own.
type (
	// transposeOp reverses the dimensions.
	transposeOp struct{}
	// expandOp adds dimensions of length 1, at Axes of the result.
	expandOp struct{ Axes []int }
	// squeezeOp takes dimensions of length 1 away, at Axes of the operand.
	squeezeOp struct{ Axes []int }
)

func axesText(axes []int) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = strconv.Itoa(a)
	}
	return strings.Join(parts, ",")
}

// transpose reverses the dimensions. It goes below expand and squeeze, which keeps the order of views.
func (b *builder) transpose(x *Node) *Node {
	if x.ndim() < 2 {
		return x
	}
	mirror := func(axes []int, ndim int) []int {
		out := make([]int, len(axes))
		for i, a := range axes {
			out[len(axes)-1-i] = ndim - 1 - a
		}
		return out
	}
	if args := b.argsOf(x); args != nil {
		switch o := x.op.(type) {
		case transposeOp:
			return args[0]
		case expandOp:
			return b.expand(b.transpose(args[0]), mirror(o.Axes, x.ndim()))
		case squeezeOp:
			return b.squeeze(b.transpose(args[0]), mirror(o.Axes, args[0].ndim()))
		}
	}
	return b.keep(makeNode(transposeOp{}, "transpose", x.grid.Transpose(), x.dtype, []*Node{x}))
}

// argsOf is x's operands, kept alive; nil when it has become a source. A view of what is stored is better stored as it is.
func (b *builder) argsOf(x *Node) []*Node {
	graph.Lock()
	defer graph.Unlock()
	if x.stored != nil {
		return nil
	}
	for _, a := range x.args {
		a.refs++
		b.made = append(b.made, a)
	}
	return x.args
}

// expand adds dimensions of length 1 at axes of the result, sorted.
func (b *builder) expand(x *Node, axes []int) *Node {
	if len(axes) == 0 {
		return x
	}
	if o, ok := x.op.(squeezeOp); ok && slices.Equal(o.Axes, axes) {
		if args := b.argsOf(x); args != nil {
			return args[0]
		}
	}
	g := slices.Clone(x.grid)
	for _, a := range axes {
		g = slices.Insert(g, a, unit)
	}
	return b.keep(makeNode(expandOp{axes}, "expand_dims", g, x.dtype, []*Node{x}))
}

// squeeze takes away dimensions of length 1 at axes of x, sorted.
func (b *builder) squeeze(x *Node, axes []int) *Node {
	if len(axes) == 0 {
		return x
	}
	if o, ok := x.op.(expandOp); ok && slices.Equal(o.Axes, axes) {
		if args := b.argsOf(x); args != nil {
			return args[0]
		}
	}
	g := slices.Clone(x.grid)
	for i := len(axes) - 1; i >= 0; i-- {
		g = slices.Delete(g, axes[i], axes[i]+1)
	}
	return b.keep(makeNode(squeezeOp{axes}, "squeeze", g, x.dtype, []*Node{x}))
}

func applyTranspose(b *builder, x *Node, p *params) (*Node, error) {
	axes := p.ints("axes")
	if axes == nil {
		return b.transpose(x), p.err
	}
	if len(axes) != x.ndim() {
		return nil, errs.New(errs.Value, "axes don't match array")
	}
	order := make([]int, len(axes))
	for i, a := range axes {
		var err error
		if order[i], err = normalizeAxis(a, x.ndim()); err != nil {
			return nil, err
		}
		if slices.Contains(order[:i], order[i]) {
			return nil, errs.New(errs.Value, "repeated axis in transpose")
		}
	}
	reversed := slices.Clone(order)
	slices.Reverse(reversed)
	switch {
	case slices.IsSorted(order):
		return x, nil
	case slices.IsSorted(reversed):
		return b.transpose(x), nil
	}
	return nil, b.refuse("axes %v: only the reversal of all dimensions is supported", axes)
}

func applySqueeze(b *builder, x *Node, p *params) (*Node, error) {
	given := p.ints("axis")
	var axes []int
	if given == nil {
		for d, a := range x.grid {
			if a.Len == 1 {
				axes = append(axes, d)
			}
		}
		return b.squeeze(x, axes), p.err
	}
	axes, err := normalizeAxes(given, x.ndim())
	if err != nil {
		return nil, err
	}
	for _, d := range axes {
		if x.grid[d].Len != 1 {
			return nil, errs.New(errs.Value, "cannot select an axis to squeeze out which has size not equal to one")
		}
	}
	return b.squeeze(x, axes), nil
}

func applyExpandDims(b *builder, x *Node, p *params) (*Node, error) {
	given := p.ints("axis")
	if given == nil && p.err == nil {
		return nil, errs.New(errs.Type, "expand_dims needs the parameter axis")
	}
	if x.ndim()+len(given) > maxDims {
		return nil, b.refuse("arrays of %d dimensions are not supported: %d is the most", x.ndim()+len(given), maxDims)
	}
	axes, err := normalizeAxes(given, x.ndim()+len(given))
	if err != nil {
		return nil, err
	}
	return b.expand(x, axes), p.err
}

func (transposeOp) emit(l *lowering, n *Node, name string) { l.copyView(n, name) }
func (expandOp) emit(l *lowering, n *Node, name string)    { l.copyView(n, name) }
func (squeezeOp) emit(l *lowering, n *Node, name string)   { l.copyView(n, name) }

// copyView gives a view tiles: where it is asked for, or is the operand of a program.
func (l *lowering) copyView(n *Node, name string) {
	s := l.loops(n.grid)
	s.assign(name, n.label, "copy("+l.viewRef(n, s.idx)+")")
}

// viewRef is the tile idx of a view, as an expression of the tiles below it.
func (l *lowering) viewRef(n *Node, idx []string) string {
	x := l.argsOf(n)[0]
	switch o := n.op.(type) {
	case transposeOp:
		reversed := slices.Clone(idx)
		slices.Reverse(reversed)
		return l.ref(x, reversed) + ".T"
	case expandOp:
		inner := []string{}
		for d, i := range idx {
			if !slices.Contains(o.Axes, d) {
				inner = append(inner, i)
			}
		}
		return fmt.Sprintf("expand(%s, axis=%q)", l.ref(x, inner), axesText(o.Axes))
	case squeezeOp:
		inner := slices.Clone(idx)
		for _, d := range o.Axes {
			inner = slices.Insert(inner, d, "0")
		}
		return fmt.Sprintf("squeeze(%s, axis=%q)", l.ref(x, inner), axesText(o.Axes))
	}
	panic(fmt.Sprintf("%T is not a view", n.op))
}

// isView says whether a node has no tiles unless it must.
func isView(n *Node) bool {
	switch n.op.(type) {
	case transposeOp, expandOp, squeezeOp:
		return true
	}
	return false
}

// windowOp is the part of its operand that begins at Start, in the node's own blocks.
type windowOp struct{ Start []int64 }

// rechunk cuts an array into other blocks. The blocks of generated arrays are free; views are cut below.
func (b *builder) rechunk(x *Node, g grid.Grid) *Node {
	if slices.EqualFunc(x.grid, g, sameAxis) {
		return x
	}
	if o, ok := x.op.(genOp); ok {
		return b.keep(makeNode(o, x.label, g, x.dtype, nil))
	}
	if args := b.argsOf(x); args != nil {
		switch o := x.op.(type) {
		case transposeOp:
			return b.transpose(b.rechunk(args[0], g.Transpose()))
		case expandOp:
			inner := slices.Clone(g)
			for i := len(o.Axes) - 1; i >= 0; i-- {
				inner = slices.Delete(inner, o.Axes[i], o.Axes[i]+1)
			}
			return b.expand(b.rechunk(args[0], inner), o.Axes)
		case squeezeOp:
			inner := slices.Clone(g)
			for _, d := range o.Axes {
				inner = slices.Insert(inner, d, unit)
			}
			return b.squeeze(b.rechunk(args[0], inner), o.Axes)
		}
	}
	return b.window(x, make([]int64, x.ndim()), g)
}

// window is the part of x that begins at start and is cut as g says.
func (b *builder) window(x *Node, start []int64, g grid.Grid) *Node {
	if slices.EqualFunc(x.grid, g, sameAxis) {
		return x
	}
	if o, ok := x.op.(windowOp); ok {
		if args := b.argsOf(x); args != nil {
			sum := make([]int64, len(start))
			for d := range sum {
				sum[d] = start[d] + o.Start[d]
			}
			return b.window(args[0], sum, g)
		}
	}
	if g.Size() == 0 {
		return b.full(g, int64(0), x.dtype)
	}
	if _, ok := x.op.(transposeOp); ok { // a tile of a view is cut from the tiles below it
		if args := b.argsOf(x); args != nil {
			reversed := slices.Clone(start)
			slices.Reverse(reversed)
			return b.transpose(b.window(args[0], reversed, g.Transpose()))
		}
	}
	label := "rechunk"
	if !slices.Equal(g.Shape(), x.Shape()) {
		label = "slice"
	}
	return b.keep(makeNode(windowOp{start}, label, g, x.dtype, []*Node{x}))
}

func applyRechunk(b *builder, x *Node, p *params) (*Node, error) {
	g, err := gridOf(x.Shape(), p.ints("block_shape"), x.dtype)
	if err != nil {
		return nil, err
	}
	return b.rechunk(x, g), p.err
}

func applySlice(b *builder, x *Node, p *params) (*Node, error) {
	start, stop := p.ints("start"), p.ints("stop")
	if p.err != nil {
		return nil, p.err
	}
	if len(start) != x.ndim() || len(stop) != x.ndim() {
		return nil, errs.New(errs.Value, "slice: start %v and stop %v need one position for each of %d dimensions", start, stop, x.ndim())
	}
	g := slices.Clone(x.grid)
	for d, a := range x.grid {
		if start[d] < 0 || stop[d] > a.Len || start[d] > stop[d] {
			return nil, errs.New(errs.Index, "slice %d:%d is out of bounds for axis %d with size %d", start[d], stop[d], d, a.Len)
		}
		n := stop[d] - start[d]
		g[d] = grid.Axis{Len: n, Block: min(a.Block, max(n, 1))}
	}
	if g.Equal(x.grid) {
		return x, nil
	}
	return b.window(x, start, g), nil
}

func (o windowOp) emit(l *lowering, n *Node, name string) {
	s := l.written(n)
	s.assign(name, n.label, l.assemble(l.argsOf(n)[0], o.Start, n.grid, s.idx))
}

// assemble is the tile idx of the grid g laid over x at start: pasted from the tiles of x that it overlaps.
func (l *lowering) assemble(x *Node, start []int64, g grid.Grid, idx []string) string {
	inner := make([]string, x.ndim())
	var clauses, offsets strings.Builder
	for d, a := range x.grid {
		var bounds string
		if inner[d], bounds = l.overlap(a, g[d], start[d], idx[d]); bounds != "" {
			inner[d] = "s" + strconv.Itoa(d)
			fmt.Fprintf(&clauses, " for %s in range(%s)", inner[d], bounds)
		}
		if d > 0 {
			offsets.WriteByte(',')
		}
		fmt.Fprint(&offsets, start[d])
	}
	if clauses.Len() == 0 {
		clauses.WriteString(" for s0 in range(1)")
	}
	return fmt.Sprintf("assemble([part(%s%s)%s]%s, offset=%q)",
		l.ref(x, inner), l.axesOf(x.grid, inner), clauses.String(), l.axesOf(g, idx), offsets.String())
}

// overlap is the one block of axis a that block i of axis w overlaps, or the bounds of their range; w begins at position start
// of a.
func (l *lowering) overlap(a, w grid.Axis, start int64, i string) (one, bounds string) {
	first, last := start/a.Block, (start+w.Len-1)/a.Block
	switch {
	case first == last:
		return strconv.FormatInt(first, 10), ""
	case a.Block == w.Block && start%a.Block == 0:
		return plus(i, first), ""
	}
	limit := strconv.FormatInt(last+1, 10)
	if last+1 == a.Blocks() {
		limit = l.blocks(a)
	}
	if i == "0" {
		return "", fmt.Sprintf("%d, %d", first, last+1)
	}
	return "", fmt.Sprintf("(%s)//%d, min((%s)//%d, %s)", plus(fmt.Sprintf("%d*%s", w.Block, i), start), a.Block,
		plus(fmt.Sprintf("%d*%s", w.Block, i), start+w.Block+a.Block-1), a.Block, limit)
}

// plus adds a number that is not negative to a term of the text.
func plus(term string, n int64) string {
	if n == 0 {
		return term
	}
	return fmt.Sprintf("%s + %d", term, n)
}

func applyBroadcastTo(b *builder, x *Node, p *params) (*Node, error) {
	want := p.shape()
	if p.err != nil {
		return nil, p.err
	}
	shape, err := broadcast([][]int64{x.Shape(), want})
	if err != nil || !slices.Equal(shape, want) {
		return nil, errs.New(errs.Value, "operands could not be broadcast together with remapped shapes [original->remapped]: %s  and requested shape %s",
			shapeText(x.Shape()), shapeText(want))
	}
	if slices.Equal(want, x.Shape()) {
		return x, nil
	}
	if err := checkSize(want); err != nil {
		return nil, err
	}
	g := commonGrid(want, x.dtype, []*Node{x})
	for d, a := range g {
		if a.Len != want[d] { // no operand has this dimension
			g[d] = defaultAxes(want, x.dtype)[d]
		}
	}
	if tooLarge(g, x.dtype, []*Node{x}) {
		g = defaultAxes(want, x.dtype)
	}
	return b.ew("where(b, a, a)", x.dtype, g, x, b.full(g, true, boolType)), nil
}

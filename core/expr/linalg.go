package expr

import (
	"fmt"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// matmulOp is the product of two matrices whose blocks agree along the contraction. Its sum is a tree of sums of Split products;
// with Split 0 one task sums them all.
type matmulOp struct{ Split int64 }

// A product with fewer than fewTiles tiles and more than manyBlocks blocks along the contraction is a tree of sums: otherwise it
// would keep fewer than fewTiles workers busy.
const (
	fewTiles   = 4
	manyBlocks = 8
)

// applyMatmul is numpy.matmul for operands of one and two dimensions.
func applyMatmul(b *builder, x []*Node, _ *params) (*Node, error) {
	const signature = "(n?,k),(k,m?)->(n?,m?)"
	for i, a := range x {
		if a.ndim() == 0 {
			return nil, errs.New(errs.Value, "matmul: Input operand %d does not have enough dimensions (has 0, gufunc core with signature %s requires 1)",
				i, signature)
		}
	}
	if x[0].ndim() > 2 || x[1].ndim() > 2 {
		return nil, b.refuse("operands of shapes %s and %s: only matrices and vectors are supported, not stacks of them",
			shapeText(x[0].Shape()), shapeText(x[1].Shape()))
	}
	l, r := x[0], x[1]
	var dropped []int
	if r.ndim() == 1 {
		r = b.expand(r, []int{1})
		dropped = append(dropped, 1)
	}
	if l.ndim() == 1 {
		l = b.expand(l, []int{0})
		dropped = append([]int{0}, dropped...)
	}
	if l.grid[1].Len != r.grid[0].Len {
		return nil, errs.New(errs.Value, "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature %s (size %d is different from %d)",
			signature, r.grid[0].Len, l.grid[1].Len)
	}
	if err := checkSize([]int64{l.grid[0].Len, r.grid[1].Len}); err != nil {
		return nil, err
	}
	dtype := promote(l.dtype, r.dtype)
	if dtype == boolType { // some of the products is true: counted
		count := b.product(b.cast(l, int64Type), b.cast(r, int64Type))
		return b.squeeze(b.ew("a != 0", boolType, count.grid, count), dropped), nil
	}
	return b.squeeze(b.product(b.cast(l, dtype), b.cast(r, dtype)), dropped), nil
}

// product multiplies two matrices of one type that fit.
func (b *builder) product(l, r *Node) *Node {
	g := grid.Grid{l.grid[0], r.grid[1]}
	k := contraction(l, r)
	if k.Len == 0 {
		return b.full(g, int64(0), l.dtype)
	}
	if tooLarge(g, l.dtype, []*Node{l, r}) {
		g = defaultAxes(g.Shape(), l.dtype)
	}
	l, r = b.rechunk(l, grid.Grid{g[0], k}), b.rechunk(r, grid.Grid{k, g[1]})
	o := matmulOp{}
	if g.NumTiles() < fewTiles && k.Blocks() > manyBlocks {
		o.Split = manyBlocks
	}
	if isFloat(l.dtype) && g[0].Len > 1 && b.mirrored(l, r) {
		return b.keep(makeNode(syrkOp(o), "syrk", g, l.dtype, []*Node{l, r}))
	}
	return b.keep(makeNode(o, "matmul", g, l.dtype, []*Node{l, r}))
}

// contraction chooses the blocks of the dimension that is summed over: those of the larger operand, unless it is free.
func contraction(l, r *Node) grid.Axis {
	_, free := l.op.(genOp)
	_, alsoFree := r.op.(genOp)
	if free && !alsoFree || free == alsoFree && r.size() > l.size() {
		return r.grid[0]
	}
	return l.grid[1]
}

// emit writes
//
//	C[i, j] = sum([gemm(A[i, k], B[k, j]) for k in range(n2)])
func (o matmulOp) emit(l *lowering, n *Node, name string) {
	args := l.argsOf(n)
	s := l.loops(n.grid)
	product := func(k string) string {
		return fmt.Sprintf("gemm(%s, %s)", l.ref(args[0], []string{s.idx[0], k}), l.ref(args[1], []string{k, s.idx[1]}))
	}
	k := args[0].grid[1]
	if k.Len == 1 {
		s.assign(name, n.label, product("0"))
		return
	}
	split := ""
	if o.Split > 0 {
		split = fmt.Sprintf(", split=%d", o.Split)
	}
	s.assign(name, n.label, fmt.Sprintf("sum([%s for k in range(%s)]%s)", product("k"), l.blocks(k), split))
}

// square checks that x is one square matrix, and gives it a float type and square blocks.
func (b *builder) square(x *Node) (*Node, error) {
	switch {
	case x.ndim() < 2:
		return nil, errs.New(errs.LinAlg, "%d-dimensional array given. Array must be at least two-dimensional", x.ndim())
	case x.grid[x.ndim()-1].Len != x.grid[x.ndim()-2].Len:
		return nil, errs.New(errs.LinAlg, "Last 2 dimensions of the array must be square")
	case x.ndim() > 2:
		return nil, b.refuse("an array of shape %s: only one matrix is supported, not a stack of them", shapeText(x.Shape()))
	}
	if !sameAxis(x.grid[0], x.grid[1]) {
		side := defaultAxes(x.Shape(), x.dtype)[0]
		x = b.rechunk(x, grid.Grid{side, side})
	}
	return x, nil
}

// computed is the type in which linear algebra computes.
func computed(dtype string) string {
	if isFloat(dtype) {
		return dtype
	}
	return float64Type
}

func applyCholesky(b *builder, x *Node, _ *params) (*Node, error) {
	x, err := b.square(x)
	if err != nil {
		return nil, err
	}
	x = b.cast(x, computed(x.dtype))
	return b.call(cholesky, "", x.grid, x), nil
}

// applySolve solves A x = b; assume_a says what is known of A. What it knows of a symmetric one is not used yet.
func applySolve(b *builder, x []*Node, p *params) (*Node, error) {
	assume := p.text("assume_a", "gen")
	if p.err != nil {
		return nil, p.err
	}
	switch assume {
	case "gen", "sym":
		return b.solveGeneral(x[0], x[1])
	case "pos":
	default:
		return nil, b.refuse(`assume_a=%q: "gen", "sym" and "pos", a symmetric positive definite matrix, are supported`, assume)
	}
	a, err := b.square(x[0])
	if err != nil {
		return nil, err
	}
	rhs := x[1]
	if err := b.checkRight(a, rhs); err != nil {
		return nil, err
	}
	dtype := computed(promote(a.dtype, rhs.dtype))
	return b.withColumns(rhs, a, dtype, func(rhs *Node) *Node {
		return b.call("solve_spd", "", rhs.grid, b.cast(a, dtype), rhs)
	}), nil
}

// withColumns calls f with the right side as a matrix whose rows are cut as a's are, and gives the result its shape again.
func (b *builder) withColumns(rhs, a *Node, dtype string, f func(rhs *Node) *Node) *Node {
	vector := rhs.ndim() == 1
	if vector {
		rhs = b.expand(rhs, []int{1})
	}
	out := f(b.cast(b.rechunk(rhs, grid.Grid{a.grid[0], rhs.grid[1]}), dtype))
	if vector {
		return b.squeeze(out, []int{1})
	}
	return out
}

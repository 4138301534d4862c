package expr

import (
	"fmt"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

type (
	// diagOp is the main diagonal of the matrix that begins at Start in its operand, an array of one dimension.
	diagOp struct{ Start [2]int64 }
	// triOp keeps a triangle: on and below (L) or on and above (U) diagonal K.
	triOp struct {
		Uplo string
		K    int64
	}
)

// applyDiag is numpy.diag, but that a column is a vector.
func applyDiag(b *builder, x *Node, p *params) (*Node, error) {
	k := p.int("k", 0)
	if p.err != nil {
		return nil, p.err
	}
	switch {
	case x.ndim() == 2 && x.grid[1].Len == 1:
		return b.diagonalMatrix(x, k)
	case x.ndim() == 1:
		return b.diagonalMatrix(b.expand(x, []int{1}), k)
	case x.ndim() == 2:
		return b.diagonal(x, k), nil
	}
	return nil, errs.New(errs.Value, "Input must be 1- or 2-d.")
}

// applyDiagonal is numpy.diagonal.
func applyDiagonal(b *builder, x *Node, p *params) (*Node, error) {
	k := p.int("k", 0)
	switch {
	case x.ndim() < 2:
		return nil, errs.New(errs.Value, "diag requires an array of at least two dimensions")
	case x.ndim() > 2:
		return nil, b.refuseStack(x)
	}
	return b.diagonal(x, k), p.err
}

// refuseStack is the error of an operation on one matrix that is given a stack of them.
func (b *builder) refuseStack(x *Node) error {
	return b.refuse("an array of shape %s: only one matrix is supported, not a stack of them", shapeText(x.Shape()))
}

// diagonalMatrix is the square matrix with a column on its diagonal.
func (b *builder) diagonalMatrix(x *Node, k int64) (*Node, error) {
	if k != 0 {
		return nil, b.refuse("k=%d: a matrix is made with k=0 only", k)
	}
	n := x.grid[0].Len
	if err := checkSize([]int64{n, n}); err != nil {
		return nil, err
	}
	g := grid.Grid{x.grid[0], x.grid[0]}
	if tooLarge(g, x.dtype, nil) {
		g = defaultAxes([]int64{n, n}, x.dtype)
	}
	on := b.generate(genOp{Kernel: "eye", After: "k=0"}, g, boolType)
	return b.ew("where(b, a, 0)", x.dtype, g, x, on), nil
}

// diagonal is the k-th diagonal of a matrix.
func (b *builder) diagonal(x *Node, k int64) *Node {
	k = clampDiagonal(k, x.grid)
	o := diagOp{Start: [2]int64{max(0, -k), max(0, k)}}
	n := max(0, min(x.grid[0].Len-o.Start[0], x.grid[1].Len-o.Start[1]))
	if n == 0 {
		return b.full(grid.Grid{{Len: 0, Block: 1}}, int64(0), x.dtype)
	}
	if n == 1 { // one element
		return b.squeeze(b.window(x, o.Start[:], grid.Grid{unit, unit}), []int{1})
	}
	axis := grid.Axis{Len: n, Block: min(x.grid[0].Block, x.grid[1].Block, n)}
	return b.keep(makeNode(o, b.op, grid.Grid{axis}, x.dtype, []*Node{x}))
}

// emit writes
//
//	D[i] = squeeze(diagpart(X[i, i], r0[i], r1[i]), axis="1")
//
// where the tiles of X have the diagonal of X in theirs; otherwise it pastes together tiles that have.
func (o diagOp) emit(l *lowering, n *Node, name string) {
	x := l.argsOf(n)[0]
	s := l.loops(n.grid)
	i := s.idx[0]
	a := n.grid[0]
	square := grid.Grid{a, a}
	aligned := o.Start == [2]int64{}
	for _, side := range x.grid {
		aligned = aligned && sameAxis(grid.Axis{Len: a.Len, Block: side.Block}, a)
	}
	tile, blocks := "", l.axesOf(square, []string{i, i})
	if aligned {
		tile, blocks = l.ref(x, []string{i, i}), l.axesOf(x.grid, []string{i, i})
	} else {
		tile = l.assemble(x, o.Start[:], square, []string{i, i})
	}
	s.assign(name, n.label, fmt.Sprintf("squeeze(diagpart(%s%s), axis=\"1\")", tile, blocks))
}

// applyTrace is numpy.trace.
func applyTrace(b *builder, x *Node, p *params) (*Node, error) {
	switch {
	case x.ndim() < 2:
		return nil, errs.New(errs.Value, "diag requires an array of at least two dimensions")
	case x.ndim() > 2:
		return nil, b.refuseStack(x)
	}
	d := b.cast(b.diagonal(x, 0), summed(x.dtype))
	return b.squeeze(b.reduce(d, "sum", []int{0}), []int{0}), nil
}

// applyTri is tril and triu.
func applyTri(b *builder, x *Node, p *params) (*Node, error) {
	k := p.int("k", 0)
	o := triOp{Uplo: "L"}
	if b.op == "triu" {
		o.Uplo = "U"
	}
	if p.err != nil {
		return nil, p.err
	}
	if x.ndim() != 2 {
		return nil, b.refuse("an array of shape %s: a matrix is needed", shapeText(x.Shape()))
	}
	o.K = clampDiagonal(k, x.grid)
	return b.keep(makeNode(o, b.op, x.grid, x.dtype, []*Node{x})), nil
}

func (o triOp) emit(l *lowering, n *Node, name string) {
	s := l.written(n)
	s.assign(name, n.label, fmt.Sprintf("tri(%s%s, k=%d, uplo=%q)", l.ref(l.argsOf(n)[0], s.idx), l.axesOf(n.grid, s.idx), o.K, o.Uplo))
}

package expr

import (
	"numpywren/core/errs"
	"numpywren/core/grid"
)

// Blocks of a matrix that is factored. qrSide is that of one that comes in blocks which its program cannot use: smaller than the
// products' best, since the critical path is one of factored tiles; larger ones are cut to it unless there are enoughTiles along the
// shorter side, or in the one block column. Blocks below tinySide are joined when there are more than manyTiles.
const (
	qrSide      = 1024
	tinySide    = 256
	enoughTiles = 8
	manyTiles   = 64
)

// qrFactors is A = Q R: the reflections that make Q, and R.
type qrFactors struct {
	v, t, u, w, r *Node
	tall          bool // it is tsqr's: R has as many rows as columns, otherwise as A
	rows, cols    int64
}

// rank is the number of columns of the thin Q.
func (f *qrFactors) rank() int64 { return min(f.rows, f.cols) }

// matrix checks that x is one matrix, and gives it a float type.
func (b *builder) matrix(x *Node) (*Node, error) {
	switch {
	case x.ndim() < 2:
		return nil, errs.New(errs.LinAlg, "%d-dimensional array given. Array must be at least two-dimensional", x.ndim())
	case x.ndim() > 2:
		return nil, b.refuseStack(x)
	}
	return b.cast(x, computed(x.dtype)), nil
}

// isTall says whether tsqr factors a matrix of this grid: one block column, the blocks no wider than tall, or one block.
func isTall(g grid.Grid) bool {
	return g[1].Blocks() == 1 && (g[0].Blocks() == 1 || g[0].Block >= g[1].Len)
}

// forQR cuts a matrix as tsqr or qr want it, if it is not cut so.
func (b *builder) forQR(x *Node) *Node {
	g := x.grid
	short := g[0]
	if g[1].Len < g[0].Len {
		short = g[1]
	}
	tiny := short.Block < tinySide && short.Blocks() > manyTiles
	large := short.Block > qrSide && short.Blocks() < enoughTiles && !(isTall(g) && g[0].Blocks() >= enoughTiles)
	oneRow := g[0].Blocks() == 1 && g[1].Block >= g[0].Len
	if isTall(g) && !large || !tiny && !large && (g[0].Block == g[1].Block || oneRow) {
		return x
	}
	if d := defaultAxes(x.Shape(), x.dtype); isTall(d) {
		return b.rechunk(x, d)
	}
	side := int64(qrSide) // so that there are at least four, but where they would be tiny
	if short.Len < 4*qrSide {
		side = min(short.Len, max(tinySide, (short.Len/4+127)/128*128))
	}
	cut := make(grid.Grid, 2)
	for d := range cut {
		cut[d] = grid.Axis{Len: g[d].Len, Block: min(side, g[d].Len)}
	}
	return b.rechunk(x, cut)
}

// factorQR makes the factors of a matrix that is not empty. With whole, R has as many rows as the matrix.
func (b *builder) factorQR(x *Node, whole bool) (*qrFactors, error) {
	x = b.forQR(x)
	f := &qrFactors{tall: !whole && isTall(x.grid), rows: x.grid[0].Len, cols: x.grid[1].Len}
	program := "qr"
	if f.tall {
		program = "tsqr"
	}
	out, err := b.callAll(program, x)
	if err != nil {
		return nil, err
	}
	f.v, f.t, f.u, f.w, f.r = out[0], out[1], out[2], out[3], out[4]
	return f, nil
}

// thinR is R without the rows of zeros below it.
func (b *builder) thinR(r *Node, rows int64) *Node {
	return b.window(r, []int64{0, 0}, grid.Grid{{Len: rows, Block: min(rows, r.grid[0].Block)}, r.grid[1]})
}

// onlyR is R alone.
func (b *builder) onlyR(x *Node) (*Node, error) {
	x = b.forQR(x)
	program := "qr_r"
	if isTall(x.grid) {
		program = "tsqr_r"
	}
	out, err := b.callAll(program, x)
	if err != nil {
		return nil, err
	}
	return b.thinR(out[0], min(x.grid[0].Len, x.grid[1].Len)), nil
}

// columns is the first columns of Q.
func (b *builder) columns(f *qrFactors, n int64) (*Node, error) {
	rows := f.v.grid[0]
	if f.tall {
		return b.timesQ(f, b.eye(grid.Grid{{Len: n, Block: n}, {Len: n, Block: n}}, f.v.dtype))
	}
	c := b.eye(grid.Grid{rows, {Len: n, Block: min(rows.Block, n)}}, f.v.dtype)
	out, err := b.callAll("qr_generate", f.v, f.t, f.u, f.w, c)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (b *builder) eye(g grid.Grid, dtype string) *Node {
	return b.generate(genOp{Kernel: "eye", After: "k=0"}, g, dtype)
}

// timesQ is the thin Q times a matrix of as many rows as it has columns.
func (b *builder) timesQ(f *qrFactors, c *Node) (*Node, error) {
	if !f.tall {
		q, err := b.columns(f, f.rank())
		if err != nil {
			return nil, err
		}
		return b.product(q, c), nil
	}
	c = b.rechunk(c, grid.Grid{{Len: f.rank(), Block: f.rank()}, c.grid[1]})
	out, err := b.callAll("tsqr_generate", f.v, f.t, f.u, f.w, c)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// multiply is Q C, or with trans Qᵀ C, for the whole Q.
func (b *builder) multiply(f *qrFactors, c *Node, trans bool) (*Node, error) {
	program := "qr_multiply"
	if trans {
		program = "qr_multiply_transposed"
	}
	c = b.rechunk(b.cast(c, f.v.dtype), grid.Grid{f.v.grid[0], c.grid[1]})
	out, err := b.callAll(program, f.v, f.t, f.u, f.w, c)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// applyQR is numpy.linalg.qr: Q and R, or R alone; with mode="raw" the reflections V, T, U, W and R.
func applyQR(b *builder, args []Operand, p *params) ([]*Node, error) {
	mode := p.text("mode", "reduced")
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	switch mode {
	case "reduced", "complete", "r", "raw":
	default:
		return nil, errs.New(errs.Value, "Unrecognized mode '%s'", mode)
	}
	if x, err = b.matrix(x); err != nil {
		return nil, err
	}
	rows, cols := x.grid[0].Len, x.grid[1].Len
	thin := min(rows, cols)
	switch {
	case thin == 0:
		return b.emptyQR(x, mode)
	case mode == "r":
		r, err := b.onlyR(x)
		return []*Node{r}, err
	}
	f, err := b.factorQR(x, mode == "complete")
	if err != nil {
		return nil, err
	}
	r := f.r
	if mode == "raw" {
		return []*Node{f.v, f.t, f.u, f.w, b.thinR(r, thin)}, nil
	}
	width := thin
	if mode == "complete" {
		width = rows
	}
	q, err := b.columns(f, width)
	if err != nil {
		return nil, err
	}
	return []*Node{q, b.thinR(r, width)}, nil
}

// emptyQR is Q and R of a matrix without elements.
func (b *builder) emptyQR(x *Node, mode string) ([]*Node, error) {
	rows, cols := x.grid[0].Len, x.grid[1].Len
	zeros := func(m, n int64) *Node {
		return b.full(grid.Grid{{Len: m, Block: max(m, 1)}, {Len: n, Block: max(n, 1)}}, int64(0), x.dtype)
	}
	switch mode {
	case "r":
		return []*Node{zeros(0, cols)}, nil
	case "raw": // no reflections
		return []*Node{zeros(rows, cols), zeros(0, cols), zeros(0, cols), zeros(0, cols), zeros(0, cols)}, nil
	case "complete":
		return []*Node{b.eye(defaultAxes([]int64{rows, rows}, x.dtype), x.dtype), zeros(rows, cols)}, nil
	}
	return []*Node{zeros(rows, 0), zeros(0, cols)}, nil
}

// applyQRMultiply is Q C, or Qᵀ C with trans, from the reflections V, T, U, W of mode="raw". C may be a vector.
func applyQRMultiply(b *builder, x []*Node, p *params) (*Node, error) {
	trans := p.bool("trans", false)
	if p.err != nil {
		return nil, p.err
	}
	c, dtype := x[4], computed(promote(x[0].dtype, x[4].dtype))
	for k := range x[:4] {
		x[k] = b.cast(x[k], dtype)
	}
	f := &qrFactors{v: x[0], t: x[1], u: x[2], w: x[3], rows: x[0].grid[0].Len, cols: x[0].grid[1].Len}
	if c.ndim() == 0 || c.ndim() > 2 || c.grid[0].Len != f.rows {
		return nil, errs.New(errs.Value, "Q has %d rows and columns, and the operand the shape %s", f.rows, shapeText(c.Shape()))
	}
	if f.rank() == 0 { // Q is the identity
		return b.cast(c, dtype), nil
	}
	vector := c.ndim() == 1
	if vector {
		c = b.expand(c, []int{1})
	}
	out, err := b.multiply(f, c, trans)
	if err == nil && vector {
		out = b.squeeze(out, []int{1})
	}
	return out, err
}

package expr

import (
	"fmt"
	"math"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// What is decomposed how. A matrix with a shorter side of oneTaskSVD elements at most is one task's, LAPACK's gesdd; a larger one becomes
// a band, whose tiles have bandTile rows and columns. One task holds the band: svdMost is the longest shorter side. Up to svdWhole the
// bidiagonal matrix is decomposed in one task.
const (
	oneTaskSVD = 768
	bandTile   = 512
	svdWhole   = 2048
	svdMost    = 65536
)

// decomposed is A = U diag(s) Vᵀ, with s as a column.
type decomposed struct{ u, s, vt *Node }

// oneTile is a matrix as one tile.
func (b *builder) oneTile(x *Node) *Node {
	g := make(grid.Grid, 2)
	for d, a := range x.grid {
		g[d] = grid.Axis{Len: a.Len, Block: a.Len}
	}
	return b.rechunk(x, g)
}

// smallSVD decomposes a matrix as one tile.
func (b *builder) smallSVD(x *Node) (decomposed, error) {
	out, err := b.callAll("small_svd", b.oneTile(x))
	if err != nil {
		return decomposed{}, err
	}
	return decomposed{out[0], out[1], out[2]}, nil
}

// checkSVD refuses what is too large for the task between the two stages.
func (b *builder) checkSVD(x *Node, instead string) error {
	if n := min(x.grid[0].Len, x.grid[1].Len); n > svdMost {
		return b.refuse("a matrix of shape %s: its shorter side may have %d elements at most; %s", shapeText(x.Shape()), svdMost, instead)
	}
	return nil
}

// isOneTask says whether a matrix that is not wide is so small that its SVD begins without a QR factorisation of ours.
func isOneTask(x *Node) bool {
	rows, cols := x.grid[0].Len, x.grid[1].Len
	return x.grid.NumTiles() == 1 && cols <= oneTaskSVD && rows <= 2*cols
}

// squareSVD decomposes a square matrix.
func (b *builder) squareSVD(x *Node) (decomposed, error) {
	if x.grid[0].Len > oneTaskSVD {
		return b.bandSVD(x)
	}
	return b.smallSVD(x)
}

// factorSVD is A = Q R, and R decomposed.
func (b *builder) factorSVD(x *Node) (*qrFactors, decomposed, error) {
	f, err := b.factorQR(x, false)
	if err != nil {
		return nil, decomposed{}, err
	}
	d, err := b.squareSVD(b.thinR(f.r, f.rank()))
	return f, d, err
}

// svd decomposes a matrix with at least as many rows as columns: A = Q R, R = U' diag(s) Vᵀ, U = Q U'.
func (b *builder) svd(x *Node) (decomposed, error) {
	switch {
	case x.grid[0].Len == x.grid[1].Len:
		return b.squareSVD(x)
	case isOneTask(x):
		return b.smallSVD(x)
	}
	f, d, err := b.factorSVD(x)
	if err == nil {
		d.u, err = b.timesQ(f, d.u)
	}
	return d, err
}

// fullSVD is svd with a square U, for a matrix with more rows than columns: Q times U' and, beside it, ones on the diagonal.
func (b *builder) fullSVD(x *Node) (decomposed, error) {
	f, d, err := b.factorSVD(x)
	if err != nil {
		return decomposed{}, err
	}
	rows := f.v.grid[0]
	g := grid.Grid{rows, {Len: rows.Len, Block: min(rows.Block, bandTile)}}
	place := b.generate(genOp{Kernel: "arange", After: "0, 1"}, grid.Grid{g[0]}, int64Type)
	beyond := b.ew(fmt.Sprintf("where(a >= %d, b, 0 * b)", f.rank()), x.dtype, g, b.expand(place, []int{1}), b.eye(g, x.dtype))
	out, err := b.callAll("svd_padded", d.u, beyond)
	if err != nil {
		return decomposed{}, err
	}
	d.u, err = b.multiply(f, out[0], false)
	return d, err
}

// applySVD is numpy.linalg.svd: U, s, Vᵀ, or the singular values alone.
func applySVD(b *builder, args []Operand, p *params) ([]*Node, error) {
	full, vectors := p.bool("full_matrices", false), p.bool("compute_uv", true)
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	if x, err = b.matrix(x); err != nil {
		return nil, err
	}
	rows, cols := x.grid[0].Len, x.grid[1].Len
	if min(rows, cols) == 0 {
		return b.emptySVD(x, vectors, full), nil
	}
	if err := b.checkSVD(x, "svd_lowrank computes the largest singular values of larger ones"); err != nil {
		return nil, err
	}
	wide := rows < cols
	if wide {
		x = b.transpose(x)
	}
	if !vectors {
		s, err := b.values(x)
		return []*Node{s}, err
	}
	decompose := b.svd
	if full && rows != cols {
		decompose = b.fullSVD
	}
	d, err := decompose(x)
	if err != nil {
		return nil, err
	}
	if wide {
		d.u, d.vt = b.transpose(d.vt), b.transpose(d.u)
	}
	return []*Node{d.u, b.squeeze(d.s, []int{1}), d.vt}, nil
}

// values is the singular values of a matrix that is not wide.
func (b *builder) values(x *Node) (*Node, error) {
	if rows, cols := x.grid[0].Len, x.grid[1].Len; rows > cols && !isOneTask(x) {
		r, err := b.onlyR(x)
		if err != nil {
			return nil, err
		}
		x = r
	}
	if x.grid[1].Len > oneTaskSVD {
		s, err := b.bandValues(x)
		if err != nil {
			return nil, err
		}
		return b.squeeze(s, []int{1}), nil
	}
	out, err := b.callAll("small_svdvals", b.oneTile(x))
	if err != nil {
		return nil, err
	}
	return b.squeeze(out[0], []int{1}), nil
}

// emptySVD is that of a matrix without elements.
func (b *builder) emptySVD(x *Node, vectors, full bool) []*Node {
	rows, cols := x.grid[0].Len, x.grid[1].Len
	zeros := func(shape ...int64) *Node { return b.full(defaultAxes(shape, x.dtype), int64(0), x.dtype) }
	switch {
	case !vectors:
		return []*Node{zeros(0)}
	case full:
		ones := func(n int64) *Node { return b.eye(defaultAxes([]int64{n, n}, x.dtype), x.dtype) }
		return []*Node{ones(rows), zeros(0), ones(cols)}
	}
	return []*Node{zeros(rows, 0), zeros(0), zeros(0, cols)}
}

// applyLstsq is numpy.linalg.lstsq: the x of least norm that makes |A x - b| least, the squares of the residuals' norms (which are
// nothing unless A has more rows than columns and full rank), the rank and the singular values. QR first; then the SVD of R. With
// alpha, it is |A x - b|² + alpha |x|² that is made least.
func applyLstsq(b *builder, args []Operand, p *params) ([]*Node, error) {
	rcond, alpha := p.float("rcond", -1), p.float("alpha", 0)
	if p.err != nil {
		return nil, p.err
	}
	x := make([]*Node, 2)
	for k, a := range args {
		var err error
		if x[k], err = b.array(a); err != nil {
			return nil, err
		}
	}
	a, rhs := x[0], x[1]
	if a.ndim() != 2 {
		return nil, errs.New(errs.LinAlg, "%d-dimensional array given. Array must be two-dimensional", a.ndim())
	}
	if rhs.ndim() != 1 && rhs.ndim() != 2 {
		return nil, errs.New(errs.LinAlg, "%d-dimensional array given. Array must be two-dimensional", rhs.ndim())
	}
	if a.grid[0].Len != rhs.grid[0].Len {
		return nil, errs.New(errs.LinAlg, "Incompatible dimensions")
	}
	if err := b.checkSVD(a, "qr and solve_triangular solve larger ones of full rank"); err != nil {
		return nil, err
	}
	dtype := computed(promote(a.dtype, rhs.dtype))
	a, rhs = b.cast(a, dtype), b.cast(rhs, dtype)
	vector := rhs.ndim() == 1
	if vector {
		rhs = b.expand(rhs, []int{1})
	}
	out, err := b.leastSquares(a, rhs, rcond, alpha)
	if err != nil {
		return nil, err
	}
	if vector {
		out[0] = b.squeeze(out[0], []int{1})
	}
	return out, nil
}

// leastSquares is x, the squares of the residuals' norms, the rank and the singular values.
func (b *builder) leastSquares(a, rhs *Node, rcond, alpha float64) ([]*Node, error) {
	rows, cols := a.grid[0].Len, a.grid[1].Len
	zeros := func(shape ...int64) *Node { return b.full(defaultAxes(shape, a.dtype), int64(0), a.dtype) }
	switch {
	case min(rows, cols) == 0:
		squares := b.reduce(b.unary("square(a)", rhs), "sum", []int{0})
		return []*Node{zeros(cols, rhs.grid[1].Len), b.squeeze(squares, []int{0}), b.full(nil, int64(0), int64Type), zeros(min(rows, cols))}, nil
	case rhs.grid[1].Len == 0: // the rank and the singular values are A's, as they are beside a column of zeros
		out, err := b.leastSquares(a, b.full(grid.Grid{rhs.grid[0], unit}, int64(0), a.dtype), rcond, alpha)
		if err == nil {
			out[0], out[1] = zeros(cols, 0), zeros(0)
		}
		return out, err
	case rcond <= 0: // LAPACK's gelsd
		rcond = epsilon(a.dtype)
	}
	wide := rows < cols
	if wide {
		a = b.transpose(a)
	}
	f, d, err := b.factorSVD(a)
	if err != nil {
		return nil, err
	}
	largest := b.window(d.s, []int64{0, 0}, grid.Grid{unit, unit})
	kept := b.ew(fmt.Sprintf("a > b * %s", number(rcond)), boolType, d.s.grid, d.s, largest)
	count := b.squeeze(b.reduce(b.cast(kept, int64Type), "sum", []int{0, 1}), []int{0, 1})
	inverse := b.ew("where(a, 1 / where(a, b, 1), 0)", a.dtype, d.s.grid, kept, d.s)
	if alpha != 0 {
		inverse = b.unary(damped(alpha), d.s)
	}
	divided := func(c *Node) *Node { return b.ew("a * b", a.dtype, c.grid, c, inverse) }
	squares := b.full(grid.Grid{rhs.grid[1]}, int64(0), a.dtype)
	var x *Node
	if wide { // A = V diag(s) (Q U)ᵀ
		x, err = b.timesQ(f, b.product(d.u, divided(b.product(d.vt, rhs))))
	} else {
		var c *Node
		if c, err = b.multiply(f, rhs, true); err != nil {
			return nil, err
		}
		part := func(lo, n int64) *Node {
			return b.window(c, []int64{lo, 0}, grid.Grid{{Len: n, Block: min(n, c.grid[0].Block)}, c.grid[1]})
		}
		if rows > cols {
			squares = b.squeeze(b.reduce(b.unary("square(a)", part(cols, rows-cols)), "sum", []int{0}), []int{0})
		}
		x = b.product(b.transpose(d.vt), divided(b.product(b.transpose(d.u), part(0, cols))))
	}
	if err != nil {
		return nil, err
	}
	return []*Node{x, squares, count, b.squeeze(d.s, []int{1})}, nil
}

// damped is s / (s² + alpha) for a singular value s, by way of s and √alpha: their squares may be out of the range of numbers, where the
// quotient is not.
func damped(alpha float64) string {
	root := number(math.Sqrt(alpha))
	larger, lesser := "maximum(a, "+root+")", "minimum(a, "+root+")"
	return fmt.Sprintf("where(a > 0, a / %[1]s / (1 + square(%[2]s / %[1]s)) / %[1]s, 0)", larger, lesser)
}

// epsilon is the distance from 1 to the next number.
func epsilon(dtype string) float64 {
	if dtype == float32Type {
		return 0x1p-23
	}
	return 0x1p-52
}

package expr

import (
	"numpywren/core/errs"
	"numpywren/core/grid"
)

// LU factorisations and what is made of them. The factors are two arrays: F, which has L and U in A's place, and P, which has a
// line for each row (see kernel lu); programs take both.

// Blocks of factorisations: smaller than those that suit products, since their critical path is one block column after the other,
// and, where tiles are small, larger than those, for the sake of the kernels and of the number of tasks.
const (
	fewSteps  = 8    // a matrix is cut into no fewer steps,
	leastStep = 512  // unless they are shorter than this,
	mostSteps = 64   // and into no more,
	mostStep  = 2048 // unless they are longer than this

	// A block column of more bytes is not one task: a tournament finds its pivots.
	maxPanel = 1 << 30
)

// stepBlock is the side of the blocks in which a matrix is factored: its tiles', if they are square, or a part or a multiple of
// it.
func stepBlock(g grid.Grid) int64 {
	long, short := max(g[0].Len, g[1].Len), min(g[0].Len, g[1].Len)
	b := max(1, min(max(g[0].Block, g[1].Block), long))
	if square := func(a grid.Axis) bool { return sameAxis(a, grid.Axis{Len: a.Len, Block: b}) }; !square(g[0]) || !square(g[1]) {
		b = defaultAxes([]int64{long, long}, float64Type)[0].Block
	}
	steps := func() int64 { return (long + b - 1) / b }
	for short > leastStep && b%2 == 0 && b/2 >= leastStep && steps() < fewSteps {
		b /= 2
	}
	if n := steps(); n > mostSteps && short > b {
		b *= max(1, min((n+mostSteps-1)/mostSteps, mostStep/b))
	}
	return b
}

// forLU is one matrix, in a float type and in square blocks.
func (b *builder) forLU(x *Node, square bool) (*Node, error) {
	switch {
	case x.ndim() < 2:
		return nil, errs.New(errs.LinAlg, "%d-dimensional array given. Array must be at least two-dimensional", x.ndim())
	case square && x.grid[x.ndim()-1].Len != x.grid[x.ndim()-2].Len:
		return nil, errs.New(errs.LinAlg, "Last 2 dimensions of the array must be square")
	case x.ndim() > 2:
		return nil, b.refuseStack(x)
	}
	side := stepBlock(x.grid)
	g := grid.Grid{x.grid[0], x.grid[1]}
	for d := range g {
		g[d].Block = min(side, max(g[d].Len, 1))
	}
	return b.cast(b.rechunk(x, g), computed(x.dtype)), nil
}

// result is one of the arrays that a program gives.
type result struct {
	grid  grid.Grid
	dtype string
}

// calls makes all results of a program of package programs.
func (b *builder) calls(program, scalars string, results []result, args ...*Node) []*Node {
	out := make([]*Node, len(results))
	for k, r := range results {
		o := programOp{Name: program, Scalars: scalars, Out: k, Outs: len(results)}
		out[k] = b.keep(makeNode(o, b.op, r.grid, r.dtype, args))
	}
	return out
}

// pivoting is how the pivots of a block column are found.
type pivoting string

const (
	bySize     pivoting = "auto"
	partial    pivoting = "partial"    // among all of its rows
	tournament pivoting = "tournament" // among those that groups of rows elect
)

// factorLU is L and U in x's place, and the exchanges of its rows; x is as forLU makes it. With strict, a singular matrix is
// an error.
func (b *builder) factorLU(x *Node, how pivoting, strict bool) (f, p *Node) {
	program, scalars := "lu_factor", ""
	if how == tournament || how == bySize && x.grid[0].Len*min(x.grid[1].Block, x.grid[1].Len)*int64(dtypes[x.dtype].size) > maxPanel {
		program = "lu_factor_tournament"
	}
	if strict {
		scalars = "strict=1"
	}
	exchanges := grid.Grid{x.grid[0], {Len: 2, Block: 2}}
	out := b.calls(program, scalars, []result{{x.grid, x.dtype}, {exchanges, int64Type}}, x)
	return out[0], out[1]
}

// pivotingOf reads how the pivots are to be found.
func pivotingOf(p *params) pivoting {
	return pivoting(p.choice("pivoting", string(bySize), string(partial), string(tournament)))
}

// applyLuFactor gives F and P.
func applyLuFactor(b *builder, args []Operand, p *params) ([]*Node, error) {
	how := pivotingOf(p)
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	if x, err = b.forLU(x, false); err != nil {
		return nil, err
	}
	if x.size() == 0 { // no exchanges, of which nobody asks
		exchanges := grid.Grid{x.grid[0], {Len: 2, Block: 2}}
		return []*Node{b.full(x.grid, int64(0), x.dtype), b.full(exchanges, int64(0), int64Type)}, nil
	}
	f, exchanges := b.factorLU(x, how, false)
	return []*Node{f, exchanges}, nil
}

// checkLU checks that two arrays are what lu_factor gave.
func (b *builder) checkLU(f, p *Node) error {
	if f.ndim() != 2 || p.ndim() != 2 || !isFloat(f.dtype) || p.dtype != int64Type || p.grid[1].Len != 2 ||
		!sameAxis(f.grid[0], p.grid[0]) || f.grid[0].Block != f.grid[1].Block && f.grid[0].Blocks() > 1 && f.grid[1].Blocks() > 1 {
		return errs.New(errs.Value, "%s: arrays of shapes %s and %s are no factors: give both results of lu_factor, as they are",
			b.op, shapeText(f.Shape()), shapeText(p.Shape()))
	}
	return nil
}

// checkRight checks a right side of a square matrix, in NumPy's words.
func (b *builder) checkRight(a, rhs *Node) error {
	switch {
	case rhs.ndim() == 0:
		return errs.New(errs.Value, "solve: Input operand 1 does not have enough dimensions (has 0, gufunc core with signature (m,m),(m,n)->(m,n) requires 2)")
	case rhs.ndim() > 2:
		return b.refuse("a right side of shape %s: only matrices and vectors are supported, not stacks of them", shapeText(rhs.Shape()))
	case rhs.grid[0].Len != a.grid[0].Len:
		name, signature := "solve", "(m,m),(m,n)->(m,n)"
		if rhs.ndim() == 1 {
			name, signature = "solve1", "(m,m),(m)->(m)"
		}
		return errs.New(errs.Value, "%s: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature %s (size %d is different from %d)",
			name, signature, rhs.grid[0].Len, a.grid[0].Len)
	}
	return nil
}

// solveGeneral is the x with A x = rhs.
func (b *builder) solveGeneral(a, rhs *Node) (*Node, error) {
	a, err := b.forLU(a, true)
	if err != nil {
		return nil, err
	}
	if err := b.checkRight(a, rhs); err != nil {
		return nil, err
	}
	dtype := computed(promote(a.dtype, rhs.dtype))
	return b.withColumns(rhs, a, dtype, func(rhs *Node) *Node {
		if rhs.size() == 0 {
			return b.full(rhs.grid, int64(0), dtype)
		}
		f, exchanges := b.factorLU(b.cast(a, dtype), bySize, true)
		return b.call("lu_solve", "", rhs.grid, f, exchanges, rhs)
	}), nil
}

// applyLuSolve solves with the factors of a square matrix.
func applyLuSolve(b *builder, x []*Node, p *params) (*Node, error) {
	program := "lu_solve"
	if p.choice("trans", "N", "T") == "T" {
		program = "lu_solve_transposed"
	}
	if p.err != nil {
		return nil, p.err
	}
	f, exchanges, rhs := x[0], x[1], x[2]
	if err := b.checkSquareLU(f, exchanges); err != nil {
		return nil, err
	}
	if err := b.checkRight(f, rhs); err != nil {
		return nil, err
	}
	dtype := computed(promote(f.dtype, rhs.dtype))
	return b.withColumns(rhs, f, dtype, func(rhs *Node) *Node {
		if rhs.size() == 0 {
			return b.full(rhs.grid, int64(0), dtype)
		}
		return b.call(program, "", rhs.grid, b.cast(f, dtype), exchanges, rhs)
	}), nil
}

// checkSquareLU is checkLU, of a square matrix.
func (b *builder) checkSquareLU(f, p *Node) error {
	if err := b.checkLU(f, p); err != nil {
		return err
	}
	if f.grid[0].Len != f.grid[1].Len {
		return errs.New(errs.LinAlg, "Last 2 dimensions of the array must be square")
	}
	return nil
}

// form is how the factors of a matrix are given.
type form struct {
	permute bool // P L and U
	indices bool // the rows of L for A's, instead of P
}

// formOf reads in which form factors are wanted.
func formOf(p *params) form { return form{p.bool("permute_l", false), p.bool("p_indices", false)} }

// applyLu is scipy.linalg.lu: P, L and U with A = P L U; with p_indices the first is the rows of L for A's, A = L[p] U; with
// permute_l there are two, P L and U.
func applyLu(b *builder, args []Operand, p *params) ([]*Node, error) {
	form, how := formOf(p), pivotingOf(p)
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	if x, err = b.forLU(x, false); err != nil {
		return nil, err
	}
	if x.size() == 0 {
		return b.unpacked(x, nil, form), nil
	}
	f, exchanges := b.factorLU(x, how, false)
	return b.unpacked(f, exchanges, form), nil
}

// applyLuUnpack gives what lu gives, from factors.
func applyLuUnpack(b *builder, args []Operand, p *params) ([]*Node, error) {
	form := formOf(p)
	if p.err != nil {
		return nil, p.err
	}
	f, exchanges, err := b.givenLU(args)
	if err != nil {
		return nil, err
	}
	return b.unpacked(f, exchanges, form), nil
}

// unpacked is P, L and U in the form that is wanted, from factors; the exchanges of an empty matrix are not read.
func (b *builder) unpacked(f, exchanges *Node, form form) []*Node {
	m, n := f.grid[0], f.grid[1]
	if f.size() == 0 {
		none := grid.Axis{Block: 1}
		rows := b.generate(genOp{Kernel: "arange", After: "0, 1"}, grid.Grid{m}, int64Type)
		return b.formed(form, rows, rows, b.full(grid.Grid{m, none}, int64(0), f.dtype), b.full(grid.Grid{none, n}, int64(0), f.dtype))
	}
	k := m
	if n.Len < m.Len {
		k = n
	}
	lower := b.calls("lu_lower", "", []result{{f.grid, f.dtype}}, f, exchanges)[0]
	lower = b.window(lower, []int64{0, 0}, grid.Grid{m, k})
	ones := b.generate(genOp{Kernel: "eye", After: "k=0"}, lower.grid, boolType)
	lower = b.ew("where(b, 1, a)", f.dtype, lower.grid, lower, ones)
	lower = b.keep(makeNode(triOp{Uplo: "L"}, b.op, lower.grid, lower.dtype, []*Node{lower}))
	upper := b.window(f, []int64{0, 0}, grid.Grid{k, n})
	upper = b.keep(makeNode(triOp{Uplo: "U"}, b.op, upper.grid, upper.dtype, []*Node{upper}))
	numbers := []result{{grid.Grid{m}, int64Type}}
	rows := b.calls("lu_rows", "", numbers, f, exchanges)[0]
	places := b.calls("lu_places", "", numbers, f, exchanges)[0]
	return b.formed(form, rows, places, lower, upper)
}

// formed puts the factors together in the form that is wanted. rows are A's for L's, places L's for A's.
func (b *builder) formed(form form, rows, places, lower, upper *Node) []*Node {
	switch {
	case form.permute:
		return []*Node{b.product(b.permutation(rows, lower.dtype), lower), upper}
	case form.indices:
		return []*Node{places, lower, upper}
	}
	return []*Node{b.permutation(rows, lower.dtype), lower, upper}
}

// permutation is the matrix whose column k has its one in row rows[k].
func (b *builder) permutation(rows *Node, dtype string) *Node {
	axis := rows.grid[0]
	numbers := b.generate(genOp{Kernel: "arange", After: "0, 1"}, grid.Grid{axis}, int64Type)
	g := grid.Grid{axis, axis}
	return b.ew("a == b", dtype, g, b.expand(rows, []int{0}), b.expand(numbers, []int{1}))
}

// determinants are the determinant, its sign and the logarithm of its magnitude, from the factors of a square matrix.
func (b *builder) determinants(f, p *Node) []*Node {
	if f.size() == 0 {
		return []*Node{b.full(nil, int64(1), f.dtype), b.full(nil, int64(1), f.dtype), b.full(nil, int64(0), f.dtype)}
	}
	scalar := result{grid.Grid{}, float64Type}
	out := b.calls("lu_det", "", []result{scalar, scalar, scalar}, f, p)
	for k := range out {
		out[k] = b.cast(out[k], f.dtype)
	}
	return out
}

// applyDet is numpy.linalg.det.
func applyDet(b *builder, x *Node, _ *params) (*Node, error) {
	x, err := b.forLU(x, true)
	switch {
	case err != nil:
		return nil, err
	case x.size() == 0:
		return b.full(nil, int64(1), x.dtype), nil
	}
	return b.determinants(b.factorLU(x, bySize, false))[0], nil
}

// applySlogdet is numpy.linalg.slogdet.
func applySlogdet(b *builder, args []Operand, _ *params) ([]*Node, error) {
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	if x, err = b.forLU(x, true); err != nil {
		return nil, err
	}
	if x.size() == 0 {
		return []*Node{b.full(nil, int64(1), x.dtype), b.full(nil, int64(0), x.dtype)}, nil
	}
	return b.determinants(b.factorLU(x, bySize, false))[1:], nil
}

// applyLuDet gives the determinant, its sign and the logarithm of its magnitude from factors.
func applyLuDet(b *builder, args []Operand, _ *params) ([]*Node, error) {
	f, p, err := b.givenLU(args)
	if err == nil {
		err = b.checkSquareLU(f, p)
	}
	if err != nil {
		return nil, err
	}
	return b.determinants(f, p), nil
}

// givenLU is the operands of an operation on LU factors.
func (b *builder) givenLU(args []Operand) (f, p *Node, err error) {
	if f, err = b.array(args[0]); err != nil {
		return nil, nil, err
	}
	if p, err = b.array(args[1]); err != nil {
		return nil, nil, err
	}
	return f, p, b.checkLU(f, p)
}

// applyInv is numpy.linalg.inv.
func applyInv(b *builder, x *Node, _ *params) (*Node, error) {
	x, err := b.forLU(x, true)
	switch {
	case err != nil:
		return nil, err
	case x.size() == 0:
		return b.full(x.grid, int64(0), x.dtype), nil
	}
	f, exchanges := b.factorLU(x, bySize, true)
	return b.call("lu_inverse", "", x.grid, f, exchanges), nil
}

// applyLuInv is the inverse from factors.
func applyLuInv(b *builder, x []*Node, _ *params) (*Node, error) {
	if err := b.checkSquareLU(x[0], x[1]); err != nil || x[0].size() == 0 {
		return x[0], err
	}
	return b.call("lu_inverse", "", x[0].grid, x[0], x[1]), nil
}

// applyLowerInverse is the inverse of a lower triangular matrix, whose other triangle is not read.
func applyLowerInverse(b *builder, x *Node, _ *params) (*Node, error) {
	x, err := b.square(x)
	if err != nil {
		return nil, err
	}
	return b.call("lower_inverse", "", x.grid, b.cast(x, computed(x.dtype))), nil
}

package expr

import (
	"fmt"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// triangularOp solves op(T) X = B for the kinds of T that package programs has no program for; op(T) is T or, with Trans, Tᵀ.
type triangularOp struct{ Lower, Trans, Unit bool }

// applySolveTriangular is scipy.linalg.solve_triangular.
func applySolveTriangular(b *builder, x []*Node, p *params) (*Node, error) {
	o := triangularOp{Lower: p.bool("lower", false), Unit: p.bool("unit_diagonal", false)}
	switch trans := p.text("trans", "N"); trans {
	case "N":
	case "T":
		o.Trans = true
	default:
		p.fail("trans", `"N" or "T"`, trans)
	}
	if p.err != nil {
		return nil, p.err
	}
	t, rhs := x[0], x[1]
	if t.ndim() != 2 || t.grid[0].Len != t.grid[1].Len {
		return nil, errs.New(errs.Value, "expected square matrix")
	}
	if rhs.ndim() == 0 || rhs.grid[0].Len != t.grid[0].Len {
		return nil, errs.New(errs.Value, "shapes of a %s and b %s are incompatible", shapeText(t.Shape()), shapeText(rhs.Shape()))
	}
	if rhs.ndim() > 2 {
		return nil, b.refuse("a right side of shape %s: only matrices and vectors are supported, not stacks of them", shapeText(rhs.Shape()))
	}
	if _, ok := t.op.(transposeOp); ok { // the other triangle of what lies below
		if args := b.argsOf(t); args != nil {
			t = args[0]
			o.Lower, o.Trans = !o.Lower, !o.Trans
		}
	}
	t, err := b.square(t)
	if err != nil {
		return nil, err
	}
	dtype := computed(promote(t.dtype, rhs.dtype))
	return b.withColumns(rhs, t, dtype, func(rhs *Node) *Node { return b.triangular(o, b.cast(t, dtype), rhs) }), nil
}

func (b *builder) triangular(o triangularOp, t, rhs *Node) *Node {
	switch o {
	case triangularOp{Lower: true}:
		return b.call("forward_substitution", rhs.grid, t, rhs)
	case triangularOp{Lower: true, Trans: true}:
		return b.call("backward_substitution", rhs.grid, t, rhs)
	}
	return b.keep(makeNode(o, b.op, rhs.grid, rhs.dtype, []*Node{t, rhs}))
}

// emit writes, from the top down when op(T) is lower,
//
//	X[0, j] = trsm(T[0, 0], B[0, j])
//	X[i, j] = trsm(T[i, i], ew("a - b", B[i, j], sum([gemm(T[i, k], X[k, j]) for k in range(i)])))
//
// and otherwise from the bottom up, with n - 1 - i for i.
func (o triangularOp) emit(l *lowering, n *Node, name string) {
	args := l.argsOf(n)
	t, rhs := args[0], args[1]
	down := o.Lower != o.Trans
	uplo, trans, diag := "U", "N", "N"
	if o.Lower {
		uplo = "L"
	}
	if o.Trans {
		trans = "T"
	}
	if o.Unit {
		diag = "U"
	}
	s := l.loops(grid.Grid{unit, n.grid[1]})
	column := s.idx[1]
	solve := func(row, rest string) {
		s.assignTo(tileRef(name, []string{row, column}), n.label, fmt.Sprintf("trsm(%s, %s, side=\"L\", uplo=%q, trans=%q, diag=%q)",
			l.ref(t, []string{row, row}), rest, uplo, trans, diag))
	}
	first, blocks := "0", ""
	if rows := n.grid[0]; rows.Len != 1 {
		blocks = l.blocks(rows)
		if !down {
			first = blocks + " - 1"
		}
	}
	solve(first, l.ref(rhs, []string{first, column}))
	if blocks == "" {
		return
	}
	row, done := "i", "range(i)"
	s.loop("i", "1, "+blocks)
	if !down {
		row, done = blocks+" - 1 - i", fmt.Sprintf("range(%s - i, %s)", blocks, blocks)
	}
	factor := l.ref(t, []string{row, "k"})
	if o.Trans {
		factor = l.ref(t, []string{"k", row}) + ".T"
	}
	solve(row, fmt.Sprintf("ew(\"a - b\", %s, sum([gemm(%s, %s) for k in %s]), dtype=%q)",
		l.ref(rhs, []string{row, column}), factor, tileRef(name, []string{"k", column}), done, n.dtype))
}

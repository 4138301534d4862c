package expr

import (
	"numpywren/core/errs"
)

// triangle says which system op(T) X = B is meant: whether T is lower, and op(T) is Tᵀ.
type triangle struct{ lower, trans bool }

// substitutions are the programs for them.
var substitutions = map[triangle]string{
	{lower: true}:              "forward_substitution",
	{lower: true, trans: true}: "backward_substitution",
	{}:                         "backward_substitution_upper",
	{trans: true}:              "forward_substitution_transposed",
}

// applySolveTriangular is scipy.linalg.solve_triangular.
func applySolveTriangular(b *builder, x []*Node, p *params) (*Node, error) {
	kind := triangle{lower: p.bool("lower", false)}
	scalars := ""
	if p.bool("unit_diagonal", false) {
		scalars = "unit=1"
	}
	kind.trans = p.choice("trans", "N", "T") == "T"
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
			kind.lower, kind.trans = !kind.lower, !kind.trans
		}
	}
	t, err := b.square(t)
	if err != nil {
		return nil, err
	}
	dtype := computed(promote(t.dtype, rhs.dtype))
	return b.withColumns(rhs, t, dtype, func(rhs *Node) *Node {
		return b.call(substitutions[kind], scalars, rhs.grid, b.cast(t, dtype), rhs)
	}), nil
}

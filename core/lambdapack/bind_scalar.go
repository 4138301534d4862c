package lambdapack

import (
	"math/bits"

	"numpywren/core/affine"
	"numpywren/core/grid"
)

// affine binds an expression that must be affine in the loop variables.
func (b *binder) affine(n Node, sc *scope) affine.Expr {
	e, ok := b.number(n, sc).affine()
	if !ok {
		fail(n.Start(), "this is not affine in the loop variables: a min, max or // can only bound a range or stand in a condition")
	}
	return e
}

// constant binds an expression that must be a number once the inputs are known.
func (b *binder) constant(n Node, sc *scope) int64 {
	c, ok := b.number(n, sc).constant()
	if !ok {
		fail(n.Start(), "this depends on a loop variable, and a constant is wanted")
	}
	return c
}

// number binds an integer expression.
func (b *binder) number(n Node, sc *scope) number {
	switch n := n.(type) {
	case *Literal:
		if v, ok := n.Value.(int64); ok {
			return checked(n.Pos, integer(v))
		}
		fail(n.Pos, "an integer is wanted, not %v", n.Value)
	case *Name:
		return b.named(n)
	case *Unary:
		if n.Op == "-" {
			return b.number(n.X, sc).neg()
		}
	case *Binary:
		return checked(n.Pos, b.arithmetic(n, sc))
	case *Apply:
		return checked(n.Pos, b.scalarCall(n, sc))
	case *Ref:
		fail(n.Pos, "a tile cannot be used as a number")
	}
	fail(n.Start(), "an integer is wanted here")
	return number{}
}

func (b *binder) named(n *Name) number {
	bound := b.lookup(n.Name)
	switch {
	case bound != nil && bound.num != nil:
		return *bound.num
	case bound != nil:
		fail(n.Pos, "%s is an axis: an integer is wanted", n.Name)
	}
	if _, ok := b.ids[n.Name]; ok {
		fail(n.Pos, "%s is a matrix: an integer is wanted", n.Name)
	}
	fail(n.Pos, "%s is not set here", n.Name)
	return number{}
}

func (b *binder) arithmetic(n *Binary, sc *scope) number {
	x, y := b.number(n.X, sc), b.number(n.Y, sc)
	ok := false
	var out number
	switch n.Op {
	case "+":
		out, ok = add(x, y)
	case "-":
		out, ok = add(x, y.neg())
	case "*":
		out, ok = mul(x, y)
	case "<<":
		out, ok = b.shift(n, x, y, sc)
	case "//", "%":
		d, isConst := y.constant()
		if !isConst || d <= 0 {
			fail(n.Pos, "%s wants a positive constant on its right", n.Op)
		}
		out, ok = checked(n.Pos, x.floorDiv(d)), true
		if n.Op == "%" {
			var multiple number
			if multiple, ok = mul(out, integer(d)); ok {
				out, ok = add(x, multiple.neg())
			}
		}
	default:
		fail(n.Pos, "%s makes no integer", n.Op)
	}
	if !ok {
		fail(n.Pos, "this is not affine in the loop variables: products need a constant or 1 << l, and %% a constant")
	}
	return out
}

// maxShift is how far a number can be shifted.
const maxShift = 62

// shift is x << y.
func (b *binder) shift(n *Binary, x, y number, sc *scope) (number, bool) {
	e, ok := y.affine()
	if !ok {
		return number{}, false
	}
	if c, isConst := e.IsConst(); isConst {
		if c < 0 || c > maxShift-20 {
			fail(n.Pos, "a shift by %d: between 0 and %d is possible", c, maxShift-20)
		}
		return mul(x, integer(1<<c))
	}
	if len(e.Terms) != 1 || e.Terms[0].Coef != 1 || e.Terms[0].Var < 0 || e.Terms[0].Shift >= 0 || e.Const < 0 || e.Const > maxShift-20 {
		fail(n.Pos, "a shift is by a constant, or by a loop variable plus a constant that is not negative")
	}
	d := sc.domain()
	if lo, hi := d.Hull(affine.Var(e.Terms[0].Var)); lo <= hi && (lo < 0 || hi > maxShift) {
		fail(n.Pos, "a shift by a variable between %d and %d: only 0 to %d is possible", lo, hi, maxShift)
	}
	return mul(x, exactly(affine.Pow2(e.Terms[0].Var).Scale(1<<e.Const)))
}

func (b *binder) scalarCall(n *Apply, sc *scope) number {
	if len(n.Attrs) > 0 && scalarFuncs[n.Func] {
		fail(n.Attrs[0].Pos, "%s takes no keyword", n.Func)
	}
	switch n.Func {
	case "blocks", "size", "block":
		a := b.axisOf(n, sc)
		switch n.Func {
		case "blocks":
			return integer(a.Blocks())
		case "size":
			return integer(a.Len)
		}
		return integer(a.Block)
	case "levels":
		if len(n.Args) != 1 {
			fail(n.Pos, "levels takes one number")
		}
		return integer(int64(bits.Len64(uint64(max(b.constant(n.Args[0], sc), 1) - 1))))
	case "min", "max":
		if len(n.Args) == 0 {
			fail(n.Pos, "%s of nothing", n.Func)
		}
		var of []number
		for _, a := range n.Args {
			of = append(of, b.number(a, sc))
		}
		p := greatest
		if n.Func == "min" {
			p = least
		}
		out, ok := choose(p, of)
		if !ok {
			fail(n.Pos, "a min of a max, or a max of a min, cannot be solved")
		}
		return out
	case "axis":
		fail(n.Pos, "an axis gets a name: r = axis(…)")
	}
	fail(n.Pos, "%s makes no integer: blocks, size, block, levels, min and max do", n.Func)
	return number{}
}

// axisOf is the axis that blocks(A, d) or blocks(r) asks about.
func (b *binder) axisOf(n *Apply, sc *scope) grid.Axis {
	if len(n.Args) == 1 || len(n.Args) == 2 {
		if name, ok := n.Args[0].(*Name); ok {
			bound := b.lookup(name.Name)
			switch {
			case bound != nil && bound.axis != nil && len(n.Args) == 1:
				return *bound.axis
			case bound == nil && len(n.Args) == 2:
				return b.matrixAxis(name, n.Args[1], sc)
			case bound == nil:
				fail(n.Pos, "%s of the matrix %s needs a dimension: %s(%s, 0)", n.Func, name.Name, n.Func, name.Name)
			}
		}
	}
	fail(n.Pos, "%s is of a matrix and a dimension, %s(A, 0), or of an axis, %s(r)", n.Func, n.Func, n.Func)
	return grid.Axis{}
}

// matrixAxis is the blocks of one dimension of a matrix, as far as the statements before tell.
func (b *binder) matrixAxis(name *Name, dim Node, sc *scope) grid.Axis {
	id, ok := b.ids[name.Name]
	if !ok {
		fail(name.Pos, "nothing is known of a matrix %s here", name.Name)
	}
	d := b.constant(dim, sc)
	if b.checking {
		if d < 0 || d >= MaxIndex {
			fail(dim.Start(), "a matrix has no dimension %d", d)
		}
		return grid.Axis{Len: 4, Block: 1}
	}
	g := b.gridOf(name.Pos, id)
	if d < 0 || d >= int64(len(g)) {
		fail(dim.Start(), "%s has %s, and none is %d", name.Name, plural(len(g), "dimension", "dimensions"), d)
	}
	return g[d]
}

// newAxis is axis(length, block) or axis(A, d).
func (b *binder) newAxis(n *Apply, sc *scope) grid.Axis {
	if len(n.Attrs) > 0 || len(n.Args) != 2 {
		fail(n.Pos, "an axis is axis(length, block) or axis(A, dimension)")
	}
	if name, ok := n.Args[0].(*Name); ok && b.lookup(name.Name) == nil {
		return b.matrixAxis(name, n.Args[1], sc)
	}
	a := grid.Axis{Len: b.constant(n.Args[0], sc), Block: b.constant(n.Args[1], sc)}
	if a.Len < 0 || a.Block < 1 {
		fail(n.Pos, "an axis of length %d in blocks of %d", a.Len, a.Block)
	}
	if a.Len > 0 {
		a.Block = min(a.Block, a.Len)
	}
	return b.how.axis(a)
}

// condition binds a condition.
func (b *binder) condition(n Node, sc *scope) truth {
	t := b.truth(n, sc)
	if len(t) > maxAlternatives {
		fail(n.Start(), "this condition has more than %d alternatives", maxAlternatives)
	}
	return t
}

func (b *binder) truth(n Node, sc *scope) truth {
	switch n := n.(type) {
	case *Literal:
		if v, ok := n.Value.(bool); ok {
			return always(v)
		}
	case *Unary:
		if n.Op == "not" {
			return b.condition(n.X, sc).not()
		}
	case *Binary:
		switch n.Op {
		case "and":
			return b.condition(n.X, sc).and(b.condition(n.Y, sc))
		case "or":
			return b.condition(n.X, sc).or(b.condition(n.Y, sc))
		case "==", "!=", "<", "<=", ">", ">=":
			t, ok := compare(b.number(n.X, sc), n.Op, b.number(n.Y, sc))
			if !ok {
				fail(n.Pos, "this comparison is of two numbers that // rounds, which cannot be solved")
			}
			return t
		}
	}
	fail(n.Start(), "a condition is a comparison of integers, or several with and, or, not")
	return nil
}

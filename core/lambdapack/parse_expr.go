package lambdapack

import (
	"go.starlark.net/syntax"
)

// node turns an expression into ours.
func (p *parser) node(x syntax.Expr) Node {
	defer p.enter(x)()
	pos := p.pos(x)
	switch x := x.(type) {
	case *syntax.ParenExpr:
		return p.node(x.X)
	case *syntax.Ident:
		switch x.Name {
		case "True", "False":
			return &Literal{Pos: pos, Value: x.Name == "True"}
		}
		return &Name{Pos: pos, Name: x.Name}
	case *syntax.Literal:
		if bigInt(x.Value) {
			fail(pos, "integer %s is too large", x.Raw)
		}
		if x.Token == syntax.BYTES {
			fail(pos, "bytes have no place in a program")
		}
		return &Literal{Pos: pos, Value: x.Value}
	case *syntax.IndexExpr:
		return p.ref(x)
	case *syntax.DotExpr:
		if ref, ok := p.node(x.X).(*Ref); ok && x.Name.Name == "T" {
			t := *ref
			t.Trans = !ref.Trans
			return &t
		}
		fail(p.at(x.NamePos), ".%s: only tiles have an attribute, A[i, j].T", x.Name.Name)
	case *syntax.CallExpr:
		name, ok := callee(x)
		if !ok {
			fail(pos, "a call is of a kernel by its name")
		}
		args, attrs := p.arguments(x)
		return p.apply(pos, name, args, attrs)
	case *syntax.UnaryExpr:
		return p.unary(x)
	case *syntax.BinaryExpr:
		return p.binary(x)
	case *syntax.Comprehension:
		return p.comprehension(x)
	case *syntax.ListExpr:
		fail(pos, "a list is written [… for k in range(…)]")
	case *syntax.SliceExpr:
		fail(pos, "tiles are taken one by one, A[i, j]: slices have no place in a program")
	}
	fail(pos, "this expression has no place in a program")
	return nil
}

func (p *parser) ref(x *syntax.IndexExpr) *Ref {
	base, ok := x.X.(*syntax.Ident)
	if !ok {
		fail(p.pos(x), "only a matrix or an axis has blocks: write A[i, j]")
	}
	index := []syntax.Expr{x.Y}
	if t, ok := x.Y.(*syntax.TupleExpr); ok {
		index = t.List
	}
	ref := &Ref{Pos: p.pos(x), Matrix: base.Name}
	for _, i := range index {
		ref.Index = append(ref.Index, p.node(i))
	}
	if len(ref.Index) > MaxIndex {
		fail(ref.Pos, "%s has %d indices, at most %d are possible", ref.Matrix, len(ref.Index), MaxIndex)
	}
	return ref
}

// arguments splits a call's arguments in those by position and those by keyword.
func (p *parser) arguments(c *syntax.CallExpr) (args []Node, attrs []Attr) {
	for _, x := range c.Args {
		if b, ok := x.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
			name := b.X.(*syntax.Ident).Name
			for _, a := range attrs {
				if a.Name == name {
					fail(p.pos(x), "%s is given twice", name)
				}
			}
			attrs = append(attrs, Attr{Pos: p.pos(x), Name: name, Value: p.node(b.Y)})
			continue
		}
		if u, ok := x.(*syntax.UnaryExpr); ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR) {
			fail(p.pos(x), "arguments are written out: * and ** have no place in a program")
		}
		args = append(args, p.node(x))
	}
	return args, attrs
}

// unary reads -x, +x and not x; the sign of a number is part of it.
func (p *parser) unary(x *syntax.UnaryExpr) Node {
	operand := p.node(x.X)
	switch x.Op {
	case syntax.PLUS:
		return operand
	case syntax.MINUS:
		if lit, ok := operand.(*Literal); ok {
			switch v := lit.Value.(type) {
			case int64:
				return &Literal{Pos: p.pos(x), Value: -v}
			case float64:
				return &Literal{Pos: p.pos(x), Value: -v}
			}
		}
		return &Unary{Pos: p.pos(x), Op: "-", X: operand}
	case syntax.NOT:
		return &Unary{Pos: p.pos(x), Op: "not", X: operand}
	}
	fail(p.pos(x), "%s has no place in a program", x.Op)
	return nil
}

var operators = map[syntax.Token]string{
	syntax.PLUS: "+", syntax.MINUS: "-", syntax.STAR: "*", syntax.SLASH: "/", syntax.SLASHSLASH: "//", syntax.PERCENT: "%", syntax.LTLT: "<<",
	syntax.EQL: "==", syntax.NEQ: "!=", syntax.LT: "<", syntax.LE: "<=", syntax.GT: ">", syntax.GE: ">=",
	syntax.AND: "and", syntax.OR: "or",
}

func (p *parser) binary(x *syntax.BinaryExpr) Node {
	op, ok := operators[x.Op]
	if !ok {
		fail(p.at(x.OpPos), "%s has no place in a program", x.Op)
	}
	return &Binary{Pos: p.at(x.OpPos), Op: op, X: p.node(x.X), Y: p.node(x.Y)}
}

func (p *parser) comprehension(x *syntax.Comprehension) Node {
	if x.Curly {
		fail(p.pos(x), "only lists, [… for k in range(…)], have a place in a program")
	}
	c := &Comprehension{Pos: p.pos(x)}
	for _, clause := range x.Clauses {
		switch clause := clause.(type) {
		case *syntax.ForClause:
			out := Clause{Pos: p.at(clause.For), Var: p.loopVar(clause.Vars)}
			out.Lower, out.Upper, out.Step = p.rangeOf(clause.X)
			c.Clauses = append(c.Clauses, out)
		case *syntax.IfClause:
			c.Clauses = append(c.Clauses, Clause{Pos: p.at(clause.If), Cond: p.node(clause.Cond)})
		}
	}
	c.Body = p.node(x.Body)
	return c
}

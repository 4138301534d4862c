package lambdapack

import "slices"

// What fusion asks of expressions and does to them.

// replace is an expression with other expressions in place of names. Variables of comprehensions can only get other names.
func replace(n Node, by map[string]Node) Node {
	list := func(nodes []Node) []Node {
		out := make([]Node, len(nodes))
		for i, n := range nodes {
			out[i] = replace(n, by)
		}
		return out
	}
	switch n := n.(type) {
	case *Name:
		if to, ok := by[n.Name]; ok {
			return to
		}
	case *Ref:
		return &Ref{Pos: n.Pos, Matrix: n.Matrix, Index: list(n.Index), Trans: n.Trans}
	case *Apply:
		out := &Apply{Pos: n.Pos, Func: n.Func, Args: list(n.Args)}
		for _, a := range n.Attrs {
			out.Attrs = append(out.Attrs, Attr{a.Pos, a.Name, replace(a.Value, by)})
		}
		return out
	case *Comprehension:
		out := &Comprehension{Pos: n.Pos, Body: replace(n.Body, by)}
		for _, c := range n.Clauses {
			if c.Var == "" {
				c.Cond = replace(c.Cond, by)
			} else {
				if to, ok := by[c.Var].(*Name); ok {
					c.Var = to.Name
				}
				c.Lower, c.Upper, c.Step = replace(c.Lower, by), replace(c.Upper, by), replace(c.Step, by)
			}
			out.Clauses = append(out.Clauses, c)
		}
		return out
	case *Binary:
		return &Binary{n.Pos, n.Op, replace(n.X, by), replace(n.Y, by)}
	case *Unary:
		return &Unary{n.Pos, n.Op, replace(n.X, by)}
	}
	return n
}

// maxCompared is how many nodes are compared before two expressions count as different: definitions may refer to definitions.
const maxCompared = 1000

// same says whether two numbers are equal by their texts, a having the expressions of by in place of names.
func (f *fuser) same(a, b Node, by map[string]Node) bool {
	left := maxCompared
	return f.equal(a, b, by, &left)
}

func (f *fuser) equal(a, b Node, by map[string]Node, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	if x, ok := a.(*Name); ok {
		if to, ok := by[x.Name]; ok {
			return f.equal(to, b, nil, left)
		}
		if y, ok := b.(*Name); ok && x.Name == y.Name {
			return true
		}
		if let, ok := f.lets[x.Name]; ok {
			return f.equal(let, b, nil, left)
		}
	}
	if y, ok := b.(*Name); ok {
		let, ok := f.lets[y.Name]
		return ok && f.equal(a, let, by, left)
	}
	switch x := a.(type) {
	case *Literal:
		y, ok := b.(*Literal)
		return ok && x.Value == y.Value
	case *Binary:
		y, ok := b.(*Binary)
		return ok && x.Op == y.Op && f.equal(x.X, y.X, by, left) && f.equal(x.Y, y.Y, by, left)
	case *Unary:
		y, ok := b.(*Unary)
		return ok && x.Op == y.Op && f.equal(x.X, y.X, by, left)
	case *Apply:
		y, ok := b.(*Apply)
		if !ok || x.Func != y.Func || len(x.Args) != len(y.Args) {
			return false
		}
		for i := range x.Args {
			if !f.equal(x.Args[i], y.Args[i], by, left) {
				return false
			}
		}
		return true
	}
	return false
}

// transposed is the transpose of a tile's expression, if it costs no more than the expression.
func transposed(n Node) (Node, bool) {
	switch n := n.(type) {
	case *Ref:
		return &Ref{Pos: n.Pos, Matrix: n.Matrix, Index: n.Index, Trans: !n.Trans}, true
	case *Comprehension:
		body, ok := transposed(n.Body)
		return &Comprehension{Pos: n.Pos, Body: body, Clauses: n.Clauses}, ok
	case *Apply:
		out := &Apply{Pos: n.Pos, Func: n.Func, Attrs: n.Attrs}
		for i, a := range n.Args {
			if n.Func != "full" && (i > 0 || n.Func != "ew") {
				var ok bool
				if a, ok = transposed(a); !ok {
					return n, false
				}
			}
			out.Args = append(out.Args, a)
		}
		switch n.Func {
		case "ew", "copy", "sum", "min", "max", "hypot":
			return out, true
		case "gemm":
			if len(out.Args) == 2 {
				out.Args[0], out.Args[1] = out.Args[1], out.Args[0]
				return out, true
			}
		case "full":
			for i, j := 1, len(out.Args)-1; i < j; i, j = i+1, j-1 {
				out.Args[i], out.Args[j] = out.Args[j], out.Args[i]
			}
			return out, true
		}
	}
	return n, false
}

// tiles is the tiles that an expression reads, each once.
func (f *fuser) tiles(n Node) []string {
	var out []string
	visit(n, func(n Node) {
		ref, ok := n.(*Ref)
		if !ok || f.inner[ref.Matrix] || f.lets[ref.Matrix] != nil { // a block of an axis is no tile
			return
		}
		if text := refText(ref); !slices.Contains(out, text) {
			out = append(out, text)
		}
	})
	return out
}

// visit calls f for an expression and all parts of it.
func visit(n Node, f func(Node)) {
	f(n)
	for _, c := range children(n) {
		visit(c, f)
	}
}

// mentions says whether a name for which is holds occurs in an expression.
func mentions(n Node, is func(name string) bool) (found bool) {
	visit(n, func(n Node) {
		switch n := n.(type) {
		case *Name:
			found = found || is(n.Name)
		case *Ref:
			found = found || is(n.Matrix)
		}
	})
	return found
}

// contains says whether one of the kernels is called.
func contains(n Node, kernels map[string]bool) (found bool) {
	visit(n, func(n Node) {
		call, ok := n.(*Apply)
		found = found || ok && kernels[call.Func]
	})
	return found
}

// nesting is how deep the calls of an expression are nested.
func nesting(n Node) int {
	deepest := 0
	for _, c := range children(n) {
		deepest = max(deepest, nesting(c))
	}
	if _, ok := n.(*Apply); ok {
		deepest++
	}
	return deepest
}

// listNames are the variables of comprehensions, each once.
func listNames(n Node) []string {
	var out []string
	visit(n, func(n Node) {
		if list, ok := n.(*Comprehension); ok {
			for _, c := range list.Clauses {
				if c.Var != "" && !slices.Contains(out, c.Var) {
					out = append(out, c.Var)
				}
			}
		}
	})
	return out
}

// listVars is how many variables the comprehensions of an expression have.
func listVars(n Node) int {
	count := 0
	visit(n, func(n Node) {
		if list, ok := n.(*Comprehension); ok {
			count += len(list.Clauses)
		}
	})
	return count
}

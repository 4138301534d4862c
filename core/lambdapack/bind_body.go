package lambdapack

import (
	"fmt"
	"slices"
	"strings"

	"numpywren/core/affine"
)

// maxVars is how many variables a statement has at most, those of its comprehensions included.
const maxVars = 2 * MaxIndex

// bodyBinder binds the right side of one statement.
type bodyBinder struct {
	b    *binder
	st   *Statement
	sc   scope // grows inside comprehensions
	uses int
}

// call binds a kernel's call.
func (b *bodyBinder) call(n *Apply) *Call {
	sig, ok := Builtin.Lookup(n.Func)
	if !ok {
		hint := ""
		if near := b.b.def.near(n.Func); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		fail(n.Pos, "there is no kernel %s%s", n.Func, hint)
	}
	c := &Call{Pos: n.Pos, Sig: sig}
	b.args(c, n)
	b.attrs(c, n)
	return c
}

// pattern is one letter of a signature's Params, and how often it may occur.
type pattern struct {
	letter   byte
	min, max int
}

func patterns(params string) []pattern {
	var out []pattern
	for _, word := range strings.Fields(params) {
		p := pattern{word[0], 1, 1}
		switch word[1:] {
		case "?":
			p.min = 0
		case "*":
			p.min, p.max = 0, 1<<30
		case "+":
			p.max = 1 << 30
		}
		out = append(out, p)
	}
	return out
}

var letterNames = map[byte]string{'t': "a tile", 'c': "a list [… for k in range(…)]", 'a': "a block of an axis", 'n': "an integer", 's': "a string",
	'v': "a number"}

// args matches the arguments with the signature's pattern.
func (b *bodyBinder) args(c *Call, n *Apply) {
	args := n.Args
	for _, p := range patterns(c.Sig.Params) {
		count := 0
		for count < p.max && len(args) > 0 && b.matches(p.letter, args[0]) {
			c.Args = append(c.Args, b.arg(p.letter, args[0]))
			args = args[1:]
			count++
		}
		if count >= p.min {
			continue
		}
		if len(args) == 0 {
			fail(n.Pos, "%s has too few operands: %s is missing", n.shown(), letterNames[p.letter])
		}
		b.refuse(n, args[0], letterNames[p.letter])
	}
	if len(args) > 0 {
		b.refuse(n, args[0], "")
	}
}

// refuse reports an argument that does not fit.
func (b *bodyBinder) refuse(n *Apply, arg Node, want string) {
	if ref, ok := arg.(*Ref); ok && b.b.lookup(ref.Matrix) == nil {
		b.tile(ref)
	}
	if name, ok := arg.(*Name); ok {
		if _, isMatrix := b.b.ids[name.Name]; isMatrix {
			fail(name.Pos, "%s is a matrix: %s wants a tile, %s[i, j]", name.Name, n.shown(), name.Name)
		}
	}
	if want == "" {
		fail(arg.Start(), "%s has too many operands, or of the wrong kind: this one has no place", n.shown())
	}
	fail(arg.Start(), "%s wants %s here", n.shown(), want)
}

func (b *bodyBinder) matches(letter byte, n Node) bool {
	switch n := n.(type) {
	case *Ref:
		bound := b.b.lookup(n.Matrix)
		if bound != nil && bound.axis != nil {
			return letter == 'a'
		}
		return letter == 't'
	case *Comprehension:
		return letter == 'c'
	case *Literal:
		switch n.Value.(type) {
		case string:
			return letter == 's' || letter == 'v'
		case int64:
			return letter == 'n' || letter == 'v'
		}
		return letter == 'v'
	case *Apply:
		if scalarFuncs[n.Func] && (len(n.Args) == 0 || !isComprehension(n.Args[0])) && n.Func != "sum" {
			return letter == 'n' || letter == 'v'
		}
		return letter == 't'
	case *Name:
		bound := b.b.lookup(n.Name)
		return (letter == 'n' || letter == 'v') && bound != nil && bound.num != nil
	}
	return letter == 'n' || letter == 'v'
}

func isComprehension(n Node) bool {
	_, ok := n.(*Comprehension)
	return ok
}

// arg binds an argument that matches the letter.
func (b *bodyBinder) arg(letter byte, n Node) Expr {
	switch n := n.(type) {
	case *Ref:
		if letter == 'a' {
			return b.axis(n)
		}
		return b.tile(n)
	case *Comprehension:
		return b.comprehension(n)
	case *Literal:
		switch v := n.Value.(type) {
		case string:
			return &Str{v}
		case float64:
			return &Num{v}
		case int64: // of any size: it is no index
			return &Int{affine.Const(v)}
		case bool:
			if v {
				return &Int{affine.Const(1)}
			}
			return &Int{}
		}
	case *Apply:
		if letter == 't' {
			return b.call(n)
		}
	}
	return &Int{b.b.affine(n, &b.sc)}
}

func (b *bodyBinder) axis(n *Ref) *AxisRef {
	if len(n.Index) != 1 || n.Trans {
		fail(n.Pos, "the axis %s has one index", n.Matrix)
	}
	bound := b.b.lookup(n.Matrix)
	a := &AxisRef{Name: n.Matrix, Axis: *bound.axis, Index: b.b.affine(n.Index[0], &b.sc)}
	d := b.sc.domain()
	if !b.b.checking {
		b.b.inside(n.Pos, &d, b.varNames(), a.Index, 0, a.Axis.Blocks(), func(i int64) string {
			return fmt.Sprintf("the axis %s has %s, and no block %d", n.Matrix, plural(int(a.Axis.Blocks()), "block", "blocks"), i)
		})
	}
	return a
}

func (b *bodyBinder) varNames() []string {
	var names []string
	for _, l := range b.sc.loops {
		names = append(names, l.Name)
	}
	return names
}

func (b *bodyBinder) tile(n *Ref) *TileRef {
	if len(n.Index) == 0 {
		fail(n.Pos, "a tile of %s needs its indices", n.Matrix)
	}
	if bound := b.b.lookup(n.Matrix); bound != nil {
		fail(n.Pos, "%s is a number or an axis, and has no tiles", n.Matrix)
	}
	r := &TileRef{Pos: n.Pos, Matrix: b.b.matrix(n.Pos, n.Matrix, len(n.Index)), Index: b.b.exprs(n.Index, &b.sc), Trans: n.Trans, use: b.uses}
	b.uses++
	b.use(r)
	return r
}

// use notes one way of the statement to read a tile. Aliases are followed when all of them are known.
func (b *bodyBinder) use(r *TileRef) {
	if len(b.sc.loops) > len(b.st.names) {
		for _, l := range b.sc.loops[len(b.st.names):] {
			b.st.names = append(b.st.names, l.Name)
		}
	}
	b.st.reads = append(b.st.reads, &read{st: b.st, ref: r, matrix: r.Matrix, index: r.Index, dom: b.sc.domain(), names: b.varNames(), use: r.use})
}

// comprehension binds the operand of a reducer.
func (b *bodyBinder) comprehension(n *Comprehension) *Comp {
	outer := b.sc
	depth := len(b.b.env)
	c := &Comp{Pos: n.Pos, First: len(outer.loops)}
	for _, cl := range n.Clauses {
		if cl.Var == "" {
			t := b.b.condition(cl.Cond, &b.sc)
			switch {
			case len(t) == 0:
				t = truth{{affine.Cond{E: affine.Const(-1), Op: affine.GE}}}
			case len(t) > 1:
				fail(cl.Pos, "the conditions of a list are joined with and; for alternatives write two lists")
			}
			c.Conds = append(c.Conds, t[0]...)
			b.sc.conds = slices.Concat(b.sc.conds, t[0])
			continue
		}
		if len(b.sc.loops) == maxVars {
			fail(cl.Pos, "more than %d loops stand around a tile", maxVars)
		}
		l, value := b.b.rangeOf(cl.Pos, cl.Var, cl.Lower, cl.Upper, cl.Step, &b.sc)
		c.Loops, c.Names = append(c.Loops, l), append(c.Names, l.Name)
		b.sc.loops = append(slices.Clip(b.sc.loops), l)
		b.b.env = append(b.b.env, value)
	}
	switch body := n.Body.(type) {
	case *Ref:
		c.Body = b.tile(body)
	case *Apply:
		if !b.matches('t', body) {
			fail(body.Pos, "a list is of tiles")
		}
		c.Body = b.call(body)
	default:
		fail(n.Body.Start(), "a list is of tiles")
	}
	b.b.env = b.b.env[:depth]
	b.sc = outer
	return c
}

// attrs reads the keywords and fills in the defaults.
func (b *bodyBinder) attrs(c *Call, n *Apply) {
	c.Attrs = make(map[string]any, len(c.Sig.Attrs))
	for _, spec := range c.Sig.Attrs {
		c.Attrs[spec.Name] = spec.Default
	}
	for _, a := range n.Attrs {
		at := slices.IndexFunc(c.Sig.Attrs, func(s AttrSpec) bool { return s.Name == a.Name })
		if at < 0 {
			var known []string
			for _, s := range c.Sig.Attrs {
				known = append(known, s.Name)
			}
			if len(known) == 0 {
				fail(a.Pos, "%s takes no keyword", n.shown())
			}
			fail(a.Pos, "%s takes no keyword %s; it takes %s", n.shown(), a.Name, strings.Join(known, ", "))
		}
		c.Attrs[a.Name] = b.attr(n, &c.Sig.Attrs[at], a)
	}
}

// attr is the value of a keyword, of the type of its default.
func (b *bodyBinder) attr(n *Apply, spec *AttrSpec, a Attr) any {
	lit, isLiteral := a.Value.(*Literal)
	switch spec.Default.(type) {
	case int64:
		if isLiteral {
			if v, ok := lit.Value.(int64); ok {
				return v
			}
		}
		return b.b.constant(a.Value, &b.sc)
	case float64:
		if isLiteral {
			switch v := lit.Value.(type) {
			case float64:
				return v
			case int64:
				return float64(v)
			}
			break
		}
		return float64(b.b.constant(a.Value, &b.sc))
	case string:
		if v, ok := literalString(lit); isLiteral && ok {
			if spec.Choices != nil && !slices.Contains(spec.Choices, v) {
				fail(a.Pos, "%s of %s is one of %q, not %q", a.Name, n.shown(), spec.Choices, v)
			}
			return v
		}
	case bool:
		if isLiteral {
			if v, ok := lit.Value.(bool); ok {
				return v
			}
		}
	}
	fail(a.Pos, "%s of %s wants a %T", a.Name, n.shown(), spec.Default)
	return nil
}

func literalString(lit *Literal) (string, bool) {
	if lit == nil {
		return "", false
	}
	v, ok := lit.Value.(string)
	return v, ok
}

package lambdapack

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/syntax"
)

// Format writes a program as text, which Parse turns into an equal tree again (positions apart).
func Format(def *Def) string {
	p := &printer{}
	var params []string
	for _, q := range def.Params {
		if q.Scalar {
			params = append(params, fmt.Sprintf("%s=%d", q.Name, q.Value))
		} else {
			params = append(params, q.Name)
		}
	}
	p.line("def %s(%s):", def.Name, strings.Join(params, ", "))
	p.depth++
	if def.Doc != "" {
		p.line("%s", docText(def.Doc))
	}
	for _, s := range def.Body {
		p.stmt(s)
	}
	p.line("return %s", strings.Join(def.Returns, ", "))
	return p.out.String()
}

// Text is the program as it runs: with the programs that it calls in their places, and fused if it was bound so.
func (p *Plan) Text() string { return Format(p.def) }

// docText quotes a docstring, whose lines are kept as they are when nothing in them needs an escape.
func docText(doc string) string {
	if strings.ContainsAny(doc, "\\\r\x00") || strings.Contains(doc, `"""`) || strings.HasSuffix(doc, `"`) {
		return syntax.Quote(doc, false)
	}
	return `"""` + doc + `"""`
}

// printer writes statements line by line.
type printer struct {
	out   strings.Builder
	depth int
}

func (p *printer) line(format string, args ...any) {
	p.out.WriteString(strings.Repeat("    ", p.depth))
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

// body writes an indented block.
func (p *printer) body(body []Stmt) {
	p.depth++
	for _, s := range body {
		p.stmt(s)
	}
	if len(body) == 0 {
		p.line("pass")
	}
	p.depth--
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Let:
		p.line("%s = %s", s.Name, nodeText(s.Value))
	case *Assign:
		targets := make([]string, len(s.Targets))
		for n, t := range s.Targets {
			targets[n] = nodeText(t)
		}
		p.line("%s = %s", strings.Join(targets, ", "), nodeText(s.Value))
	case *Alias:
		source := s.Source.Matrix
		if s.Source.Index != nil {
			source = nodeText(s.Source)
		}
		p.line("%s = %s", nodeText(s.Target), source)
	case *For:
		p.line("for %s in %s:", s.Var, rangeText(s.Lower, s.Upper, s.Step))
		p.body(s.Body)
	case *If:
		p.conditional("if", s)
	case *TaskLabel:
		p.line("task(%s)", strings.Join(append([]string{syntax.Quote(s.Label, false)}, attrTexts(s.Args)...), ", "))
	case *CallProgram:
		p.line("%s = %s(%s)", strings.Join(s.Targets, ", "), s.Program, strings.Join(append(nodeTexts(s.Args), attrTexts(s.Attrs)...), ", "))
	}
}

func (p *printer) conditional(word string, s *If) {
	p.line("%s %s:", word, nodeText(s.Cond))
	p.body(s.Then)
	if len(s.Else) == 0 {
		return
	}
	if inner, ok := s.Else[0].(*If); ok && len(s.Else) == 1 {
		p.conditional("elif", inner)
		return
	}
	p.line("else:")
	p.body(s.Else)
}

// rangeText is range(…) with as few arguments as will do.
func rangeText(lower, upper, step Node) string {
	args := []Node{lower, upper, step}
	if isInt(step, 1) {
		args = args[:2]
		if isInt(lower, 0) {
			args = args[1:]
		}
	}
	return "range(" + strings.Join(nodeTexts(args), ", ") + ")"
}

func isInt(n Node, v int64) bool {
	lit, ok := n.(*Literal)
	return ok && lit.Value == v
}

// The levels of Starlark's operators; what binds tighter has a higher one.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelShift
	levelSum
	levelProduct
	levelUnary
)

var levels = map[string]int{
	"or": levelOr, "and": levelAnd, "<<": levelShift, "+": levelSum, "-": levelSum, "*": levelProduct, "/": levelProduct,
	"//": levelProduct, "%": levelProduct,
	"==": levelCompare, "!=": levelCompare, "<": levelCompare, "<=": levelCompare, ">": levelCompare, ">=": levelCompare,
}

func nodeText(n Node) string { return nodeTextAt(n, 0) }

// nodeTextAt is an expression as the operand of an operator of the given level: with parentheses if it binds less.
func nodeTextAt(n Node, around int) string {
	text, level := "", levelUnary+1
	switch n := n.(type) {
	case *Name:
		return n.Name
	case *Literal:
		return literalText(n.Value)
	case *Ref:
		return refText(n)
	case *Apply:
		return n.Func + "(" + strings.Join(append(nodeTexts(n.Args), attrTexts(n.Attrs)...), ", ") + ")"
	case *Comprehension:
		return comprehensionText(n)
	case *Unary:
		if n.Op == "not" {
			text, level = "not "+nodeTextAt(n.X, levelNot), levelNot
		} else {
			text, level = n.Op+nodeTextAt(n.X, levelUnary), levelUnary
		}
	case *Binary:
		level = levels[n.Op]
		left, right := level, level+1
		switch level {
		case levelCompare: // comparisons do not associate
			left++
		case levelShift: // nobody remembers what binds tighter
			left, right = levelUnary, levelUnary
		}
		text = nodeTextAt(n.X, left) + " " + n.Op + " " + nodeTextAt(n.Y, right)
	}
	if level < around {
		return "(" + text + ")"
	}
	return text
}

func nodeTexts(list []Node) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = nodeText(n)
	}
	return out
}

func attrTexts(list []Attr) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Name + "=" + nodeText(a.Value)
	}
	return out
}

// refText is a tile. The index of one that has none is the empty tuple, as in NumPy.
func refText(n *Ref) string {
	text := n.Matrix + "[" + strings.Join(nodeTexts(n.Index), ", ") + "]"
	if len(n.Index) == 0 {
		text = n.Matrix + "[()]"
	}
	if n.Trans {
		text += ".T"
	}
	return text
}

func comprehensionText(n *Comprehension) string {
	var b strings.Builder
	b.WriteString("[" + nodeText(n.Body))
	for _, c := range n.Clauses {
		if c.Var != "" {
			b.WriteString(" for " + c.Var + " in " + rangeText(c.Lower, c.Upper, c.Step))
		} else {
			b.WriteString(" if " + nodeTextAt(c.Cond, levelOr))
		}
	}
	b.WriteString("]")
	return b.String()
}

func literalText(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return syntax.Quote(v, false)
	}
	return fmt.Sprint(value)
}

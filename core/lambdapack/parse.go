package lambdapack

import (
	"errors"
	"math/big"
	"strings"

	"go.starlark.net/syntax"

	"numpywren/core/errs"
)

// Bounds on what is parsed and bound, so that every text is refused or done in a moment.
const (
	maxSource     = 1 << 20 // bytes of a text
	maxStatements = 20000   // of a program after inlining
	maxNesting    = 64      // of blocks, and of expressions
)

// Parse reads program definitions. The text of a decorated Python function will do: its decorators are passed over, and it may
// be indented. Positions are those of the text as given.
func Parse[Text ~string | ~[]byte](filename string, text Text) (f *File, err error) {
	return parse(filename, string(text))
}

func parse(filename, source string) (f *File, err error) {
	defer caught(&err)
	if len(source) > maxSource {
		return nil, errs.New(errs.Value, "%s: the program has %d bytes, at most %d are read", filename, len(source), maxSource)
	}
	text, indent := plain(source)
	p := &parser{indent: int32(indent), name: filename, functions: map[string]*function{}}
	tree, err := (&syntax.FileOptions{}).Parse(filename, text, 0)
	if err != nil {
		return nil, p.syntaxError(err, text)
	}
	f = &File{Name: filename, Source: source, functions: p.functions}
	for _, s := range tree.Stmts { // their names are known before any of the programs
		if s, ok := s.(*syntax.AssignStmt); ok {
			p.function(s)
		}
	}
	for _, s := range tree.Stmts {
		switch s := s.(type) {
		case *syntax.AssignStmt:
		case *syntax.DefStmt:
			def := p.def(s)
			def.file = f
			for _, other := range f.Defs {
				if other.Name == def.Name {
					fail(def.Pos, "program %s is defined twice, first at %s", def.Name, other.Pos)
				}
			}
			f.Defs = append(f.Defs, def)
		case *syntax.ExprStmt:
			if lit, ok := s.X.(*syntax.Literal); !ok || lit.Token != syntax.STRING {
				fail(p.pos(s), onlyDefinitions)
			}
		default:
			fail(p.pos(s), onlyDefinitions)
		}
	}
	if len(f.Defs) == 0 {
		return nil, errs.New(errs.Value, "%s: no program: a program is a function definition, def name(A, …)", filename)
	}
	return f, nil
}

const onlyDefinitions = `only program definitions, def name(A, …), and names of functions, name = pyblock("key"), can stand here`

// plain blanks out decorators and takes off the indentation of the first def, keeping lines where they are.
func plain(src string) (text string, indent int) {
	trimmed := strings.TrimLeft(src, " \t\r\n")
	if !strings.HasPrefix(trimmed, "@") && (strings.HasPrefix(src, trimmed) || !strings.HasPrefix(trimmed, "def ")) {
		return src, 0
	}
	lines := strings.Split(src, "\n")
	depth, margin, inDecorator := 0, "", false
	for n, line := range lines {
		body := strings.TrimLeft(line, " \t")
		if !inDecorator && strings.HasPrefix(body, "@") {
			inDecorator = true
		}
		if inDecorator {
			depth += strings.Count(line, "(") - strings.Count(line, ")")
			inDecorator = depth > 0
			lines[n] = ""
			continue
		}
		if strings.HasPrefix(body, "def ") {
			margin = line[:len(line)-len(body)]
			break
		}
	}
	if margin != "" {
		for n, line := range lines {
			lines[n] = strings.TrimPrefix(line, margin)
		}
	}
	return strings.Join(lines, "\n"), len(margin)
}

// parser turns Starlark's syntax tree into ours.
type parser struct {
	name      string
	indent    int32 // columns that plain took off
	depth     int
	functions map[string]*function
}

func (p *parser) pos(n syntax.Node) Pos { return p.at(syntax.Start(n)) }

func (p *parser) at(pos Pos) Pos {
	pos.Col += p.indent
	return pos
}

// enter guards the recursion; the function it returns leaves again.
func (p *parser) enter(n syntax.Node) func() {
	if p.depth++; p.depth > maxNesting {
		fail(p.pos(n), "nested more than %d deep", maxNesting)
	}
	return func() { p.depth-- }
}

// syntaxError rewords Starlark's complaint where it is about Python that is not Starlark.
func (p *parser) syntaxError(err error, text string) error {
	var se syntax.Error
	if !errors.As(err, &se) {
		return errs.New(errs.Value, "%s: %w", p.name, err)
	}
	line := ""
	if lines := strings.Split(text, "\n"); int(se.Pos.Line) <= len(lines) && se.Pos.Line > 0 {
		line = lines[se.Pos.Line-1]
	}
	switch {
	case strings.Contains(text, "->") && strings.Contains(line, "def "), strings.Contains(se.Msg, "got ':'") && !strings.HasPrefix(strings.TrimSpace(line), "for"):
		return errAt(p.at(se.Pos), "%s (type annotations are not part of LAmbdaPACK: leave them out)", se.Msg)
	}
	return errAt(p.at(se.Pos), "%s", se.Msg)
}

func (p *parser) def(s *syntax.DefStmt) *Def {
	d := &Def{Pos: p.pos(s), Name: s.Name.Name}
	seen := map[string]bool{}
	for _, x := range s.Params {
		param := p.param(x)
		if seen[param.Name] {
			fail(param.Pos, "parameter %s occurs twice", param.Name)
		}
		seen[param.Name] = true
		d.Params = append(d.Params, param)
	}
	body := s.Body
	if doc, ok := docstring(body[0]); ok {
		d.Doc, body = doc, body[1:]
	}
	if len(body) == 0 {
		fail(d.Pos, "program %s does nothing", d.Name)
	}
	ret, ok := body[len(body)-1].(*syntax.ReturnStmt)
	if !ok {
		fail(p.pos(body[len(body)-1]), "program %s ends without returning its result: add return and the matrices' names", d.Name)
	}
	d.Returns = p.names(ret.Result, p.pos(ret), "return")
	d.Body = p.block(body[:len(body)-1])
	return d
}

func docstring(s syntax.Stmt) (string, bool) {
	if e, ok := s.(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok && lit.Token == syntax.STRING {
			return lit.Value.(string), true
		}
	}
	return "", false
}

func (p *parser) param(x syntax.Expr) Param {
	switch x := x.(type) {
	case *syntax.Ident:
		return Param{Pos: p.pos(x), Name: x.Name}
	case *syntax.BinaryExpr:
		if name, ok := x.X.(*syntax.Ident); ok && x.Op == syntax.EQ {
			lit, ok := p.node(x.Y).(*Literal)
			if v, isInt := literalInt(lit); ok && isInt {
				return Param{Pos: p.pos(x), Name: name.Name, Scalar: true, Value: v}
			}
			fail(p.pos(x.Y), "the default of %s must be an integer: a parameter is a matrix, or an integer with a default", name.Name)
		}
	}
	fail(p.pos(x), "a parameter is a name, for a matrix, or name=integer")
	return Param{}
}

func literalInt(lit *Literal) (int64, bool) {
	if lit == nil {
		return 0, false
	}
	v, ok := lit.Value.(int64)
	return v, ok
}

// names reads one name or several.
func (p *parser) names(x syntax.Expr, pos Pos, what string) []string {
	var list []syntax.Expr
	switch x := x.(type) {
	case nil:
		fail(pos, "%s needs the name of a matrix", what)
	case *syntax.ParenExpr:
		return p.names(x.X, pos, what)
	case *syntax.TupleExpr:
		list = x.List
	case *syntax.ListExpr:
		list = x.List
	default:
		list = []syntax.Expr{x}
	}
	var out []string
	for _, x := range list {
		id, ok := x.(*syntax.Ident)
		if !ok {
			fail(p.pos(x), "%s takes names of matrices only", what)
		}
		out = append(out, id.Name)
	}
	if len(out) == 0 {
		fail(pos, "%s needs the name of a matrix", what)
	}
	return out
}

func (p *parser) block(stmts []syntax.Stmt) []Stmt {
	var out []Stmt
	for _, s := range stmts {
		leave := p.enter(s)
		if t := p.stmt(s); t != nil {
			out = append(out, t)
		}
		leave()
	}
	return out
}

func (p *parser) stmt(s syntax.Stmt) Stmt {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		return p.assign(s)
	case *syntax.ForStmt:
		f := &For{Pos: p.pos(s), Var: p.loopVar(s.Vars), Body: nil}
		f.Lower, f.Upper, f.Step = p.rangeOf(s.X)
		f.Body = p.block(s.Body)
		return f
	case *syntax.IfStmt:
		return &If{Pos: p.at(s.If), Cond: p.node(s.Cond), Then: p.block(s.True), Else: p.block(s.False)}
	case *syntax.ExprStmt:
		if _, ok := docstring(s); ok {
			return nil
		}
		call, ok := s.X.(*syntax.CallExpr)
		if id, isName := callee(call); ok && isName && id == "task" {
			return p.taskLabel(call)
		}
		fail(p.pos(s), "this computes nothing: write the tile that it makes on the left of =")
	case *syntax.BranchStmt:
		if s.Token == syntax.PASS {
			return nil
		}
		fail(p.pos(s), "%s has no place in a program: its loops are known in advance", s.Token)
	case *syntax.ReturnStmt:
		fail(p.pos(s), "return can only be the last line of a program")
	case *syntax.WhileStmt:
		fail(p.pos(s), "while has no place in a program: its loops are known in advance; use for … in range(…)")
	case *syntax.DefStmt:
		fail(p.pos(s), "a program cannot be defined inside another: define it beside")
	default:
		fail(p.pos(s), "this statement has no place in a program")
	}
	return nil
}

func callee(c *syntax.CallExpr) (string, bool) {
	if c == nil {
		return "", false
	}
	id, ok := c.Fn.(*syntax.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}

func (p *parser) loopVar(x syntax.Expr) string {
	id, ok := x.(*syntax.Ident)
	if !ok {
		fail(p.pos(x), "a loop has one variable")
	}
	return id.Name
}

// rangeOf reads range(hi), range(lo, hi) or range(lo, hi, step).
func (p *parser) rangeOf(x syntax.Expr) (lo, hi, step Node) {
	call, _ := x.(*syntax.CallExpr)
	if name, ok := callee(call); !ok || name != "range" || len(call.Args) < 1 || len(call.Args) > 3 {
		fail(p.pos(x), "loops go over range(hi), range(lo, hi) or range(lo, hi, step)")
	}
	var args []Node
	for _, a := range call.Args {
		args = append(args, p.node(a))
	}
	pos := p.pos(x)
	lo, step = &Literal{Pos: pos, Value: int64(0)}, &Literal{Pos: pos, Value: int64(1)}
	switch len(args) {
	case 1:
		hi = args[0]
	case 2:
		lo, hi = args[0], args[1]
	case 3:
		lo, hi, step = args[0], args[1], args[2]
	}
	return lo, hi, step
}

func (p *parser) taskLabel(c *syntax.CallExpr) *TaskLabel {
	t := &TaskLabel{Pos: p.pos(c)}
	args, attrs := p.arguments(c)
	if len(args) == 1 {
		if lit, ok := args[0].(*Literal); ok {
			t.Label, _ = lit.Value.(string)
		}
	}
	if t.Label == "" {
		fail(t.Pos, `task names the statements after it: task("name", i=i)`)
	}
	t.Args = attrs
	return t
}

// scalarFuncs are the calls that make numbers and axes; any other call with a bare name on the left is of a program.
var scalarFuncs = map[string]bool{"blocks": true, "axis": true, "size": true, "block": true, "levels": true, "min": true, "max": true}

func (p *parser) assign(s *syntax.AssignStmt) Stmt {
	if s.Op != syntax.EQ {
		fail(p.at(s.OpPos), "%s changes a value: everything is assigned once, with =", s.Op)
	}
	pos := p.pos(s)
	targets := []syntax.Expr{s.LHS}
	switch lhs := s.LHS.(type) {
	case *syntax.TupleExpr:
		targets = lhs.List
	case *syntax.ParenExpr:
		if t, ok := lhs.X.(*syntax.TupleExpr); ok {
			targets = t.List
		}
	}
	if _, bare := targets[0].(*syntax.Ident); bare {
		return p.assignNames(s, targets)
	}
	var refs []*Ref
	for _, t := range targets {
		ref, ok := p.node(t).(*Ref)
		if !ok || ref.Trans {
			fail(p.pos(t), "a tile, A[i, j], or a name belongs on the left of =")
		}
		refs = append(refs, ref)
	}
	switch value := p.node(s.RHS).(type) {
	case *Apply:
		return &Assign{Pos: pos, Targets: refs, Value: value}
	case *Ref:
		if value.Trans {
			return &Assign{Pos: pos, Targets: refs, Value: &Apply{Pos: value.Pos, Func: "copy", Args: []Node{value}}}
		}
		if len(refs) == 1 {
			return &Alias{Pos: pos, Target: refs[0], Source: value}
		}
	case *Name:
		if len(refs) == 1 {
			return &Alias{Pos: pos, Target: refs[0], Source: &Ref{Pos: value.Pos, Matrix: value.Name}}
		}
	}
	fail(p.pos(s.RHS), "a tile is computed by a kernel, or is another name for a tile: A[i, j] = kernel(…), or A[i, j] = B[i, j]")
	return nil
}

func (p *parser) assignNames(s *syntax.AssignStmt, targets []syntax.Expr) Stmt {
	pos := p.pos(s)
	call, isCall := s.RHS.(*syntax.CallExpr)
	if name, ok := callee(call); isCall && ok && !scalarFuncs[name] {
		args, attrs := p.arguments(call)
		return &CallProgram{Pos: pos, Targets: p.names(s.LHS, pos, "the left of ="), Program: name, Args: args, Attrs: attrs}
	}
	if len(targets) > 1 {
		fail(pos, "several names can only stand for what a program returns")
	}
	return &Let{Pos: pos, Name: targets[0].(*syntax.Ident).Name, Value: p.node(s.RHS)}
}

func bigInt(v any) bool { _, ok := v.(*big.Int); return ok }

package lambdapack

import (
	"maps"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// A text may name Python functions of the user's, beside its definitions, in any order:
//
//	soft = pyblock("soft-0123456789abcdef", dtype="float32")
//
// In its programs soft(A[i, j], B[i, j]) is then pyblock("soft-0123456789abcdef", A[i, j], B[i, j], dtype="float32"), and the tree
// has that alone: nobody after Parse knows the name. So a text says itself which functions it means, wherever it is bound.

// pyblock is the kernel that applies a Python function.
const pyblock = "pyblock"

// function is such a name.
type function struct {
	pos    Pos
	call   *Apply // pyblock("key", …), without operands
	called bool
}

// Functions are the names that the file gives to functions and calls, sorted.
func (f *File) Functions() []string {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(f.functions)) {
		if f.functions[name].called {
			names = append(names, name)
		}
	}
	return names
}

// function reads name = pyblock("key", dtype="…").
func (p *parser) function(s *syntax.AssignStmt) {
	pos := p.pos(s)
	id, ok := s.LHS.(*syntax.Ident)
	call, isCall := s.RHS.(*syntax.CallExpr)
	if name, _ := callee(call); !ok || !isCall || name != pyblock || s.Op != syntax.EQ {
		fail(pos, onlyDefinitions)
	}
	args, attrs := p.arguments(call)
	key := ""
	if len(args) == 1 {
		if lit, ok := args[0].(*Literal); ok {
			key, _ = lit.Value.(string)
		}
	}
	if key == "" {
		fail(pos, `a function's name stands for its key alone: %s = pyblock("key")`, id.Name)
	}
	if what := meaning(id.Name); what != "" {
		fail(pos, "a function cannot be called %s: that is %s", id.Name, what)
	}
	if other := p.functions[id.Name]; other != nil {
		fail(pos, "function %s is named twice, first at %s", id.Name, other.pos)
	}
	p.functions[id.Name] = &function{pos: pos, call: &Apply{Pos: pos, Func: pyblock, Args: args, Attrs: attrs}}
}

// meaning is what a name means in every program, "" for nothing.
func meaning(name string) string {
	if _, ok := Builtin.Lookup(name); ok {
		return "a kernel"
	}
	if scalarFuncs[name] || name == "range" || name == "task" || name == "True" || name == "False" {
		return "a word of the language"
	}
	return ""
}

// apply is a call, of the kernel or of the function that has this name.
func (p *parser) apply(pos Pos, name string, args []Node, attrs []Attr) *Apply {
	f := p.functions[name]
	if f == nil {
		return &Apply{Pos: pos, Func: name, Args: args, Attrs: attrs}
	}
	f.called = true
	for _, a := range f.call.Attrs { // what the call says itself goes before
		if !slices.ContainsFunc(attrs, func(b Attr) bool { return a.Name == b.Name }) {
			attrs = append(attrs, a)
		}
	}
	return &Apply{Pos: pos, Func: pyblock, Args: slices.Concat(f.call.Args, args), Attrs: attrs}
}

// isFunction says whether the file of a program gives this name to a function.
func (d *Def) isFunction(name string) bool { return d.file != nil && d.file.functions[name] != nil }

// near is the name of a kernel, or of a function of the program's file, that differs from name by little, for messages.
func (d *Def) near(name string) string {
	names := Builtin.Names()
	if d.file != nil {
		names = slices.AppendSeq(names, maps.Keys(d.file.functions))
	}
	slices.Sort(names)
	return nearest(name, names)
}

// shown is what messages call the kernel: a function's name instead of pyblock.
func (n *Apply) shown() string {
	if n.Func == pyblock && len(n.Args) > 0 {
		if key, ok := n.Args[0].(*Literal); ok {
			if text, ok := key.Value.(string); ok {
				return nameOf(text)
			}
		}
	}
	return n.Func
}

// shown is what messages call the kernel.
func (c *Call) shown() string {
	if c.Sig.Name == pyblock {
		if key, ok := c.Args[0].(*Str); ok {
			return nameOf(key.Value)
		}
	}
	return c.Sig.Name
}

// nameOf is the name in a function's key, name-digest.
func nameOf(key string) string {
	if at := strings.LastIndexByte(key, '-'); at > 0 {
		return key[:at]
	}
	return key
}

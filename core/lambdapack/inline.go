package lambdapack

import (
	"maps"
	"slices"
	"strings"
)

// Lookup finds a program of the file by name.
func (f *File) Lookup(name string) (*Def, bool) {
	for _, d := range f.Defs {
		if d.Name == name {
			return d, true
		}
	}
	return nil, false
}

// inline replaces the calls of other programs by their statements. Names of an inlined program's matrices, scalars and axes
// are made unlike all others: its results get the names that the call gives them, the rest the program's name in front.
func inline(def *Def, lib Library) *Def {
	in := newInliner(def, lib)
	out := *def
	out.Body = in.body(def, def.Body)
	if in.calls == 0 {
		return def
	}
	out.Zeros = in.zeros
	return &out
}

type inliner struct {
	lib   Library
	taken map[string]bool // names that mean something already
	firm  map[string]bool // those of them that are not loop variables
	stack []*Def          // the programs being inlined
	zeros []string
	calls int
	count int // statements so far
	keep  func(c *CallProgram) bool
}

// newInliner takes every name that occurs in def, so that no name of another program becomes equal to it.
func newInliner(def *Def, lib Library) *inliner {
	in := &inliner{lib: lib, taken: map[string]bool{}, firm: map[string]bool{}}
	names, loops := namesOf(def)
	for name := range names {
		in.taken[name] = true
		in.firm[name] = !loops[name]
	}
	return in
}

func (in *inliner) fresh(name, program string) string {
	name = program + "_" + name
	for in.taken[name] {
		name += "_"
	}
	in.taken[name], in.firm[name] = true, true
	return name
}

func (in *inliner) body(def *Def, body []Stmt) []Stmt {
	in.stack = append(in.stack, def)
	defer func() { in.stack = in.stack[:len(in.stack)-1] }()
	var out []Stmt
	for _, s := range body {
		if c, ok := s.(*CallProgram); ok && (in.keep == nil || !in.keep(c)) {
			out = append(out, in.call(def, c)...)
			continue
		}
		in.refuseCalls(s)
		out = append(out, s)
	}
	return out
}

// refuseCalls reports a call of a program that stands in a loop or a conditional.
func (in *inliner) refuseCalls(s Stmt) {
	var inner []Stmt
	switch s := s.(type) {
	case *For:
		inner = s.Body
	case *If:
		inner = slices.Concat(s.Then, s.Else)
	}
	for _, s := range inner {
		if c, ok := s.(*CallProgram); ok {
			fail(c.Pos, "program %s is called inside a loop or a conditional: a program makes whole matrices, call it outside", c.Program)
		}
		in.refuseCalls(s)
	}
	if in.count++; in.count > maxStatements {
		fail(in.stack[0].Pos, "program %s has more than %d statements", in.stack[0].Name, maxStatements)
	}
}

// find looks a program up: beside the one that calls it, then in the library.
func (in *inliner) find(def *Def, c *CallProgram) *Def {
	if def.file != nil {
		if d, ok := def.file.Lookup(c.Program); ok {
			return d
		}
	}
	if in.lib != nil {
		if d, ok := in.lib.Lookup(c.Program); ok {
			return d
		}
	}
	if _, ok := Builtin.Lookup(c.Program); ok || def.isFunction(c.Program) {
		fail(c.Pos, "%s is a kernel: it makes a tile, %s[i, j] = %s(…)", c.Program, c.Targets[0], c.Program)
	}
	fail(c.Pos, "there is no program %s", c.Program)
	return nil
}

// call is the statements of a called program.
func (in *inliner) call(def *Def, c *CallProgram) []Stmt {
	callee := in.find(def, c)
	if at := slices.IndexFunc(in.stack, func(d *Def) bool { return d == callee }); at >= 0 {
		var way []string
		for _, d := range in.stack[at:] {
			way = append(way, d.Name)
		}
		fail(c.Pos, "program %s calls itself (%s): programs do not recur", c.Program, strings.Join(append(way, callee.Name), " → "))
	}
	in.calls++
	if len(c.Targets) != len(callee.Returns) {
		fail(c.Pos, "program %s returns %s, and there are %d names on the left of =", c.Program, plural(len(callee.Returns), "matrix", "matrices"), len(c.Targets))
	}
	rename := map[string]string{}
	out := in.arguments(c, callee, rename)
	for n, name := range callee.Returns {
		if _, twice := rename[name]; twice {
			fail(callee.Pos, "program %s returns %s, which is its argument or returned twice: a call cannot name it anew", callee.Name, name)
		}
		rename[name] = c.Targets[n]
		in.zeros = append(in.zeros, c.Targets[n])
	}
	all, loops := namesOf(callee)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, done := rename[name]; !done && (!loops[name] || in.firm[name]) {
			rename[name] = in.fresh(name, callee.Name)
		} else if !done {
			in.taken[name] = true
		}
	}
	return append(out, (&renamer{rename}).stmts(in.body(callee, callee.Body))...)
}

// arguments binds the parameters: matrices to names, scalars by statements that set them.
func (in *inliner) arguments(c *CallProgram, callee *Def, rename map[string]string) (lets []Stmt) {
	given := map[string]Node{}
	if len(c.Args) > len(callee.Params) {
		fail(c.Pos, "program %s takes %s, %d are given", c.Program, plural(len(callee.Params), "argument", "arguments"), len(c.Args))
	}
	for n, a := range c.Args {
		given[callee.Params[n].Name] = a
	}
	for _, a := range c.Attrs {
		at := slices.IndexFunc(callee.Params, func(p Param) bool { return p.Name == a.Name })
		if at < 0 {
			fail(a.Pos, "program %s has no parameter %s", c.Program, a.Name)
		}
		if given[a.Name] != nil {
			fail(a.Pos, "%s is given twice", a.Name)
		}
		given[a.Name] = a.Value
	}
	for _, p := range callee.Params {
		value := given[p.Name]
		switch {
		case !p.Scalar && value == nil:
			fail(c.Pos, "program %s needs the matrix %s", c.Program, p.Name)
		case !p.Scalar:
			name, ok := value.(*Name)
			if !ok {
				fail(value.Start(), "the argument %s of program %s is a matrix: its name is wanted", p.Name, c.Program)
			}
			rename[p.Name] = name.Name
		default:
			if value == nil {
				value = &Literal{Pos: c.Pos, Value: p.Value}
			}
			rename[p.Name] = in.fresh(p.Name, callee.Name)
			lets = append(lets, &Let{Pos: c.Pos, Name: rename[p.Name], Value: value})
		}
	}
	return lets
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return joinInts([]int64{int64(n)}, "") + " " + many
}

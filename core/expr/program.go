package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/lambdapack"
	"numpywren/core/programs"
)

// programOp is one result of a call of a program: of package programs, or, when it has a Source, of a user.
type programOp struct {
	Name    string
	Source  string
	File    string
	Scalars string // what the program's scalars are: n=3, k=4
	Out     int    // which of the results
	Outs    int    // and of how many
}

// cholesky is the program that has a name in displays.
const cholesky = "cholesky"

// isProgram says whether a node is the result of a program; tiles that the program does not write are zeros.
func isProgram(n *Node) bool {
	_, ok := n.op.(programOp)
	return ok
}

// call makes the result of a program of package programs that has one.
func (b *builder) call(program, scalars string, g grid.Grid, args ...*Node) *Node {
	return b.keep(makeNode(programOp{Name: program, Scalars: scalars, Outs: 1}, b.op, g, args[0].dtype, args))
}

// callAll makes the results of a program of package programs.
func (b *builder) callAll(program string, args ...*Node) ([]*Node, error) {
	return b.callWith(program, nil, args...)
}

// callWith is callAll with numbers for some of the program's parameters.
func (b *builder) callWith(program string, scalars map[string]int64, args ...*Node) ([]*Node, error) {
	def, ok := programs.Library.Lookup(program)
	if !ok {
		panic("expr: there is no program " + program)
	}
	var given []string
	for _, name := range slices.Sorted(maps.Keys(scalars)) {
		given = append(given, fmt.Sprintf("%s=%d", name, scalars[name]))
	}
	o := programOp{Name: program, Scalars: strings.Join(given, ", "), Outs: len(def.Returns)}
	return b.results(o, b.op, def, args, scalars)
}

// callKey is the same for all results of a call.
func (l *lowering) callKey(o programOp, n *Node) string {
	o.Out = 0
	key := fmt.Sprintf("%v", o)
	for _, a := range l.entry(n).args {
		key += " " + a.hash
	}
	return key
}

// emit calls the program once for all of its results.
func (o programOp) emit(l *lowering, n *Node, name string) {
	key := l.callKey(o, n)
	if l.called[key] {
		return
	}
	l.called[key] = true
	targets := make([]string, o.Outs)
	for _, e := range l.order {
		if other, ok := e.node.op.(programOp); ok && e.stored == nil && l.callKey(other, e.node) == key {
			targets[other.Out] = e.matrix
		}
	}
	for k, t := range targets {
		if t == "" {
			targets[k] = l.temp()
		}
	}
	program := o.Name
	if o.Source != "" {
		program = l.define(o)
	}
	var args []string
	for _, a := range l.entry(n).args {
		args = append(args, l.entry(a).matrix)
	}
	if o.Scalars != "" {
		args = append(args, o.Scalars)
	}
	fmt.Fprintf(&l.body, "%s%s = %s(%s)\n", indent, strings.Join(targets, ", "), program, strings.Join(args, ", "))
}

// define puts the definitions of a user's program into the text, and gives the name that it has there. Names are made unlike
// those of package programs, and of other users' programs.
func (l *lowering) define(o programOp) string {
	digest := sha256.Sum256([]byte(o.Source))
	suffix := "_" + hex.EncodeToString(digest[:4])
	if l.defined[suffix] {
		return o.Name + suffix
	}
	l.defined[suffix] = true
	f, err := lambdapack.Parse(o.File, []byte(o.Source))
	if err != nil { // Apply has parsed it
		panic("expr: " + err.Error())
	}
	l.defs = append(l.defs, renamed(f, suffix))
	return o.Name + suffix
}

// renamed is the text of a file's definitions with a suffix on their names; the functions that it names are in their places.
func renamed(f *lambdapack.File, suffix string) string {
	var b strings.Builder
	for _, d := range f.Defs {
		def := *d
		def.Name += suffix
		def.Body = slices.Clone(d.Body)
		for k, s := range def.Body { // programs are called outside of all loops
			if c, ok := s.(*lambdapack.CallProgram); ok {
				if _, own := f.Lookup(c.Program); own {
					call := *c
					call.Program += suffix
					def.Body[k] = &call
				}
			}
		}
		b.WriteString(lambdapack.Format(&def) + "\n\n")
	}
	return b.String()
}

// direct is the program itself, when the nodes are all the results of one call, on stored inputs: it is not wrapped then, and
// is printed as it was written.
func (l *lowering) direct(nodes []*Node) *Program {
	o, ok := l.entry(nodes[0]).node.op.(programOp)
	if !ok || o.Scalars != "" {
		return nil
	}
	key := l.callKey(o, nodes[0])
	asked := make([]bool, o.Outs)
	for _, n := range nodes {
		other, ok := n.op.(programOp)
		if !ok || l.entry(n).stored != nil || l.callKey(other, n) != key {
			return nil
		}
		asked[other.Out] = true
	}
	args := l.argsOf(nodes[0])
	if slices.Contains(asked, false) || slices.ContainsFunc(args, func(a *Node) bool { return l.entry(a).stored == nil }) {
		return nil
	}
	def, text := o.definition()
	p := &Program{Name: o.Name, Text: text, Outputs: make([]Output, len(nodes))}
	for i, a := range args {
		l.input(l.entry(a), matrices(def)[i].Name)
	}
	for k, n := range nodes {
		p.Outputs[k] = Output{Node: n, Matrix: def.Returns[n.op.(programOp).Out], Zero: true}
	}
	p.Inputs = l.inputs
	return p
}

// definition is what the program is, parsed and as text. Apply has looked it up before.
func (o programOp) definition() (*lambdapack.Def, string) {
	if o.Source == "" {
		text, _ := programs.Source(o.Name)
		def, ok := programs.Library.Lookup(o.Name)
		if !ok {
			panic("expr: there is no program " + o.Name)
		}
		return def, text
	}
	f, err := lambdapack.Parse(o.File, []byte(o.Source))
	if err != nil {
		panic("expr: " + err.Error())
	}
	def, _ := f.Lookup(o.Name)
	return def, o.Source
}

// matrices is the parameters of a program that are matrices.
func matrices(def *lambdapack.Def) []lambdapack.Param {
	return slices.DeleteFunc(slices.Clone(def.Params), func(p lambdapack.Param) bool { return p.Scalar })
}

// applyProgram calls a user's program: its text, the name of the definition (the last one, if it is not given), its scalars.
func applyProgram(b *builder, args []Operand, p *params) ([]*Node, error) {
	source, file, name := p.text("source", ""), p.text("filename", "program"), p.text("name", "")
	values, given := p.get("scalars")
	if p.err != nil {
		return nil, p.err
	}
	f, err := lambdapack.Parse(file, []byte(source))
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = f.Defs[len(f.Defs)-1].Name
	}
	def, ok := f.Lookup(name)
	if !ok {
		return nil, errs.New(errs.Value, "%s defines no program %s", file, name)
	}
	o := programOp{Name: name, Source: source, File: file, Outs: len(def.Returns)}
	scalars := map[string]int64{}
	if given {
		if o.Scalars, err = readScalars(def, values, scalars); err != nil {
			return nil, err
		}
	}
	params := matrices(def)
	if len(params) != len(args) {
		return nil, errs.New(errs.Type, "program %s takes %d matrices, not %d", name, len(params), len(args))
	}
	nodes := make([]*Node, len(args))
	for i, a := range args {
		if nodes[i], err = b.array(a); err != nil {
			return nil, err
		}
	}
	return b.results(o, name, def, nodes, scalars)
}

// results makes a node for each result of a call, of the grids and types that its program says.
func (b *builder) results(o programOp, label string, def *lambdapack.Def, nodes []*Node, scalars map[string]int64) ([]*Node, error) {
	inputs := make([]lambdapack.Input, len(nodes))
	for i, p := range matrices(def) {
		n := nodes[i]
		inputs[i] = lambdapack.Input{Name: p.Name, Display: p.Name, Grid: n.grid, DType: n.dtype, ZeroTiles: true}
	}
	plan, err := lambdapack.Bind(def, programs.Library, inputs, scalars, lambdapack.Options{})
	if err != nil {
		return nil, err
	}
	out := make([]*Node, len(def.Returns))
	for k, matrix := range def.Returns {
		at := slices.IndexFunc(plan.Matrices, func(m lambdapack.Matrix) bool { return m.Name == matrix })
		if at < 0 || !plan.Matrices[at].Stored || len(plan.Matrices[at].VersionLow) > 0 {
			return nil, errs.New(errs.Value, "%s: program %s returns %s, whose indices are not those of the blocks of an array: return a matrix that is written as %s[i, j]",
				def.Pos, o.Name, matrix, matrix)
		}
		m := &plan.Matrices[at]
		if err := checkDType(m.DType); err != nil {
			return nil, err
		}
		o.Out = k
		out[k] = b.keep(makeNode(o, label, m.Grid, m.DType, nodes))
	}
	return out, nil
}

// readScalars reads an object of integers, and writes it as keywords, sorted.
func readScalars(def *lambdapack.Def, values any, into map[string]int64) (string, error) {
	object, ok := values.(map[string]any)
	if !ok {
		return "", errs.New(errs.Type, "program: scalars=%v is not an object of integers", values)
	}
	var text []string
	for name, v := range object {
		n, isInt := toInt(v)
		if !slices.ContainsFunc(def.Params, func(p lambdapack.Param) bool { return p.Name == name && p.Scalar }) {
			return "", errs.New(errs.Type, "program %s has no scalar %q: a scalar is a parameter with a default, %s=1", def.Name, name, name)
		}
		if !isInt {
			return "", errs.New(errs.Type, "program %s: %s=%v is not an integer", def.Name, name, v)
		}
		into[name] = n
		text = append(text, fmt.Sprintf("%s=%d", name, n))
	}
	slices.Sort(text)
	return strings.Join(text, ", "), nil
}

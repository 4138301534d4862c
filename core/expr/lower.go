package expr

import (
	"fmt"
	"slices"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/programs"
)

// Program is a set of expressions as one program. It keeps its inputs alive until Release.
type Program struct {
	Name    string // of the definition to bind, which Text has
	Text    string
	Inputs  []Source // in the order of the definition's parameters
	Outputs []Output // one for each node that was lowered
}

// Source is an input: stored data.
type Source struct {
	Param   string
	Node    *Node
	Stored  Stored
	Display string
	Zero    bool // tiles that the Stored lacks are zeros
}

// Output is a result. Nodes of equal hashes share one.
type Output struct {
	Matrix  string // its name in the text
	Node    *Node
	Display string
	Zero    bool // tiles that the program does not write are zeros
	Half    bool // it is symmetric, and of the tiles above the diagonal, which are the others' transposes, none is written
}

// Release lets the inputs go. It is called once, when the program has run or is not to be run.
func (p *Program) Release() {
	for _, in := range p.Inputs {
		in.Stored.Unref()
		in.Node.Release()
	}
	p.Inputs = nil
}

// What package lambdapack accepts has bounds: these keep well below them.
const (
	maxOperations = 5000
	maxText       = 1 << 20
)

// entry is what a lowering knows of a node: what it was when the lowering began, since others may compute it meanwhile.
type entry struct {
	node    *Node
	args    []*Node
	stored  Stored
	display string
	zero    bool
	matrix  string // its name in the text; "" for a view that needs none
	output  bool
	read    bool // by another that the program computes
}

// lowering writes the text of one program.
type lowering struct {
	entries map[string]*entry // by hash
	order   []*entry          // those that the text computes or reads, operands first
	inputs  []Source
	returns []string
	called  map[string]bool // the calls of programs that are written
	defs    []string        // texts of the users' programs that are called
	defined map[string]bool

	whole     func(hash string) bool
	axes      map[grid.Axis]*axisName
	axisOrder []grid.Axis
	temps     int
	body      strings.Builder
}

// Lower writes the program that computes the nodes. names, if given, has one for each, "" for none: what its Display says.
func Lower(nodes []*Node, names []string) (*Program, error) {
	return LowerWhole(nodes, names, func(string) bool { return false })
}

// LowerWhole is Lower, but that results of the hashes that are to be whole have all of their tiles: otherwise of one that is symmetric,
// and only a result, the half above the diagonal is not made.
func LowerWhole(nodes []*Node, names []string, whole func(hash string) bool) (*Program, error) {
	l := &lowering{entries: map[string]*entry{}, axes: map[grid.Axis]*axisName{}, whole: whole}
	l.called, l.defined = map[string]bool{}, map[string]bool{}
	if len(nodes) == 0 {
		return nil, errs.New(errs.Value, "there is nothing to compute")
	}
	l.capture(nodes)
	l.sort(nodes)
	for _, e := range l.order {
		e.describe(l)
	}
	p := l.direct(nodes)
	if p == nil {
		p = l.program(nodes)
	}
	for k, n := range nodes {
		p.Outputs[k].Display = l.entry(n).display
		if names != nil && names[k] != "" {
			p.Outputs[k].Display = "BigMatrix(" + names[k] + ")"
		}
	}
	l.drop()
	if len(l.order) > maxOperations || len(p.Text) > maxText {
		p.Release()
		return nil, errs.New(errs.Unsupported, "%d operations are too many for one program, some thousands are possible: "+
			"compute a part first, with persist()", len(l.order))
	}
	return p, nil
}

// capture notes what every node below the outputs is now. All sources found are referenced, those that are not inputs until
// drop.
func (l *lowering) capture(nodes []*Node) {
	graph.Lock()
	defer graph.Unlock()
	todo := slices.Clone(nodes)
	seen := map[*Node]bool{}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		if e := l.entries[n.hash]; e == nil || e.stored == nil && n.stored != nil {
			e = &entry{node: n, args: n.args, stored: n.stored, display: n.display, zero: n.zero}
			l.entries[n.hash] = e
			if n.stored != nil {
				n.stored.Ref()
				n.refs++
			}
		}
		todo = append(todo, n.args...)
	}
}

// drop lets go of the sources that turned out not to be needed: a stored node of the same hash was.
func (l *lowering) drop() {
	inputs := map[*Node]bool{}
	for _, in := range l.inputs {
		inputs[in.Node] = true
	}
	for _, e := range l.entries {
		if e.stored != nil && !inputs[e.node] {
			e.stored.Unref()
			e.node.Release()
		}
	}
}

func (l *lowering) entry(n *Node) *entry { return l.entries[n.hash] }

// argsOf is the operands of a node, each by the node that stands for its hash.
func (l *lowering) argsOf(n *Node) []*Node {
	args := slices.Clone(l.entry(n).args)
	for i, a := range args {
		args[i] = l.entry(a).node
	}
	return args
}

// sort puts the entries below the outputs in order, operands before their readers. A list instead of recursion: see release.
func (l *lowering) sort(nodes []*Node) {
	type visit struct {
		e    *entry
		next int // the operand to look at
	}
	seen := map[*entry]bool{}
	for _, n := range nodes {
		stack := []visit{{e: l.entry(n)}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if seen[top.e] {
				stack = stack[:len(stack)-1]
				continue
			}
			if top.e.stored == nil && top.next < len(top.e.args) {
				top.next++
				stack = append(stack, visit{e: l.entry(top.e.args[top.next-1])})
				continue
			}
			seen[top.e] = true
			l.order = append(l.order, top.e)
			stack = stack[:len(stack)-1]
		}
	}
}

// program writes the one definition that computes the nodes.
func (l *lowering) program(nodes []*Node) *Program {
	p := &Program{Outputs: make([]Output, len(nodes))}
	for _, e := range l.order {
		if e.stored != nil {
			e.matrix = fmt.Sprintf("x%d", len(l.inputs))
			l.input(e, e.matrix)
		}
	}
	for k, n := range nodes {
		e := l.entry(n)
		if !e.output {
			e.output = true
			l.returns = append(l.returns, fmt.Sprintf("y%d", len(l.returns)))
			if e.stored == nil {
				e.matrix = l.returns[len(l.returns)-1]
			}
		}
		p.Outputs[k] = Output{Node: n, Matrix: e.matrix, Zero: isProgram(e.node)}
	}
	l.nameMatrices()
	for k, n := range nodes {
		p.Outputs[k].Half = l.half(l.entry(n))
		p.Outputs[k].Zero = p.Outputs[k].Zero || l.sparse(l.entry(n))
	}
	for _, e := range l.order {
		if e.stored == nil && e.matrix != "" {
			e.node.op.emit(l, e.node, e.matrix)
		}
	}
	l.copySources(nodes, p)
	p.Name = l.title(l.entry(nodes[len(nodes)-1]))
	params := make([]string, len(l.inputs))
	for i, in := range l.inputs {
		params[i] = in.Param
	}
	p.Text = fmt.Sprintf("%sdef %s(%s):\n%s%s%sreturn %s\n", strings.Join(l.defs, ""), p.Name, strings.Join(params, ", "),
		l.prologue(), l.body.String(), indent, strings.Join(l.returns, ", "))
	p.Inputs = l.inputs
	return p
}

// input makes a source a parameter. One that is several parameters is referenced for each.
func (l *lowering) input(e *entry, param string) {
	if slices.ContainsFunc(l.inputs, func(s Source) bool { return s.Node == e.node }) {
		e.stored.Ref()
		e.node.Retain()
	}
	l.inputs = append(l.inputs, Source{Param: param, Node: e.node, Stored: e.stored, Display: e.display, Zero: e.zero})
}

// nameMatrices gives a name to everything that has tiles: what is computed, and views that programs take.
func (l *lowering) nameMatrices() {
	wanted := map[*entry]bool{}
	for _, e := range l.order {
		for _, a := range e.args {
			l.entry(a).read = l.entry(a).read || e.stored == nil
		}
		if e.stored == nil && isProgram(e.node) {
			for _, a := range e.args {
				wanted[l.entry(a)] = true
			}
		}
	}
	for _, e := range l.order {
		if e.matrix == "" && (wanted[e] || !isView(e.node)) {
			e.matrix = l.temp()
		}
	}
}

// copySources copies what is wanted but is stored already: a program returns only what it writes.
func (l *lowering) copySources(nodes []*Node, p *Program) {
	copied := map[*entry]string{}
	at := 0
	for k, n := range nodes {
		e := l.entry(n)
		if _, again := copied[e]; !again {
			copied[e] = l.returns[at]
			at++
			if e.stored != nil {
				s := l.loops(n.grid)
				s.assign(copied[e], "copy", "copy("+tileRef(e.matrix, s.idx)+")")
			}
		}
		p.Outputs[k].Matrix = copied[e]
	}
}

// title names the program after the operation of an output that is not a view.
func (l *lowering) title(e *entry) string {
	for e.stored == nil && isView(e.node) && len(e.args) == 1 {
		e = l.entry(e.args[0])
	}
	if e.stored != nil || e.node.label == "" {
		return "copy"
	}
	if _, taken := programs.Library.Lookup(e.node.label); taken { // a definition must not hide the program that it calls
		return e.node.label + "_of"
	}
	return e.node.label
}

// maxDisplay is how long a display may be before it is shortened.
const maxDisplay = 60

// describe says where an array comes from, chol(BigMatrix(X)), given that its operands' are said. The steps of one operation count
// once.
func (e *entry) describe(l *lowering) {
	if e.stored != nil {
		return
	}
	args := make([]string, len(e.args))
	for i, a := range e.args {
		args[i] = l.entry(a).display
	}
	name := e.node.label
	if o, ok := e.node.op.(programOp); ok && o.Name == cholesky && o.Source == "" {
		name = "chol"
	}
	_, transposed := e.node.op.(transposeOp)
	switch {
	case transposed:
		e.display = args[0] + ".T"
	case len(args) == 1 && (e.node.isForm() || l.entry(e.args[0]).node.label == name):
		e.display = args[0]
	default:
		e.display = name + "(" + strings.Join(args, ", ") + ")"
	}
	if len(e.display) >= maxDisplay {
		e.display = name + "(…)"
	}
}

// isForm says whether a node is its operand in another form.
func (n *Node) isForm() bool {
	switch n.label {
	case "astype", "rechunk", "expand_dims", "squeeze":
		return true
	}
	return false
}

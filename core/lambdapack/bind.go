package lambdapack

import (
	"slices"

	"numpywren/core/affine"
	"numpywren/core/errs"
	"numpywren/core/grid"
)

// Bind gives a program its inputs and scalars, and checks it. lib finds the programs that it calls; it may be nil.
func Bind(def *Def, lib Library, inputs []Input, scalars map[string]int64, opt Options) (p *Plan, err error) {
	defer caught(&err)
	inlined := inline(def, lib)
	if opt.Fuse {
		inlined = fuse(inlined)
	}
	return bind(inlined, &shrinking{inputs: inputs, scalars: scalars})
}

// bind makes the plan of a program that calls no other. how says with which inputs.
func bind(def *Def, how *shrinking) (p *Plan, err error) {
	defer caught(&err)
	b := newBinder(def)
	b.how = how
	b.p.shrink = how
	b.params(how.inputs, how.scalars)
	b.program()
	b.finish()
	return b.p, nil
}

// binder turns a program's text into a plan's statements.
type binder struct {
	p        *Plan
	def      *Def
	how      *shrinking
	checking bool // there are no inputs: matrices have no shapes, and blocks, size and block mean small numbers

	env     []binding // innermost last
	setBy   map[string]*Let
	ids     map[string]int // matrices by name
	indices []int          // of each matrix: how many indices its tiles have, -1 while unknown
	first   []Pos          // where each matrix was first seen
	info    []*inferring   // what is known of each matrix's dimensions
	typed   int            // statements before this one were looked at by infer
	waiting []*Statement   // those of them that are not understood yet
	aliases []*alias
	steps   int // statements bound, copies of conditionals and splits included
	temps   int // matrices made for split sums

	mentioned map[string]bool // every name in the text, once asked for
}

// binding is what a name means: a number, an axis, or a matrix.
type binding struct {
	name string
	num  *number
	axis *grid.Axis
	loop bool
}

// scope is what stands around a statement.
type scope struct {
	loops []affine.Loop
	conds []affine.Cond
	label string
	args  []Arg
	path  []*block
	block *block
}

func newBinder(def *Def) *binder {
	b := &binder{def: def, p: &Plan{Name: def.Name, def: def, root: &block{}}, setBy: map[string]*Let{}, ids: map[string]int{}}
	return b
}

// params makes the matrices and numbers that the program is given.
func (b *binder) params(inputs []Input, scalars map[string]int64) {
	for _, p := range b.def.Params {
		if p.Scalar {
			value := p.Value
			if v, ok := scalars[p.Name]; ok {
				value = v
			}
			n := checked(p.Pos, integer(value))
			b.env = append(b.env, binding{name: p.Name, num: &n})
			continue
		}
		at := slices.IndexFunc(inputs, func(in Input) bool { return in.Name == p.Name })
		if at < 0 {
			panic(failure{errs.New(errs.Type, "program %s needs the matrix %s", b.def.Name, p.Name)})
		}
		b.input(p, inputs[at])
	}
	for name := range scalars {
		if !slices.ContainsFunc(b.def.Params, func(p Param) bool { return p.Scalar && p.Name == name }) {
			panic(failure{errs.New(errs.Type, "program %s has no integer parameter %s", b.def.Name, name)})
		}
	}
	for _, in := range inputs {
		if !slices.ContainsFunc(b.def.Params, func(p Param) bool { return !p.Scalar && p.Name == in.Name }) {
			panic(failure{errs.New(errs.Type, "program %s has no matrix parameter %s", b.def.Name, in.Name)})
		}
	}
}

func (b *binder) input(p Param, in Input) {
	if _, ok := dtypeSizes[in.DType]; !ok {
		panic(failure{errs.New(errs.Type, "matrix %s has the dtype %q, which programs do not know", in.Name, in.DType)})
	}
	if len(in.Grid) > MaxIndex {
		panic(failure{errs.New(errs.Value, "matrix %s has %d dimensions, at most %d are possible", in.Name, len(in.Grid), MaxIndex)})
	}
	g := slices.Clone(in.Grid)
	for d := range g {
		g[d] = b.how.axis(g[d])
	}
	n := max(len(g), 1) // an array without dimensions is its one tile, A[0]
	id := b.matrix(p.Pos, p.Name, n)
	m := &b.p.Matrices[id]
	*m = Matrix{ID: id, Name: p.Name, Display: in.Display, Role: RoleInput, DType: in.DType, Rank: len(g), Grid: g, ZeroDefault: in.ZeroTiles, Stored: true}
	if m.Display == "" {
		m.Display = in.Name
	}
	m.Low, m.High = make([]int64, n), slices.Repeat([]int64{1}, n)
	for d, a := range g {
		m.High[d] = a.Blocks()
		m.place, m.add = append(m.place, d), append(m.add, 0)
		m.dims = append(m.dims, dimension{pos: d, axis: a})
	}
	b.info[id].known = true
}

// matrix finds or makes a matrix whose tiles have n indices; -1 when nothing is said about them.
func (b *binder) matrix(pos Pos, name string, n int) int {
	if id, ok := b.ids[name]; ok {
		switch {
		case n < 0 || b.indices[id] == n:
		case b.indices[id] < 0:
			b.indices[id] = n
		case b.first[id].IsValid() && b.p.Matrices[id].Role != RoleInput:
			fail(pos, "%s has %s here and %d at %s", name, plural(n, "index", "indices"), b.indices[id], b.first[id])
		default:
			fail(pos, "%s has %s here, and %s", name, plural(n, "index", "indices"), plural(b.indices[id], "dimension", "dimensions"))
		}
		return id
	}
	if bound := b.lookup(name); bound != nil {
		fail(pos, "%s is a number or an axis, and has no tiles", name)
	}
	id := len(b.p.Matrices)
	b.ids[name] = id
	b.indices, b.first = append(b.indices, n), append(b.first, pos)
	b.info = append(b.info, &inferring{})
	role := RoleTemp
	if slices.Contains(b.def.Returns, name) {
		role = RoleOutput
	}
	b.p.Matrices = append(b.p.Matrices, Matrix{ID: id, Name: name, Role: role, ZeroDefault: role == RoleOutput || slices.Contains(b.def.Zeros, name)})
	b.p.writers = append(b.p.writers, nil)
	b.p.aliases = append(b.p.aliases, nil)
	return id
}

// lookup finds what a name that is not a matrix means.
func (b *binder) lookup(name string) *binding {
	for n := len(b.env) - 1; n >= 0; n-- {
		if b.env[n].name == name {
			return &b.env[n]
		}
	}
	return nil
}

func (b *binder) program() {
	declared := declared(b.def.Body)
	for _, p := range b.def.Params {
		declared[p.Name] = true
	}
	for _, name := range b.def.Returns {
		if !declared[name] {
			fail(b.def.Pos, "program %s returns %s, which it never assigns", b.def.Name, name)
		}
		if slices.ContainsFunc(b.def.Params, func(p Param) bool { return p.Name == name }) {
			fail(b.def.Pos, "program %s returns its parameter %s: return a matrix that it assigns", b.def.Name, name)
		}
	}
	b.body(b.def.Body, scope{block: b.p.root})
}

// declared is the names that statements assign: matrices' and numbers'.
func declared(body []Stmt) map[string]bool {
	out := map[string]bool{}
	var visit func(body []Stmt)
	visit = func(body []Stmt) {
		for _, s := range body {
			switch s := s.(type) {
			case *Assign:
				for _, t := range s.Targets {
					out[t.Matrix] = true
				}
			case *Alias:
				out[s.Target.Matrix] = true
			case *CallProgram:
				for _, t := range s.Targets {
					out[t] = true
				}
			}
			_, inner := stmtParts(s)
			for _, b := range inner {
				visit(b)
			}
		}
	}
	visit(body)
	return out
}

// body binds the statements of one block; a label holds to its end.
func (b *binder) body(body []Stmt, sc scope) {
	depth := len(b.env)
	for _, s := range body {
		if b.steps++; b.steps > maxStatements {
			fail(b.def.Pos, "program %s has more than %d statements, counting those that conditionals make", b.def.Name, maxStatements)
		}
		switch s := s.(type) {
		case *Let:
			b.let(s, &sc)
		case *Assign:
			b.assign(s, &sc)
		case *Alias:
			b.alias(s, &sc)
		case *For:
			b.loop(s, sc)
		case *If:
			t := b.condition(s.Cond, &sc)
			b.branch(t, s.Then, sc)
			b.branch(t.not(), s.Else, sc)
		case *TaskLabel:
			sc.label, sc.args = s.Label, nil
			for _, a := range s.Args {
				sc.args = append(sc.args, Arg{a.Name, b.affine(a.Value, &sc)})
			}
		case *CallProgram:
			b.opaque(s)
		}
	}
	b.env = b.env[:depth]
}

// opaque notes the results of a program that is not known while checking.
func (b *binder) opaque(s *CallProgram) {
	for _, a := range s.Args {
		if n, ok := a.(*Name); ok && b.lookup(n.Name) == nil {
			b.matrix(n.Pos, n.Name, -1)
		}
	}
	for _, t := range s.Targets {
		b.matrix(s.Pos, t, -1)
	}
}

// branch binds statements once for each alternative of the condition under which they stand.
func (b *binder) branch(t truth, body []Stmt, sc scope) {
	if len(body) == 0 {
		return
	}
	if b.checking && len(t) == 0 { // with other inputs it may hold
		t = always(true)
	}
	for _, conj := range t {
		inner := sc
		inner.conds = slices.Concat(sc.conds, conj)
		if len(conj) > 0 {
			inner.block = &block{conds: conj}
			sc.block.items = append(sc.block.items, item{block: inner.block})
		}
		b.body(body, inner)
	}
}

func (b *binder) let(s *Let, sc *scope) {
	if by := b.setBy[s.Name]; by != nil && by != s {
		fail(s.Pos, "%s is set twice, first at %s", s.Name, by.Pos)
	}
	b.refuseTaken(s.Pos, s.Name)
	b.setBy[s.Name] = s
	if call, ok := s.Value.(*Apply); ok && call.Func == "axis" {
		a := b.newAxis(call, sc)
		b.env = append(b.env, binding{name: s.Name, axis: &a})
		return
	}
	if n, ok := s.Value.(*Name); ok && b.lookup(n.Name) == nil {
		if _, isMatrix := b.ids[n.Name]; isMatrix {
			fail(s.Pos, "a matrix gets another name tile by tile: %s[i, j] = %s[i, j]", s.Name, n.Name)
		}
	}
	n := b.number(s.Value, sc)
	b.env = append(b.env, binding{name: s.Name, num: &n})
}

// refuseTaken refuses a new name that means something already.
func (b *binder) refuseTaken(pos Pos, name string) {
	if bound := b.lookup(name); bound != nil {
		what := "a number or an axis"
		if bound.loop {
			what = "the variable of a loop around"
		}
		fail(pos, "%s is %s already", name, what)
	}
	if _, ok := b.ids[name]; ok {
		fail(pos, "%s is a matrix already", name)
	}
}

// loop binds a for statement.
func (b *binder) loop(s *For, sc scope) {
	if len(sc.loops) == MaxIndex {
		fail(s.Pos, "more than %d loops stand around a statement", MaxIndex)
	}
	down := b.countsUp(s, &sc)
	if down {
		one := &Literal{Pos: s.Pos, Value: int64(1)}
		s = &For{Pos: s.Pos, Var: s.Var, Lower: binary(s.Upper, "+", one), Upper: binary(s.Lower, "+", one), Step: one, Body: s.Body}
	}
	l, value := b.rangeOf(s.Pos, s.Var, s.Lower, s.Upper, s.Step, &sc)
	sc.loops = append(slices.Clip(sc.loops), l)
	inner := &block{loop: &l, down: down}
	sc.block.items = append(sc.block.items, item{block: inner})
	sc.block = inner
	sc.path = append(slices.Clip(sc.path), inner)
	b.env = append(b.env, value)
	b.body(s.Body, sc)
	b.env = b.env[:len(b.env)-1]
}

// countsUp says whether a loop that counts down by one must be bound by a variable that counts up: something is shifted by it, and
// a power of two has an exponent of zero or more.
func (b *binder) countsUp(s *For, sc *scope) bool {
	if step, ok := b.number(s.Step, sc).constant(); !ok || step != -1 {
		return false
	}
	return shiftsBy(s.Body, s.Var)
}

// shiftsBy says whether a shift by the variable occurs in statements.
func shiftsBy(body []Stmt, name string) (found bool) {
	for _, s := range body {
		nodes, inner := stmtParts(s)
		for _, n := range nodes {
			visit(n, func(n Node) {
				if shift, ok := n.(*Binary); ok && shift.Op == "<<" {
					found = found || mentions(shift.Y, func(x string) bool { return x == name })
				}
			})
		}
		for _, stmts := range inner {
			found = found || shiftsBy(stmts, name)
		}
	}
	return found
}

// rangeOf is the loop of a range inside sc, and what its variable means: of a loop that counts down it is minus the value.
func (b *binder) rangeOf(pos Pos, name string, lower, upper, step Node, sc *scope) (affine.Loop, binding) {
	b.refuseTaken(pos, name)
	lo, hi, by := b.number(lower, sc), b.number(upper, sc), b.affine(step, sc)
	v := affine.Var(len(sc.loops))
	if c, ok := by.IsConst(); ok {
		switch {
		case c == 0:
			fail(pos, "the step of a range cannot be 0")
		case c < 0:
			lo, hi, by = lo.neg(), hi.neg(), by.Neg()
			name, v = "-"+name, v.Neg()
		}
	} else if len(by.Terms) != 1 || by.Const != 0 || by.Terms[0].Var >= 0 || by.Terms[0].Coef <= 0 {
		fail(pos, "the step of a range is a number, or a number << a loop variable")
	}
	if lo.pick == least {
		fail(pos, "a range cannot start at a min")
	}
	if hi.pick == greatest {
		fail(pos, "a range cannot stop at a max")
	}
	value := exactly(v)
	return affine.Loop{Name: name, Lower: lo.of, Upper: hi.of, Step: by}, binding{name: trimMinus(name), num: &value, loop: true}
}

// domain is the loop nest in sc.
func (sc *scope) domain() affine.Domain { return affine.Domain{Loops: sc.loops, Conds: sc.conds} }

// assign binds a statement.
func (b *binder) assign(s *Assign, sc *scope) {
	s = b.split(s, sc)
	st := &Statement{ID: len(b.p.Statements), Label: sc.label, LabelArgs: sc.args, Domain: sc.domain(), Pos: s.Pos, path: sc.path}
	for _, l := range sc.loops {
		st.Vars = append(st.Vars, l.Name)
	}
	st.names = slices.Clone(st.Vars)
	body := &bodyBinder{b: b, st: st, sc: *sc}
	call := body.call(s.Value)
	st.Body, st.numUses = call, body.uses
	results := call.Sig.results()
	if len(s.Targets) != results {
		fail(s.Pos, "%s makes %s, and there are %d on the left of =", call.shown(), plural(results, "tile", "tiles"), len(s.Targets))
	}
	for n, t := range s.Targets {
		st.Outputs = append(st.Outputs, *b.target(t, sc))
		b.p.writers[st.Outputs[n].Matrix] = append(b.p.writers[st.Outputs[n].Matrix], newWriting(st, n))
	}
	if st.Label == "" {
		st.Label = call.Sig.Name
		for v, l := range sc.loops {
			value := affine.Var(v)
			if l.Name[0] == '-' {
				value = value.Neg()
			}
			st.LabelArgs = append(st.LabelArgs, Arg{trimMinus(l.Name), value})
		}
	}
	b.p.Statements = append(b.p.Statements, st)
	sc.block.items = append(sc.block.items, item{st: st})
}

// target binds a tile on the left of =.
func (b *binder) target(t *Ref, sc *scope) *TileRef {
	id := b.matrix(t.Pos, t.Matrix, len(t.Index))
	if b.p.Matrices[id].Role == RoleInput {
		fail(t.Pos, "%s is an input, which is only read", t.Matrix)
	}
	return &TileRef{Pos: t.Pos, Matrix: id, Index: b.exprs(t.Index, sc)}
}

func (b *binder) exprs(index []Node, sc *scope) []affine.Expr {
	out := make([]affine.Expr, len(index))
	for n, i := range index {
		out[n] = b.affine(i, sc)
	}
	return out
}

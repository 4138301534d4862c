package lambdapack

import (
	"slices"

	"numpywren/core/affine"
	"numpywren/core/grid"
)

// Check finds the faults of a file's programs that show without inputs: unknown names and kernels, wrong numbers of operands,
// matrices with different numbers of indices. Bind finds the rest.
func Check(f *File) error {
	for _, def := range f.Defs {
		if err := checkDef(f, def); err != nil {
			return err
		}
	}
	return nil
}

func checkDef(f *File, def *Def) (err error) {
	defer caught(&err)
	in := newInliner(def, nil)
	in.keep = func(c *CallProgram) bool { // programs of a library are not known here
		_, ok := f.Lookup(c.Program)
		return !ok && !def.isFunction(c.Program)
	}
	out := *def
	out.Body = in.body(def, def.Body)
	b := newBinder(&out)
	b.checking = true
	for _, p := range def.Params {
		if p.Scalar {
			n := checked(p.Pos, integer(p.Value))
			b.env = append(b.env, binding{name: p.Name, num: &n})
			continue
		}
		b.p.Matrices[b.matrix(p.Pos, p.Name, -1)].Role = RoleInput
	}
	b.program()
	written := declared(out.Body)
	for id := range b.p.Matrices {
		if m := &b.p.Matrices[id]; m.Role != RoleInput && !written[m.Name] && len(b.p.writers[id]) == 0 {
			fail(b.first[id], "%s is read, and is neither a parameter nor assigned anywhere", m.Name)
		}
	}
	return nil
}

// check refuses tiles that are written twice, and operands whose shapes do not fit.
func (b *binder) check() {
	for id := range b.p.Matrices {
		b.checkOnce(id)
	}
	for _, st := range b.p.Statements {
		b.checkShapes(st)
	}
}

// maker is a statement's output or an alias: what gives a tile its content.
type maker struct {
	ref   *TileRef
	dom   *affine.Domain
	inv   *inverse
	names []string
}

// maxMakers is how many statements and aliases may make tiles of one matrix.
const maxMakers = 512

// checkOnce refuses tiles of the matrix that have two makers.
func (b *binder) checkOnce(id int) {
	var makers []maker
	for _, a := range b.p.aliases[id] {
		makers = append(makers, maker{a.target, &a.dom, &a.inv, a.names})
	}
	for _, w := range b.p.writers[id] {
		makers = append(makers, maker{w.ref(), &w.st.Domain, &w.inv, w.st.Vars})
	}
	if len(makers) > maxMakers {
		fail(makers[maxMakers].ref.Pos, "more than %d statements write tiles of %s", maxMakers, b.p.Matrices[id].Name)
	}
	for n := range makers {
		b.checkSelf(&makers[n])
		for k := range n {
			b.checkPair(&makers[k], &makers[n])
		}
	}
}

// checkSelf refuses a tile that two points of one loop nest make.
func (b *binder) checkSelf(m *maker) {
	if m.inv.ok || len(m.dom.Loops) == 0 {
		return
	}
	both, move := joint(m.dom, m.dom)
	for _, e := range m.ref.Index {
		both.Conds = append(both.Conds, affine.Cond{E: e.Sub(move(e)), Op: affine.EQ})
	}
	for v := range m.dom.Loops {
		diff := move(affine.Var(v)).Sub(affine.Var(v))
		first := with(&both, affine.Cond{E: diff.Add(affine.Const(-1)), Op: affine.GE})
		b.refuseTwice(m, m, &first)
		both.Conds = append(both.Conds, affine.Cond{E: diff, Op: affine.EQ})
	}
}

// checkPair refuses a tile that both make.
func (b *binder) checkPair(m, n *maker) {
	for d, e := range m.ref.Index {
		lo, hi := m.dom.Hull(e)
		low, high := n.dom.Hull(n.ref.Index[d])
		if hi < low || high < lo || lo > hi || low > high {
			return
		}
	}
	for _, pair := range [][2]*maker{{m, n}, {n, m}} {
		if im, ok := pair[1].inv.solve(pair[0].ref.Index, len(pair[0].dom.Loops)); ok {
			dom := with(pair[0].dom, im.conds...)
			if !possible(&dom) || affine.Implies(&dom, affine.Cond{E: affine.Const(-1), Op: affine.GE}) {
				return
			}
		}
	}
	both, move := joint(m.dom, n.dom)
	for d, e := range m.ref.Index {
		both.Conds = append(both.Conds, affine.Cond{E: e.Sub(move(n.ref.Index[d])), Op: affine.EQ})
	}
	b.refuseTwice(m, n, &both)
}

// refuseTwice fails unless the domain of pairs of points is empty.
func (b *binder) refuseTwice(m, n *maker, both *affine.Domain) {
	x := make([]int64, len(both.Loops))
	if !possible(both) || !both.First(x) {
		return
	}
	at := len(m.dom.Loops)
	text := b.tileText(m.ref.Matrix, m.ref.Index, x[:at])
	if m == n {
		fail(m.ref.Pos, "%s is written twice%s, and again at %s", text, example(m.names, x[:at]), example(n.names, x[at:])[len("; for example "):])
	}
	fail(n.ref.Pos, "%s is written twice, first at %s%s", text, m.ref.Pos, example(n.names, x[at:]))
}

// checkAlias refuses names for tiles outside of an input's grid.
func (b *binder) checkAlias(a *alias) {
	if m := &b.p.Matrices[a.source.Matrix]; m.Role == RoleInput && !b.checking {
		b.checkGrid(&read{ref: a.source, index: a.source.Index, names: a.names}, m, &a.dom)
	}
}

// maxDoubts is how many pairs of extents of a statement are looked at where they may differ.
const maxDoubts = 64

// checkShapes applies the shape rules at corners of the statement's domain, and wherever extents that must be equal may differ:
// they do so only where one block is the last of its axis.
func (b *binder) checkShapes(st *Statement) {
	var doubts []func()
	s := &shaper{p: b.p, st: st, mode: symbolic, refs: b.refDims}
	s.doubt = func(x, y extent) {
		if len(doubts) < maxDoubts {
			comps := slices.Clone(s.comps)
			doubts = append(doubts, func() { b.checkDoubt(st, comps, x, y) })
		}
	}
	if out := s.call(st.Body.(*Call)); out != nil {
		for n := range st.Outputs {
			r := &st.Outputs[n]
			for d := range b.p.Matrices[r.Matrix].dims {
				s.same(s.value(b.p.Matrices[r.Matrix].dims[d].symbol(r.Index)), out[n][d])
			}
		}
	}
	corners(&st.Domain, func(x []int64) { b.checkAt(st, x) })
	for _, check := range doubts {
		check()
	}
}

// checkDoubt applies the rules where the one block is the last of its axis and the other is not, and so on.
func (b *binder) checkDoubt(st *Statement, comps []*Comp, x, y extent) {
	dom := with(&st.Domain)
	body := st.Body
	for _, c := range comps {
		dom.Loops = append(slices.Clip(dom.Loops), c.Loops...)
		dom.Conds = append(dom.Conds, c.Conds...)
		body = c.Body
	}
	for _, lastX := range x.cases() {
		for _, lastY := range y.cases() {
			at := with(&dom, slices.Concat(lastX, lastY)...)
			point := make([]int64, len(dom.Loops))
			if !possible(&at) || !at.First(point) {
				continue
			}
			if len(comps) == 0 {
				b.checkAt(st, point)
				continue
			}
			s := &shaper{p: b.p, st: st, mode: atPoint, x: point, refs: b.refDims, sampled: true}
			s.tile(body)
		}
	}
}

// cases are the conditions under which the block is the last of its axis, and is not.
func (e extent) cases() [][]affine.Cond {
	if !e.blocked || e.axis.Len%max(e.axis.Block, 1) == 0 {
		return [][]affine.Cond{nil}
	}
	before := affine.Const(e.axis.Blocks() - 1).Sub(e.index)
	return [][]affine.Cond{{{E: before, Op: affine.EQ}}, {{E: before, Op: affine.NE}}}
}

// checkAt applies the shape rules at one point of the statement's domain.
func (b *binder) checkAt(st *Statement, x []int64) {
	call := st.Body.(*Call)
	s := &shaper{p: b.p, st: st, mode: atPoint, x: x, refs: b.refDims, sampled: true}
	out := s.call(call)
	if out == nil {
		return // a sum of nothing
	}
	for n := range st.Outputs {
		r := &st.Outputs[n]
		var idx [MaxIndex]int64
		for d, e := range r.Index {
			idx[d] = e.Eval(x)
		}
		m := &b.p.Matrices[r.Matrix]
		for d := range m.dims {
			b.checkTarget(r, m, d, idx[:], st.names, x)
			if want := m.dims[d].extent(idx[:]); want != out[n][d].n {
				fail(r.Pos, "%s makes a tile of shape %s, and %s has %d elements along dimension %d%s", call.shown(), formatExtents(out[n]),
					b.tileText(r.Matrix, r.Index, x), want, d, example(st.names, x))
			}
		}
	}
}

// checkTarget refuses a tile outside the grid of the matrix that it is written to.
func (b *binder) checkTarget(r *TileRef, m *Matrix, d int, idx []int64, names []string, x []int64) {
	dim := &m.dims[d]
	if dim.pos < 0 {
		return
	}
	if at := idx[dim.pos] + dim.add; at < 0 || at >= dim.axis.Blocks() {
		fail(r.Pos, "%s is outside of %s, which has %s along dimension %d%s", b.tileText(r.Matrix, r.Index, x), m.Name,
			plural(int(dim.axis.Blocks()), "block", "blocks"), d, example(names, x))
	}
}

// fewPoints is the size up to which every point of a domain counts as a corner.
const fewPoints = 16

// corners visits points of the domain: the first, and those where some variables are the last that they can be.
func corners(d *affine.Domain, visit func(x []int64)) {
	seen := map[[MaxIndex]int64]bool{}
	x := make([]int64, len(d.Loops))
	once := func() {
		var key [MaxIndex]int64
		copy(key[:], x)
		if !seen[key] {
			seen[key] = true
			visit(x)
		}
	}
	for mask := range 1 << len(d.Loops) {
		if corner(d, x, mask) {
			once()
		}
	}
	if len(d.Conds) > 0 || len(seen) == 0 {
		for y := range affine.NewSolver(d, nil).All(nil) {
			copy(x, y)
			once()
			if len(seen) >= fewPoints {
				break
			}
		}
	}
}

// corner computes the point whose variables are the first that they can be, or the last where mask has their bit.
func corner(d *affine.Domain, x []int64, mask int) bool {
	for v := range d.Loops {
		l := &d.Loops[v]
		start, stop := l.Start(x), l.Stop(x)
		if start >= stop {
			return false
		}
		x[v] = start
		if step := max(l.Step.Eval(x), 1); mask>>v&1 == 1 {
			x[v] = start + (stop-1-start)/step*step
		}
	}
	return !slices.ContainsFunc(d.Conds, func(c affine.Cond) bool { return !c.Holds(x) })
}

// shrinking says with which inputs and scalars a program is bound, and makes its axes shorter on request: the program on small
// matrices shows how its tasks depend on each other.
type shrinking struct {
	inputs  []Input
	scalars map[string]int64
	blocks  func(n int64) int64 // of an axis with n blocks; nil leaves them
}

func (s *shrinking) axis(a grid.Axis) grid.Axis {
	if s == nil || s.blocks == nil || a.Len == 0 {
		return a
	}
	n := s.blocks(a.Blocks())
	if n >= a.Blocks() {
		return a
	}
	last := a.Len - (a.Blocks()-1)*a.Block
	return grid.Axis{Len: (n-1)*a.Block + last, Block: a.Block}
}

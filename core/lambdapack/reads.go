package lambdapack

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"numpywren/core/affine"
)

// writing is one output of a statement.
type writing struct {
	st     *Statement
	out    int
	inv    inverse
	once   sync.Once
	solver *affine.Solver // when there is no inverse
}

func newWriting(st *Statement, out int) *writing {
	return &writing{st: st, out: out, inv: invert(st.Outputs[out].Index, &st.Domain)}
}

func (w *writing) ref() *TileRef { return &w.st.Outputs[w.out] }

// at finds the point whose task writes the tile with the indices t.
func (w *writing) at(t, into []int64) bool {
	if w.inv.ok {
		return w.inv.at(t, into)
	}
	w.once.Do(func() { w.solver = affine.NewSolver(&w.st.Domain, w.ref().Index) })
	return w.solver.First(t, into)
}

// read is one way in which a reference in a statement's body comes to a stored tile: as it stands, or through aliases. Its
// domain is that of the statement and of the comprehensions around the reference, where the aliases apply.
type read struct {
	st     *Statement
	ref    *TileRef
	use    int // the reference's number in the statement
	matrix int // the one that stores the tile
	index  []affine.Expr
	dom    affine.Domain
	names  []string

	sole   bool // a task comes to a tile at one point of the comprehensions at most
	once   sync.Once
	solver *affine.Solver // tile → points
	inside sync.Once
	member *affine.Solver // task and tile → points of the comprehensions
}

// find prepares the question who reads a tile.
func (r *read) find() *affine.Solver {
	r.once.Do(func() { r.solver = affine.NewSolver(&r.dom, r.index) })
	return r.solver
}

// comprehends says whether the reference stands in a comprehension.
func (r *read) comprehends() bool { return len(r.dom.Loops) > len(r.st.Vars) }

// at finds the first point at which the task at x reads the tile with the indices t through r; into has room for all variables.
func (r *read) at(x, t, into []int64) bool {
	if !r.comprehends() {
		for _, c := range r.dom.Conds {
			if !c.Holds(x) {
				return false
			}
		}
		for d, e := range r.index {
			if e.Eval(x) != t[d] {
				return false
			}
		}
		copy(into, x)
		return true
	}
	r.inside.Do(func() {
		var idx []affine.Expr
		for v := range r.st.Vars {
			idx = append(idx, affine.Var(v))
		}
		r.member = affine.NewSolver(&r.dom, append(idx, r.index...))
	})
	var target [2 * MaxIndex]int64
	n := copy(target[:], x)
	n += copy(target[n:], t)
	return r.member.First(target[:n], into)
}

// connect follows every reference through the aliases to the matrices that store tiles, and checks that there is a tile.
func (b *binder) connect() {
	b.p.readers = make([][]*read, len(b.p.Matrices))
	for _, a := range b.aliases {
		b.checkAlias(a)
	}
	for _, st := range b.p.Statements {
		uses := st.reads
		st.reads = nil
		for _, r := range uses {
			b.follow(r, 0)
		}
	}
}

func (b *binder) follow(r *read, depth int) {
	if depth > maxChain {
		fail(r.ref.Pos, "%s is another name for another name, and so on: at most %d in a row are followed", b.p.Matrices[r.ref.Matrix].Name, maxChain)
	}
	rest := []affine.Domain{r.dom}
	for _, a := range b.p.aliases[r.matrix] {
		im, ok := a.inv.solve(r.index, len(r.dom.Loops))
		if !ok {
			fail(r.ref.Pos, "which tile this other name is for cannot be solved")
		}
		conds := slices.DeleteFunc(slices.Clone(im.conds), func(c affine.Cond) bool { return implied(&r.dom, c) })
		dom := with(&r.dom, conds...)
		if !possible(&dom) {
			continue
		}
		s := substitution{n: len(r.dom.Loops), vars: im.vars, known: slices.Repeat([]bool{true}, len(im.vars))}
		through := &read{st: r.st, ref: r.ref, use: r.use, matrix: a.source.Matrix, dom: dom, names: r.names}
		for _, e := range a.source.Index {
			e, ok := s.apply(e)
			if !ok {
				fail(r.ref.Pos, "which tile this other name is for cannot be solved")
			}
			through.index = append(through.index, e)
		}
		b.follow(through, depth+1)
		rest = subtract(rest, conds)
	}
	if b.p.Matrices[r.matrix].Stored {
		r.sole = determined(r.index, len(r.st.Vars), len(r.dom.Loops))
		r.st.reads = append(r.st.reads, r)
		b.p.readers[r.matrix] = append(b.p.readers[r.matrix], r)
	}
	if !b.checking {
		b.checkRead(r, rest)
	}
}

// determined says whether the indices determine the variables from the first on.
func determined(index []affine.Expr, first, n int) bool {
	known := make([]bool, n)
	for v := range first {
		known[v] = true
	}
	for left := n - first; left > 0; {
		before := left
		for _, e := range index {
			if v, sign := soleMultiple(e, known); sign != 0 {
				known[v] = true
				left--
			}
		}
		if left == before {
			return false
		}
	}
	return true
}

// soleMultiple is the only unknown variable of e and its coefficient; 0 if there is none.
func soleMultiple(e affine.Expr, known []bool) (v int, coef int64) {
	for _, t := range e.Terms {
		switch {
		case t.Shift >= 0 && !known[t.Shift]:
			return 0, 0
		case t.Var < 0 || known[t.Var]:
		case coef != 0:
			return 0, 0
		default:
			v, coef = t.Var, t.Coef
		}
	}
	return v, coef
}

// checkRead refuses a reference to a tile outside the grid, or one that nothing has written by then. rest is the part of its
// domain where it is not another name.
func (b *binder) checkRead(r *read, rest []affine.Domain) {
	m := &b.p.Matrices[r.matrix]
	for n := range rest {
		b.checkGrid(r, m, &rest[n])
	}
	if m.Role == RoleInput {
		return
	}
	exact := true
	for _, w := range b.p.writers[r.matrix] {
		im, ok := w.inv.solve(r.index, len(r.dom.Loops))
		if !ok || !im.exact {
			exact = false
			continue
		}
		if !m.ZeroDefault {
			rest = subtract(rest, im.conds)
		}
		b.checkOrder(r, w, &im)
	}
	if !m.ZeroDefault || !exact {
		b.sample(r, rest, exact)
	}
}

// checkGrid refuses a reference outside the grid. Of a matrix that the program writes, only those tiles matter whose absence
// would read as zeros.
func (b *binder) checkGrid(r *read, m *Matrix, dom *affine.Domain) {
	if m.Role != RoleInput && !m.ZeroDefault {
		return
	}
	if m.Role == RoleInput && m.Rank == 0 {
		b.inside(r.ref.Pos, dom, r.names, r.index[0], 0, 1, func(int64) string {
			return fmt.Sprintf("%s has no dimensions: its one tile is %s[0]", m.Name, m.Name)
		})
	}
	for d, dim := range m.dims {
		if dim.pos < 0 {
			continue
		}
		e := r.index[dim.pos]
		b.inside(r.ref.Pos, dom, r.names, e, -dim.add, dim.axis.Blocks()-dim.add, func(i int64) string {
			return fmt.Sprintf("%s%s is outside of %s, which has %s along dimension %d", m.Name, "["+strings.Repeat("…, ", dim.pos)+fmt.Sprint(i)+
				strings.Repeat(", …", len(r.index)-1-dim.pos)+"]", m.Name, plural(int(dim.axis.Blocks()), "block", "blocks"), d)
		})
	}
}

// inside refuses an index that can be below low, or high and above.
func (b *binder) inside(pos Pos, dom *affine.Domain, names []string, e affine.Expr, low, high int64, message func(i int64) string) {
	for _, c := range []affine.Cond{{E: e.Sub(affine.Const(low)), Op: affine.GE}, {E: affine.Const(high - 1).Sub(e), Op: affine.GE}} {
		if implied(dom, c) {
			continue
		}
		if outside := with(dom, negated(c)); true {
			if x := make([]int64, len(dom.Loops)); outside.First(x) {
				fail(pos, "%s%s", message(e.Eval(x)), example(names, x))
			}
		}
	}
}

// checkOrder refuses a reference to a tile that a later task writes. im is the writer's point.
func (b *binder) checkOrder(r *read, w *writing, im *image) {
	common := commonLoops(r.st, w.st)
	if common == 0 && w.st.ID < r.st.ID {
		return
	}
	dom := with(&r.dom, im.conds...)
	if !possible(&dom) {
		return
	}
	for v := range common {
		later := im.vars[v].Sub(affine.Var(v)) // must not be positive
		if w.st.path[v].down {
			later = later.Neg()
		}
		if c, ok := later.IsConst(); ok && c < 0 {
			return
		} else if ok && c == 0 {
			continue
		}
		b.refuseLater(r, w, with(&dom, affine.Cond{E: later.Add(affine.Const(-1)), Op: affine.GE}), im)
		if implied(&dom, affine.Cond{E: later.Neg().Add(affine.Const(-1)), Op: affine.GE}) {
			return
		}
		dom = with(&dom, affine.Cond{E: later, Op: affine.EQ})
	}
	if w.st.ID >= r.st.ID {
		b.refuseLater(r, w, dom, im)
	}
}

// refuseLater fails unless the domain is empty.
func (b *binder) refuseLater(r *read, w *writing, dom affine.Domain, im *image) {
	if !possible(&dom) || implied(&dom, affine.Cond{E: affine.Const(-1), Op: affine.GE}) {
		return
	}
	if x := make([]int64, len(dom.Loops)); dom.First(x) {
		b.tooEarly(r, w.st, x)
	}
}

func (b *binder) tooEarly(r *read, w *Statement, x []int64) {
	fail(r.ref.Pos, "%s is read before it is written at %s%s", b.tileText(r.matrix, r.index, x), w.Pos, example(r.names, x))
}

// commonLoops is how many loops stand around both statements.
func commonLoops(s, t *Statement) int {
	n := 0
	for n < min(len(s.path), len(t.path)) && s.path[n] == t.path[n] {
		n++
	}
	return n
}

func (b *binder) tileText(matrix int, index []affine.Expr, x []int64) string {
	idx := make([]int64, len(index))
	for d, e := range index {
		idx[d] = e.Eval(x)
	}
	return b.p.Matrices[matrix].Name + "[" + joinInts(idx, ", ") + "]"
}

// maxSamples is how many points are looked at where no proof is found.
const maxSamples = 2048

// sample looks at points one by one: at one, to show it, where the pieces are known to have no tile; at many where that could
// not be decided.
func (b *binder) sample(r *read, pieces []affine.Domain, exact bool) {
	left := maxSamples
	for n := range pieces {
		if !possible(&pieces[n]) {
			continue
		}
		for x := range affine.NewSolver(&pieces[n], nil).All(nil) {
			tile := b.p.stored(tileAt(r.matrix, r.index, x))
			w, ok := b.p.Writer(tile)
			m := &b.p.Matrices[tile.Matrix]
			switch {
			case !ok && !m.ZeroDefault && m.Role != RoleInput:
				fail(r.ref.Pos, "%s is read, and nothing writes it%s", b.tileText(r.matrix, r.index, x), example(r.names, x))
			case ok && !before(b.p, &w, r.st, x):
				b.tooEarly(r, b.p.Statements[w.Stmt], x)
			}
			if left--; left == 0 || exact {
				break
			}
		}
		if left <= 0 {
			return
		}
	}
}

// before says whether task w comes before the instance of st at x in the program.
func before(p *Plan, w *Task, st *Statement, x []int64) bool {
	other := p.Statements[w.Stmt]
	for v := range commonLoops(st, other) {
		if w.I[v] != x[v] {
			return w.I[v] < x[v] != st.path[v].down
		}
	}
	return other.ID < st.ID
}

package lambdapack

import (
	"iter"
	"slices"

	"numpywren/core/affine"
)

// Who depends on whom: answered by solving index expressions when asked. Nothing here takes time or memory that grows with
// the size of the matrices, beyond the length of the answer.

// Resolve is the stored tile that a reference in a statement's body means when the statement's loop variables, and those of
// the comprehensions around the reference, have the values vars.
func (p *Plan) Resolve(r *TileRef, vars []int64) Tile {
	return p.stored(tileAt(r.Matrix, r.Index, vars))
}

// Writer is the task that writes the tile; there is none for tiles of inputs, and for those that read as zeros.
func (p *Plan) Writer(x Tile) (Task, bool) {
	x = p.stored(x)
	for _, w := range p.writers[x.Matrix] {
		t := Task{Stmt: int32(w.st.ID)}
		if w.at(x.I[:len(w.ref().Index)], t.I[:len(w.st.Vars)]) {
			return t, true
		}
	}
	return Task{}, false
}

// Writes are the tiles that the task writes.
func (p *Plan) Writes(t Task) iter.Seq[Tile] {
	return func(yield func(Tile) bool) {
		st := p.Statements[t.Stmt]
		for n := range st.Outputs {
			if !yield(p.output(&t, n)) {
				return
			}
		}
	}
}

func (p *Plan) output(t *Task, n int) Tile {
	r := &p.Statements[t.Stmt].Outputs[n]
	return tileAt(r.Matrix, r.Index, p.vars(t))
}

// Reads are the stored tiles that the task reads, each once, in the order of its operands. Comprehensions are gone through as
// the caller asks for more.
func (p *Plan) Reads(t Task) iter.Seq[Tile] {
	return func(yield func(Tile) bool) {
		st := p.Statements[t.Stmt]
		var vars [maxVars]int64
		n := copy(vars[:], p.vars(&t))
		p.readsOf(st, st.Body, vars[:n], func(r *TileRef, y []int64) bool {
			x := p.Resolve(r, y)
			return p.seen(st, r.use, y, &x) || yield(x)
		})
	}
}

// readsOf visits the references of an expression at the point x of the loops around it.
func (p *Plan) readsOf(st *Statement, e Expr, x []int64, visit func(r *TileRef, x []int64) bool) bool {
	switch e := e.(type) {
	case *TileRef:
		return visit(e, x)
	case *Call:
		for _, a := range e.Args {
			if !p.readsOf(st, a, x, visit) {
				return false
			}
		}
	case *Comp:
		more := true
		walk(e.Loops, e.Conds, x, func(y []int64) bool {
			more = p.readsOf(st, e.Body, y, visit)
			return more
		})
		return more
	}
	return true
}

// seen says whether the task has read the tile by another way than this: through a reference with a smaller number, or
// through this one at another point that counts.
func (p *Plan) seen(st *Statement, use int, y []int64, tile *Tile) bool {
	x := y[:len(st.Vars)]
	var first [maxVars]int64
	for _, r := range st.reads {
		if r.use > use || r.matrix != int(tile.Matrix) {
			continue
		}
		if r.use == use && r.sole && !p.twoWays(st, r) {
			continue
		}
		if r.at(x, tile.I[:len(r.index)], first[:len(r.dom.Loops)]) {
			return r.use < use || !slices.Equal(first[:len(r.dom.Loops)], y)
		}
	}
	return false
}

// twoWays says whether another alias leads r's reference to the same matrix.
func (p *Plan) twoWays(st *Statement, r *read) bool {
	for _, o := range st.reads {
		if o != r && o.use == r.use && o.matrix == r.matrix {
			return true
		}
	}
	return false
}

// reading says whether the instance of st at x reads the tile.
func (p *Plan) reading(st *Statement, x []int64, tile *Tile) bool {
	var at [maxVars]int64
	for _, r := range st.reads {
		if r.matrix == int(tile.Matrix) && r.at(x, tile.I[:len(r.index)], at[:len(r.dom.Loops)]) {
			return true
		}
	}
	return false
}

// Readers are the tasks that read the tile, each once.
func (p *Plan) Readers(x Tile) iter.Seq[Task] {
	return func(yield func(Task) bool) {
		x := p.stored(x)
		list := p.readers[x.Matrix]
		from := 0 // the first read of the same statement
		for n, r := range list {
			if list[from].st != r.st {
				from = n
			}
			if !eachReader(list[from:n], r, &x, yield) {
				return
			}
		}
	}
}

// eachReader visits the tasks that read x through r, and not through the earlier reads of the same statement.
func eachReader(earlier []*read, r *read, x *Tile, yield func(Task) bool) bool {
	idx := x.I[:len(r.index)]
	nst := len(r.st.Vars)
	var first [maxVars]int64
	for y := range r.find().All(idx) {
		dup := !r.sole && r.at(y[:nst], idx, first[:len(y)]) && !slices.Equal(first[:len(y)], y)
		for k := 0; k < len(earlier) && !dup; k++ {
			dup = earlier[k].at(y[:nst], idx, first[:len(earlier[k].dom.Loops)])
		}
		if !dup && !yield(taskAt(r.st.ID, y[:nst])) {
			return false
		}
	}
	return true
}

// manyReaders is how many readers within one statement are counted one by one before a formula is used.
const manyReaders = 256

// NumReaders is how many tasks read the tile.
func (p *Plan) NumReaders(x Tile) int64 {
	x = p.stored(x)
	total := int64(0)
	for list, n := p.readers[x.Matrix], 0; n < len(list); {
		end := n + 1 // of the reads of the same statement
		for end < len(list) && list[end].st == list[n].st {
			end++
		}
		total += p.countReaders(list[n:end], &x)
		n = end
	}
	return total
}

// countReaders is how many instances of one statement, to which the reads belong, read the tile.
func (p *Plan) countReaders(reads []*read, x *Tile) int64 {
	formula := len(reads) <= 3
	for _, r := range reads {
		formula = formula && r.sole && !r.comprehends()
	}
	count := int64(0)
	for n, r := range reads {
		finished := eachReader(reads[:n], r, x, func(Task) bool {
			count++
			return !formula || count < manyReaders
		})
		if !finished {
			return countUnion(reads, x)
		}
	}
	return count
}

// countUnion counts the points of a statement at which one of the reads, outside of comprehensions, comes to the tile: by
// inclusion and exclusion.
func countUnion(reads []*read, x *Tile) int64 {
	total := int64(0)
	for subset := 1; subset < 1<<len(reads); subset++ {
		dom := affine.Domain{Loops: reads[0].dom.Loops}
		sign := int64(-1)
		for n, r := range reads {
			if subset>>n&1 == 0 {
				continue
			}
			sign = -sign
			dom.Conds = append(dom.Conds, r.dom.Conds...)
			for d, e := range r.index {
				dom.Conds = append(dom.Conds, affine.Cond{E: e.Sub(affine.Const(x.I[d])), Op: affine.EQ})
			}
		}
		total += sign * dom.Count()
	}
	return total
}

// Children are the tasks that read what t writes, each once.
func (p *Plan) Children(t Task) iter.Seq[Task] {
	return func(yield func(Task) bool) {
		for n := range p.Statements[t.Stmt].Outputs {
			x := p.output(&t, n)
			for c := range p.Readers(x) {
				if !p.readsBefore(&c, &t, n) && !yield(c) {
					return
				}
			}
		}
	}
}

// readsBefore says whether c reads one of the first n tiles that w writes.
func (p *Plan) readsBefore(c, w *Task, n int) bool {
	for k := range n {
		if x := p.output(w, k); p.reading(p.Statements[c.Stmt], p.vars(c), &x) {
			return true
		}
	}
	return false
}

// Parents are the tasks that write what t reads, each once.
func (p *Plan) Parents(t Task) iter.Seq[Task] {
	return func(yield func(Task) bool) {
		if !slices.ContainsFunc(p.Statements[t.Stmt].reads, func(r *read) bool { return len(p.writers[r.matrix]) > 0 }) {
			return // inputs only
		}
		for x := range p.Reads(t) {
			w, ok := p.Writer(x)
			if !ok {
				continue
			}
			n := slices.IndexFunc(p.Statements[w.Stmt].Outputs, func(r TileRef) bool { return tileAt(r.Matrix, r.Index, p.vars(&w)) == x })
			if !p.readsBefore(&t, &w, n) && !yield(w) {
				return
			}
		}
	}
}

// Roots are the tasks without parents.
func (p *Plan) Roots() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		for _, st := range p.Statements {
			for n := range p.starts(st) {
				for x := range affine.NewSolver(&st.start.pieces[n], nil).All(nil) {
					if t := taskAt(st.ID, x); p.isRoot(t) && !yield(t) {
						return
					}
				}
			}
		}
	}
}

func (p *Plan) isRoot(t Task) bool {
	for range p.Parents(t) {
		return false
	}
	return true
}

// starts narrows down, once, which instances of a statement can be without parents: not those that are proven to read, through
// some reference, at the first point of the comprehensions around it, a tile that a task writes.
func (p *Plan) starts(st *Statement) []affine.Domain {
	st.start.once.Do(func() {
		pieces := []affine.Domain{st.Domain}
		for _, r := range st.reads {
			index, conds, ok := r.firstPoint()
			for _, w := range p.writers[r.matrix] {
				if im, solved := w.inv.solve(index, len(st.Vars)); ok && solved && im.exact {
					pieces = subtract(pieces, slices.Concat(conds, im.conds))
				}
			}
		}
		st.start.pieces = slices.DeleteFunc(pieces, func(d affine.Domain) bool { return !possible(&d) })
	})
	return st.start.pieces
}

// firstPoint is the read at the first point of the comprehensions around it: the tile, and when that point exists. It is told
// for comprehensions whose ranges have single bounds.
func (r *read) firstPoint() (index []affine.Expr, conds []affine.Cond, ok bool) {
	n := len(r.st.Vars)
	s := substitution{n: n, known: slices.Repeat([]bool{true}, len(r.dom.Loops))}
	for v := range n {
		s.vars = append(s.vars, affine.Var(v))
	}
	for v := n; v < len(r.dom.Loops); v++ {
		l := &r.dom.Loops[v]
		if len(l.Lower) != 1 || divisor(l.Lower[0]) != 1 {
			return nil, nil, false
		}
		s.known = s.known[:len(s.vars)]
		lo, ok := s.apply(l.Lower[0].E)
		if !ok {
			return nil, nil, false
		}
		for _, b := range l.Upper {
			hi, ok := s.apply(b.E)
			if !ok {
				return nil, nil, false
			}
			conds = append(conds, affine.Cond{E: hi.Sub(lo.Add(affine.Const(1)).Scale(divisor(b))), Op: affine.GE})
		}
		s.vars = append(s.vars, lo)
		s.known = append(s.known, true)
	}
	for _, c := range r.dom.Conds {
		e, ok := s.apply(c.E)
		if !ok {
			return nil, nil, false
		}
		conds = append(conds, affine.Cond{E: e, Op: c.Op})
	}
	for _, e := range r.index {
		e, ok := s.apply(e)
		if !ok {
			return nil, nil, false
		}
		index = append(index, e)
	}
	return index, conds, true
}

// Tasks are all tasks in the program's order, in which each comes after its parents.
func (p *Plan) Tasks() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		var vars [MaxIndex]int64
		p.walkBlock(p.root, vars[:0], yield)
	}
}

func (p *Plan) walkBlock(b *block, x []int64, yield func(Task) bool) bool {
	for _, c := range b.conds {
		if !c.Holds(x) {
			return true
		}
	}
	if b.loop == nil {
		return p.walkItems(b.items, x, yield)
	}
	l := b.loop
	stop, step := l.Stop(x), max(l.Step.Eval(x), 1)
	if b.down {
		for v := stop - 1; v >= l.Start(x); v-- {
			if !p.walkItems(b.items, append(x, v), yield) {
				return false
			}
		}
		return true
	}
	for v := l.Start(x); v < stop; v += step {
		if !p.walkItems(b.items, append(x, v), yield) {
			return false
		}
		if v > stop-step {
			break
		}
	}
	return true
}

// empty says that no statement stands in the block.
func (b *block) empty() bool {
	return !slices.ContainsFunc(b.items, func(it item) bool { return it.st != nil || !it.block.empty() })
}

func (p *Plan) walkItems(items []item, x []int64, yield func(Task) bool) bool {
	for _, it := range items {
		if it.block != nil {
			if it.block.empty() { // of aliases only
				continue
			}
			if !p.walkBlock(it.block, x, yield) {
				return false
			}
		} else if !yield(taskAt(it.st.ID, x)) {
			return false
		}
	}
	return true
}

// NumTasks is how many tasks there are.
func (p *Plan) NumTasks() int64 {
	p.tasks.once.Do(func() {
		for _, st := range p.Statements {
			n := st.Domain.Count()
			if p.tasks.n += n; p.tasks.n < 0 {
				p.tasks.n = 1<<63 - 1
			}
		}
	})
	return p.tasks.n
}

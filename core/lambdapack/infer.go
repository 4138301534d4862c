package lambdapack

import (
	"slices"
	"strings"

	"numpywren/core/affine"
	"numpywren/core/grid"
)

// dimension is one dimension of a matrix's tiles: the block of an axis that index pos of the text selects, add being added to
// it; or, with pos -1, always the whole of the axis.
type dimension struct {
	pos  int
	add  int64
	axis grid.Axis
}

func (d *dimension) extent(idx []int64) int64 {
	if d.pos < 0 {
		return d.axis.Len
	}
	return d.axis.Extent(idx[d.pos] + d.add)
}

// symbol is the extent of a tile with the given indices.
func (d *dimension) symbol(index []affine.Expr) extent {
	if d.pos < 0 {
		return fixed(d.axis.Len)
	}
	return extent{blocked: true, axis: d.axis, index: index[d.pos].Add(affine.Const(d.add))}
}

// inferring is what the statements so far tell of a matrix.
type inferring struct {
	known   bool
	pending int // statements and aliases that make tiles of it and are not understood yet
	seen    []observation
	vain    bool // the one observation is of a loop that does not run
}

// observation is the shape of the tiles that one statement makes.
type observation struct {
	pos   Pos
	index []affine.Expr
	dims  []extent
}

// infer works out the dtypes and the dimensions of all matrices, as far as the statements so far tell.
func (b *binder) infer() {
	statements := slices.Clone(b.p.Statements[b.typed:])
	b.typed = len(b.p.Statements)
	statements = append(b.waiting, statements...)
	for _, info := range b.info {
		info.pending = 0
	}
	for _, st := range statements {
		for n := range st.Outputs {
			b.info[st.Outputs[n].Matrix].pending++
		}
	}
	for _, a := range b.aliases {
		if !a.done {
			b.info[a.target.Matrix].pending++
		}
	}
	for {
		before := len(statements)
		statements = slices.DeleteFunc(statements, b.understand)
		progress := len(statements) < before
		for _, a := range b.aliases {
			if !a.done && b.understandAlias(a) {
				progress = true
			}
		}
		if !progress && !b.settle() {
			break
		}
	}
	b.waiting = statements
}

// understand finds the shapes and dtypes of a statement's tiles; false when those of an operand are not known yet.
func (b *binder) understand(st *Statement) bool {
	call := st.Body.(*Call)
	s := &shaper{p: b.p, st: st, mode: symbolic, refs: b.refDims}
	out := s.call(call)
	if out == nil || b.dtype(call) == "" {
		return false
	}
	for n := range st.Outputs {
		r := &st.Outputs[n]
		r.DType = call.DTypes[n]
		b.observe(r, out[n], &st.Domain)
	}
	return true
}

func (b *binder) understandAlias(a *alias) bool {
	dims := b.refDims(a.source)
	if dims == nil {
		return false
	}
	a.done = true
	a.target.DType = b.p.Matrices[a.source.Matrix].DType
	b.observe(a.target, dims, &a.dom)
	return true
}

// refDims is the shape of a tile; nil when its matrix is not known yet.
func (b *binder) refDims(r *TileRef) []extent {
	if !b.info[r.Matrix].known {
		return nil
	}
	m := &b.p.Matrices[r.Matrix]
	out := make([]extent, len(m.dims))
	for d := range m.dims {
		out[d] = m.dims[d].symbol(r.Index)
	}
	return out
}

// dtype works out the dtypes of a body; "" when one is not known yet.
func (b *binder) dtype(e Expr) string {
	switch e := e.(type) {
	case *TileRef:
		e.DType = b.p.Matrices[e.Matrix].DType
		return e.DType
	case *Comp:
		return b.dtype(e.Body)
	case *Call:
		var in []string
		for _, a := range e.Args {
			switch a.(type) {
			case *TileRef, *Comp, *Call:
				name := b.dtype(a)
				if name == "" {
					return ""
				}
				in = append(in, name)
			}
		}
		e.DTypes = e.Sig.dtype(e, in)
		e.DType = e.DTypes[0]
		return e.DType
	}
	return ""
}

// observe notes the shape and dtype of tiles that a statement or an alias makes.
func (b *binder) observe(r *TileRef, dims []extent, dom *affine.Domain) {
	m, info := &b.p.Matrices[r.Matrix], b.info[r.Matrix]
	if m.DType == "" {
		m.DType = r.DType
	} else if m.DType != r.DType {
		fail(r.Pos, "tiles of %s are %s here and %s elsewhere", m.Name, r.DType, m.DType)
	}
	if len(info.seen) > 0 && len(info.seen[0].dims) != len(dims) {
		fail(r.Pos, "tiles of %s have %s here and %d elsewhere", m.Name, plural(len(dims), "dimension", "dimensions"), len(info.seen[0].dims))
	}
	lo, hi := dom.Hull(affine.Expr{})
	switch runs := lo <= hi; {
	case runs && info.vain, len(info.seen) == 0:
		info.seen = []observation{{r.Pos, r.Index, dims}}
		info.vain = !runs
	case runs:
		info.seen = append(info.seen, observation{r.Pos, r.Index, dims})
	}
	info.pending--
	if info.known || info.pending == 0 {
		b.decide(r.Matrix)
	}
}

// settle decides on a matrix of which not all is known, when nothing else goes on: one that is clear already, if there is any.
func (b *binder) settle() bool {
	doubtful := -1
	for id, info := range b.info {
		if info.known || len(info.seen) == 0 {
			continue
		}
		if !b.ambiguous(id) {
			b.decide(id)
			return true
		}
		if doubtful < 0 {
			doubtful = id
		}
	}
	if doubtful >= 0 {
		b.decide(doubtful)
	}
	return doubtful >= 0
}

// candidates are the indices that may select the blocks of dimension d, with the axis; none when it has one fixed extent.
func (b *binder) candidates(id, d int) (pos []int, add []int64, axis grid.Axis) {
	seen := b.info[id].seen
	at := slices.IndexFunc(seen, func(o observation) bool { return o.dims[d].blocked })
	if at < 0 {
		return nil, nil, grid.Axis{}
	}
	axis = seen[at].dims[d].axis
	for p, e := range seen[at].index {
		if c, ok := e.IsConst(); ok && !slices.ContainsFunc(seen, func(o observation) bool { return !o.index[p].Equal(affine.Const(c)) }) {
			continue // only this block is ever made
		}
		shift, ok := seen[at].dims[d].index.Sub(e).IsConst()
		if shift != 0 && !slices.ContainsFunc(seen, func(o observation) bool { return o.dims[d].blocked && len(o.index[p].Terms) > 0 }) {
			continue // constants are the same distance apart by chance
		}
		if ok && !slices.ContainsFunc(seen, func(o observation) bool { return !o.allows(d, p, shift, axis) }) {
			pos, add = append(pos, p), append(add, shift)
		}
	}
	return pos, add, axis
}

// allows says whether dimension d may be the block of axis at index p plus shift.
func (o *observation) allows(d, p int, shift int64, axis grid.Axis) bool {
	e := o.dims[d]
	if e.blocked {
		diff, ok := e.index.Sub(o.index[p]).IsConst()
		return ok && diff == shift && e.axis == axis
	}
	c, ok := o.index[p].IsConst()
	return ok && c+shift >= 0 && c+shift < axis.Blocks() && axis.Extent(c+shift) == e.n
}

func (b *binder) ambiguous(id int) bool {
	for d := range b.info[id].seen[0].dims {
		if pos, _, _ := b.candidates(id, d); len(pos) > 1 {
			return true
		}
	}
	return false
}

// decide says which index selects blocks along which dimension. Where several may, each takes one that no other has.
func (b *binder) decide(id int) {
	m, info := &b.p.Matrices[id], b.info[id]
	m.Rank = len(info.seen[0].dims)
	m.dims = make([]dimension, m.Rank)
	claimed := make([]bool, b.indices[id])
	var open []int
	choose := func(d int, only bool) bool {
		pos, add, axis := b.candidates(id, d)
		if len(pos) == 0 {
			n := b.uniform(id, d)
			m.dims[d] = dimension{pos: -1, axis: grid.Axis{Len: n, Block: max(n, 1)}}
			return true
		}
		if only && len(pos) > 1 {
			return false
		}
		best := 0
		for c := len(pos) - 1; c >= 0; c-- {
			if !claimed[pos[c]] {
				best = c
			}
		}
		claimed[pos[best]] = true
		m.dims[d] = dimension{pos: pos[best], add: add[best], axis: axis}
		return true
	}
	for d := range m.dims {
		if !choose(d, true) {
			open = append(open, d)
		}
	}
	for _, d := range open {
		choose(d, false)
	}
	info.known = true
}

// uniform is the extent that all tiles of a matrix have along dimension d.
func (b *binder) uniform(id, d int) int64 {
	n := int64(-1)
	for _, o := range b.info[id].seen {
		e := o.dims[d]
		value := e.n
		if e.blocked {
			if c, ok := e.index.IsConst(); ok {
				if value = e.axis.Extent(c); value == 0 && n >= 0 {
					continue // outside of the grid: in a list without elements
				}
			} else if e.axis.Len%max(e.axis.Block, 1) == 0 {
				value = e.axis.Block
			} else {
				fail(o.pos, "dimension %d of the tiles of %s has blocks of %d elements, and the last %d: no index of %s tells which one it is",
					d, b.p.Matrices[id].Name, e.axis.Block, e.axis.Extent(e.axis.Blocks()-1), b.p.Matrices[id].Name)
			}
		}
		if n > 0 && value != n {
			fail(o.pos, "tiles of %s have %d elements along dimension %d here and %d elsewhere, and no index tells which", b.p.Matrices[id].Name, value, d, n)
		}
		n = value
	}
	return n
}

// gridOf is the grid of a matrix, as far as the statements so far tell.
func (b *binder) gridOf(pos Pos, id int) grid.Grid {
	if b.p.Matrices[id].Role == RoleInput {
		return b.p.Matrices[id].Grid
	}
	b.infer()
	if !b.info[id].known {
		fail(pos, "nothing is known of the blocks of %s here: ask for those of an input", b.p.Matrices[id].Name)
	}
	g, _ := b.layout(id)
	return g
}

// layout is the grid of a matrix and its dimensions: where there are as many indices as dimensions, and all tiles are equally
// long along one of them, the index there counts blocks of that length.
func (b *binder) layout(id int) (grid.Grid, []dimension) {
	m := &b.p.Matrices[id]
	dims := slices.Clone(m.dims)
	claimed := make([]bool, b.indices[id])
	for _, d := range dims {
		if d.pos >= 0 {
			claimed[d.pos] = true
		}
	}
	g := make(grid.Grid, len(dims))
	for d := range dims {
		if n := dims[d].axis.Len; dims[d].pos < 0 && len(dims) == b.indices[id] && !claimed[d] {
			if low, high := b.box(id, d); low >= 0 && high > 1 && n > 0 {
				dims[d] = dimension{pos: d, axis: grid.Axis{Len: n * high, Block: n}}
			}
		}
		g[d] = dims[d].axis
	}
	return g, dims
}

// finish completes the matrices once every statement is bound.
func (b *binder) finish() {
	for id := range b.p.Matrices {
		m := &b.p.Matrices[id]
		if m.Role != RoleInput && len(b.p.writers[id]) == 0 && len(b.p.aliases[id]) == 0 {
			fail(b.first[id], "%s is read, and is neither a parameter nor assigned anywhere", m.Name)
		}
	}
	b.infer()
	for _, st := range b.waiting {
		fail(st.Pos, "the shape of the tiles of %s cannot be told: they depend on tiles that depend on them", b.p.Matrices[st.Outputs[0].Matrix].Name)
	}
	for id := range b.p.Matrices {
		m := &b.p.Matrices[id]
		if m.Role == RoleInput {
			continue
		}
		if !b.info[id].known {
			fail(b.first[id], "the shape of the tiles of %s cannot be told", m.Name)
		}
		m.Grid, m.dims = b.layout(id)
		b.bounds(m)
		m.Stored = len(b.p.writers[id]) > 0
	}
	b.connect()
	b.check()
	b.names()
}

// bounds sets the ranges of a matrix's indices, and where storage has its tiles.
func (b *binder) bounds(m *Matrix) {
	n := b.indices[m.ID]
	m.Low, m.High = make([]int64, n), make([]int64, n)
	aliases := b.p.aliases[m.ID]
	b.p.aliases[m.ID] = nil // they have no tiles of their own
	for d := range n {
		m.Low[d], m.High[d] = b.box(m.ID, d)
	}
	b.p.aliases[m.ID] = aliases
	selects := make([]bool, n)
	for _, d := range m.dims {
		if d.pos >= 0 {
			selects[d.pos] = true
		}
	}
	for d := range n {
		if !selects[d] && m.High[d]-m.Low[d] > 1 {
			m.VersionLow, m.VersionHigh = append(m.VersionLow, m.Low[d]), append(m.VersionHigh, m.High[d])
			m.place, m.add = append(m.place, d), append(m.add, 0)
		}
	}
	for _, d := range m.dims {
		m.place, m.add = append(m.place, d.pos), append(m.add, d.add)
	}
}

// names gives the matrices that the program makes their names for people: what is returned is called after the kernel that
// makes its first tile, and after what that depends on.
func (b *binder) names() {
	const maxDisplay = 100
	for id := range b.p.Matrices {
		m := &b.p.Matrices[id]
		if m.Role == RoleInput {
			continue
		}
		name := "temp"
		if m.ZeroDefault && m.Stored {
			name = mainKernel(b.p.writers[id][0].st.Body)
		}
		sources := b.sources(id, map[int]bool{})
		m.Display = name + "(" + strings.Join(sources, ", ") + ")"
		if len(m.Display) > maxDisplay {
			m.Display = name + "(…)"
		}
	}
}

// mainKernel is the kernel that does the work: sums are of something.
func mainKernel(e Expr) string {
	c := e.(*Call)
	if c.Sig.Reducer {
		if inner, ok := c.Args[0].(*Comp).Body.(*Call); ok {
			return mainKernel(inner)
		}
	}
	return c.Sig.Name
}

// sources are the names of the matrices, inputs or results, that the first tiles of a matrix are made of.
func (b *binder) sources(id int, visited map[int]bool) []string {
	var from []int
	if aliases := b.p.aliases[id]; len(aliases) > 0 {
		from = append(from, aliases[0].source.Matrix)
	} else {
		for _, r := range b.p.writers[id][0].st.reads {
			from = append(from, r.ref.Matrix)
		}
	}
	var out []string
	for _, f := range from {
		if visited[f] || f == id {
			continue
		}
		visited[f] = true
		m := &b.p.Matrices[f]
		more := []string{m.Display}
		if m.Role == RoleTemp && !m.ZeroDefault || m.Display == "" {
			more = b.sources(f, visited)
		}
		for _, s := range more {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

package lambdapack

import "slices"

// Fusion is inlining: a producer, the one statement that writes a matrix which is read at one place only, is substituted into
// its reader, and the matrix is gone. One task then does the work of two, and the tiles between them are never stored.
//
//	for i in range(n):
//	    T[i] = ew("a + 1", X[i])                  for j in range(n):
//	for j in range(n):                      →         Y[j] = ew("sqrt(float64(a + 1))", X[j])
//	    Y[j] = ew("sqrt(a)", T[j])
//
// The substitution is a renaming of the producer's loop variables, so the indices that it writes must be its variables, and
// those that are read variables of loops with the same range. It must not multiply work: every variable around the reading
// place has to be among the indices, else several tasks, or one task several times, would compute the same tile. It must not
// take parallelism away either: partial reductions, which are small, are not drawn into the task that combines them.

// fuse substitutes producers into their only readers, and removes what is then not needed.
func fuse(def *Def) *Def {
	out := *def
	body, changed := simplify(def.Body)
	f := &fuser{lets: map[string]Node{}, inner: map[string]bool{}, uses: map[string]*use{},
		values: map[*Assign]*Apply{}, gone: unread(def, body)}
	if len(f.gone) > 0 {
		body, changed = f.rebuild(body), true
	}
	out.Body = body
	f.census(&out)
	f.stmts(out.Body, nil, false)
	if len(f.values) > 0 { // what is gone, is gone into a new value
		out.Body, changed = f.rebuild(out.Body), true
	}
	if !changed {
		return def
	}
	out.Body = prune(out.Body)
	return &out
}

// Bounds on what is drawn into one task: it holds its tiles at the same time, and what is nested is read by people and parsers.
const (
	maxFusedTiles = 8
	maxFusedDepth = 12
	maxFusedVars  = maxVars - 2
)

type fuser struct {
	lets   map[string]Node // numbers and axes that are set outside of all loops
	inner  map[string]bool // those that are set inside
	firm   map[string]bool // names that are not just loop variables
	uses   map[string]*use
	values map[*Assign]*Apply // the new right sides
	gone   map[Stmt]bool      // what nothing reads, and the producers that were substituted
}

// use is what becomes of a matrix.
type use struct {
	barred  bool // it is more than a temporary that one statement writes
	writers int
	reads   int
	by      *Assign
	loops   []*For
	value   *Apply // of by, once that has been looked at
}

func (f *fuser) use(matrix string) *use {
	u := f.uses[matrix]
	if u == nil {
		u = &use{}
		f.uses[matrix] = u
	}
	return u
}

// census notes how every matrix is used.
func (f *fuser) census(def *Def) {
	all, loops := namesOf(def)
	f.firm = all
	for name := range loops {
		delete(f.firm, name)
	}
	for _, p := range def.Params {
		f.use(p.Name).barred = true
	}
	for _, name := range slices.Concat(def.Returns, def.Zeros) {
		f.use(name).barred = true
	}
	f.count(def.Body, nil, false)
}

func (f *fuser) count(body []Stmt, loops []*For, conditional bool) {
	for _, s := range body {
		nodes, _ := stmtParts(s)
		switch s := s.(type) {
		case *Let:
			if f.inner[s.Name] = len(loops) > 0 || conditional; !f.inner[s.Name] {
				f.lets[s.Name] = s.Value
			}
		case *Assign:
			f.write(s, loops, conditional)
			nodes = []Node{s.Value}
		case *Alias:
			f.use(s.Target.Matrix).barred = true
			f.use(s.Source.Matrix).barred = true
		case *For:
			f.count(s.Body, append(slices.Clip(loops), s), conditional)
		case *If:
			f.count(s.Then, loops, true)
			f.count(s.Else, loops, true)
		}
		for _, n := range nodes {
			f.read(n)
		}
	}
}

func (f *fuser) write(s *Assign, loops []*For, conditional bool) {
	for _, t := range s.Targets {
		u := f.use(t.Matrix)
		u.writers++
		u.by, u.loops = s, loops
		u.barred = u.barred || conditional || u.writers > 1 || len(s.Targets) > 1
		for _, i := range t.Index {
			f.read(i)
		}
	}
}

// read counts the tiles in an expression. A matrix that is named without an index, blocks(T, 0), has to stay.
func (f *fuser) read(n Node) {
	switch n := n.(type) {
	case *Name:
		f.use(n.Name).barred = true
	case *Ref:
		f.use(n.Matrix).reads++
	}
	for _, c := range children(n) {
		f.read(c)
	}
}

// stmts looks at the statements in order, so that a producer is in its final form when its reader comes.
func (f *fuser) stmts(body []Stmt, loops []*For, labelled bool) {
	for _, s := range body {
		switch s := s.(type) {
		case *Assign:
			f.assign(s, loops, labelled)
		case *TaskLabel:
			labelled = true
		case *For:
			f.stmts(s.Body, append(slices.Clip(loops), s), labelled)
		case *If:
			f.stmts(s.Then, loops, labelled)
			f.stmts(s.Else, loops, labelled)
		}
	}
}

func (f *fuser) assign(s *Assign, loops []*For, labelled bool) {
	r := &reader{f: f, tiles: map[string]bool{}}
	for _, l := range loops {
		r.scope = append(r.scope, Clause{Var: l.Var, Lower: l.Lower, Upper: l.Upper, Step: l.Step})
	}
	for _, t := range f.tiles(s.Value) {
		r.tiles[t] = true
	}
	value := r.apply(s.Value, 1)
	if labelled { // else the statement's tasks are named after its kernel
		value = withoutCopy(value)
	}
	if value != s.Value {
		f.values[s] = value
	}
	for _, t := range s.Targets {
		f.use(t.Matrix).value = value
	}
}

// withoutCopy is what a copy of something that is computed here copies.
func withoutCopy(n *Apply) *Apply {
	if inner, ok := copied(n).(*Apply); ok {
		return inner
	}
	return n
}

// copied is what a copy copies, and anything else itself.
func copied(n *Apply) Node {
	if n.Func == "copy" && len(n.Args) == 1 && len(n.Attrs) == 0 {
		return n.Args[0]
	}
	return n
}

// reader is a statement into which producers may be substituted.
type reader struct {
	f     *fuser
	scope []Clause // the loops around the place that is looked at, those of comprehensions included
	lists int      // the comprehensions around it
	tiles map[string]bool
}

// passing are the kernels that may compute their operand instead of reading it: those that look at each element once.
var passing = map[string]bool{"ew": true, "reduce": true, "argpart": true, "argindex": true, "copy": true, "squeeze": true, "expand": true,
	"tri": true, "diagpart": true, "diagm": true, "pyblock": true}

// combining are the reducers that may compute their operands.
var combining = map[string]bool{"sum": true, "min": true, "max": true, "hypot": true, "argmerge": true}

// apply is a call with what can be substituted in place of its operands.
func (r *reader) apply(n *Apply, depth int) *Apply {
	out := n
	for i, a := range n.Args {
		b := a
		switch a := a.(type) {
		case *Ref:
			if passing[n.Func] {
				b = r.tile(a, n.Func, depth)
			}
		case *Apply:
			if passing[n.Func] {
				b = copied(r.apply(a, depth+1))
			}
		case *Comprehension:
			if combining[n.Func] {
				b = r.list(a, n.Func, depth)
			}
		}
		if b != a {
			if out == n {
				out = &Apply{Pos: n.Pos, Func: n.Func, Args: slices.Clone(n.Args), Attrs: n.Attrs}
			}
			out.Args[i] = b
		}
	}
	if out.Func == "ew" {
		return mergeEw(out)
	}
	return out
}

func (r *reader) list(n *Comprehension, parent string, depth int) Node {
	around := r.scope
	defer func() { r.scope = around; r.lists-- }()
	r.scope = slices.Clip(r.scope)
	r.lists++
	for _, c := range n.Clauses {
		if c.Var != "" {
			r.scope = append(r.scope, c)
		}
	}
	body := n.Body
	switch b := n.Body.(type) {
	case *Ref:
		body = r.tile(b, parent, depth+1)
	case *Apply:
		if passing[b.Func] {
			body = copied(r.apply(b, depth+1))
		}
	}
	if body == n.Body {
		return n
	}
	return &Comprehension{Pos: n.Pos, Body: body, Clauses: n.Clauses}
}

// tile is what computes the tile, or the tile itself.
func (r *reader) tile(ref *Ref, parent string, depth int) Node {
	u := r.f.uses[ref.Matrix]
	if u.barred || u.value == nil || !r.welcome(u, parent, depth) {
		return ref
	}
	constant := u.value.Func == "full" // cheaper to make again than to read
	by, ok := r.match(u, ref, constant)
	if !ok || u.reads > 1 && !constant {
		return ref
	}
	r.avoid(u.value, by)
	value := replace(u.value, by)
	if ref.Trans {
		if value, ok = transposed(value); !ok {
			return ref
		}
	}
	added := slices.DeleteFunc(r.f.tiles(value), func(t string) bool { return r.tiles[t] })
	if len(r.tiles)-1+len(added) > max(maxFusedTiles, len(r.tiles)) {
		return ref
	}
	for _, t := range added {
		r.tiles[t] = true
	}
	delete(r.tiles, refText(ref))
	if u.reads--; u.reads == 0 {
		r.f.gone[u.by] = true
	}
	if call, ok := value.(*Apply); ok {
		return copied(call)
	}
	return value
}

// Kernels by what a producer of their kind may be drawn into.
var (
	// drawn are those that reductions and layouts may compute; others, LAPACK's and users', only elementwise kernels do.
	drawn = map[string]bool{"ew": true, "reduce": true, "argpart": true, "argindex": true, "copy": true, "squeeze": true, "expand": true,
		"tri": true, "diagpart": true, "diagm": true, "sum": true, "min": true, "max": true, "hypot": true, "argmerge": true, "assemble": true, "gemm": true,
		"full": true, "eye": true, "uniform": true, "normal": true, "arange": true, "pyblock": true}

	// partial results are small, and what they are made of is large; a user's function may be slow: the tasks that make them can
	// run side by side.
	partial = map[string]bool{"reduce": true, "argpart": true, "diagpart": true, "sum": true, "min": true, "max": true, "hypot": true, "argmerge": true,
		"assemble": true, "pyblock": true}
)

// welcome says whether the producer's kind fits the place.
func (r *reader) welcome(u *use, parent string, depth int) bool {
	if depth+nesting(u.value) > maxFusedDepth || len(r.scope)+listVars(u.value) > maxFusedVars {
		return false
	}
	if r.lists > 0 && contains(u.value, partial) {
		return false
	}
	return parent == "ew" || drawn[u.value.Func]
}

package lambdapack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"numpywren/core/grid"
)

// oracle runs a program's text step by step, with a table of tiles: what the plan must agree with. It knows nothing of affine
// expressions.
type oracle struct {
	grids   map[string]grid.Grid // of the inputs
	env     map[string]int64
	same    map[string]string // aliases, by the tile's name
	written map[string]bool
	aliases bool // the pass that only collects aliases
	tasks   []oracleTask
	fault   string
}

type oracleTask struct{ reads, writes []string }

func newOracle(grids map[string]grid.Grid) *oracle {
	return &oracle{grids: grids, env: map[string]int64{}, same: map[string]string{}, written: map[string]bool{}}
}

func (o *oracle) run(def *Def) {
	for _, p := range def.Params {
		o.env[p.Name] = p.Value
	}
	o.aliases = true
	o.body(def.Body)
	o.aliases = false
	o.body(def.Body)
	for _, t := range o.tasks {
		for _, w := range t.writes {
			if _, ok := o.same[w]; ok {
				o.complain(w + " is written and another name")
			}
		}
	}
}

func (o *oracle) complain(what string) {
	if o.fault == "" {
		o.fault = what
	}
}

func (o *oracle) body(body []Stmt) {
	for _, s := range body {
		switch s := s.(type) {
		case *Let:
			o.env[s.Name] = o.number(s.Value)
		case *For:
			for _, v := range o.values(s.Lower, s.Upper, s.Step) {
				o.env[s.Var] = v
				o.body(s.Body)
			}
			delete(o.env, s.Var)
		case *If:
			if o.truth(s.Cond) {
				o.body(s.Then)
			} else {
				o.body(s.Else)
			}
		case *Alias:
			if name := o.tile(s.Target); o.aliases {
				if _, twice := o.same[name]; twice {
					o.complain(name + " has two meanings")
				}
				o.same[name] = o.tile(s.Source)
				o.inGrid(s.Source)
			}
		case *Assign:
			if !o.aliases {
				o.assign(s)
			}
		}
	}
}

func (o *oracle) assign(s *Assign) {
	var t oracleTask
	o.reads(s.Value, &t)
	for _, target := range s.Targets {
		name := o.tile(target)
		if o.written[name] {
			o.complain(name + " is written twice")
		}
		o.written[name] = true
		t.writes = append(t.writes, name)
	}
	o.tasks = append(o.tasks, t)
}

func (o *oracle) reads(n Node, t *oracleTask) {
	switch n := n.(type) {
	case *Ref:
		name := o.tile(n)
		hops := 0
		for ; o.same[name] != ""; name = o.same[name] {
			if hops++; hops > maxChain {
				o.complain(name + " is a name without end")
				return
			}
		}
		matrix, _, _ := strings.Cut(name, "[")
		if _, input := o.grids[matrix]; !input && !o.written[name] {
			o.complain(name + " is read, and not written yet")
		}
		if hops == 0 {
			o.inGrid(n)
		}
		if !slices.Contains(t.reads, name) {
			t.reads = append(t.reads, name)
		}
	case *Apply:
		for _, a := range n.Args {
			o.reads(a, t)
		}
	case *Comprehension:
		o.clauses(n.Clauses, func() { o.reads(n.Body, t) })
	}
}

func (o *oracle) clauses(clauses []Clause, visit func()) {
	if len(clauses) == 0 {
		visit()
		return
	}
	c := clauses[0]
	if c.Var == "" {
		if o.truth(c.Cond) {
			o.clauses(clauses[1:], visit)
		}
		return
	}
	for _, v := range o.values(c.Lower, c.Upper, c.Step) {
		o.env[c.Var] = v
		o.clauses(clauses[1:], visit)
	}
	delete(o.env, c.Var)
}

func (o *oracle) inGrid(r *Ref) {
	if g, ok := o.grids[r.Matrix]; ok {
		for d, a := range g {
			if i := o.number(r.Index[d]); i < 0 || i >= a.Blocks() {
				o.complain(o.tile(r) + " is outside of the grid")
			}
		}
	}
}

func (o *oracle) tile(r *Ref) string {
	var idx []string
	for _, i := range r.Index {
		idx = append(idx, fmt.Sprint(o.number(i)))
	}
	return r.Matrix + "[" + strings.Join(idx, ", ") + "]"
}

func (o *oracle) values(lower, upper, step Node) []int64 {
	var out []int64
	lo, hi, by := o.number(lower), o.number(upper), o.number(step)
	for v := lo; by > 0 && v < hi || by < 0 && v > hi; v += by {
		out = append(out, v)
	}
	return out
}

func (o *oracle) number(n Node) int64 {
	switch n := n.(type) {
	case *Literal:
		return n.Value.(int64)
	case *Name:
		return o.env[n.Name]
	case *Unary:
		return -o.number(n.X)
	case *Binary:
		x, y := o.number(n.X), o.number(n.Y)
		switch n.Op {
		case "+":
			return x + y
		case "-":
			return x - y
		case "*":
			return x * y
		case "<<":
			return x << y
		case "//":
			return floorDiv(x, y)
		case "%":
			return x - y*floorDiv(x, y)
		}
	case *Apply:
		if n.Func == "blocks" {
			return o.grids[n.Args[0].(*Name).Name][o.number(n.Args[1])].Blocks()
		}
		x, y := o.number(n.Args[0]), o.number(n.Args[1])
		if n.Func == "min" {
			return min(x, y)
		}
		return max(x, y)
	}
	panic(fmt.Sprintf("%T", n))
}

func (o *oracle) truth(n Node) bool {
	if u, ok := n.(*Unary); ok {
		return !o.truth(u.X)
	}
	b := n.(*Binary)
	switch b.Op {
	case "and":
		return o.truth(b.X) && o.truth(b.Y)
	case "or":
		return o.truth(b.X) || o.truth(b.Y)
	}
	x, y := o.number(b.X), o.number(b.Y)
	switch b.Op {
	case "==":
		return x == y
	case "!=":
		return x != y
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

// compare holds the tasks of a plan, in order, against those of the oracle.
func (o *oracle) compare(t *testing.T, p *Plan) {
	t.Helper()
	n := 0
	for task := range p.Tasks() {
		if n == len(o.tasks) {
			t.Fatalf("the plan has more than the %d tasks of the text", n)
		}
		want := o.tasks[n]
		if got := tileNames(p, p.Writes(task)); !slices.Equal(got, want.writes) {
			t.Fatalf("task %d %s writes %v, want %v", n, p.TaskName(task), got, want.writes)
		}
		got, reads := tileNames(p, p.Reads(task)), slices.Clone(want.reads)
		slices.Sort(got)
		slices.Sort(reads)
		if !slices.Equal(got, reads) {
			t.Fatalf("task %d %s reads %v, want %v", n, p.TaskName(task), got, want.reads)
		}
		n++
	}
	if n != len(o.tasks) {
		t.Fatalf("the plan has %d tasks, the text %d", n, len(o.tasks))
	}
}

func tileNames(p *Plan, tiles func(yield func(Tile) bool)) []string {
	var out []string
	for x := range tiles {
		m := &p.Matrices[x.Matrix]
		out = append(out, m.Name+"["+joinInts(x.I[:len(m.Low)], ", ")+"]")
	}
	return out
}

// writer writes random programs: nests of loops over statements with affine indices, some of them in conditionals, some with
// sums, some with aliases. Many are faulty.
type textWriter struct {
	*rand.Rand
	strings.Builder
	vars    []string
	next    int
	written []string // matrices that an earlier statement writes
}

func (w *textWriter) pick(options ...string) string { return options[w.IntN(len(options))] }

// indexCount is how many indices each matrix of a random program has.
var indexCount = map[string]int{"A": 2, "T": 2, "U": 3, "V": 2}

func (w *textWriter) index() string {
	if len(w.vars) == 0 || w.IntN(8) == 0 {
		return w.pick("0", "1", "n - 1")
	}
	v := w.pick(w.vars...)
	if w.IntN(3) > 0 {
		return v
	}
	return w.pick(v+" - 1", v+" + 1", "n - 1 - "+v, "2*"+v, v+" + "+w.pick(w.vars...), "n - "+v)
}

// identity is the index of a tile that each instance of a nest has for itself.
func (w *textWriter) identity(matrix string) string {
	var idx []string
	for d := range indexCount[matrix] {
		if d < len(w.vars) {
			idx = append(idx, w.vars[d])
		} else {
			idx = append(idx, fmt.Sprint(w.IntN(2)))
		}
	}
	if w.IntN(3) == 0 {
		w.Shuffle(len(idx), func(a, b int) { idx[a], idx[b] = idx[b], idx[a] })
	}
	return strings.Join(idx, ", ")
}

func (w *textWriter) operand() string {
	matrix := w.pick(append([]string{"A", "A"}, w.written...)...)
	if w.IntN(3) > 0 {
		return matrix + "[" + w.identity(matrix) + "]"
	}
	var idx []string
	for range indexCount[matrix] {
		idx = append(idx, w.index())
	}
	return matrix + "[" + strings.Join(idx, ", ") + "]"
}

func (w *textWriter) statement(indent string) {
	matrix := w.pick("T", "U", "V")
	target := matrix + "[" + w.identity(matrix) + "]"
	if w.IntN(5) == 0 {
		target = matrix + "[" + w.index() + strings.Repeat(", "+w.index(), indexCount[matrix]-1) + "]"
	}
	switch w.IntN(6) {
	case 0:
		outer := w.vars
		w.vars = append(slices.Clip(w.vars), "s")
		body := w.operand()
		w.vars = outer
		clause := w.rangeText()
		if w.IntN(3) == 0 {
			clause += " if " + strings.ReplaceAll(w.pick("s != 1", "s <= n - 2", "s == 0 and 0 < n"), "s", "s")
		}
		fmt.Fprintf(w, "%s%s = sum([%s for s in %s])\n", indent, target, body, clause)
	case 1:
		if len(w.vars) > 0 && len(w.vars) <= 2 {
			fmt.Fprintf(w, "%s%s = %s\n", indent, target, w.operand())
			break
		}
		fallthrough
	default:
		fmt.Fprintf(w, "%s%s = ew(\"a + b\", %s, %s)\n", indent, target, w.operand(), w.operand())
	}
	if !slices.Contains(w.written, matrix) {
		w.written = append(w.written, matrix)
	}
}

func (w *textWriter) rangeText() string {
	if len(w.vars) > 0 && w.IntN(2) == 0 {
		v := w.pick(w.vars...)
		return w.pick("range("+v+")", "range("+v+", n)", "range("+v+" + 1, n)", "range("+v+"//2, min("+v+" + 2, n))", "range(max("+v+" - 1, 1), n)",
			"range(n - 1, "+v+", -1)", "range("+v+", n, 2)")
	}
	return w.pick("range(n)", "range(n)", "range(n)", "range(1, n)", "range(n - 1)", "range(n - 1, -1, -1)", "range(0, n, 2)")
}

func (w *textWriter) condition() string {
	if len(w.vars) == 0 {
		return "n > 2"
	}
	v, u := w.pick(w.vars...), w.pick(w.vars...)
	return w.pick(v+" == 0", v+" < "+u, v+" != "+u, v+" + 1 < n and "+u+" > 0", v+" == 0 or "+u+" == n - 1", "not ("+v+" == "+u+" or "+v+" == 1)",
		v+" <= n//2", "max("+v+", 1) >= "+u)
}

func (w *textWriter) block(indent string, depth int) {
	for range 1 + w.IntN(2) {
		switch k := w.IntN(6); {
		case k < 3 && len(w.vars) < 3 && depth < 4:
			v := fmt.Sprintf("i%d", w.next)
			w.next++
			fmt.Fprintf(w, "%sfor %s in %s:\n", indent, v, w.rangeText())
			outer := w.vars
			w.vars = append(slices.Clip(w.vars), v)
			w.block(indent+"    ", depth+1)
			w.vars = outer
		case k == 3 && depth < 4:
			fmt.Fprintf(w, "%sif %s:\n", indent, w.condition())
			w.block(indent+"    ", depth+1)
			if w.IntN(2) == 0 {
				fmt.Fprintf(w, "%selse:\n", indent)
				w.block(indent+"    ", depth+1)
			}
		default:
			w.statement(indent)
		}
	}
}

func randomText(seed uint64) string {
	w := &textWriter{Rand: rand.New(rand.NewPCG(seed, 1))}
	w.WriteString("def random(A):\n    n = blocks(A, 0)\n")
	if w.IntN(3) == 0 {
		w.WriteString("    for i in range(n):\n        for j in range(" + w.pick("n", "i + 1", "2") + "):\n            U[-1, " + w.pick("i, j", "j, i") + "] = A[i, j]\n")
		w.written = append(w.written, "U")
	}
	for range 1 + w.IntN(3) {
		w.block("    ", 0)
	}
	w.WriteString("    R[0, 0] = copy(A[0, 0])\n    return R\n")
	return w.String()
}

// unsupported are refusals of what the language does not have, rather than of faults.
var unsupported = []string{"every loop variable must occur by itself", "only in loops with step 1", "is another name for another name",
	"the shape of the tiles", "and no index tells which", "neither a parameter nor assigned", "first:", "has no form"}

// TestRandom holds Bind and the solver against the oracle: programs with a fault are refused, all others have the oracle's tasks.
func TestRandom(t *testing.T) {
	count := uint64(3000)
	if testing.Short() {
		count = 500
	}
	good, bad := 0, 0
	for seed := range count {
		text := randomText(seed)
		for n := int64(1); n <= 3; n++ {
			f := mustParse(t, text)
			a := in("A", square(n*4, 4))
			o := newOracle(map[string]grid.Grid{"A": a.Grid})
			o.run(f.Defs[0])
			p, err := Bind(f.Defs[0], nil, []Input{a}, nil, Options{})
			if err != nil && slices.ContainsFunc(unsupported, func(s string) bool { return strings.Contains(err.Error(), s) }) {
				continue
			}
			if (err != nil) != (o.fault != "") {
				t.Fatalf("seed %d n %d: Bind says %v, the text has the fault %q\n%s", seed, n, err, o.fault, text)
			}
			if err != nil {
				bad++
				continue
			}
			good++
			o.compare(t, p)
			draw(t, p).compare(t)
			if t.Failed() {
				t.Fatalf("seed %d n %d\n%s", seed, n, text)
			}
		}
	}
	t.Logf("%d good, %d faulty", good, bad)
	if good < int(count)/10 || bad < int(count)/10 {
		t.Errorf("the programs are too much alike: %d good, %d faulty", good, bad)
	}
}

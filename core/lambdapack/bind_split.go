package lambdapack

import (
	"fmt"
	"slices"
)

// maxSplit bounds the levels of a split sum.
const maxSplit = 62

// split turns the sums of a statement that have split= into trees: the statements of all levels but the last are bound in
// front, and the statement that it returns sums what they made.
//
//	C[i] = sum([f(A[i, k]) for k in range(n)], split=8)
//
// becomes
//
//	for q in range((n + 7)//8):
//	    C_1[i, q] = sum([f(A[i, k]) for k in range(8*q, min(8*q + 8, n))])
//	C[i] = sum([C_1[i, q] for q in range((n + 7)//8)])
func (b *binder) split(s *Assign, sc *scope) *Assign {
	value := b.splitNode(s, s.Value, sc)
	if value == Node(s.Value) {
		return s
	}
	return &Assign{Pos: s.Pos, Targets: s.Targets, Value: value.(*Apply)}
}

func (b *binder) splitNode(s *Assign, n Node, sc *scope) Node {
	call, ok := n.(*Apply)
	if !ok {
		if comp, isComp := n.(*Comprehension); isComp {
			refuseSplit(comp.Body)
		}
		return n
	}
	out := *call
	changed := false
	out.Args = slices.Clone(call.Args)
	for i, a := range call.Args {
		out.Args[i] = b.splitNode(s, a, sc)
		changed = changed || out.Args[i] != a
	}
	at := slices.IndexFunc(call.Attrs, func(a Attr) bool { return a.Name == "split" })
	sig, known := Builtin.Lookup(call.Func)
	if at >= 0 && known && sig.Reducer && !sig.pastes() {
		return b.tree(s, &out, at, sc)
	}
	if !changed {
		return n
	}
	return &out
}

// refuseSplit reports a split inside a list, where it would be a task inside a task.
func refuseSplit(n Node) {
	if call, ok := n.(*Apply); ok {
		for _, a := range call.Attrs {
			if a.Name == "split" {
				fail(a.Pos, "split cannot be used inside a list: the tasks of the tree stand beside the statement")
			}
		}
	}
	for _, c := range children(n) {
		refuseSplit(c)
	}
}

// tree binds the levels of one split sum, and returns the sum of the last.
func (b *binder) tree(s *Assign, call *Apply, at int, sc *scope) Node {
	fan := b.constant(call.Attrs[at].Value, sc)
	if fan < 2 {
		fail(call.Attrs[at].Pos, "split is the number of operands that one task sums, at least 2")
	}
	attrs := slices.Delete(slices.Clone(call.Attrs), at, at+1)
	comp, ok := firstComprehension(call)
	if !ok || comp.Clauses[0].Var == "" {
		fail(call.Pos, "split needs a list [… for k in range(…)]")
	}
	c := comp.Clauses[0]
	lower, upper := b.number(c.Lower, sc), b.number(c.Upper, sc)
	length, ok := add(upper, lower.neg())
	n, isConst := length.constant()
	if step := b.constant(c.Step, sc); !ok || !isConst || step != 1 {
		fail(c.Pos, "split needs a range with step 1 whose length does not depend on a loop variable")
	}
	clauses := comp.Clauses
	body := comp.Body
	for level := 0; n > fan; level++ {
		if level > maxSplit {
			fail(call.Pos, "split makes too many levels")
		}
		n = (n + fan - 1) / fan
		pos := call.Pos
		temp := b.temporary(s.Targets[0].Matrix)
		lit := func(v int64) Node { return &Literal{Pos: pos, Value: v} }
		q := &Name{Pos: pos, Name: b.free(fmt.Sprintf("q%d", level))}
		from := binary(c.Lower, "+", binary(lit(fan), "*", q))
		part := slices.Clone(clauses)
		part[0].Lower, part[0].Upper = from, &Apply{Pos: pos, Func: "min", Args: []Node{binary(from, "+", lit(fan)), c.Upper}}
		var index []Node
		for _, l := range sc.loops {
			index = append(index, loopName(pos, l.Name))
		}
		if len(index) == MaxIndex {
			fail(call.Pos, "split needs one loop more, and %d stand around the statement already", MaxIndex)
		}
		index = append(index, q)
		b.body([]Stmt{&For{Pos: pos, Var: q.Name, Lower: lit(0), Upper: lit(n), Step: lit(1), Body: []Stmt{&Assign{Pos: s.Pos,
			Targets: []*Ref{{Pos: s.Targets[0].Pos, Matrix: temp, Index: index}},
			Value:   &Apply{Pos: pos, Func: call.Func, Args: []Node{&Comprehension{Pos: comp.Pos, Body: body, Clauses: part}}, Attrs: attrs}}}}}, *sc)
		body = &Ref{Pos: pos, Matrix: temp, Index: index}
		c = Clause{Pos: pos, Var: q.Name, Lower: lit(0), Upper: lit(n), Step: lit(1)}
		clauses = []Clause{c}
	}
	return &Apply{Pos: call.Pos, Func: call.Func, Args: []Node{&Comprehension{Pos: comp.Pos, Body: body, Clauses: clauses}}, Attrs: attrs}
}

func firstComprehension(call *Apply) (*Comprehension, bool) {
	if len(call.Args) != 1 {
		return nil, false
	}
	c, ok := call.Args[0].(*Comprehension)
	return c, ok
}

func binary(x Node, op string, y Node) Node { return &Binary{Pos: x.Start(), Op: op, X: x, Y: y} }

// loopName refers to the variable of a loop, which may count down.
func loopName(pos Pos, name string) Node { return &Name{Pos: pos, Name: trimMinus(name)} }

func trimMinus(name string) string {
	if name[0] == '-' {
		return name[1:]
	}
	return name
}

// temporary is a new name for a matrix that holds parts of another.
func (b *binder) temporary(of string) string {
	for {
		b.temps++
		name := fmt.Sprintf("%s_%d", of, b.temps)
		if _, taken := b.ids[name]; !taken && !b.mentions(name) {
			return name
		}
	}
}

// free is a name for a loop variable that means nothing anywhere in the program.
func (b *binder) free(name string) string {
	for b.mentions(name) || b.lookup(name) != nil {
		name += "_"
	}
	return name
}

// mentions says whether the text has the name.
func (b *binder) mentions(name string) bool {
	if b.mentioned == nil {
		b.mentioned, _ = namesOf(b.def)
	}
	return b.mentioned[name]
}

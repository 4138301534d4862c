package lambdapack

import "slices"

// simplify decides the conditionals that depend on nothing but scalars with known values: those that the call of a program
// passes. What is chosen takes the conditional's place.
func simplify(body []Stmt) (out []Stmt, changed bool) {
	known := map[string]int64{}
	for _, s := range body {
		if let, ok := s.(*Let); ok {
			if lit, ok := let.Value.(*Literal); ok {
				if v, ok := lit.Value.(int64); ok {
					known[let.Name] = v
				}
			}
		}
	}
	if len(known) == 0 {
		return body, false
	}
	c := &chooser{known: known}
	out = c.stmts(body)
	return out, c.chose
}

type chooser struct {
	known map[string]int64
	chose bool
}

func (c *chooser) stmts(body []Stmt) []Stmt {
	var out []Stmt
	for _, s := range body {
		switch s := s.(type) {
		case *For:
			f := *s
			f.Body = c.stmts(s.Body)
			out = append(out, &f)
		case *If:
			then, otherwise := c.stmts(s.Then), c.stmts(s.Else)
			holds, decided := c.condition(s.Cond)
			chosen := then
			if !holds {
				chosen = otherwise
			}
			if decided && !scoped(chosen) {
				out = append(out, chosen...)
				c.chose = true
			} else {
				out = append(out, &If{s.Pos, s.Cond, then, otherwise})
			}
		default:
			out = append(out, s)
		}
	}
	return out
}

// scoped says whether a block has what would reach further without it: labels and numbers hold to the end of their block.
func scoped(body []Stmt) bool {
	for _, s := range body {
		switch s.(type) {
		case *TaskLabel, *Let:
			return true
		}
	}
	return false
}

// condition is the value of a comparison of known numbers.
func (c *chooser) condition(n Node) (holds, decided bool) {
	b, ok := n.(*Binary)
	if !ok {
		return false, false
	}
	x, ok := c.number(b.X)
	y, also := c.number(b.Y)
	if !ok || !also {
		return false, false
	}
	switch b.Op {
	case "==":
		return x == y, true
	case "!=":
		return x != y, true
	case "<":
		return x < y, true
	case "<=":
		return x <= y, true
	case ">":
		return x > y, true
	case ">=":
		return x >= y, true
	}
	return false, false
}

func (c *chooser) number(n Node) (int64, bool) {
	switch n := n.(type) {
	case *Literal:
		return literalInt(n)
	case *Name:
		v, ok := c.known[n.Name]
		return v, ok
	}
	return 0, false
}

// unread is the statements that write only matrices of which nothing is read or returned: a called program may return more than is wanted.
func unread(def *Def, body []Stmt) map[Stmt]bool {
	wanted, dead := map[string]bool{}, map[Stmt]bool{}
	for _, name := range def.Returns {
		wanted[name] = true
	}
	noteWriters(body, dead, wanted)
	for grown := true; grown; {
		grown = false
		for s := range dead {
			if slices.ContainsFunc(targets(s), func(t *Ref) bool { return wanted[t.Matrix] }) {
				delete(dead, s)
				mentionedIn([]Stmt{s}, wanted)
				grown = true
			}
		}
	}
	return dead
}

// targets are the tiles that a statement writes.
func targets(s Stmt) []*Ref {
	switch s := s.(type) {
	case *Assign:
		return s.Targets
	case *Alias:
		return []*Ref{s.Target}
	}
	return nil
}

// noteWriters notes the statements that write tiles, and the names in all others.
func noteWriters(body []Stmt, writers map[Stmt]bool, names map[string]bool) {
	for _, s := range body {
		if targets(s) != nil {
			writers[s] = true
			continue
		}
		nodes, inner := stmtParts(s)
		for _, n := range nodes {
			mentions(n, func(name string) bool { names[name] = true; return false })
		}
		for _, b := range inner {
			noteWriters(b, writers, names)
		}
	}
}

// rebuild is the statements with their new right sides, and without those that are gone.
func (f *fuser) rebuild(body []Stmt) []Stmt {
	out := make([]Stmt, 0, len(body))
	for _, s := range body {
		if f.gone[s] {
			continue
		}
		switch s := s.(type) {
		case *Assign:
			if value := f.values[s]; value != nil {
				out = append(out, &Assign{Pos: s.Pos, Targets: s.Targets, Value: value})
				continue
			}
		case *For:
			out = append(out, &For{Pos: s.Pos, Var: s.Var, Lower: s.Lower, Upper: s.Upper, Step: s.Step, Body: f.rebuild(s.Body)})
			continue
		case *If:
			out = append(out, &If{s.Pos, s.Cond, f.rebuild(s.Then), f.rebuild(s.Else)})
			continue
		}
		out = append(out, s)
	}
	return out
}

// prune removes loops and conditionals around nothing, labels of nothing, and numbers that nobody asks for.
func prune(body []Stmt) []Stmt {
	wanted := map[string]bool{}
	mentionedIn(body, wanted)
	return pruned(body, wanted)
}

// mentionedIn notes the names in all expressions.
func mentionedIn(body []Stmt, into map[string]bool) {
	for _, s := range body {
		nodes, inner := stmtParts(s)
		for _, n := range nodes {
			mentions(n, func(name string) bool { into[name] = true; return false })
		}
		for _, b := range inner {
			mentionedIn(b, into)
		}
	}
}

func pruned(body []Stmt, wanted map[string]bool) []Stmt {
	out := make([]Stmt, 0, len(body))
	works := false // a later statement of the block, for a label
	for n := len(body) - 1; n >= 0; n-- {
		s := body[n]
		switch t := s.(type) {
		case *Let:
			if _, literal := t.Value.(*Literal); literal && !wanted[t.Name] {
				continue
			}
		case *TaskLabel:
			if !works {
				continue
			}
			works = false
		case *For:
			inner := pruned(t.Body, wanted)
			if len(inner) == 0 {
				continue
			}
			s, works = &For{Pos: t.Pos, Var: t.Var, Lower: t.Lower, Upper: t.Upper, Step: t.Step, Body: inner}, true
		case *If:
			c := &If{t.Pos, t.Cond, pruned(t.Then, wanted), pruned(t.Else, wanted)}
			if len(c.Then)+len(c.Else) == 0 {
				continue
			}
			s, works = c, true
		case *Assign:
			works = true
		}
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

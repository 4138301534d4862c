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

// live is the statements less those that write only matrices of which nothing is read or returned: a called program may return more than
// is wanted.
func live(def *Def, body []Stmt) (out []Stmt, changed bool) {
	wanted := map[string]bool{}
	for _, name := range def.Returns {
		wanted[name] = true
	}
	writes := map[Stmt][]string{}
	noteWrites(body, writes, wanted)
	for grown := true; grown; {
		grown = false
		for s, names := range writes {
			if !slices.ContainsFunc(names, func(name string) bool { return wanted[name] }) {
				continue
			}
			delete(writes, s)
			mentionedIn([]Stmt{s}, wanted)
			grown = true
		}
	}
	if len(writes) == 0 {
		return body, false
	}
	return without(body, writes), true
}

// noteWrites notes the matrices that statements write tiles of, and as wanted those that are named by all other statements.
func noteWrites(body []Stmt, writes map[Stmt][]string, wanted map[string]bool) {
	for _, s := range body {
		nodes, inner := stmtParts(s)
		switch s := s.(type) {
		case *Assign:
			for _, t := range s.Targets {
				writes[s] = append(writes[s], t.Matrix)
			}
			continue
		case *Alias:
			writes[s] = []string{s.Target.Matrix}
			continue
		}
		for _, n := range nodes {
			mentions(n, func(name string) bool { wanted[name] = true; return false })
		}
		for _, b := range inner {
			noteWrites(b, writes, wanted)
		}
	}
}

// without is the statements less those that are dead.
func without(body []Stmt, dead map[Stmt][]string) []Stmt {
	out := make([]Stmt, 0, len(body))
	for _, s := range body {
		if dead[s] != nil {
			continue
		}
		switch t := s.(type) {
		case *For:
			f := *t
			f.Body = without(t.Body, dead)
			s = &f
		case *If:
			s = &If{t.Pos, t.Cond, without(t.Then, dead), without(t.Else, dead)}
		}
		out = append(out, s)
	}
	return out
}

// rebuild is the statements with their new right sides, and without the producers that are gone.
func (f *fuser) rebuild(body []Stmt) []Stmt {
	out := make([]Stmt, 0, len(body))
	for _, s := range body {
		switch s := s.(type) {
		case *Assign:
			if f.gone[s] {
				continue
			}
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

package lambdapack

// Ways through the syntax tree that several passes take.

// children are the expressions that n is made of.
func children(n Node) []Node {
	switch n := n.(type) {
	case *Ref:
		return n.Index
	case *Apply:
		out := n.Args[:len(n.Args):len(n.Args)]
		for _, a := range n.Attrs {
			out = append(out, a.Value)
		}
		return out
	case *Comprehension:
		out := []Node{n.Body}
		for _, c := range n.Clauses {
			if c.Var != "" {
				out = append(out, c.Lower, c.Upper, c.Step)
			} else {
				out = append(out, c.Cond)
			}
		}
		return out
	case *Binary:
		return []Node{n.X, n.Y}
	case *Unary:
		return []Node{n.X}
	}
	return nil
}

// stmtParts are the expressions and the statements that s is made of.
func stmtParts(s Stmt) (nodes []Node, inner [][]Stmt) {
	switch s := s.(type) {
	case *Let:
		nodes = []Node{s.Value}
	case *Assign:
		for _, t := range s.Targets {
			nodes = append(nodes, t)
		}
		nodes = append(nodes, s.Value)
	case *Alias:
		nodes = []Node{s.Target, s.Source}
	case *For:
		return []Node{s.Lower, s.Upper, s.Step}, [][]Stmt{s.Body}
	case *If:
		return []Node{s.Cond}, [][]Stmt{s.Then, s.Else}
	case *TaskLabel:
		for _, a := range s.Args {
			nodes = append(nodes, a.Value)
		}
	case *CallProgram:
		nodes = append(nodes, s.Args...)
		for _, a := range s.Attrs {
			nodes = append(nodes, a.Value)
		}
	}
	return nodes, inner
}

// namesOf is every name in a program, and those that are loop variables somewhere.
func namesOf(def *Def) (all, loops map[string]bool) {
	all, loops = map[string]bool{}, map[string]bool{}
	for _, p := range def.Params {
		all[p.Name] = true
	}
	for _, name := range def.Returns {
		all[name] = true
	}
	var node func(n Node)
	node = func(n Node) {
		switch n := n.(type) {
		case *Name:
			all[n.Name] = true
		case *Ref:
			all[n.Matrix] = true
		case *Comprehension:
			for _, c := range n.Clauses {
				if c.Var != "" {
					all[c.Var], loops[c.Var] = true, true
				}
			}
		}
		for _, c := range children(n) {
			node(c)
		}
	}
	var stmts func(body []Stmt)
	stmts = func(body []Stmt) {
		for _, s := range body {
			switch s := s.(type) {
			case *Let:
				all[s.Name] = true
			case *For:
				all[s.Var], loops[s.Var] = true, true
			case *CallProgram:
				for _, t := range s.Targets {
					all[t] = true
				}
			}
			nodes, inner := stmtParts(s)
			for _, n := range nodes {
				node(n)
			}
			for _, b := range inner {
				stmts(b)
			}
		}
	}
	stmts(def.Body)
	return all, loops
}

// renamer copies a tree with names replaced.
type renamer struct{ to map[string]string }

func (r *renamer) name(s string) string {
	if to, ok := r.to[s]; ok {
		return to
	}
	return s
}

func (r *renamer) nodes(list []Node) []Node {
	if list == nil {
		return nil
	}
	out := make([]Node, len(list))
	for i, n := range list {
		out[i] = r.node(n)
	}
	return out
}

func (r *renamer) attrs(list []Attr) []Attr {
	var out []Attr
	for _, a := range list {
		a.Value = r.node(a.Value)
		out = append(out, a)
	}
	return out
}

func (r *renamer) ref(n *Ref) *Ref {
	return &Ref{Pos: n.Pos, Matrix: r.name(n.Matrix), Index: r.nodes(n.Index), Trans: n.Trans}
}

func (r *renamer) node(n Node) Node {
	switch n := n.(type) {
	case *Name:
		return &Name{n.Pos, r.name(n.Name)}
	case *Ref:
		return r.ref(n)
	case *Apply:
		return &Apply{n.Pos, n.Func, r.nodes(n.Args), r.attrs(n.Attrs)}
	case *Comprehension:
		out := &Comprehension{Pos: n.Pos, Body: r.node(n.Body)}
		for _, c := range n.Clauses {
			if c.Var != "" {
				c = Clause{Pos: c.Pos, Var: r.name(c.Var), Lower: r.node(c.Lower), Upper: r.node(c.Upper), Step: r.node(c.Step)}
			} else {
				c = Clause{Pos: c.Pos, Cond: r.node(c.Cond)}
			}
			out.Clauses = append(out.Clauses, c)
		}
		return out
	case *Binary:
		return &Binary{n.Pos, n.Op, r.node(n.X), r.node(n.Y)}
	case *Unary:
		return &Unary{n.Pos, n.Op, r.node(n.X)}
	}
	return n
}

func (r *renamer) stmts(body []Stmt) []Stmt {
	var out []Stmt
	for _, s := range body {
		out = append(out, r.stmt(s))
	}
	return out
}

func (r *renamer) stmt(s Stmt) Stmt {
	switch s := s.(type) {
	case *Let:
		return &Let{s.Pos, r.name(s.Name), r.node(s.Value)}
	case *Assign:
		out := &Assign{Pos: s.Pos, Value: r.node(s.Value).(*Apply)}
		for _, t := range s.Targets {
			out.Targets = append(out.Targets, r.ref(t))
		}
		return out
	case *Alias:
		return &Alias{s.Pos, r.ref(s.Target), r.ref(s.Source)}
	case *For:
		return &For{s.Pos, r.name(s.Var), r.node(s.Lower), r.node(s.Upper), r.node(s.Step), r.stmts(s.Body)}
	case *If:
		return &If{s.Pos, r.node(s.Cond), r.stmts(s.Then), r.stmts(s.Else)}
	case *TaskLabel:
		return &TaskLabel{s.Pos, s.Label, r.attrs(s.Args)}
	case *CallProgram:
		out := &CallProgram{Pos: s.Pos, Program: s.Program, Args: r.nodes(s.Args), Attrs: r.attrs(s.Attrs)}
		for _, t := range s.Targets {
			out.Targets = append(out.Targets, r.name(t))
		}
		return out
	}
	return s
}

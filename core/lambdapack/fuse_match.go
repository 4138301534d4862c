package lambdapack

import "slices"

// match is what the producer's loop variables are at the reading place; false when it must not be substituted there. A
// constant may be made more than once.
func (r *reader) match(u *use, ref *Ref, constant bool) (by map[string]Node, ok bool) {
	target := u.by.Targets[0]
	if len(target.Index) != len(ref.Index) || r.f.local(u) {
		return nil, false
	}
	by = map[string]Node{}
	used := map[string]bool{}
	var pairs [][2]Clause
	for d, t := range target.Index {
		l := u.loop(t)
		if l == nil {
			if u.varies(t) || !r.f.same(t, ref.Index[d], nil) {
				return nil, false
			}
			continue
		}
		name, isName := ref.Index[d].(*Name)
		switch {
		case by[l.Var] != nil: // the diagonal
			return nil, false
		case isInt(ref.Index[d], 0) && isInt(l.Lower, 0): // the only tile that is read
		case isName && r.clause(name.Name) != nil && !used[name.Name]:
			used[name.Name] = true
			pairs = append(pairs, [2]Clause{{Lower: l.Lower, Upper: l.Upper, Step: l.Step}, *r.clause(name.Name)})
		default:
			return nil, false
		}
		by[l.Var] = ref.Index[d]
	}
	for _, p := range pairs {
		if !r.f.same(p[0].Lower, p[1].Lower, by) || !r.f.same(p[0].Upper, p[1].Upper, by) || !r.f.same(p[0].Step, p[1].Step, by) {
			return nil, false
		}
	}
	return by, len(by) == len(u.loops) && (constant || len(used) == len(r.scope))
}

// clause is the loop around the reading place that has the variable.
func (r *reader) clause(name string) *Clause {
	for n := range r.scope {
		if r.scope[n].Var == name {
			return &r.scope[n]
		}
	}
	return nil
}

// loop is the producer's loop whose variable the index is.
func (u *use) loop(index Node) *For {
	if name, ok := index.(*Name); ok {
		for _, l := range u.loops {
			if l.Var == name.Name {
				return l
			}
		}
	}
	return nil
}

// varies says whether the index depends on the producer's loops.
func (u *use) varies(index Node) bool {
	return mentions(index, func(name string) bool {
		return slices.ContainsFunc(u.loops, func(l *For) bool { return l.Var == name })
	})
}

// local says whether the producer uses numbers that are set inside of loops, where its reader does not see them.
func (f *fuser) local(u *use) bool {
	inner := func(name string) bool { return f.inner[name] }
	for _, l := range u.loops {
		if mentions(l.Lower, inner) || mentions(l.Upper, inner) || mentions(l.Step, inner) {
			return true
		}
	}
	return mentions(u.value, inner) || mentions(u.by.Targets[0], inner)
}

// avoid gives the variables of the producer's comprehensions other names where the reader has a loop of that name.
func (r *reader) avoid(value *Apply, by map[string]Node) {
	taken := func(name string) bool { return r.f.firm[name] || r.clause(name) != nil }
	lists := listNames(value)
	given := map[string]bool{}
	for _, name := range lists {
		fresh := name
		for taken(fresh) || given[fresh] || fresh != name && (slices.Contains(lists, fresh) || by[fresh] != nil) {
			fresh += "_"
		}
		if given[fresh] = true; fresh != name {
			by[name] = &Name{Name: fresh}
		}
	}
}

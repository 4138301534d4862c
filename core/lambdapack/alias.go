package lambdapack

import (
	"fmt"

	"numpywren/core/affine"
)

// alias says that tiles of one matrix are those of another: S[-1, k, j] = A[j, k], for all points of its loops.
type alias struct {
	target *TileRef
	source *TileRef
	dom    affine.Domain
	names  []string
	inv    inverse
	done   bool // the target's dimensions were told
}

// maxChain is how many aliases can lead from a name to its tile.
const maxChain = 8

// alias binds a statement that gives tiles another name. Those of a matrix that is returned are copied instead: what the user
// gets has tiles of its own.
func (b *binder) alias(s *Alias, sc *scope) {
	if s.Source.Index == nil {
		b.aliasAll(s, sc)
		return
	}
	target := b.target(s.Target, sc)
	if b.p.Matrices[target.Matrix].Role == RoleOutput {
		b.assign(&Assign{Pos: s.Pos, Targets: []*Ref{s.Target}, Value: &Apply{Pos: s.Source.Pos, Func: "copy", Args: []Node{s.Source}}}, sc)
		return
	}
	if b.lookup(s.Source.Matrix) != nil {
		fail(s.Source.Pos, "%s is a number or an axis, and has no tiles", s.Source.Matrix)
	}
	a := &alias{target: target, dom: sc.domain(),
		source: &TileRef{Pos: s.Source.Pos, Matrix: b.matrix(s.Source.Pos, s.Source.Matrix, len(s.Source.Index)), Index: b.exprs(s.Source.Index, sc)}}
	for _, l := range sc.loops {
		a.names = append(a.names, l.Name)
		if step, ok := l.Step.IsConst(); !ok || step > 1 {
			fail(s.Pos, "tiles get another name only in loops with step 1; copy(%s[…]) makes a new tile", s.Source.Matrix)
		}
	}
	a.inv = invert(a.target.Index, &a.dom)
	if !a.inv.ok {
		fail(s.Pos, "every loop variable must occur by itself among the indices of the name, as in S[0, i, j] = A[i, j]; copy(%s[…]) makes a new tile", s.Source.Matrix)
	}
	b.aliases = append(b.aliases, a)
	b.p.aliases[target.Matrix] = append(b.p.aliases[target.Matrix], a)
}

// aliasAll writes S[-1] = A tile by tile: S[-1, i, j] = A[i, j].
func (b *binder) aliasAll(s *Alias, sc *scope) {
	name := s.Source.Matrix
	id := b.matrix(s.Source.Pos, name, -1)
	if b.indices[id] < 0 {
		if b.checking {
			b.matrix(s.Target.Pos, s.Target.Matrix, -1)
			return
		}
		fail(s.Source.Pos, "nothing is known of a matrix %s here", name)
	}
	target := &Ref{Pos: s.Target.Pos, Matrix: s.Target.Matrix, Index: append([]Node(nil), s.Target.Index...)}
	source := &Ref{Pos: s.Source.Pos, Matrix: name}
	var loops []*For
	for d := range b.indices[id] {
		low, high := int64(0), int64(4)
		if !b.checking {
			low, high = b.box(id, d)
		}
		v := b.free(fmt.Sprintf("i%d", d))
		ref := &Name{Pos: s.Pos, Name: v}
		target.Index, source.Index = append(target.Index, ref), append(source.Index, ref)
		loops = append(loops, &For{Pos: s.Pos, Var: v, Lower: &Literal{s.Pos, low}, Upper: &Literal{s.Pos, high}, Step: &Literal{s.Pos, int64(1)}})
	}
	if len(target.Index) > MaxIndex {
		fail(s.Target.Pos, "%s would have %d indices, at most %d are possible", target.Matrix, len(target.Index), MaxIndex)
	}
	var body Stmt = &Alias{Pos: s.Pos, Target: target, Source: source}
	for d := len(loops) - 1; d >= 0; d-- {
		loops[d].Body = []Stmt{body}
		body = loops[d]
	}
	b.body([]Stmt{body}, *sc)
}

// box bounds index d of the tiles that the matrix has so far; high is exclusive.
func (b *binder) box(id, d int) (low, high int64) {
	m := &b.p.Matrices[id]
	if m.Role == RoleInput {
		return m.Low[d], m.High[d]
	}
	empty := true
	grow := func(dom *affine.Domain, e affine.Expr) {
		lo, hi := dom.Hull(e)
		switch {
		case lo > hi:
		case empty:
			low, high, empty = lo, hi+1, false
		default:
			low, high = min(low, lo), max(high, hi+1)
		}
	}
	for _, w := range b.p.writers[id] {
		grow(&w.st.Domain, w.ref().Index[d])
	}
	for _, a := range b.p.aliases[id] {
		grow(&a.dom, a.target.Index[d])
	}
	return low, high
}

// stored is the tile that x is another name for, or x itself.
func (p *Plan) stored(x Tile) Tile {
	var y [MaxIndex]int64
chain:
	for range maxChain {
		for _, a := range p.aliases[x.Matrix] {
			point := y[:len(a.dom.Loops)]
			if a.inv.at(x.I[:len(a.target.Index)], point) {
				x = tileAt(a.source.Matrix, a.source.Index, point)
				continue chain
			}
		}
		break
	}
	return x
}

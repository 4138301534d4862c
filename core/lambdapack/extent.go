package lambdapack

import (
	"fmt"
	"strings"

	"numpywren/core/affine"
	"numpywren/core/grid"
)

// extent is the length of one dimension of a tile: a number, or that of an axis's block whose number is affine in the loop
// variables.
type extent struct {
	blocked bool
	axis    grid.Axis
	index   affine.Expr
	n       int64 // unless blocked
}

func fixed(n int64) extent { return extent{n: n} }

// full is the length of a block that is not its axis's last.
func (e extent) full() int64 {
	if e.blocked {
		return e.axis.Block
	}
	return e.n
}

// shaper computes the shapes of a body's tiles in one of three ways: as symbols, at one point of the loops, or the largest
// that can be.
type shaper struct {
	p       *Plan
	st      *Statement
	mode    shapeMode
	x       []int64                          // the point, in mode atPoint
	refs    func(r *TileRef) (dims []extent) // of an untransposed tile; nil: not known yet
	visit   func(c *Call, in, out [][]int64) // called for each call, innermost first, unless symbolic
	sampled bool                             // at a point: of a long comprehension look at the first points only
	doubt   func(a, b extent)                // called, among symbols, for extents that must be equal and may not be
	comps   []*Comp                          // among symbols: the comprehensions around
}

type shapeMode uint8

const (
	symbolic shapeMode = iota
	atPoint
	largest
)

// value is the extent in the shaper's mode.
func (s *shaper) value(e extent) extent {
	if !e.blocked {
		return e
	}
	if s.mode == symbolic {
		if 0 < e.axis.Len && e.axis.Len <= e.axis.Block {
			return fixed(e.axis.Len)
		}
		return e
	}
	if s.mode == largest {
		return fixed(min(e.axis.Block, max(e.axis.Len, 0)))
	}
	return fixed(e.axis.Extent(e.index.Eval(s.x)))
}

// same says whether two extents may be equal; between symbols that is not known, and the check at points decides.
func (s *shaper) same(a, b extent) bool {
	if s.mode == atPoint {
		return a.n == b.n
	}
	if s.doubt != nil && (a.blocked != b.blocked || a.n != b.n || a.axis != b.axis || !a.index.Equal(b.index)) {
		s.doubt(a, b)
	}
	return true
}

func (s *shaper) isOne(e extent) bool {
	return !e.blocked && e.n == 1
}

// fail reports a fault at the shaper's point.
func (s *shaper) fail(c *Call, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if s.mode == atPoint {
		msg += example(s.st.names, s.x)
	}
	fail(c.Pos, "%s", msg)
}

func (s *shaper) rank(c *Call, n int, dims []extent, want int) {
	if len(dims) != want {
		s.fail(c, "%s: operand %d has tiles of %s, wants %d", c.shown(), n, plural(len(dims), "dimension", "dimensions"), want)
	}
}

func (s *shaper) mismatch(c *Call, in [][]extent) {
	var shapes []string
	for _, dims := range in {
		shapes = append(shapes, formatExtents(dims))
	}
	rule := ""
	if c.Sig.Shapes != "" {
		rule = ", wants " + c.Sig.Shapes
	}
	s.fail(c, "%s of tiles of shapes %s%s", c.shown(), strings.Join(shapes, ", "), rule)
}

func formatExtents(dims []extent) string {
	var parts []string
	for _, e := range dims {
		parts = append(parts, fmt.Sprint(e.n))
	}
	if len(parts) == 1 {
		return "(" + parts[0] + ",)"
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// example is "; for example i=2, j=5", the values of the variables at x.
func example(names []string, x []int64) string {
	if len(x) == 0 {
		return ""
	}
	parts := make([]string, 0, len(x))
	for v := range x {
		name, value := names[v], x[v]
		if strings.HasPrefix(name, "-") { // a loop that counts down
			name, value = name[1:], -value
		}
		parts = append(parts, fmt.Sprintf("%s=%d", name, value))
	}
	return "; for example " + strings.Join(parts, ", ")
}

// ref is the shape of a tile; nil when it is not known yet.
func (s *shaper) ref(r *TileRef) []extent {
	dims := s.refs(r)
	if dims == nil {
		return nil
	}
	out := make([]extent, len(dims))
	for d, e := range dims {
		if r.Trans {
			d = len(dims) - 1 - d
		}
		out[d] = s.value(e)
	}
	return out
}

// tile is the shape of one operand; nil when it is not known, or there is none because a comprehension is empty.
func (s *shaper) tile(e Expr) []extent {
	switch e := e.(type) {
	case *TileRef:
		return s.ref(e)
	case *Call:
		if out := s.call(e); out != nil {
			return out[0]
		}
	case *Comp:
		return s.comp(e)
	}
	return nil
}

// call is the shapes of a call's results; nil when an operand's is not known.
func (s *shaper) call(c *Call) [][]extent {
	var in [][]extent
	for _, a := range c.Args {
		switch a.(type) {
		case *TileRef, *Call, *Comp:
			dims := s.tile(a)
			if dims == nil {
				return s.withoutOperands(c)
			}
			in = append(in, dims)
		}
	}
	out := c.Sig.shape(s, c, in)
	if s.visit != nil && s.mode != symbolic {
		s.visit(c, numbers(in), numbers(out))
	}
	return out
}

// withoutOperands is the shape of what does not depend on its operands' shapes: assemble's, from its axes.
func (s *shaper) withoutOperands(c *Call) [][]extent {
	if c.Sig.pastes() {
		return c.Sig.shape(s, c, nil)
	}
	return nil
}

func numbers(dims [][]extent) [][]int64 {
	out := make([][]int64, len(dims))
	for n, d := range dims {
		out[n] = make([]int64, len(d))
		for i, e := range d {
			out[n][i] = e.n
		}
	}
	return out
}

// compPoints is how many points of a comprehension are looked at when sampling.
const compPoints = 64

// comp is the shape of a comprehension's tiles, which a reducer wants equal.
func (s *shaper) comp(c *Comp) []extent {
	if s.mode != atPoint {
		s.comps = append(s.comps, c)
		dims := s.tile(c.Body)
		s.comps = s.comps[:len(s.comps)-1]
		for d, e := range dims {
			if e.blocked && e.index.MaxVar() >= c.First {
				// Which block depends on the comprehension's variable: only axes that divide evenly can be reduced so.
				dims[d] = fixed(e.axis.Block)
			}
		}
		return dims
	}
	var first []extent
	seen := 0
	x := s.x
	walk(c.Loops, c.Conds, s.x, func(y []int64) bool {
		s.x = y
		dims := s.tile(c.Body)
		switch {
		case first == nil:
			first = dims
		case dims != nil && !partOf(c.Body) && !equalExtents(first, dims):
			s.fail(bodyCall(c, s), "the tiles of a reduction differ in shape: %s and %s", formatExtents(first), formatExtents(dims))
		}
		seen++
		return !s.sampled || seen < compPoints
	})
	s.x = x
	return first
}

func partOf(e Expr) bool {
	c, ok := e.(*Call)
	return ok && c.Sig.Name == "part"
}

// bodyCall is what a message about a comprehension points at.
func bodyCall(c *Comp, s *shaper) *Call {
	if call, ok := c.Body.(*Call); ok {
		return call
	}
	return &Call{Pos: c.Pos, Sig: s.st.Body.(*Call).Sig}
}

func equalExtents(a, b []extent) bool {
	if len(a) != len(b) {
		return false
	}
	for d := range a {
		if a[d].n != b[d].n {
			return false
		}
	}
	return true
}

// walk visits the points of loops that stand inside x's, until yield says no: x grows by one value for each loop.
func walk(loops []affine.Loop, conds []affine.Cond, x []int64, yield func(x []int64) bool) {
	y := make([]int64, len(x), len(x)+len(loops))
	copy(y, x)
	walkFrom(loops, conds, y, yield)
}

func walkFrom(loops []affine.Loop, conds []affine.Cond, x []int64, yield func(x []int64) bool) bool {
	if len(loops) == 0 {
		for _, c := range conds {
			if !c.Holds(x) {
				return true
			}
		}
		return yield(x)
	}
	l := &loops[0]
	v, stop, step := l.Start(x), l.Stop(x), max(l.Step.Eval(x), 1)
	for ; v < stop; v += step {
		if !walkFrom(loops[1:], conds, append(x, v), yield) {
			return false
		}
		if v > stop-step {
			break
		}
	}
	return true
}

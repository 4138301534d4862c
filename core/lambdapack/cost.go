package lambdapack

import "numpywren/core/affine"

// Cost is what a task takes.
type Cost struct {
	Flops      float64
	ReadBytes  int64
	WriteBytes int64
	PeakBytes  int64 // the most bytes of tiles that it holds at once
}

// TileBytes is the size of a tile's content, whichever name it goes by.
func (p *Plan) TileBytes(x Tile) int64 {
	m := &p.Matrices[x.Matrix]
	n := dtypeSizes[m.DType]
	for d := range m.dims {
		n *= m.dims[d].extent(x.I[:])
	}
	return n
}

// manyReads is how many tiles of one task are looked at one by one; the rest of a longer list counts as their mean.
const manyReads = 1024

// Cost estimates the task: its arithmetic from the shapes of its tiles, its traffic from the tiles that it reads and writes.
func (p *Plan) Cost(t Task) Cost {
	st := p.Statements[t.Stmt]
	c := Cost{PeakBytes: p.peakBytes(st)}
	for n := range st.Outputs {
		c.WriteBytes += p.TileBytes(p.output(&t, n))
	}
	count, full := 0, true
	for x := range p.Reads(t) {
		if count++; count > manyReads {
			full = false
			break
		}
		c.ReadBytes += p.TileBytes(x)
	}
	x := p.vars(&t)
	if !full {
		c.ReadBytes = int64(float64(c.ReadBytes) / manyReads * float64(p.countRefs(st.Body, x)))
	}
	e := estimate{p: p, st: st}
	c.Flops = e.total(x)
	return c
}

// countRefs is how often the expression refers to tiles, at x.
func (p *Plan) countRefs(e Expr, x []int64) int64 {
	n := int64(0)
	switch e := e.(type) {
	case *TileRef:
		return 1
	case *Call:
		for _, a := range e.Args {
			n += p.countRefs(a, x)
		}
	case *Comp:
		points, first := compCount(e, x)
		if points > 0 {
			n = points * p.countRefs(e.Body, first)
		}
	}
	return n
}

// compCount is how many points a comprehension has at x, and the first of them.
func compCount(c *Comp, x []int64) (n int64, first []int64) {
	if len(c.Loops) == 1 && len(c.Conds) == 0 {
		l := &c.Loops[0]
		start, stop, step := l.Start(x), l.Stop(x), max(l.Step.Eval(x), 1)
		return max(stop-start+step-1, 0) / step, append(x[:len(x):len(x)], start)
	}
	walk(c.Loops, c.Conds, x, func(y []int64) bool {
		if n == 0 {
			first = append(first, y...)
		}
		n++
		return n < maxPoints
	})
	return n, first
}

// maxPoints is how far the points of a comprehension with several loops are counted.
const maxPoints = 1 << 16

// estimate adds up the operations of a task. A comprehension counts as many times as its first point, unless blocks differ.
type estimate struct {
	p  *Plan
	st *Statement
}

// total is the arithmetic of the task at x; 0 when its tiles do not fit together, which a kernel will say when it runs.
func (s *estimate) total(x []int64) (flops float64) {
	var err error
	defer caught(&err)
	return s.flops(s.st.Body, x)
}

// flops is the arithmetic of an expression at x.
func (s *estimate) flops(e Expr, x []int64) float64 {
	c, ok := e.(*Call)
	if !ok {
		return 0
	}
	total := 0.0
	var in [][]int64
	for _, a := range c.Args {
		switch a := a.(type) {
		case *TileRef:
			in = append(in, s.shape(a, x))
		case *Call:
			total += s.flops(a, x)
			in = append(in, s.shape(a, x))
		case *Comp:
			steps, each, shape := s.comp(a, x)
			total += each
			if !c.Sig.pastes() && !(c.Sig.Name == "sum" && accumulates(a.Body)) {
				total += max(float64(steps)-1, 0) * float64(product(shape))
			}
			in = append(in, shape)
		}
	}
	if out := s.shapes(c, x); !c.Sig.Reducer && len(out) > 0 { // none: of a sum of nothing
		total += c.Sig.work(c, in, out, x)
	}
	return total
}

// comp is the arithmetic of a comprehension: the points, the flops of all bodies, and the shape of a tile. Long ones are looked
// at at some of their points.
func (s *estimate) comp(c *Comp, x []int64) (steps int64, flops float64, shape []int64) {
	n, first := compCount(c, x)
	if n == 0 {
		return 0, 0, nil
	}
	shape = s.shape(c.Body, first)
	if n <= compPoints {
		walk(c.Loops, c.Conds, x, func(y []int64) bool {
			flops += s.flops(c.Body, y)
			return true
		})
		return n, flops, shape
	}
	return n, float64(n) * s.flops(c.Body, first), shape
}

// accumulates says whether a sum of such tiles adds each as it is computed.
func accumulates(body Expr) bool {
	c, ok := body.(*Call)
	return ok && c.Sig.Adds && (c.Sig.Name != "gemm" || len(c.Args) == 2)
}

func (s *estimate) shaper(mode shapeMode, x []int64) *shaper {
	return &shaper{p: s.p, st: s.st, mode: mode, x: x, refs: s.p.refDims, sampled: true}
}

func (s *estimate) shape(e Expr, x []int64) []int64 {
	dims := s.shaper(atPoint, x).tile(e)
	out := make([]int64, len(dims))
	for d := range dims {
		out[d] = dims[d].n
	}
	return out
}

func (s *estimate) shapes(c *Call, x []int64) [][]int64 { return numbers(s.shaper(atPoint, x).call(c)) }

// refDims is the shape of a tile.
func (p *Plan) refDims(r *TileRef) []extent {
	m := &p.Matrices[r.Matrix]
	out := make([]extent, len(m.dims))
	for d := range m.dims {
		out[d] = m.dims[d].symbol(r.Index)
	}
	return out
}

// peakBytes is the most that a task of the statement holds at once, wherever it is in its loops.
func (p *Plan) peakBytes(st *Statement) int64 {
	st.peak.once.Do(func() { st.peak.bytes, _ = p.Holds(st, func(bytes int64) int64 { return bytes }) })
	return st.peak.bytes
}

// Holds is the most that a task of the statement holds at once, wherever it is in its loops, and the least that it can do with: when of
// the tiles in its comprehensions none is read before its turn. size is what a tile of so many bytes takes.
func (p *Plan) Holds(st *Statement, size func(bytes int64) int64) (most, least int64) {
	bytes := func(ahead bool) int64 {
		h := holding{estimate: estimate{p: p, st: st}, ahead: ahead, size: size}
		pinned, extra := h.pinned(st.Body), int64(0)
		value, peak := h.hold(st.Body)
		for n := range st.Outputs[1:] {
			extra += h.ref(&st.Outputs[n+1])
		}
		if c, ok := st.Body.(*Call); ok {
			extra *= 1 + c.Sig.works
		}
		return pinned + max(value, peak) + extra
	}
	return bytes(true), bytes(false)
}

// largestBytes is the size of the largest tile of the reference's matrix.
func (p *Plan) largestBytes(r *TileRef) int64 {
	m := &p.Matrices[r.Matrix]
	n := dtypeSizes[m.DType]
	for _, d := range m.dims {
		n *= min(d.axis.Block, d.axis.Len)
	}
	return n
}

// holding adds up what a task holds: all tiles that it names, from its beginning to its end; of those in a comprehension the ones
// that the present point names and, with ahead, those of the next; and what it computes.
type holding struct {
	estimate
	ahead bool
	size  func(bytes int64) int64 // of a tile
	begun int64                   // tiles of comprehensions whose turn is yet to come: the first points are read with the task's other tiles
}

// pinned is the size of the tiles that are held throughout; it notes the comprehensions in begun.
func (h *holding) pinned(e Expr) (n int64) {
	switch e := e.(type) {
	case *TileRef:
		return h.ref(e)
	case *Comp:
		if h.ahead {
			h.begun += h.streamed(e.Body)
		}
	case *Call:
		for _, a := range e.Args {
			n += h.pinned(a)
		}
	}
	return n
}

// hold is the size of what an expression makes, and the most that is held while it is computed, this included, beside what is pinned.
func (h *holding) hold(e Expr) (value, peak int64) { return h.within(e, false) }

// within is hold in a comprehension, where others begin when it is their turn.
func (h *holding) within(e Expr, inner bool) (value, peak int64) {
	switch e := e.(type) {
	case *Comp:
		n := h.streamed(e.Body)
		others := h.begun
		if h.ahead && !inner {
			others -= n
		}
		body := e.Body
		if c, ok := body.(*Call); ok && c.Sig.Name == "part" { // it says where its tile is, and makes none
			body = c.Args[0]
		}
		h.begun = 0
		value, peak := h.within(body, true)
		h.begun = others
		if h.ahead && !onePoint(e) {
			n *= 2
		}
		return value, peak + n + h.turned(body) + others
	case *Call:
		value = h.size(h.largest(e))
		operands, tiles, reused := int64(0), 0, int64(0)
		for _, a := range e.Args {
			n, most := h.within(a, inner)
			switch a := a.(type) {
			case *Comp:
				if most += value; e.Sig.Name == "sum" && accumulates(a.Body) {
					most -= n // added where the sum is
				}
				n = 0
			case *TileRef:
				if !e.Sig.Turns {
					n = h.turned(a)
				}
			}
			if _, list := a.(*Comp); !list && isTile(a) {
				if tiles == e.Sig.InPlace && e.Sig.Name != "ew" && n == value {
					reused = n // the operand's memory becomes the result's
				}
				tiles++
			}
			peak = max(peak, operands+most)
			operands += n
		}
		if e.Sig.copies {
			return value, max(peak, 2*operands+h.direct(e)+value+h.begun)
		}
		if e.Sig.strips {
			operands += value
		}
		return value, max(peak, operands+value-reused+h.begun)
	}
	return 0, 0
}

// turned is the size of the transpose of a tile that is named as its transpose, which most kernels need made.
func (h *holding) turned(e Expr) int64 {
	if ref, ok := e.(*TileRef); ok && ref.Trans {
		return h.ref(ref)
	}
	return 0
}

// direct is the size of the tiles that a call names itself.
func (h *holding) direct(c *Call) (n int64) {
	for _, a := range c.Args {
		if ref, ok := a.(*TileRef); ok {
			n += h.ref(ref)
		}
	}
	return n
}

// isTile says whether an argument is one tile.
func isTile(e Expr) bool {
	switch e.(type) {
	case *TileRef, *Call:
		return true
	}
	return false
}

// onePoint says whether a comprehension has one point at most, wherever it stands.
func onePoint(c *Comp) bool {
	for k := range c.Loops {
		if !once(&c.Loops[k]) {
			return false
		}
	}
	return true
}

func once(l *affine.Loop) bool {
	for _, lower := range l.Lower {
		for _, upper := range l.Upper {
			if n, constant := upper.E.Sub(lower.E).IsConst(); constant && n <= 1 && lower.Div <= 1 && upper.Div <= 1 {
				return true
			}
		}
	}
	return false
}

// streamed is the size of the tiles that an expression reads directly.
func (h *holding) streamed(e Expr) (n int64) {
	switch e := e.(type) {
	case *TileRef:
		return h.ref(e)
	case *Call:
		for _, a := range e.Args {
			n += h.streamed(a)
		}
	}
	return n
}

// ref is the size of the largest tile of the reference's matrix.
func (h *holding) ref(r *TileRef) int64 { return h.size(h.p.largestBytes(r)) }

// largest is the size of a call's first result at most.
func (s *estimate) largest(c *Call) int64 {
	out := s.shaper(largest, nil).call(c)
	if out == nil {
		return 0
	}
	n := dtypeSizes[c.DType]
	for _, e := range out[0] {
		n *= e.n
	}
	return n
}

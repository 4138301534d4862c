package lambdapack

import (
	"slices"

	"numpywren/core/affine"
)

// Shape rules of kernels that no gufunc-like text describes.

func sameExpr(a, b affine.Expr) bool { return a.Equal(b) }

func firstShape(_ *shaper, _ *Call, in [][]extent) [][]extent { return in[:1] }

// trsmShape: the triangle, which a tile may exceed on one side, is as long as the side that it stands on.
func trsmShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	s.rank(c, 1, in[1], 2)
	side := 1
	if c.Attrs["side"] == "L" {
		side = 0
	}
	t := in[0][0]
	if s.mode == atPoint {
		t.n = min(t.n, in[0][1].n)
	}
	if !s.same(t, in[1][side]) {
		s.mismatch(c, in)
	}
	return in[1:2]
}

// axesShape is that of the blocks of axes among the arguments.
func axesShape(s *shaper, c *Call, _ [][]extent) [][]extent {
	var dims []extent
	for _, a := range c.Args {
		if r, ok := a.(*AxisRef); ok {
			dims = append(dims, s.value(extent{blocked: true, axis: r.Axis, index: r.Index}))
		}
	}
	if dims == nil {
		dims = []extent{}
	}
	return [][]extent{dims}
}

// windowShape is the operand's, which must be that of the axes' blocks.
func windowShape(s *shaper, c *Call, in [][]extent) [][]extent {
	axes := axesShape(s, c, nil)
	s.rank(c, 0, in[0], len(axes[0]))
	if !slices.EqualFunc(in[0], axes[0], s.same) {
		s.fail(c, "%s: the tile has shape %s, the blocks of its axes %s", c.Sig.Name, formatExtents(in[0]), formatExtents(axes[0]))
	}
	return in[:1]
}

func partShape(s *shaper, c *Call, in [][]extent) [][]extent { return windowShape(s, c, in) }

// broadcastShape is NumPy's, between tiles of as many dimensions.
func broadcastShape(s *shaper, c *Call, in [][]extent) [][]extent {
	out := slices.Clone(in[0])
	for n, dims := range in[1:] {
		s.rank(c, n+1, dims, len(out))
		for d, e := range dims {
			switch {
			case s.isOne(out[d]), s.mode == symbolic && e.blocked && !out[d].blocked: // which says more
				out[d] = e
			case s.isOne(e) || s.same(out[d], e):
			default:
				s.mismatch(c, in)
			}
		}
	}
	return [][]extent{out}
}

// reduceShape keeps the axes that are reduced with extent 1.
func reduceShape(s *shaper, c *Call, in [][]extent) [][]extent {
	out := slices.Clone(in[0])
	for _, d := range axisList(s, c, len(out)) {
		out[d] = fixed(1)
	}
	return [][]extent{out}
}

func squeezeShape(s *shaper, c *Call, in [][]extent) [][]extent {
	out := []extent{}
	axes := axisList(s, c, len(in[0]))
	for d, e := range in[0] {
		if !slices.Contains(axes, d) {
			out = append(out, e)
		} else if s.mode == atPoint && e.n != 1 {
			s.fail(c, "squeeze of axis %d, whose extent is %d", d, e.n)
		}
	}
	return [][]extent{out}
}

func expandShape(s *shaper, c *Call, in [][]extent) [][]extent {
	axes := axisList(s, c, MaxIndex)
	out, from := []extent{}, 0
	for d := range len(in[0]) + len(axes) {
		if slices.Contains(axes, d) {
			out = append(out, fixed(1))
		} else if from < len(in[0]) {
			out = append(out, in[0][from])
			from++
		}
	}
	if from != len(in[0]) {
		s.fail(c, "expand: axis=%q leaves gaps in a tile of %d dimensions", c.Attrs["axis"], len(out))
	}
	return [][]extent{out}
}

// diagpartShape is a column as long as the shorter side. Among symbols a block of many is taken to be a full one: only the
// last is shorter, and the check at points sees it.
func diagpartShape(s *shaper, c *Call, in [][]extent) [][]extent {
	windowShape(s, c, in)
	s.rank(c, 0, in[0], 2)
	a, b := in[0][0], in[0][1]
	shorter := b.full() < a.full()
	if a.blocked && b.blocked {
		shorter = b.axis.Len < a.axis.Len
	}
	if shorter {
		a = b
	}
	return [][]extent{{a, fixed(1)}}
}

// diagmShape is the square on a column.
func diagmShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	if s.mode == atPoint && in[0][1].n != 1 {
		s.fail(c, "diagm wants a column, not a tile of shape %s", formatExtents(in[0]))
	}
	return [][]extent{{in[0][0], in[0][0]}}
}

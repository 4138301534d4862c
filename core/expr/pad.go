package expr

import (
	"fmt"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// padOp is its operand with zeros around it: the operand's first element is at Before.
type padOp struct{ Before []int64 }

// maxLength is the most that is put before or after a dimension.
const maxLength = 1 << 60

// applyPad is numpy.pad with zeros: so many before and after, one number for each dimension. The blocks stay as long as they are.
func applyPad(b *builder, x *Node, p *params) (*Node, error) {
	before, after := p.ints("before"), p.ints("after")
	if p.err != nil {
		return nil, p.err
	}
	if len(before) != x.ndim() || len(after) != x.ndim() {
		return nil, errs.New(errs.Value, "pad: before %v and after %v need one length for each of %d dimensions", before, after, x.ndim())
	}
	g, shape := make(grid.Grid, x.ndim()), x.Shape()
	for d, a := range x.grid {
		if before[d] < 0 || after[d] < 0 || before[d] > maxLength || after[d] > maxLength {
			return nil, errs.New(errs.Value, "pad: before %v and after %v: lengths from 0 to %d were expected", before, after, int64(maxLength))
		}
		shape[d] += before[d] + after[d]
		g[d] = grid.Axis{Len: shape[d], Block: max(a.Block, 1)}
	}
	if err := checkSize(shape); err != nil {
		return nil, err
	}
	switch {
	case g.Equal(x.grid):
		return x, nil
	case x.size() == 0:
		return b.full(g, int64(0), x.dtype), nil
	}
	return b.keep(makeNode(padOp{before}, b.op, g, x.dtype, []*Node{x})), nil
}

// emit writes
//
//	Y[i, j] = assemble([part(X[s0, j], …) for s0 in range(…)], …)
//
// where there may be no part: then the tile is zeros.
func (o padOp) emit(l *lowering, n *Node, name string) {
	x := l.argsOf(n)[0]
	s := l.loops(n.grid)
	inner := make([]string, len(s.idx))
	var clauses, offsets strings.Builder
	for d, w := range n.grid {
		a := x.grid[d]
		if d > 0 {
			offsets.WriteByte(',')
		}
		fmt.Fprint(&offsets, -o.Before[d])
		if sameAxis(a, w) {
			inner[d] = s.idx[d]
			continue
		}
		inner[d] = fmt.Sprintf("s%d", d)
		first := fmt.Sprintf("%d*%s", w.Block, s.idx[d])
		fmt.Fprintf(&clauses, " for %s in range(max(0, (%s - %d)//%d), min((%s + (%d))//%d, %s))", inner[d], first, o.Before[d], a.Block,
			first, w.Block-o.Before[d]+a.Block-1, a.Block, l.blocks(a))
	}
	s.assign(name, n.label, fmt.Sprintf("assemble([part(%s%s)%s]%s, offset=%q)", l.ref(x, inner), l.axesOf(x.grid, inner), clauses.String(),
		l.axesOf(n.grid, s.idx), offsets.String()))
}

package expr

import (
	"fmt"
)

// Results that are triangular are stored without the tiles that are zeros, where nothing else in their program reads them: others
// have to be written, since a program reads only what is.

// triangular is "L" or "U" for a node whose elements above or below the diagonal are zeros, by what it is made of; otherwise "".
func (l *lowering) triangular(n *Node) string {
	switch o := n.op.(type) {
	case triOp:
		if o.Uplo == "L" && o.K <= 0 || o.Uplo == "U" && o.K >= 0 {
			return o.Uplo
		}
	case windowOp:
		if o.Start[0] == o.Start[1] {
			if args := l.argsOf(n); l.entry(args[0]).stored == nil {
				return l.triangular(args[0])
			}
		}
	case programOp:
		if o.Source == "" && o.Out == o.Outs-1 && (o.Name == "qr" || o.Name == "qr_r" || o.Name == "tsqr" || o.Name == "tsqr_r") { // R
			return "U"
		}
	}
	return ""
}

// sparse says whether tiles of a result that are zeros are not written.
func (l *lowering) sparse(e *entry) bool {
	if e.stored != nil || !e.output || e.read || len(e.node.grid) != 2 || e.node.grid[0].Blocks() < 2 || e.node.grid[1].Blocks() < 2 {
		return false
	}
	switch e.node.op.(type) {
	case triOp, windowOp: // a block row or column without any tile would be unknown to the program
		rows, cols := e.node.grid[0], e.node.grid[1]
		switch l.triangular(e.node) {
		case "L":
			return (cols.Blocks()-1)*cols.Block < rows.Len
		case "U":
			return (rows.Blocks()-1)*rows.Block < cols.Len
		}
	}
	return false
}

// written opens loops over the tiles of a node that are written.
func (l *lowering) written(n *Node) *scope {
	if !l.sparse(l.entry(n)) {
		return l.loops(n.grid)
	}
	rows, cols := n.grid[0].Block, n.grid[1].Block
	s := l.nest([]string{l.blocks(n.grid[0]), ""})
	low, high := "0", l.blocks(n.grid[1])
	switch upper := l.triangular(n) == "U"; {
	case upper && rows == cols:
		low = s.idx[0]
	case upper:
		low = fmt.Sprintf("%d*%s//%d", rows, s.idx[0], cols)
	case rows == cols:
		high = fmt.Sprintf("min(%s + 1, %s)", s.idx[0], high)
	default:
		high = fmt.Sprintf("min((%d*%s + %d)//%d, %s)", rows, s.idx[0], rows+cols-1, cols, high)
	}
	s.idx[1] = letters[1:2]
	s.loop(s.idx[1], low+", "+high)
	return s
}

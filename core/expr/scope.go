package expr

import (
	"fmt"
	"strings"

	"numpywren/core/grid"
)

// letters name the loops over the blocks of each dimension.
const letters = "ijklmn"

const indent = "    "

// scope is a loop nest that is being written: what is written next stands inside its loops.
type scope struct {
	l     *lowering
	idx   []string // the tile's index: one entry for each dimension
	vars  []string // of the loops, for labels
	depth int
}

// loops opens a loop over the blocks of each dimension; one of length 1 has none, and the index 0.
func (l *lowering) loops(g grid.Grid) *scope {
	counts := make([]string, len(g))
	for d, a := range g {
		if a.Len != 1 {
			counts[d] = l.blocks(a)
		}
	}
	return l.nest(counts)
}

// nest opens a loop for each dimension that has a count.
func (l *lowering) nest(counts []string) *scope {
	s := &scope{l: l, idx: make([]string, len(counts)), depth: 1}
	for d, c := range counts {
		s.idx[d] = "0"
		if c != "" {
			s.idx[d] = letters[d : d+1]
			s.loop(s.idx[d], c)
		}
	}
	return s
}

// loop opens a loop; bounds are what range takes.
func (s *scope) loop(name, bounds string) {
	s.line("for %s in range(%s):", name, bounds)
	s.vars = append(s.vars, name)
	s.depth++
}

// line writes a line into the innermost loop.
func (s *scope) line(format string, args ...any) {
	s.l.body.WriteString(strings.Repeat(indent, s.depth))
	fmt.Fprintf(&s.l.body, format, args...)
	s.l.body.WriteByte('\n')
}

// assign writes the tile of the loops' index, as a task with a label.
func (s *scope) assign(matrix, label, value string) { s.assignTo(tileRef(matrix, s.idx), label, value) }

func (s *scope) assignTo(tile, label, value string) {
	s.line("task(%q%s)", label, s.labelArgs())
	s.line("%s = %s", tile, value)
}

func (s *scope) labelArgs() string {
	var b strings.Builder
	for _, v := range s.vars {
		fmt.Fprintf(&b, ", %s=%s", v, v)
	}
	return b.String()
}

// tileRef is a tile in the text. An array without dimensions is its one tile, A[0].
func tileRef(matrix string, idx []string) string {
	if len(idx) == 0 {
		return matrix + "[0]"
	}
	return matrix + "[" + strings.Join(idx, ", ") + "]"
}

// axisName is what the text knows of an axis: its number, and which of its names are in use.
type axisName struct {
	number int
	blocks bool // n0, how many blocks it has
	axis   bool // r0, itself
}

func (l *lowering) nameAxis(a grid.Axis) *axisName {
	a.Block = min(a.Block, max(a.Len, 1))
	n := l.axes[a]
	if n == nil {
		n = &axisName{number: len(l.axes)}
		l.axes[a] = n
		l.axisOrder = append(l.axisOrder, a)
	}
	return n
}

// blocks is the name of the number of an axis's blocks.
func (l *lowering) blocks(a grid.Axis) string {
	n := l.nameAxis(a)
	n.blocks = true
	return fmt.Sprintf("n%d", n.number)
}

// block is one block of an axis, as kernels take it that must know where they are.
func (l *lowering) block(a grid.Axis, i string) string {
	n := l.nameAxis(a)
	n.axis = true
	return fmt.Sprintf("r%d[%s]", n.number, i)
}

// axesOf is the blocks of all dimensions at an index, each with a comma and a space before it.
func (l *lowering) axesOf(g grid.Grid, idx []string) string {
	var b strings.Builder
	for d, a := range g {
		b.WriteString(", " + l.block(a, idx[d]))
	}
	return b.String()
}

// prologue defines the names of axes and of their numbers of blocks.
func (l *lowering) prologue() string {
	var b strings.Builder
	for _, a := range l.axisOrder {
		n := l.axes[a]
		of := fmt.Sprintf("r%d", n.number)
		if input := l.inputWith(a); input != "" && !n.axis {
			of = input
		} else {
			fmt.Fprintf(&b, "%s%s = axis(%d, %d)\n", indent, of, a.Len, a.Block)
		}
		if n.blocks {
			fmt.Fprintf(&b, "%sn%d = blocks(%s)\n", indent, n.number, of)
		}
	}
	return b.String()
}

// inputWith is the first dimension of an input that is cut like an axis, as blocks takes it.
func (l *lowering) inputWith(a grid.Axis) string {
	for _, in := range l.inputs {
		for d, axis := range in.Node.grid {
			if sameAxis(axis, a) {
				return fmt.Sprintf("%s, %d", in.Param, d)
			}
		}
	}
	return ""
}

// temp is a name for a matrix of partial results.
func (l *lowering) temp() string {
	l.temps++
	return fmt.Sprintf("t%d", l.temps-1)
}

// ref is a tile of a node as an operand: the tile of a matrix, or of what a view looks at.
func (l *lowering) ref(n *Node, idx []string) string {
	if e := l.entry(n); isView(n) && e.stored == nil {
		return l.viewRef(n, idx)
	}
	return tileRef(l.entry(n).matrix, idx)
}

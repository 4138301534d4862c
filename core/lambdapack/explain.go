package lambdapack

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"numpywren/core/affine"
)

// Explain is a report for people: the program as it runs, its matrices, what each kind of task costs, and at most max blocks of
// instructions. What it takes does not depend on the number of tasks.
func (p *Plan) Explain(max int) string {
	var out strings.Builder
	out.WriteString(p.Text())
	out.WriteString("\n")
	writeTable(&out, p.matrixTable(), 1)
	out.WriteString("\n")
	rows, exact := p.taskTable()
	writeTable(&out, rows, 0)
	if !exact {
		fmt.Fprintf(&out, "Of statements with more than %d tasks, GFLOP and bytes are those of whole tiles: tiles at the edges are smaller.\n",
			maxAdded)
	}
	out.WriteString("\n")
	_ = p.Blocks(&out, max) // a strings.Builder takes everything
	return out.String()
}

// writeTable writes rows in columns, those up to the one numbered left to the left and the rest to the right.
func writeTable(out *strings.Builder, rows [][]string, left int) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, cell := range row {
			width[c] = max(width[c], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for c, cell := range row {
			pad := strings.Repeat(" ", width[c]-len([]rune(cell)))
			if c > 0 {
				line.WriteString("  ")
			}
			if c <= left {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// matrixTable tells what the matrices of the text are.
func (p *Plan) matrixTable() [][]string {
	rows := [][]string{{"matrix", "what it is", "shape", "tiles", "dtype"}}
	for n := range p.Matrices {
		m := &p.Matrices[n]
		if !m.Stored {
			continue
		}
		versions := ""
		if k := int64(1); len(m.VersionLow) > 0 {
			for d, low := range m.VersionLow {
				k *= m.VersionHigh[d] - low
			}
			versions = fmt.Sprintf(", %s", plural(int(k), "version", "versions"))
		}
		shape, tiles := crossText(m.Grid.Shape()), crossText(m.Grid.Blocks())+versions
		rows = append(rows, []string{m.Name, m.Role.String() + " " + m.Display, shape, tiles, m.DType})
	}
	return rows
}

// crossText is numbers with × between.
func crossText(n []int64) string {
	if len(n) == 0 {
		return "1"
	}
	return joinInts(n, " × ")
}

// kind is what all tasks of one label do together.
type kind struct {
	label       string
	tasks       int64
	flops       float64
	read, write float64
}

// maxAdded is how many tasks of a statement are added up one by one; the costs of more are computed from one of each kind.
const maxAdded = 1024

// taskTable tells what the kinds of tasks cost, in the order in which the text has them.
func (p *Plan) taskTable() (rows [][]string, exact bool) {
	exact = true
	var kinds []kind
	total := kind{label: "total"}
	for _, st := range p.Statements {
		k := kind{label: st.Label, tasks: st.Domain.Count()}
		if k.tasks <= maxAdded {
			for x := range st.Domain.All() {
				k.add(p.Cost(taskAt(st.ID, x)))
			}
		} else {
			(&summary{estimate{p: p, st: st}, &k}).statement()
			exact = false
		}
		at := slices.IndexFunc(kinds, func(o kind) bool { return o.label == k.label })
		if at < 0 {
			kinds = append(kinds, k)
		} else {
			kinds[at].merge(k)
		}
		total.merge(k)
	}
	rows = [][]string{{"task", "count", "GFLOP", "read", "written"}}
	for _, k := range append(kinds, total) {
		rows = append(rows, []string{k.label, fmt.Sprint(k.tasks), figures(k.flops / 1e9), bytesText(k.read), bytesText(k.write)})
	}
	return rows, exact
}

func (k *kind) add(c Cost) {
	k.flops += c.Flops
	k.read += float64(c.ReadBytes)
	k.write += float64(c.WriteBytes)
}

func (k *kind) merge(o kind) {
	k.tasks += min(o.tasks, math.MaxInt64-k.tasks)
	k.flops += o.flops
	k.read += o.read
	k.write += o.write
}

// bytesText is a number of bytes with a unit.
func bytesText(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	u := 0
	for n >= 999.5 && u < len(units)-1 {
		n /= 1000
		u++
	}
	return figures(n) + " " + units[u]
}

// figures is a number with three figures, or all of a larger number's before the point.
func figures(x float64) string {
	if x >= 999.5 && x < 1e15 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// summary adds up a statement without visiting its tasks: each operation and each operand costs what it does at one point in
// the middle, as often as the loops and the comprehensions around it have points.
type summary struct {
	estimate
	kind *kind
}

func (s *summary) statement() {
	st := s.st
	x, ok := middle(&st.Domain)
	if !ok {
		return
	}
	for n := range st.Outputs {
		s.kind.write += float64(s.kind.tasks) * float64(s.p.TileBytes(tileAt(st.Outputs[n].Matrix, st.Outputs[n].Index, x)))
	}
	s.call(st.Body.(*Call), &st.Domain, x)
}

// call adds a call and its operands, which are computed at every point of dom.
func (s *summary) call(c *Call, dom *affine.Domain, x []int64) {
	times := float64(dom.Count())
	var in [][]int64
	for _, a := range c.Args {
		switch a := a.(type) {
		case *TileRef:
			s.operand(a, times, x)
			in = append(in, s.shape(a, x))
		case *Call:
			s.call(a, dom, x)
			in = append(in, s.shape(a, x))
		case *Comp:
			s.list(c, a, dom)
		}
	}
	if !c.Sig.Reducer {
		s.kind.flops += times * c.Sig.work(c, in, s.shapes(c, x), x)
	}
}

func (s *summary) operand(r *TileRef, times float64, x []int64) {
	s.kind.read += times * float64(s.p.TileBytes(s.p.Resolve(r, x)))
}

// list adds the operands of the reducer c.
func (s *summary) list(c *Call, list *Comp, dom *affine.Domain) {
	inner := affine.Domain{Loops: slices.Concat(dom.Loops, list.Loops), Conds: slices.Concat(dom.Conds, list.Conds)}
	x, ok := middle(&inner)
	if !ok {
		return
	}
	times := float64(inner.Count())
	switch body := list.Body.(type) {
	case *TileRef:
		s.operand(body, times, x)
	case *Call:
		s.call(body, &inner, x)
	}
	if !c.Sig.pastes() && !(c.Sig.Name == "sum" && accumulates(list.Body)) {
		s.kind.flops += max(times-float64(dom.Count()), 0) * float64(product(s.shape(list.Body, x)))
	}
}

// middle is a point of the domain, in the middle of its loops if that is one.
func middle(dom *affine.Domain) (x []int64, ok bool) {
	x = make([]int64, 0, len(dom.Loops))
	for n := range dom.Loops {
		l := &dom.Loops[n]
		start, stop, step := l.Start(x), l.Stop(x), max(l.Step.Eval(x), 1)
		x = append(x, start+max(stop-start-1, 0)/step/2*step)
	}
	if dom.Contains(x) {
		return x, true
	}
	return x, dom.First(x)
}

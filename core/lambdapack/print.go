package lambdapack

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// shownPoints is how many points of a comprehension are printed.
const shownPoints = 4

// Blocks writes the tasks as blocks of numbered instructions, in the order of the program, and after max of them "...":
//
//	numpywren.cholesky
//	cholesky(iter=0)
//	  0 = LOAD BigMatrix(X)[0, 0]
//	  1 = CHOL 0
//	  2 = WRITE chol(BigMatrix(X))[0, 0]
func (p *Plan) Blocks(w io.Writer, max int) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "numpywren.%s\n", p.Name)
	b := &blockPrinter{p: p, out: out}
	for t := range p.Tasks() {
		if max--; max < 0 {
			fmt.Fprintln(out, "...")
			break
		}
		b.task(t)
	}
	return out.Flush()
}

// blockPrinter numbers instructions on over the blocks.
type blockPrinter struct {
	p      *Plan
	out    *bufio.Writer
	next   int
	loaded map[Tile]int // in this block
}

// emit writes an instruction and returns its number.
func (b *blockPrinter) emit(format string, args ...any) int {
	fmt.Fprintf(b.out, "  %d = %s\n", b.next, fmt.Sprintf(format, args...))
	b.next++
	return b.next - 1
}

func (b *blockPrinter) task(t Task) {
	fmt.Fprintln(b.out, b.p.TaskName(t))
	b.loaded = map[Tile]int{}
	b.call(b.p.Statements[t.Stmt].Body.(*Call), b.p.vars(&t))
	for x := range b.p.Writes(t) {
		b.emit("WRITE %s", b.p.TileName(x))
	}
}

// call writes the instructions of a call, its operands' first, and returns the number of its own.
func (b *blockPrinter) call(c *Call, x []int64) int {
	words := []string{strings.ToUpper(c.Sig.Name)}
	for _, a := range c.Args {
		if comp, ok := a.(*Comp); ok {
			words = append(words, b.comp(comp, x)...)
		} else {
			words = append(words, b.operand(a, x))
		}
	}
	for _, spec := range c.Sig.Attrs {
		if v := c.Attrs[spec.Name]; v != spec.Default {
			words = append(words, fmt.Sprintf("%s=%v", spec.Name, v))
		}
	}
	return b.emit("%s", strings.Join(words, " "))
}

// operand writes what makes an operand and returns how the instruction that takes it names it.
func (b *blockPrinter) operand(e Expr, x []int64) string {
	switch e := e.(type) {
	case *Call:
		return fmt.Sprint(b.call(e, x))
	case *TileRef:
		tile := b.p.Resolve(e, x)
		id, ok := b.loaded[tile]
		if !ok {
			id = b.emit("LOAD %s", b.p.TileName(tile))
			b.loaded[tile] = id
		}
		if e.Trans {
			return fmt.Sprintf("%d.T", id)
		}
		return fmt.Sprint(id)
	case *AxisRef:
		return fmt.Sprintf("%s[%d]", e.Name, e.Index.Eval(x))
	case *Int:
		return fmt.Sprintf("(%d)", e.E.Eval(x))
	case *Num:
		return "(" + literalText(e.Value) + ")"
	case *Str:
		return fmt.Sprintf("%q", e.Value)
	}
	return "?"
}

// comp writes the first points of a comprehension and returns their names.
func (b *blockPrinter) comp(c *Comp, x []int64) (words []string) {
	walk(c.Loops, c.Conds, x, func(y []int64) bool {
		if len(words) == shownPoints {
			fmt.Fprintln(b.out, "  …")
			words = append(words, "…")
			return false
		}
		words = append(words, b.operand(c.Body, slices.Clone(y)))
		return true
	})
	return words
}

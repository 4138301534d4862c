package expr

import (
	"fmt"
	"regexp"
	"strings"

	"numpywren/core/errs"
)

// maxMapped is how many arrays a function can be mapped over at once.
const maxMapped = 16

// mapOp is a function of the user's, applied to the tiles of operands that all have the node's grid, or length 1 where they are
// broadcast. Its key names its bytes, and so the node's hash its value.
type mapOp struct{ Key string }

// functionKey is what a key may be: it stands in the text of programs and in keys of stores.
var functionKey = regexp.MustCompile(`^[A-Za-z0-9_.]{1,64}-[0-9a-f]{16,64}$`)

// applyMapBlocks makes the node of npwex.map_blocks; the dtype is the function's affair, and has to be given.
func applyMapBlocks(b *builder, args []Operand, p *params) (*Node, error) {
	key, dtype := p.text("function", ""), p.dtype("dtype", float64Type)
	if p.err != nil {
		return nil, p.err
	}
	if !functionKey.MatchString(key) {
		return nil, errs.New(errs.Value, "map_blocks: function=%q is no key of a function, such as name-0123456789abcdef", key)
	}
	nodes, shapes := make([]*Node, len(args)), make([][]int64, len(args))
	for k, a := range args {
		n, err := b.array(a)
		if err != nil {
			return nil, err
		}
		nodes[k], shapes[k] = n, n.Shape()
	}
	shape, err := broadcast(shapes)
	if err != nil {
		return nil, err
	}
	if err := checkSize(shape); err != nil {
		return nil, err
	}
	g := commonGrid(shape, dtype, nodes)
	aligned := make([]*Node, len(nodes))
	for k, n := range nodes {
		aligned[k] = b.align(n, g)
	}
	return b.keep(makeNode(mapOp{key}, b.op, g, dtype, aligned)), nil
}

func (o mapOp) emit(l *lowering, n *Node, name string) {
	s := l.loops(n.grid)
	args := l.argsOf(n)
	operands := make([]string, len(args))
	for k, a := range args {
		operands[k] = l.operand(a, n.grid, s.idx)
	}
	s.assign(name, n.label, fmt.Sprintf("pyblock(%q, %s, dtype=%q)", o.Key, strings.Join(operands, ", "), n.dtype))
}

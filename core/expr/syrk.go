package expr

import (
	"fmt"
)

// syrkOp is the product of a matrix with its own transpose, which is symmetric: only what is on and below the diagonal is computed,
// half of the work; what is above it is copied from there, to the bit.
type syrkOp matmulOp

// half says whether a result is stored as a symmetric matrix, without the tiles above its diagonal: one that nothing else in the
// program reads, and that need not be whole for others who read its chunks.
func (l *lowering) half(e *entry) bool {
	_, symmetric := e.node.op.(syrkOp)
	return symmetric && e.stored == nil && e.output && !e.read && e.node.grid[0].Blocks() > 1 && !l.whole(e.node.hash)
}

// mirrored says whether one matrix is the transpose of the other, by what they are made of.
func (b *builder) mirrored(l, r *Node) bool {
	isTranspose := func(x, of *Node) bool {
		if _, ok := x.op.(transposeOp); !ok {
			return false
		}
		args := b.argsOf(x)
		return args != nil && args[0].hash == of.hash
	}
	return isTranspose(r, l) || isTranspose(l, r)
}

// emit writes
//
//	C[i, i] = mirror(sum([gram(A[i, k]) for k in range(n1)]))
//	C[i, j] = sum([gemm(A[i, k], A[j, k].T) for k in range(n1)])    for j < i
//	C[i, j] = copy(C[j, i].T)                                       for j > i
//
// without the last, if C is stored as a symmetric matrix.
func (o syrkOp) emit(l *lowering, n *Node, name string) {
	args := l.argsOf(n)
	k := args[0].grid[1]
	sum := func(format, i, j string) string {
		product := func(k string) string {
			left, right := l.ref(args[0], []string{i, k}), l.ref(args[1], []string{k, j})
			if i == j {
				return fmt.Sprintf(format, left)
			}
			return fmt.Sprintf(format, left, right)
		}
		split := ""
		if o.Split > 0 {
			split = fmt.Sprintf(", split=%d", o.Split)
		}
		if k.Len == 1 {
			return product("0")
		}
		return fmt.Sprintf("sum([%s for k in range(%s)]%s)", product("k"), l.blocks(k), split)
	}
	blocks := l.blocks(n.grid[0])
	s := l.nest([]string{blocks, ""})
	i := s.idx[0]
	s.assignTo(tileRef(name, []string{i, i}), n.label, "mirror("+sum("gram(%s)", i, i)+")")
	if n.grid[0].Blocks() == 1 {
		return
	}
	s.loop("j", i)
	s.assignTo(tileRef(name, []string{i, "j"}), n.label, sum("gemm(%s, %s)", i, "j"))
	if l.half(l.entry(n)) {
		return
	}
	s = l.nest([]string{blocks, ""})
	s.loop("j", i+" + 1, "+blocks)
	s.assignTo(tileRef(name, []string{i, "j"}), "mirror", "copy("+tileRef(name, []string{"j", i})+".T)")
}

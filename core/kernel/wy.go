package kernel

// wyShape says where the V of some reflections has elements: everywhere; on and above its diagonal; or below it, with ones on it. They
// are wy.h's, in its order.
type wyShape int

const (
	wyFull wyShape = iota
	wyUpper
	wyLower
)

// inOrder is a chunk's reflections for products of our own, for which V and T are put in order once (wy.h): wy_cgo.go applies them.
type inOrder[T float] struct {
	shape    wyShape
	m, n     int
	side     int
	v, t     []T
	ldv, ldt int
}

func (q *inOrder[T]) blocks() int { return (q.n + q.side - 1) / q.side }

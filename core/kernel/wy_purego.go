//go:build purego

package kernel

// Without C no reflections are ours to apply: reflectors.go has what serves all.

func (q *inOrder[T]) fit(int) int { return 0 }

func (q *inOrder[T]) apply(*Args, bool, int, []T, int, []T, int, func(lo, size int) int) {
	panic("reflections are applied by BLAS")
}

func (q *inOrder[T]) all() bool { return false }

func (q *inOrder[T]) factor(*Args, int, []T, int, []T, int, func(s int)) {
	panic("reflections are found by BLAS")
}

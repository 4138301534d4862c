//go:build purego

package kernel

func chaseSweeps[T float](n, b int, h []T, first, count int, v, tauV, w, tauW []T, ldt int) {
	chaseSlowly(n, b, h, first, count, v, tauV, w, tauW, ldt)
}

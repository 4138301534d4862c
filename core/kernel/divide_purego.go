//go:build purego

package kernel

// divideAndConquer is lapackStedc; z is n×n.
func divideAndConquer[T float](_ *Args, n int, d, e, z []T) bool { return lapackStedc(n, d, e, z, n) }

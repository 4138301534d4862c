//go:build !purego

package kernel

import (
	"fmt"
	"math"
	"sync"
	"testing"
)

// padded lays a matrix out with ld elements a column; the others are NaN.
func padded[T float](m *dense, ld int) []T {
	x := make([]T, ld*m.cols)
	for k := range x {
		x[k] = T(math.NaN())
	}
	for j := range m.cols {
		for i := range m.rows {
			x[j*ld+i] = T(m.at(i, j))
		}
	}
	return x
}

// checkOwnGemm compares a product with one in float64, and wants all that is not C left alone.
func checkOwnGemm[T float](t *testing.T, seed, m, n, k int, transA, transB bool, alpha, beta float64) {
	t.Helper()
	rng := seeded(seed)
	shape := func(trans bool, rows, cols int) *dense {
		if trans {
			rows, cols = cols, rows
		}
		return noise(rng, rows, cols)
	}
	a, b, c := shape(transA, m, k), shape(transB, k, n), noise(rng, m, n)
	lda, ldb, ldc := a.rows+3, b.rows+5, m+7
	want := combine(alpha, multiply(a.op(transA), b.op(transB)), beta, c)
	x := padded[T](c, ldc)
	if beta == 0 {
		x = padded[T](newDense(0, n), ldc) // it must not be read
	}
	ownGemm(transA, transB, m, n, k, T(alpha), padded[T](a, lda), lda, padded[T](b, ldb), ldb, T(beta), x, ldc)
	name := fmt.Sprintf("%dx%dx%d, transposed %t %t, alpha %v, beta %v, seed %d", m, n, k, transA, transB, alpha, beta, seed)
	eps := 0x1p-52
	if !isDouble[T]() {
		eps = 0x1p-23
	}
	for j := range n {
		for i := range ldc {
			got := float64(x[j*ldc+i])
			switch {
			case i >= m && !math.IsNaN(got):
				t.Fatalf("%s: row %d of column %d, below C, was overwritten", name, i, j)
			case i < m && !(math.Abs(got-want.at(i, j)) <= 4*eps*float64(k+4)):
				t.Fatalf("%s: element (%d, %d) is %v, not %v", name, i, j, got, want.at(i, j))
			}
		}
	}
}

func TestOwnGemm(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	seed, heights, widths := 0, []int{1, 7, 8, 16, 23, 24, 47, 48, 49, 100}, []int{1, 7, 8, 9, 33}
	if testing.Short() {
		heights, widths = []int{1, 24, 49}, []int{7, 9}
	}
	for _, m := range heights {
		for _, n := range widths {
			for _, k := range []int{1, 3, 4, 17, 64} {
				for trans := range 4 {
					seed++
					checkOwnGemm[float64](t, seed, m, n, k, trans&1 != 0, trans&2 != 0, -1, 1)
					checkOwnGemm[float32](t, seed, m, n, k, trans&1 != 0, trans&2 != 0, -1, 1)
				}
			}
		}
	}
	for _, s := range [][3]int{{500, 30, 390}, {30, 3000, 400}, {400, 40, 1200}} { // several parts of each side
		for trans := range 4 {
			for _, beta := range []float64{0, 1, 0.5} {
				seed++
				checkOwnGemm[float64](t, seed, s[0], s[1], s[2], trans&1 != 0, trans&2 != 0, 2, beta)
				checkOwnGemm[float32](t, seed, s[0], s[1], s[2], trans&1 != 0, trans&2 != 0, 2, beta)
			}
		}
	}
}

// What is not finite stays in its row and column.
func TestOwnGemmNotFinite(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	const side = 100
	a, b := noise(seeded(1), side, side), noise(seeded(2), side, side)
	a.set(98, 5, math.NaN())
	b.set(7, 99, math.Inf(1))
	c := make([]float64, side*side)
	ownGemm(false, false, side, side, side, 1, a.x, side, b.x, side, 0, c, side)
	for j := range side {
		for i := range side {
			if x := c[j*side+i]; (i == 98) != math.IsNaN(x) || (j == 99 && i != 98) != math.IsInf(x, 0) {
				t.Fatalf("element (%d, %d) is %v", i, j, x)
			}
		}
	}
}

// Calls at the same time do not share what they work in.
func TestOwnGemmTogether(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	const side = 150
	a, b := noise(seeded(3), side, side), noise(seeded(4), side, side)
	want := make([]float64, side*side)
	ownGemm(false, true, side, side, side, 1, a.x, side, b.x, side, 0, want, side)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			c := make([]float64, side*side)
			for range 10 {
				ownGemm(false, true, side, side, side, 1, a.x, side, b.x, side, 0, c, side)
				for k := range c {
					if c[k] != want[k] {
						t.Errorf("element %d is %v, not %v", k, c[k], want[k])
						return
					}
				}
			}
		})
	}
	calls.Wait()
}

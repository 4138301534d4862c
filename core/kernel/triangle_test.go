//go:build !purego

package kernel

import (
	"fmt"
	"math"
	"testing"
)

// checkOwnTrsm puts a solution back into its equations, whose triangle has `scale` for the size of its diagonal. What is not B's stays
// as it is, and what is not the triangle's is not read.
func checkOwnTrsm[T float](t *testing.T, seed, side, many int, tri triangle, scale float64) {
	t.Helper()
	rng := seeded(seed)
	m, n := many, side
	if tri.left {
		m, n = side, many
	}
	a, b := noise(rng, side, side), noise(rng, m, n)
	given := newDense(side, side) // NaN where nobody may look
	for j := range side {
		for i := range side {
			switch inside := i == j && !tri.unit || i != j && (i > j) == tri.lower; {
			case i == j && tri.unit:
				a.set(i, j, 1)
			case i == j:
				a.set(i, j, scale*float64(T(2+a.at(i, j))))
			case inside:
				a.set(i, j, scale*float64(T(a.at(i, j)/float64(side))))
			default:
				a.set(i, j, 0)
			}
			given.set(i, j, a.at(i, j))
			if (i == j || (i > j) != tri.lower) && (i != j || tri.unit) {
				given.set(i, j, math.NaN())
			}
		}
	}
	lda, ldb := side+3, m+5
	x := padded[T](b, ldb)
	ownTrsm(tri, m, n, padded[T](given, lda), lda, x, ldb)
	name := fmt.Sprintf("%+v of %d, %d right sides, scale %v, seed %d", tri, side, many, scale, seed)
	got := newDense(m, n)
	for j := range n {
		for i := range ldb {
			switch v := float64(x[j*ldb+i]); {
			case i < m:
				got.set(i, j, v)
			case !math.IsNaN(v):
				t.Fatalf("%s: row %d of column %d, below B, was overwritten", name, i, j)
			}
		}
	}
	factors := [2]*dense{got, a.op(tri.trans)}
	if tri.left {
		factors = [2]*dense{factors[1], got}
	}
	eps, back := 0x1p-52, multiply(factors[0], factors[1])
	if !isDouble[T]() {
		eps = 0x1p-23
	}
	for k, want := range b.x {
		if !(math.Abs(back.x[k]-want) <= 20*eps*float64(side+4)) {
			t.Fatalf("%s: element %d is %v, not %v", name, k, back.x[k], want)
		}
	}
}

func TestOwnTrsm(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	seed := 0
	for _, side := range []int{1, 3, 4, 7, 8, 9, 33, 64, 127, 128} {
		for _, many := range []int{1, 5, 8, 16, 23, 24, 25, 47, 49, 100} {
			for k := range 16 {
				tri := triangle{left: k&1 != 0, lower: k&2 != 0, trans: k&4 != 0, unit: k&8 != 0}
				seed++
				checkOwnTrsm[float64](t, seed, side, many, tri, 1)
				checkOwnTrsm[float32](t, seed, side, many, tri, 1)
			}
		}
	}
	for k := range 8 { // reciprocals of these overflow, or are no normal numbers
		tri := triangle{left: k&1 != 0, lower: k&2 != 0, trans: k&4 != 0}
		checkOwnTrsm[float64](t, k, 20, 30, tri, 0x1p1022)
		checkOwnTrsm[float32](t, k, 20, 30, tri, 0x1p126)
	}
}

// Division by infinity gives zeros, as trsm's zeros=1 wants them, and what is not finite in a right side stays there.
func TestOwnTrsmNotFinite(t *testing.T) {
	if !ownProducts {
		t.Skip("this CPU has no AVX-512")
	}
	const side, many = 40, 50
	a, b := newDense(side, side), noise(seeded(1), side, many)
	for k := range side {
		a.set(k, k, 2)
	}
	a.set(7, 7, math.Inf(1))
	b.set(3, 49, math.NaN())
	ownTrsm(triangle{left: true, lower: true}, side, many, a.x, side, b.x, side)
	for j := range many {
		for i := range side {
			if x := b.at(i, j); i == 7 && j != 49 && x != 0 || math.IsNaN(x) != (j == 49 && i >= 3) {
				t.Fatalf("element (%d, %d) is %v", i, j, x)
			}
		}
	}
}

package affine

import (
	"math"
	"math/bits"
)

// maxShift is the largest shift that leaves a positive int64 for 1 << shift.
const maxShift = 62

// satAdd is a + b, clamped to int64.
func satAdd(a, b int64) int64 {
	c := a + b
	if (c > a) == (b > 0) {
		return c
	}
	if b > 0 {
		return math.MaxInt64
	}
	if b < 0 {
		return math.MinInt64
	}
	return a
}

// satMul is a * b, clamped to int64.
func satMul(a, b int64) int64 {
	if c, ok := mul(a, b); ok {
		return c
	}
	if (a < 0) == (b < 0) {
		return math.MaxInt64
	}
	return math.MinInt64
}

// satShl is a << s, clamped; a negative shift gives 0.
func satShl(a, s int64) int64 {
	switch {
	case s < 0 || a == 0:
		return 0
	case s > maxShift:
		if a < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return satMul(a, 1<<uint(s))
}

// mul is a * b and whether it fits.
func mul(a, b int64) (int64, bool) {
	if a == int64(int32(a)) && b == int64(int32(b)) {
		return a * b, true
	}
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// mulAdd is a*x + b*y and whether it fits.
func mulAdd(a, x, b, y int64) (int64, bool) {
	p, ok1 := mul(a, x)
	q, ok2 := mul(b, y)
	s := p + q
	return s, ok1 && ok2 && ((s > p) == (q > 0) || q == 0)
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// floorDiv is a / b rounded down, b > 0.
func floorDiv(a, b int64) int64 {
	if b == 1 {
		return a
	}
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ceilDiv is a / b rounded up, b > 0.
func ceilDiv(a, b int64) int64 {
	if b == 1 {
		return a
	}
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// gcd is the greatest common divisor of the magnitudes; gcd(0, 0) is 0.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

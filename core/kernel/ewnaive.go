package kernel

import (
	"math"

	"numpywren/core/tile"
)

// The arithmetic of elements in Go, one by one. It folds constants, it is all there is in the build without C, and tests hold
// the C code against it. An element travels as the bits of its type, in the low end of an uint64.

// evalEw computes an operation on elements of type t; to is the type of the result, which only a cast chooses. ok is false for
// a negative power of an integer.
func evalEw(op ewOp, t, to tile.DType, a, b, c uint64) (bits uint64, ok bool) {
	switch {
	case op == ewCast:
		return castEw(t, to, a), true
	case op == ewWhere:
		if a != 0 {
			return b, true
		}
		return c, true
	case t == tile.Float64:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if truth, is := compareEw(op, x, y); is {
			return truth, true
		}
		return math.Float64bits(floatEw(op, x, y)), true
	case t == tile.Float32:
		x, y := float64(math.Float32frombits(uint32(a))), float64(math.Float32frombits(uint32(b)))
		if truth, is := compareEw(op, x, y); is {
			return truth, true
		}
		return uint64(math.Float32bits(float32(floatEw(op, x, y)))), true
	case t == tile.Bool || isUnsigned(t):
		if truth, is := compareEw(op, a, b); is {
			return truth, true
		}
		return unsignedEw(op, a, b) & (math.MaxUint64 >> (64 - 8*t.Size())), true
	}
	x, y := signExtend(a, t), signExtend(b, t)
	if truth, is := compareEw(op, x, y); is {
		return truth, true
	}
	if op == ewPow && y < 0 {
		return 0, false
	}
	return uint64(signedEw(op, x, y)) & (math.MaxUint64 >> (64 - 8*t.Size())), true
}

func signExtend(bits uint64, t tile.DType) int64 {
	shift := 64 - 8*t.Size()
	return int64(bits<<shift) >> shift
}

func truth(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// compareEw computes the operations that give a bool; is says whether op is one of them.
func compareEw[T float64 | int64 | uint64](op ewOp, x, y T) (bits uint64, is bool) {
	switch op {
	case ewEq:
		return truth(x == y), true
	case ewNe:
		return truth(x != y), true
	case ewLt:
		return truth(x < y), true
	case ewLe:
		return truth(x <= y), true
	case ewGt:
		return truth(x > y), true
	case ewGe:
		return truth(x >= y), true
	case ewIsNaN:
		return truth(x != x), true
	case ewIsFinite:
		return truth(x-x == 0), true
	}
	return 0, false
}

func floatEw(op ewOp, x, y float64) float64 {
	switch op {
	case ewAdd:
		return x + y
	case ewSub:
		return x - y
	case ewMul:
		return x * y
	case ewDiv:
		return x / y
	case ewFloorDiv:
		div, _ := floorDivMod(x, y)
		return div
	case ewMod:
		_, mod := floorDivMod(x, y)
		return mod
	case ewPow:
		if a := math.Abs(x); a > 0 && a < 0x1p-1022 { // which math.Pow takes for another number
			return math.Pow(x*0x1p54, y) * math.Exp2(-54*y)
		}
		return math.Pow(x, y)
	case ewMax:
		if x >= y || x != x {
			return x
		}
		return y
	case ewMin:
		if x <= y || x != x {
			return x
		}
		return y
	case ewNeg:
		return -x
	case ewAbs:
		return math.Abs(x)
	case ewSquare:
		return x * x
	case ewSign:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		case x == 0:
			return 0
		}
		return x
	case ewFloor:
		return math.Floor(x)
	case ewSqrt:
		return math.Sqrt(x)
	case ewExp:
		return expEw(x)
	case ewLog:
		return logEw(x)
	}
	panic("kernel: " + op.String() + " of floats")
}

// expEw and logEw are fdlibm's, as in ew_math.h: package math's assembler overflows early and takes no subnormal numbers.
func expEw(x float64) float64 {
	if x != x || x > 710 || x < -746 {
		return math.Exp(x)
	}
	k := math.RoundToEven(x * math.Log2E)
	hi, lo := x-k*6.93147180369123816490e-01, k*1.90821492927058770002e-10
	r := hi - lo
	z := r * r
	c := r - z*(1.66666666666666019037e-01+z*(-2.77777777770155933842e-03+z*(6.61375632143793436117e-05+
		z*(-1.65339022054652515390e-06+z*4.13813679705723846039e-08))))
	return math.Ldexp(1-((lo-r*c/(2-c))-hi), int(k))
}

func logEw(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log(x)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	k, f := float64(e), m-1
	s := f / (2 + f)
	z, half := s*s, 0.5*f*f
	p := z * (6.666666666666735130e-01 + z*(3.999999999940941908e-01+z*(2.857142874366239149e-01+
		z*(2.222219843214978396e-01+z*(1.818357216161805012e-01+z*(1.531383769920937332e-01+z*1.479819860511658591e-01))))))
	return k*6.93147180369123816490e-01 - ((half - (s*(half+p) + k*1.90821492927058770002e-10)) - f)
}

// floorDivMod is NumPy's: the quotient rounded down and the remainder with the divisor's sign.
func floorDivMod(x, y float64) (div, mod float64) {
	mod = math.Mod(x, y)
	if y == 0 {
		return x / y, mod
	}
	div = (x - mod) / y
	switch {
	case mod == 0:
		mod = math.Copysign(0, y)
	case (y < 0) != (mod < 0):
		mod += y
		div--
	}
	if div == 0 {
		return math.Copysign(0, x/y), mod
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor, mod
}

func signedEw(op ewOp, x, y int64) int64 {
	switch op {
	case ewFloorDiv, ewMod:
		if y == 0 {
			return 0
		}
		div, mod := x/y, x%y
		if mod != 0 && (mod < 0) != (y < 0) {
			div, mod = div-1, mod+y
		}
		if op == ewMod {
			return mod
		}
		return div
	case ewMax:
		return max(x, y)
	case ewMin:
		return min(x, y)
	case ewAbs:
		return max(x, -x)
	case ewSign:
		return int64(truth(x > 0)) - int64(truth(x < 0))
	}
	return int64(unsignedEw(op, uint64(x), uint64(y)))
}

func unsignedEw(op ewOp, x, y uint64) uint64 {
	switch op {
	case ewAdd:
		return x + y
	case ewSub:
		return x - y
	case ewMul:
		return x * y
	case ewFloorDiv, ewMod:
		if y == 0 {
			return 0
		}
		if op == ewMod {
			return x % y
		}
		return x / y
	case ewPow:
		p := uint64(1)
		for ; y > 0; y >>= 1 {
			if y&1 == 1 {
				p *= x
			}
			x *= x
		}
		return p
	case ewMax:
		return max(x, y)
	case ewMin:
		return min(x, y)
	case ewNeg:
		return -x
	case ewSquare:
		return x * x
	case ewSign:
		return truth(x > 0)
	case ewAnd:
		return truth(x != 0 && y != 0)
	case ewOr:
		return truth(x != 0 || y != 0)
	case ewNot:
		return truth(x == 0)
	}
	panic("kernel: " + op.String() + " of integers")
}

// castEw converts an element. A float that an integer type does not hold becomes what x86 makes of it: the least int32 or
// int64, of which narrower types keep the low bits.
func castEw(from, to tile.DType, a uint64) uint64 {
	var f float64
	var i uint64
	switch {
	case from == tile.Float64:
		f = math.Float64frombits(a)
	case from == tile.Float32:
		f = float64(math.Float32frombits(uint32(a)))
	case from == tile.Bool || isUnsigned(from):
		i, f = a, float64(a)
		if to == tile.Float32 { // rounded once
			return uint64(math.Float32bits(float32(a)))
		}
	default:
		i = uint64(signExtend(a, from))
		f = float64(int64(i))
		if to == tile.Float32 {
			return uint64(math.Float32bits(float32(int64(i))))
		}
	}
	switch {
	case to == tile.Float64:
		return math.Float64bits(f)
	case to == tile.Float32:
		return uint64(math.Float32bits(float32(f)))
	case to == tile.Bool:
		return truth(f != 0)
	case isFloat(from):
		i = floatToInt(f, to)
	}
	return i & (math.MaxUint64 >> (64 - 8*to.Size()))
}

func floatToInt(f float64, to tile.DType) uint64 {
	switch {
	case to == tile.Uint64 && f >= 1<<63:
		if f < 1<<64 {
			return 1<<63 + uint64(int64(f-1<<63))
		}
		return 1 << 63
	case to == tile.Uint64 || to == tile.Uint32 || to == tile.Int64:
		if f >= -1<<63 && f < 1<<63 {
			return uint64(int64(f))
		}
		return 1 << 63
	case f > -1<<31-1 && f < 1<<31:
		return uint64(int64(f))
	}
	return 1 << 31
}

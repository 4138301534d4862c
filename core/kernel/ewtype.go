package kernel

import (
	"math"
	"strconv"

	"numpywren/core/tile"
)

// The types of NumPy, as far as arithmetic goes.

func isFloat(t tile.DType) bool    { return t == tile.Float32 || t == tile.Float64 }
func isInteger(t tile.DType) bool  { return t >= tile.Int8 && t <= tile.Uint64 }
func isUnsigned(t tile.DType) bool { return t >= tile.Uint8 && t <= tile.Uint64 }

// promote is numpy.promote_types.
func promote(a, b tile.DType) tile.DType {
	if a == b || b == tile.Bool {
		return a
	}
	if a == tile.Bool {
		return b
	}
	switch {
	case isFloat(a) && isFloat(b):
		return tile.Float64
	case isFloat(b):
		a, b = b, a
		fallthrough
	case isFloat(a):
		if b.Size() <= 2 { // what float32 holds exactly
			return a
		}
		return tile.Float64
	case isUnsigned(a) == isUnsigned(b):
		return max(a, b)
	case isUnsigned(a):
		a, b = b, a
	}
	for _, t := range []tile.DType{tile.Int8, tile.Int16, tile.Int32, tile.Int64} { // the first that holds both
		if t >= a && t.Size() > b.Size() {
			return t
		}
	}
	return tile.Float64
}

// inexact is the type in which exp, log and sqrt compute.
func inexact(t tile.DType) tile.DType {
	switch {
	case isFloat(t):
		return t
	case t.Size() == 2:
		return tile.Float32
	}
	return tile.Float64
}

// ewKind is the kind of a weak number; a later one wins.
type ewKind int

const (
	ewNoNumber ewKind = iota
	ewInt
	ewFloat
)

// withNumber promotes a type, 0 for none, with a weak number beside it.
func withNumber(t tile.DType, k ewKind) tile.DType {
	switch {
	case k == ewFloat && !isFloat(t):
		return tile.Float64
	case k == ewInt && (t == 0 || t == tile.Bool):
		return tile.Int64
	}
	return t
}

// intRange is the least and the greatest int64 that an integer type holds.
func intRange(t tile.DType) (lo, hi int64) {
	bits := 8 * t.Size()
	switch {
	case t == tile.Uint64:
		return 0, math.MaxInt64
	case isUnsigned(t):
		return 0, 1<<bits - 1
	}
	return -1 << (bits - 1), 1<<(bits-1) - 1
}

// bits is the number as an element of the type; ok says that it fits.
func (n ewNumber) bits(t tile.DType) (bits uint64, ok bool) {
	if n.float {
		bits, _ := evalEw(ewCast, tile.Float64, t, math.Float64bits(n.f), 0, 0)
		return bits, true
	}
	if isInteger(t) {
		if lo, hi := intRange(t); n.i < lo || n.i > hi {
			return 0, false
		}
	}
	bits, _ = evalEw(ewCast, tile.Int64, t, uint64(n.i), 0, 0)
	return bits, true
}

// value is the number as a float.
func (n ewNumber) value() float64 {
	if n.float {
		return n.f
	}
	return float64(n.i)
}

// ewOpNames are for messages.
var ewOpNames = func() map[ewOp]string {
	names := map[ewOp]string{ewCast: "a cast", ewNeg: "-"}
	for name, f := range ewFunctions {
		names[f.op] = name
	}
	for name, o := range ewOperators {
		names[o.op] = name
	}
	return names
}()

func (o ewOp) String() string {
	if name, ok := ewOpNames[o]; ok {
		return name
	}
	return "op" + strconv.Itoa(int(o))
}

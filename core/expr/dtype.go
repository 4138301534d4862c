package expr

import (
	"math"
	"strconv"
	"strings"

	"numpywren/core/errs"
)

// The dtypes that have arithmetic, by kind and size.
const (
	boolType    = "bool"
	int64Type   = "int64"
	float32Type = "float32"
	float64Type = "float64"
)

// kind is a class of dtypes; a later one is promoted over an earlier one.
type kind int

const (
	kindBool kind = iota
	kindInt       // signed or unsigned
	kindFloat
)

type dtypeInfo struct {
	kind     kind
	size     int
	unsigned bool
}

var dtypes = map[string]dtypeInfo{
	boolType: {kindBool, 1, false},
	"int8":   {kindInt, 1, false}, "int16": {kindInt, 2, false}, "int32": {kindInt, 4, false}, int64Type: {kindInt, 8, false},
	"uint8": {kindInt, 1, true}, "uint16": {kindInt, 2, true}, "uint32": {kindInt, 4, true}, "uint64": {kindInt, 8, true},
	float32Type: {kindFloat, 4, false}, float64Type: {kindFloat, 8, false},
}

func kindOf(dtype string) kind { return dtypes[dtype].kind }

func isFloat(dtype string) bool { return kindOf(dtype) == kindFloat }

// checkDType refuses the types that have no arithmetic here.
func checkDType(dtype string) error {
	if _, ok := dtypes[dtype]; !ok {
		return errs.New(errs.Type, "dtype %s is not supported: use float64, float32, int64, bool or another real type", dtype)
	}
	return nil
}

// promote is numpy.promote_types.
func promote(a, b string) string {
	x, y := dtypes[a], dtypes[b]
	if a == b {
		return a
	}
	if x.kind > y.kind {
		x, y, a, b = y, x, b, a
	}
	switch {
	case x.kind == kindBool:
		return b
	case x.kind == kindFloat:
		return float64Type
	case y.kind == kindFloat: // an integer that float32 holds exactly has 16 bits at most
		if x.size <= 2 {
			return b
		}
		return float64Type
	case x.unsigned == y.unsigned:
		if x.size > y.size {
			return a
		}
		return b
	}
	if x.unsigned {
		x, y = y, x
	}
	return signedAbove(x.size, y.size)
}

// signedAbove is the smallest signed type that holds a signed and an unsigned one; above 8 bytes it is a float.
func signedAbove(signed, unsigned int) string {
	size := max(signed, 2*unsigned)
	if size > 8 {
		return float64Type
	}
	return "int" + strconv.Itoa(8*size)
}

// inexact is the type in which functions like exp and divide compute.
func inexact(dtype string) string {
	switch {
	case isFloat(dtype):
		return dtype
	case dtypes[dtype].size == 2:
		return float32Type
	}
	return float64Type
}

// weakKind is the kind of a Python scalar.
func weakKind(scalar any) (kind, error) {
	switch scalar.(type) {
	case bool:
		return kindBool, nil
	case int64, int:
		return kindInt, nil
	case float64:
		return kindFloat, nil
	}
	return 0, errs.New(errs.Type, "an operand of type %T is not supported: use an array, a float, an int or a bool", scalar)
}

// weak promotes a dtype with a Python scalar's kind; "" stands for no array at all.
func weak(dtype string, k kind) string {
	if dtype != "" && kindOf(dtype) >= k {
		return dtype
	}
	return [...]string{boolType, int64Type, float64Type}[k]
}

// literal writes a scalar as a number of the elementwise language, in which numbers are weak.
func literal(scalar any, dtype string) (string, error) {
	var v float64
	switch s := scalar.(type) {
	case bool:
		if dtype == boolType {
			return map[bool]string{false: "bool(0)", true: "bool(1)"}[s], nil
		}
		if s {
			v = 1
		}
	case int:
		return literal(int64(s), dtype)
	case int64:
		if kindOf(dtype) == kindInt {
			return strconv.FormatInt(s, 10), fits(s, dtype)
		}
		v = float64(s)
	case float64:
		v = s
	}
	return number(v), nil
}

// number writes a float so that it reads back the same. Infinity and NaN have no digits: they are quotients.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "(0.0 / 0.0)"
	case math.IsInf(v, 1):
		return "(1.0 / 0.0)"
	case math.IsInf(v, -1):
		return "(-1.0 / 0.0)"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strings.Replace(s, "e+", "e", 1)
}

// fits refuses an integer that the type of the array beside it does not hold.
func fits(v int64, dtype string) error {
	d := dtypes[dtype]
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	switch {
	case d.unsigned && d.size == 8:
		lo = 0
	case d.unsigned:
		lo, hi = 0, 1<<(8*d.size)-1
	case d.size < 8:
		lo, hi = -1<<(8*d.size-1), 1<<(8*d.size-1)-1
	}
	if v < lo || v > hi {
		return errs.New(errs.Value, "Python integer %d out of bounds for %s", v, dtype)
	}
	return nil
}

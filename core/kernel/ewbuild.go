package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// ewValue is a value of the program in single-assignment form: every operand, constant and result once.
type ewValue struct {
	op   ewOp
	t    tile.DType // of the value, except that a comparison's or test's is that of its arguments, and its result bool
	args [3]int     // values
	n    int        // of operand ewOperand; the bits of a constant are in bits
	bits uint64
}

// result is the type of the value.
func (v *ewValue) result() tile.DType {
	switch v.op {
	case ewEq, ewNe, ewLt, ewLe, ewGt, ewGe, ewIsNaN, ewIsFinite:
		return tile.Bool
	case ewCast:
		return tile.DType(v.n)
	}
	return v.t
}

// ewArity is the number of arguments of an instruction.
func ewArity(op ewOp) int {
	switch {
	case op <= ewGe, op == ewAnd, op == ewOr:
		return 2
	case op == ewWhere:
		return 3
	}
	return 1
}

// ewBuilder gives types to a syntax tree, by NumPy's rules, and makes values of it, equal ones once.
type ewBuilder struct {
	text   string
	in     []tile.DType
	values []ewValue
	known  map[ewValue]int
}

// ewTerm is what a node of the tree stands for: a value, or a weak number.
type ewTerm struct {
	id     int
	kind   ewKind // ewNoNumber for a value
	number ewNumber
	pos    int
}

// buildEw makes the values of the expression; the last one is its result, converted to the type via and then to out.
func buildEw(text string, in []tile.DType, via, out tile.DType) (values []ewValue, last int, err error) {
	defer caught(&err)
	tree, err := parseEw(text, len(in))
	if err != nil {
		return nil, 0, err
	}
	for k, t := range append([]tile.DType{out, via}, in...) {
		if !isReal(t) {
			what := "the result"
			if k > 1 {
				what = "operand " + string(rune('a'+k-2))
			}
			return nil, 0, errs.New(errs.Type, "ew(%q): %s is %s, which has no arithmetic: use float64, float32, an integer type or bool",
				text, what, t)
		}
	}
	b := &ewBuilder{text: text, in: in, known: map[ewValue]int{}}
	last = b.strong(ewTerm{id: b.strong(b.term(tree), via)}, out)
	return b.values, last, nil
}

func (b *ewBuilder) fail(kind errs.Kind, pos int, format string, args ...any) {
	ewFail(kind, b.text, pos, format, args...)
}

// value adds a value unless it is there already; one of constants is a constant.
func (b *ewBuilder) value(v ewValue) int {
	if v.op < ewOps {
		constant, bits := true, [3]uint64{}
		for k := range ewArity(v.op) {
			arg := &b.values[v.args[k]]
			constant = constant && arg.op == ewConst
			bits[k] = arg.bits
		}
		if constant {
			if folded, ok := evalEw(v.op, v.t, v.result(), bits[0], bits[1], bits[2]); ok {
				v = ewValue{op: ewConst, t: v.result(), bits: folded}
			}
		}
	}
	if id, ok := b.known[v]; ok {
		return id
	}
	b.values = append(b.values, v)
	b.known[v] = len(b.values) - 1
	return len(b.values) - 1
}

func (b *ewBuilder) typeOf(id int) tile.DType { return b.values[id].result() }

// strong makes a value of the type from a term.
func (b *ewBuilder) strong(x ewTerm, t tile.DType) int {
	if x.kind != ewNoNumber {
		bits, ok := x.number.bits(t)
		if !ok {
			b.fail(errs.Value, x.pos, "the integer %s is out of bounds for %s", x.number, t)
		}
		return b.value(ewValue{op: ewConst, t: t, bits: bits})
	}
	from := b.typeOf(x.id)
	if from == t {
		return x.id
	}
	return b.value(ewValue{op: ewCast, t: from, n: int(t), args: [3]int{x.id}})
}

// common is the type that the terms are promoted to; 0 when all are numbers.
func (b *ewBuilder) common(terms []ewTerm) tile.DType {
	t, kind := tile.DType(0), ewNoNumber
	for _, x := range terms {
		switch {
		case x.kind != ewNoNumber:
			kind = max(kind, x.kind)
		case t == 0:
			t = b.typeOf(x.id)
		default:
			t = promote(t, b.typeOf(x.id))
		}
	}
	if t == 0 {
		return 0
	}
	return withNumber(t, kind)
}

// apply adds an instruction on terms converted to t.
func (b *ewBuilder) apply(pos int, op ewOp, t tile.DType, terms ...ewTerm) ewTerm {
	v := ewValue{op: op, t: t}
	for k, x := range terms {
		v.args[k] = b.strong(x, t)
	}
	return ewTerm{id: b.value(v), pos: pos}
}

func (b *ewBuilder) term(n *ewNode) ewTerm {
	switch n.op {
	case ewOperand:
		return ewTerm{id: b.value(ewValue{op: ewOperand, t: b.in[n.operand], n: n.operand}), pos: n.pos}
	case ewConst:
		kind := ewInt
		if n.number.float {
			kind = ewFloat
		}
		return ewTerm{kind: kind, number: n.number, pos: n.pos}
	}
	terms := make([]ewTerm, len(n.args))
	for k, arg := range n.args {
		terms[k] = b.term(arg)
	}
	if n.op == ewCast {
		return ewTerm{id: b.strong(terms[0], n.cast), pos: n.pos}
	}
	if n.op == ewWhere {
		return b.where(n, terms)
	}
	common := b.common(terms)
	if common == 0 {
		return b.numbers(n, terms)
	}
	return b.operation(n, common, terms)
}

// where has two types: that of its condition, bool, and that of its values.
func (b *ewBuilder) where(n *ewNode, terms []ewTerm) ewTerm {
	t := b.common(terms[1:])
	if t == 0 {
		t = withNumber(0, max(terms[1].kind, terms[2].kind))
	}
	v := ewValue{op: ewWhere, t: t, args: [3]int{b.strong(terms[0], tile.Bool), b.strong(terms[1], t), b.strong(terms[2], t)}}
	return ewTerm{id: b.value(v), pos: n.pos}
}

// operation applies the node's operator in the type that NumPy computes in, given the type common to its operands.
func (b *ewBuilder) operation(n *ewNode, common tile.DType, terms []ewTerm) ewTerm {
	isBool := common == tile.Bool
	switch n.op {
	case ewSub, ewNeg, ewSign:
		if isBool {
			b.fail(errs.Type, n.pos, "%s of bools: NumPy has none, use != or logical_not, or convert with int64(x)", n.op)
		}
	case ewAdd, ewMax:
		if isBool {
			return b.apply(n.pos, ewOr, common, terms...)
		}
	case ewMul, ewMin:
		if isBool {
			return b.apply(n.pos, ewAnd, common, terms...)
		}
	case ewAnd, ewOr, ewNot:
		common = tile.Bool
	case ewDiv:
		if !isFloat(common) {
			common = tile.Float64
		}
	case ewFloorDiv, ewMod, ewSquare:
		if isBool {
			common = tile.Int8
		}
	case ewPow:
		return b.power(n, common, terms)
	case ewAbs:
		if isBool || isUnsigned(common) {
			return terms[0]
		}
	case ewFloor:
		if !isFloat(common) {
			return terms[0]
		}
	case ewSqrt, ewExp, ewLog, ewIsNaN, ewIsFinite:
		common = inexact(common)
	case ewEq, ewNe, ewLt, ewLe, ewGt, ewGe:
		if x, ok := b.beyond(n, common, terms); ok {
			return x
		}
	}
	return b.apply(n.pos, n.op, common, terms...)
}

// power takes the shorter ways that NumPy takes too.
func (b *ewBuilder) power(n *ewNode, common tile.DType, terms []ewTerm) ewTerm {
	if common == tile.Bool {
		common = tile.Int8
	}
	if e := terms[1]; e.kind != ewNoNumber {
		switch v := e.number.value(); {
		case v == 1:
			return ewTerm{id: b.strong(terms[0], common), pos: n.pos}
		case v == 2:
			return b.apply(n.pos, ewSquare, common, terms[0])
		case isFloat(common) && v == 0.5:
			return b.apply(n.pos, ewSqrt, common, terms[0])
		case isFloat(common) && v == -1:
			return b.apply(n.pos, ewDiv, common, ewTerm{kind: ewInt, number: ewNumber{i: 1}}, terms[0])
		case v < 0 && !isFloat(common):
			b.fail(errs.Value, e.pos, "%s", negativePower)
		}
	}
	return b.apply(n.pos, ewPow, common, terms...)
}

const negativePower = "Integers to negative integer powers are not allowed."

// beyond compares with an integer that the other side's type does not hold: as in NumPy the answer is known.
func (b *ewBuilder) beyond(n *ewNode, common tile.DType, terms []ewTerm) (ewTerm, bool) {
	for k, x := range terms {
		if x.kind != ewInt || !isInteger(common) {
			continue
		}
		if _, fits := x.number.bits(common); fits {
			continue
		}
		above := x.number.i > 0 // terms[k] is greater than all values of the other side
		less := above == (k == 1)
		answer := n.op == ewNe || less && (n.op == ewLt || n.op == ewLe) || !less && (n.op == ewGt || n.op == ewGe)
		truth := ewNumber{}
		if answer {
			truth.i = 1
		}
		return ewTerm{id: b.strong(ewTerm{kind: ewInt, number: truth}, tile.Bool), pos: n.pos}, true
	}
	return ewTerm{}, false
}

// numbers computes with numbers alone: as Python does, except that a division by zero is NumPy's.
func (b *ewBuilder) numbers(n *ewNode, terms []ewTerm) ewTerm {
	t := tile.Int64
	for _, x := range terms {
		if x.kind == ewFloat {
			t = tile.Float64
		}
	}
	if n.op == ewPow && terms[1].number.value() < 0 {
		t = tile.Float64
	}
	switch n.op {
	case ewDiv, ewSqrt, ewExp, ewLog, ewIsNaN, ewIsFinite:
		t = tile.Float64
	case ewFloor:
		if t == tile.Int64 {
			return terms[0]
		}
	case ewAnd, ewOr, ewNot:
		return b.apply(n.pos, n.op, tile.Bool, terms...)
	}
	v := ewValue{op: n.op, t: t}
	var bits, floats [3]uint64
	for k, x := range terms {
		bits[k], _ = x.number.bits(t)
		floats[k] = math.Float64bits(x.number.value())
	}
	folded, _ := evalEw(n.op, t, v.result(), bits[0], bits[1], bits[2])
	switch {
	case v.result() == tile.Bool:
		return ewTerm{id: b.value(ewValue{op: ewConst, t: tile.Bool, bits: folded}), pos: n.pos}
	case t == tile.Float64:
		return ewTerm{kind: ewFloat, number: ewNumber{float: true, f: math.Float64frombits(folded)}, pos: n.pos}
	}
	exact, _ := evalEw(n.op, tile.Float64, tile.Float64, floats[0], floats[1], floats[2])
	if math.Abs(math.Float64frombits(exact)) >= 1<<63 {
		b.fail(errs.Value, n.pos, "%s of integers does not fit int64: write one of them as a float", n.op)
	}
	return ewTerm{kind: ewInt, number: ewNumber{i: int64(folded)}, pos: n.pos}
}

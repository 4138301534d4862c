package kernel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The elementwise language: Python's expressions, with the operands a, b, c, … z, numbers, operators and functions.

// ewOp is an operation on elements. Those before ewOps are instructions too, under the same numbers in ew.h.
type ewOp uint8

const (
	ewAdd ewOp = iota
	ewSub
	ewMul
	ewDiv
	ewFloorDiv
	ewMod
	ewPow
	ewMax
	ewMin
	ewEq
	ewNe
	ewLt
	ewLe
	ewGt
	ewGe
	ewNeg
	ewAbs
	ewSquare
	ewSign
	ewFloor
	ewSqrt
	ewExp
	ewLog
	ewIsNaN
	ewIsFinite
	ewAnd
	ewOr
	ewNot
	ewWhere
	ewCast
	ewOps

	ewOperand
	ewConst
)

// ewFunction is what a name before a parenthesis means.
type ewFunction struct {
	op    ewOp
	nargs int
}

var ewFunctions = map[string]ewFunction{
	"abs": {ewAbs, 1}, "square": {ewSquare, 1}, "sign": {ewSign, 1}, "floor": {ewFloor, 1},
	"sqrt": {ewSqrt, 1}, "exp": {ewExp, 1}, "log": {ewLog, 1},
	"maximum": {ewMax, 2}, "minimum": {ewMin, 2}, "where": {ewWhere, 3},
	"isnan": {ewIsNaN, 1}, "isfinite": {ewIsFinite, 1},
	"logical_and": {ewAnd, 2}, "logical_or": {ewOr, 2}, "logical_not": {ewNot, 1},
}

// ewOperator is an infix operator; those that bind tighter have a higher level.
type ewOperator struct {
	op    ewOp
	level int
}

const (
	ewCompareLevel = iota + 1
	ewSumLevel
	ewProductLevel
	ewPowerLevel
)

var ewOperators = map[string]ewOperator{
	"==": {ewEq, ewCompareLevel}, "!=": {ewNe, ewCompareLevel}, "<": {ewLt, ewCompareLevel},
	"<=": {ewLe, ewCompareLevel}, ">": {ewGt, ewCompareLevel}, ">=": {ewGe, ewCompareLevel},
	"+": {ewAdd, ewSumLevel}, "-": {ewSub, ewSumLevel},
	"*": {ewMul, ewProductLevel}, "/": {ewDiv, ewProductLevel}, "//": {ewFloorDiv, ewProductLevel},
	"%": {ewMod, ewProductLevel}, "**": {ewPow, ewPowerLevel},
}

// The bounds of an expression: they keep recursion and tables small, whoever wrote it.
const (
	ewMaxDepth    = 200
	ewMaxNodes    = 4096
	ewMaxOperands = 26
)

// ewLeastInt is an integer that fits int64 behind a minus only.
const ewLeastInt = "9223372036854775808"

// ewNode is a node of the syntax tree.
type ewNode struct {
	op      ewOp
	pos     int // in the text, from 0
	args    []*ewNode
	operand int        // of ewOperand
	number  ewNumber   // of ewConst
	cast    tile.DType // of ewCast
}

// ewNumber is a number of the text. It is weak: it takes the type of what stands beside it.
type ewNumber struct {
	float bool
	i     int64
	f     float64
}

func (n ewNumber) String() string {
	if n.float {
		return strconv.FormatFloat(n.f, 'g', -1, 64)
	}
	return strconv.FormatInt(n.i, 10)
}

type ewParser struct {
	text     string
	operands int // how many there are
	at       int // the end of the token
	pos      int // its beginning
	token    string
	depth    int
	nodes    int
}

// ewFail stops parsing or typing; caught returns it.
func ewFail(kind errs.Kind, text string, pos int, format string, args ...any) {
	panic(errs.New(kind, "ew(%q), at position %d: %s", text, pos, fmt.Sprintf(format, args...)))
}

// caught makes an error of what ewFail threw.
func caught(err *error) {
	switch e := recover().(type) {
	case nil:
	case *errs.Error:
		*err = e
	default:
		panic(e)
	}
}

// parseEw reads an expression of the given number of operands.
func parseEw(text string, operands int) (tree *ewNode, err error) {
	defer caught(&err)
	p := &ewParser{text: text, operands: operands}
	if operands > ewMaxOperands {
		p.fail("%d operands: %d, from a to z, are the most", operands, ewMaxOperands)
	}
	p.next()
	tree = p.binary(ewCompareLevel)
	if p.token != "" {
		p.fail("expected the end of the expression instead of %q", p.token)
	}
	return tree, nil
}

func (p *ewParser) fail(format string, args ...any) {
	ewFail(errs.Value, p.text, p.pos, format, args...)
}

func (p *ewParser) node(n ewNode) *ewNode {
	if p.nodes++; p.nodes > ewMaxNodes {
		p.fail("the expression is too long: %d operands, numbers and operations are the most", ewMaxNodes)
	}
	return &n
}

// next reads a token: a name, a number, an operator, a parenthesis, a comma, or "" at the end.
func (p *ewParser) next() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	p.pos = p.at
	rest := p.text[p.at:]
	switch {
	case rest == "":
	case isLetter(rest[0]):
		for p.at < len(p.text) && (isLetter(p.text[p.at]) || isDigit(p.text[p.at])) {
			p.at++
		}
	case isDigit(rest[0]) || rest[0] == '.':
		p.scanNumber()
	case len(rest) > 1 && ewOperators[rest[:2]].level > 0:
		p.at += 2
	case ewOperators[rest[:1]].level > 0 || strings.IndexByte("(),", rest[0]) >= 0:
		p.at++
	default:
		p.fail("%q does not belong there: operators are + - * / // %% ** == != < <= > >=", []rune(rest)[0])
	}
	p.token = p.text[p.pos:p.at]
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (p *ewParser) scanNumber() {
	digits := func() {
		for p.at < len(p.text) && isDigit(p.text[p.at]) {
			p.at++
		}
	}
	digits()
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		digits()
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		end := p.at
		if p.at++; p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		from := p.at
		if digits(); p.at == from {
			p.at = end
		}
	}
}

// binary reads operators of the level and above; all but ** associate to the left.
func (p *ewParser) binary(level int) *ewNode {
	if level == ewPowerLevel {
		return p.unary()
	}
	left := p.binary(level + 1)
	for compared := false; ; compared = level == ewCompareLevel {
		o, ok := ewOperators[p.token]
		if !ok || o.level != level {
			return left
		}
		if compared {
			p.fail("comparisons do not chain: write logical_and(x < y, y < z)")
		}
		pos := p.pos
		p.next()
		left = p.node(ewNode{op: o.op, pos: pos, args: []*ewNode{left, p.binary(level + 1)}})
	}
}

// unary reads signs, which bind weaker than ** on their right.
func (p *ewParser) unary() *ewNode {
	if p.depth++; p.depth > ewMaxDepth {
		p.fail("the expression is nested too deeply: %d levels are the most", ewMaxDepth)
	}
	defer func() { p.depth-- }()
	pos := p.pos
	switch p.token {
	case "+":
		p.next()
		return p.unary()
	case "-":
		if p.next(); p.token == ewLeastInt {
			p.next()
			return p.node(ewNode{op: ewConst, pos: pos, number: ewNumber{i: math.MinInt64}})
		}
		return p.node(ewNode{op: ewNeg, pos: pos, args: []*ewNode{p.unary()}})
	}
	left := p.primary()
	if p.token != "**" {
		return left
	}
	pos = p.pos
	p.next()
	return p.node(ewNode{op: ewPow, pos: pos, args: []*ewNode{left, p.unary()}})
}

func (p *ewParser) primary() *ewNode {
	token, pos := p.token, p.pos
	switch {
	case token == "":
		p.fail("the expression ends where an operand is expected")
	case token == "(":
		p.next()
		inner := p.binary(ewCompareLevel)
		p.expect(")")
		return inner
	case isLetter(token[0]):
		p.next()
		if p.token == "(" {
			return p.call(token, pos)
		}
		if len(token) > 1 || token[0] < 'a' || token[0] > 'z' {
			ewFail(errs.Value, p.text, pos, "%q is neither an operand, which are a, b, c, …, nor a call", token)
		}
		k := int(token[0] - 'a')
		if k >= p.operands {
			ewFail(errs.Value, p.text, pos, "there is no operand %s: the call has %d, the last is %c",
				token, p.operands, 'a'+max(p.operands-1, 0))
		}
		return p.node(ewNode{op: ewOperand, pos: pos, operand: k})
	case isDigit(token[0]) || token[0] == '.':
		n := p.number(token)
		p.next()
		return p.node(ewNode{op: ewConst, pos: pos, number: n})
	}
	p.fail("expected an operand instead of %q", token)
	return nil
}

func (p *ewParser) number(token string) ewNumber {
	if !strings.ContainsAny(token, ".eE") {
		i, err := strconv.ParseInt(token, 10, 64)
		if err != nil {
			p.fail("the integer %s does not fit int64: write %s.0 for a float", token, token)
		}
		return ewNumber{i: i}
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil && f == 0 || token == "." {
		p.fail("%q is not a number", token)
	}
	return ewNumber{float: true, f: f}
}

func (p *ewParser) expect(token string) {
	if p.token != token {
		p.fail("expected %q instead of %q", token, p.token)
	}
	p.next()
}

// call reads the arguments of a function or a cast.
func (p *ewParser) call(name string, pos int) *ewNode {
	f, ok := ewFunctions[name]
	cast, err := tile.ParseDType(name)
	switch {
	case ok:
	case err == nil && isReal(cast):
		f = ewFunction{ewCast, 1}
	default:
		ewFail(errs.Value, p.text, pos, "unknown function %q: there are %s, and casts such as float64(x)", name, ewFunctionNames())
	}
	p.expect("(")
	n := ewNode{op: f.op, pos: pos, cast: cast}
	for p.token != ")" {
		if len(n.args) > 0 {
			p.expect(",")
		}
		n.args = append(n.args, p.binary(ewCompareLevel))
	}
	p.next()
	if len(n.args) != f.nargs {
		ewFail(errs.Value, p.text, pos, "%s takes %d arguments, %d are given", name, f.nargs, len(n.args))
	}
	return p.node(n)
}

// isReal says that elements of the type have arithmetic here.
func isReal(t tile.DType) bool { return t >= tile.Bool && t <= tile.Float64 }

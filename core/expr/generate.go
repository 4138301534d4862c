package expr

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// genOp is an array that a kernel makes of nothing, each tile from its place alone: so it can be cut as its reader likes.
type genOp struct {
	Kernel string
	Before string // the arguments before the blocks of the axes
	After  string // and those after
}

func (o genOp) emit(l *lowering, n *Node, name string) {
	s := l.loops(n.grid)
	args := strings.TrimPrefix(l.axesOf(n.grid, s.idx), ", ")
	for _, part := range []string{o.Before, o.After} {
		switch {
		case part == "":
		case args == "":
			args = part
		case part == o.Before:
			args = part + ", " + args
		default:
			args += ", " + part
		}
	}
	if args != "" {
		args += ", "
	}
	s.assign(name, n.label, fmt.Sprintf("%s(%sdtype=%q)", o.Kernel, args, n.dtype))
}

// generate makes a generated array.
func (b *builder) generate(o genOp, g grid.Grid, dtype string) *Node {
	return b.keep(makeNode(o, o.Kernel, g, dtype, nil))
}

// full is an array of one value, a bool, an int64 or a float64, that fits the dtype.
func (b *builder) full(g grid.Grid, value any, dtype string) *Node {
	text, err := fullText(value, dtype)
	if err != nil {
		panic("expr: " + err.Error())
	}
	return b.generate(genOp{Kernel: "full", Before: text}, g, dtype)
}

// fullText writes a value of a dtype as the text of programs has it: infinities and NaN, for which it has no numbers, are
// strings.
func fullText(value any, dtype string) (string, error) {
	v, _ := toFloat(value)
	if truth, ok := value.(bool); ok && truth {
		v = 1
	}
	switch kindOf(dtype) {
	case kindBool:
		if v != 0 {
			return "True", nil
		}
		return "False", nil
	case kindInt:
		n, exact := toInt(value)
		switch {
		case math.IsNaN(v):
			return "", errs.New(errs.Value, "cannot convert float NaN to integer")
		case math.Abs(v) >= 1<<63 && !exact:
			return "", errs.New(errs.Value, "cannot convert float %v to %s", v, dtype)
		case !exact:
			n = int64(v)
		}
		text := strconv.FormatInt(n, 10)
		if n == math.MinInt64 { // programs read a sign and a number, which is too large
			text = strconv.Quote(text)
		}
		return text, fits(n, dtype)
	}
	return floatText(v), nil
}

// floatText is a number of programs that is a float, whatever its value.
func floatText(v float64) string {
	switch {
	case math.IsNaN(v):
		return `"nan"`
	case math.IsInf(v, 1):
		return `"inf"`
	case math.IsInf(v, -1):
		return `"-inf"`
	}
	text := number(v)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// generated reads the shape's blocks and the type of a new array.
func generated(p *params, shape []int64, dtype string) (grid.Grid, error) {
	block := p.ints("block_shape")
	if p.err != nil {
		return nil, p.err
	}
	return gridOf(shape, block, dtype)
}

func applyFull(b *builder, p *params) (*Node, error) {
	value, ok := p.get("value")
	if !ok {
		value = 0.0
	}
	natural := float64Type
	switch value.(type) {
	case bool:
		natural = boolType
	case int64, int:
		natural = int64Type
	default:
		if _, ok := toFloat(value); !ok {
			p.fail("value", "a number or a bool", value)
		}
	}
	dtype := p.dtype("dtype", natural)
	g, err := generated(p, p.shape(), dtype)
	if err != nil {
		return nil, err
	}
	if _, err := fullText(value, dtype); err != nil {
		return nil, err
	}
	return b.full(g, value, dtype), nil
}

func applyEye(b *builder, p *params) (*Node, error) {
	n := p.int("n", -1)
	m := p.int("m", n)
	k := p.int("k", 0)
	dtype := p.dtype("dtype", float64Type)
	g, err := generated(p, []int64{n, m}, dtype)
	if err != nil {
		return nil, err
	}
	return b.generate(genOp{Kernel: "eye", After: fmt.Sprintf("k=%d", clampDiagonal(k, g))}, g, dtype), nil
}

// clampDiagonal is the number of a diagonal, of those outside of the matrix the nearest.
func clampDiagonal(k int64, g grid.Grid) int64 { return min(max(k, -g[0].Len), g[1].Len) }

func applyUniform(b *builder, p *params) (*Node, error) { return b.random(p, "low", 0, "high", 1) }

func applyNormal(b *builder, p *params) (*Node, error) {
	if p.float("scale", 1) < 0 {
		return nil, errs.New(errs.Value, "scale < 0")
	}
	return b.random(p, "loc", 0, "scale", 1)
}

// random makes an array of random numbers. They depend on the place in the array and the seed, not on the tiles.
func (b *builder) random(p *params, first string, firstDefault float64, second string, secondDefault float64) (*Node, error) {
	shape := p.shape()
	seed := p.text("seed", "0")
	x, y := p.float(first, firstDefault), p.float(second, secondDefault)
	dtype := p.dtype("dtype", float64Type)
	g, err := generated(p, shape, dtype)
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseUint(seed, 10, 64); err != nil {
		return nil, errs.New(errs.Value, "%s: seed=%q is not an integer from 0 to 2**64-1", b.op, seed)
	} else if !isFloat(dtype) {
		return nil, errs.New(errs.Type, "%s: random numbers are float64 or float32, not %s", b.op, dtype)
	} else if spread := y - x; math.IsInf(spread, 0) || math.IsNaN(spread) {
		return nil, errs.New(errs.Value, "%s: %s=%v and %s=%v must be finite, and so must their difference", b.op, first, x, second, y)
	} else {
		seed = strconv.FormatUint(n, 10)
	}
	after := fmt.Sprintf("seed=%q, %s=%s, %s=%s, shape=%q", seed, first, floatText(x), second, floatText(y),
		strings.Trim(shapeText(shape), "(,)"))
	return b.generate(genOp{Kernel: b.op, After: after}, g, dtype), nil
}

// applyArange is numpy.arange: integers unless one of the numbers is a float.
func applyArange(b *builder, p *params) (*Node, error) {
	start, stop, step := any(int64(0)), any(int64(0)), any(int64(1))
	natural := int64Type
	for _, x := range []struct {
		name string
		to   *any
	}{{"start", &start}, {"stop", &stop}, {"step", &step}} {
		v, ok := p.get(x.name)
		if !ok {
			continue
		}
		*x.to = v
		if _, isInt := v.(int64); isInt {
			continue
		}
		natural = float64Type
		if f, isNumber := toFloat(v); !isNumber || math.IsNaN(f) || math.IsInf(f, 0) {
			p.fail(x.name, "a finite number", v)
		}
	}
	dtype := p.dtype("dtype", natural)
	if p.err != nil {
		return nil, p.err
	}
	if dtype == boolType {
		return nil, errs.New(errs.Type, "arange: dtype bool is not supported: use int64")
	}
	n, err := arangeLen(rational(start), rational(stop), rational(step))
	if err != nil {
		return nil, err
	}
	g, err := generated(p, []int64{n}, dtype)
	if err != nil {
		return nil, err
	}
	for _, v := range []any{start, step} {
		if v == any(int64(math.MinInt64)) && !isFloat(dtype) {
			return nil, b.refuse("start=%v and step=%v: -2**63 is not supported", start, step)
		}
	}
	after := make([]string, 2)
	if after[0], err = fullText(start, dtype); err != nil {
		return nil, err
	}
	if after[1], err = fullText(stepOf(start, step, dtype), dtype); err != nil {
		return nil, err
	}
	return b.generate(genOp{Kernel: "arange", After: strings.Join(after, ", ")}, g, dtype), nil
}

// stepOf is the difference of the first two elements, which in an integer type are rounded first.
func stepOf(start, step any, dtype string) any {
	if isFloat(dtype) {
		return step
	}
	if _, isInt := step.(int64); isInt {
		return step
	}
	a, _ := toFloat(start)
	d, _ := toFloat(step)
	return math.Trunc(a+d) - math.Trunc(a)
}

// rational is a finite number, exactly.
func rational(v any) *big.Rat {
	if n, ok := v.(int64); ok {
		return new(big.Rat).SetInt64(n)
	}
	f, _ := toFloat(v)
	return new(big.Rat).SetFloat64(f)
}

// arangeLen is the number of elements, (stop - start) / step rounded up. For floats NumPy divides in float64, and so is it
// here where that matters: 0.3 / 0.1 is 2.9999999999999996.
func arangeLen(start, stop, step *big.Rat) (int64, error) {
	if step.Sign() == 0 {
		return 0, errs.New(errs.Value, "arange: step must not be zero")
	}
	n := new(big.Rat).Sub(stop, start)
	if n.IsInt() && step.IsInt() {
		n.Quo(n, step)
	} else {
		x, _ := n.Float64()
		y, _ := step.Float64()
		if n = new(big.Rat).SetFloat64(x / y); n == nil {
			return 0, errs.New(errs.Value, "Maximum allowed size exceeded")
		}
	}
	up, rest := new(big.Int).DivMod(n.Num(), n.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		up.Add(up, big.NewInt(1))
	}
	if up.Sign() < 0 {
		return 0, nil
	}
	if !up.IsInt64() {
		return 0, errs.New(errs.Value, "Maximum allowed size exceeded")
	}
	return up.Int64(), nil
}

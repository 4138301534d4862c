package expr

import (
	"fmt"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// ufunc is an elementwise function: how its operands' types are resolved, and its text in the kernel's expression language.
type ufunc struct {
	nin      int
	template string // of fmt, with one %s for each operand
	class    class
	onBool   string // the template for bools, when NumPy has another function there; "" for the same
	refuse   string // what NumPy says when given bools, if it refuses them
}

// class is a rule of types: from the promoted type of the operands to the type of the computation and of the result.
type class int

const (
	arithmetic class = iota // in the promoted type
	noBool                  // in the promoted type, int8 for bool
	inexactly               // in a float
	quotient                // in a float, float64 for every integer
	comparison              // in the promoted type, result bool
	logical                 // in bool
	test                    // in a float, result bool
	rounding                // in a float; integers are left as they are
)

const (
	boolSubtract = "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` operator, or the logical_xor function instead."
	boolNegative = "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the logical_not function instead."
	boolSign     = "ufunc 'sign' did not contain a loop with signature matching types <class 'numpy.dtypes.BoolDType'> -> None"
)

var ufuncs = map[string]*ufunc{
	"add":           {nin: 2, template: "%s + %s", onBool: "logical_or(%s, %s)"},
	"subtract":      {nin: 2, template: "%s - %s", refuse: boolSubtract},
	"multiply":      {nin: 2, template: "%s * %s", onBool: "logical_and(%s, %s)"},
	"divide":        {nin: 2, template: "%s / %s", class: quotient},
	"power":         {nin: 2, template: "%s ** %s", class: noBool},
	"floor_divide":  {nin: 2, template: "%s // %s", class: noBool},
	"mod":           {nin: 2, template: "%s %% %s", class: noBool},
	"maximum":       {nin: 2, template: "maximum(%s, %s)"},
	"minimum":       {nin: 2, template: "minimum(%s, %s)"},
	"negative":      {nin: 1, template: "-%s", refuse: boolNegative},
	"abs":           {nin: 1, template: "abs(%s)", onBool: "%s"},
	"square":        {nin: 1, template: "square(%s)", class: noBool},
	"sign":          {nin: 1, template: "sign(%s)", refuse: boolSign},
	"exp":           {nin: 1, template: "exp(%s)", class: inexactly},
	"log":           {nin: 1, template: "log(%s)", class: inexactly},
	"sqrt":          {nin: 1, template: "sqrt(%s)", class: inexactly},
	"floor":         {nin: 1, template: "floor(%s)", class: rounding},
	"equal":         {nin: 2, template: "%s == %s", class: comparison},
	"not_equal":     {nin: 2, template: "%s != %s", class: comparison},
	"less":          {nin: 2, template: "%s < %s", class: comparison},
	"less_equal":    {nin: 2, template: "%s <= %s", class: comparison},
	"greater":       {nin: 2, template: "%s > %s", class: comparison},
	"greater_equal": {nin: 2, template: "%s >= %s", class: comparison},
	"logical_and":   {nin: 2, template: "logical_and(%s, %s)", class: logical},
	"logical_or":    {nin: 2, template: "logical_or(%s, %s)", class: logical},
	"logical_not":   {nin: 1, template: "logical_not(%s)", class: logical},
	"isnan":         {nin: 1, template: "isnan(%s)", class: test},
	"isfinite":      {nin: 1, template: "isfinite(%s)", class: test},
}

// resolve gives the type in which the function computes and that of its result.
func (f *ufunc) resolve(common string) (compute, result string) {
	switch f.class {
	case noBool:
		if common == boolType {
			common = "int8"
		}
	case inexactly:
		common = inexact(common)
	case quotient:
		if !isFloat(common) {
			common = float64Type
		}
	case comparison:
		return common, boolType
	case logical:
		return boolType, boolType
	case test:
		return inexact(common), boolType
	case rounding:
	}
	return common, common
}

// commonType promotes the types of the operands, in which scalars are weak.
func commonType(args []Operand) (string, error) {
	common, weakest := "", kindBool
	for _, a := range args {
		if a.Node == nil {
			k, err := weakKind(a.Scalar)
			if err != nil {
				return "", err
			}
			weakest = max(weakest, k)
			continue
		}
		if err := checkDType(a.Node.dtype); err != nil {
			return "", err
		}
		if common == "" {
			common = a.Node.dtype
		}
		common = promote(common, a.Node.dtype)
	}
	return weak(common, weakest), nil
}

// apply makes the node of an elementwise function.
func (f *ufunc) apply(b *builder, args []Operand, _ *params) (*Node, error) {
	common, err := commonType(args)
	if err != nil {
		return nil, err
	}
	if common == boolType && f.refuse != "" {
		return nil, errs.New(errs.Type, "%s", f.refuse)
	}
	compute, result := f.resolve(common)
	template := f.template
	switch {
	case common == boolType && f.onBool != "":
		template = f.onBool
	case f.class == rounding && !isFloat(common):
		template = "%s"
	case b.op == "power" && args[1].Node == nil && args[0].Node != nil:
		if template, args, err = powerOf(args, compute); err != nil {
			return nil, err
		}
	}
	return b.elementwise(template, compute, result, args)
}

// powerOf is x ** scalar: squares and roots have functions of their own, as in NumPy.
func powerOf(args []Operand, compute string) (string, []Operand, error) {
	e, _ := toFloat(args[1].Scalar)
	switch {
	case args[1].Scalar == true:
		e = 1
	case e == 2:
		return "square(%s)", args[:1], nil
	case e == 0.5:
		return "sqrt(%s)", args[:1], nil
	case e < 0 && kindOf(compute) == kindInt:
		return "", nil, errs.New(errs.Value, "Integers to negative integer powers are not allowed.")
	}
	return "%s ** %s", args, nil
}

func applyWhere(b *builder, args []Operand, _ *params) (*Node, error) {
	cond, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	compute, err := commonType(args[1:])
	if err != nil {
		return nil, err
	}
	if cond.dtype != boolType {
		cond = b.cast(cond, boolType)
	}
	w := writer{compute: compute, as: map[*Node]string{cond: boolType}}
	return b.write(&w, "where(%s, %s, %s)", compute, append([]Operand{{Node: cond}}, args[1:]...))
}

func applyAstype(b *builder, x *Node, p *params) (*Node, error) {
	dtype := p.dtype("dtype", x.dtype)
	if p.err != nil {
		return nil, p.err
	}
	return b.cast(x, dtype), nil
}

// cast converts an array to another type.
func (b *builder) cast(x *Node, dtype string) *Node {
	if x.dtype == dtype {
		return x
	}
	return b.keep(makeNode(ewOp{dtype + "(a)"}, "astype", x.grid, dtype, []*Node{x}))
}

// unary is an elementwise function of one array, written with a for the element.
func (b *builder) unary(expr string, x *Node) *Node { return b.ew(expr, x.dtype, x.grid, x) }

// elementwise makes a node from a template whose operands are all computed in one type.
func (b *builder) elementwise(template, compute, result string, args []Operand) (*Node, error) {
	return b.write(&writer{compute: compute}, template, result, args)
}

// write makes the node of a template: it broadcasts, aligns the grids and writes the operands.
func (b *builder) write(w *writer, template, result string, args []Operand) (*Node, error) {
	texts := make([]any, len(args))
	for i, a := range args {
		var err error
		if texts[i], err = w.operand(a); err != nil {
			return nil, err
		}
	}
	if len(w.nodes) == 0 { // scalars only
		return b.scalar(template, compute(w.compute, result), args)
	}
	shapes := make([][]int64, len(w.nodes))
	for i, n := range w.nodes {
		shapes[i] = n.Shape()
	}
	shape, err := broadcast(shapes)
	if err != nil {
		return nil, err
	}
	if err := checkSize(shape); err != nil {
		return nil, err
	}
	expr := fmt.Sprintf(template, texts...)
	if len(w.nodes) == 1 && expr == "a" && w.nodes[0].dtype == result {
		return w.nodes[0], nil
	}
	g := commonGrid(shape, result, w.nodes)
	return b.ew(expr, result, g, w.nodes...), nil
}

// scalar computes with Python's scalars alone: as arrays without dimensions.
func (b *builder) scalar(template string, types [2]string, args []Operand) (*Node, error) {
	nodes := make([]Operand, len(args))
	for i, a := range args {
		n, err := b.array(a)
		if err != nil {
			return nil, err
		}
		nodes[i].Node = n
	}
	return b.elementwise(template, types[0], types[1], nodes)
}

func compute(compute, result string) [2]string { return [2]string{compute, result} }

// writer writes operands in the elementwise language: arrays are a, b, c, … in the order of their first use.
type writer struct {
	compute string           // the type of the computation; operands of another one are cast
	as      map[*Node]string // operands with a type of their own
	nodes   []*Node
}

func (w *writer) operand(a Operand) (string, error) {
	if a.Node == nil {
		text, err := literal(a.Scalar, w.compute)
		if strings.HasPrefix(text, "-") {
			text = "(" + text + ")"
		}
		return text, err
	}
	at := -1
	for i, n := range w.nodes {
		if n == a.Node {
			at = i
		}
	}
	if at < 0 {
		at = len(w.nodes)
		w.nodes = append(w.nodes, a.Node)
	}
	letter := string(rune('a' + at))
	as := w.compute
	if t, ok := w.as[a.Node]; ok {
		as = t
	}
	if a.Node.dtype != as {
		return as + "(" + letter + ")", nil
	}
	return letter, nil
}

// ewOp is an elementwise function of operands that all have the node's grid, or length 1 where it is broadcast.
type ewOp struct{ Expr string }

// ew makes an elementwise node; operands with another grid than the result's are cut again.
func (b *builder) ew(expr, dtype string, g grid.Grid, args ...*Node) *Node {
	aligned := make([]*Node, len(args))
	for i, a := range args {
		aligned[i] = b.align(a, g)
	}
	return b.keep(makeNode(ewOp{expr}, b.op, g, dtype, aligned))
}

// align cuts an operand as the result is cut; dimensions that are broadcast stay.
func (b *builder) align(x *Node, g grid.Grid) *Node {
	want := make(grid.Grid, x.ndim())
	for d, a := range x.grid {
		if want[d] = g[len(g)-len(want)+d]; a.Len != want[d].Len {
			want[d] = a
		}
	}
	return b.rechunk(x, want)
}

func (o ewOp) emit(l *lowering, n *Node, name string) {
	s := l.loops(n.grid)
	args := l.argsOf(n)
	operands := make([]string, len(args))
	for i, a := range args {
		operands[i] = l.operand(a, n.grid, s.idx)
	}
	s.assign(name, n.label, fmt.Sprintf("ew(%q, %s, dtype=%q)", o.Expr, strings.Join(operands, ", "), n.dtype))
}

// operand is the tile of a that broadcasts with the tile idx of an array with grid g.
func (l *lowering) operand(a *Node, g grid.Grid, idx []string) string {
	missing := len(g) - a.ndim()
	own := make([]string, a.ndim())
	for d, axis := range a.grid {
		own[d] = idx[missing+d]
		if axis.Len == 1 {
			own[d] = "0"
		}
	}
	ref := l.ref(a, own)
	if missing == 0 {
		return ref
	}
	axes := make([]int, missing)
	for d := range axes {
		axes[d] = d
	}
	return fmt.Sprintf("expand(%s, axis=%q)", ref, axesText(axes))
}

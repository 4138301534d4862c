package lambdapack

import (
	"slices"
	"strconv"
	"strings"
)

// The kernels. Flops are those of LAPACK Working Note 41's counts, leading terms.

var lapackKernels = []Signature{
	{Name: "chol", Shapes: "(n,n)->(n,n)", InPlace: 0, flops: func(_ *Call, in, _ [][]int64) float64 {
		n := float64(in[0][0])
		return n * n * n / 3
	}},
	{Name: "trsm", Params: "t t", InPlace: 1, shape: trsmShape, flops: trsmFlops, Attrs: []AttrSpec{
		{"side", "R", []string{"L", "R"}}, {"uplo", "L", []string{"L", "U"}}, {"trans", "T", []string{"N", "T"}}, {"diag", "N", []string{"N", "U"}},
		{"zeros", int64(0), nil},
	}},
	{Name: "syrk", Shapes: "(m,n),(m,k),(n,k)->(m,n)", InPlace: 0, flops: syrkFlops},
	{Name: "gemm", Params: "t t t?", Shapes: "(m,k),(k,n),(m,n)?->(m,n)", InPlace: 2, Turns: true, Adds: true, Attrs: []AttrSpec{{"alpha", 1.0, nil}, {"beta", 1.0, nil}},
		flops: func(_ *Call, in, out [][]int64) float64 {
			return 2 * float64(out[0][0]) * float64(out[0][1]) * innerSide(in, out)
		}},
	{Name: "gram", Shapes: "(n,k)->(n,n)", InPlace: -1, Turns: true, Adds: true, flops: func(_ *Call, in, out [][]int64) float64 {
		return float64(out[0][0]) * float64(out[0][1]) * innerSide(in, out)
	}},
	{Name: "mirror", Shapes: "(n,n)->(n,n)", InPlace: 0, flops: noFlops},
}

var reducerKernels = []Signature{
	{Name: "sum", Params: "c", InPlace: -1, Reducer: true, shape: firstShape},
	{Name: "min", Params: "c", InPlace: -1, Reducer: true, shape: firstShape},
	{Name: "max", Params: "c", InPlace: -1, Reducer: true, shape: firstShape},
	{Name: "hypot", Params: "c", InPlace: -1, Reducer: true, shape: firstShape},
	{Name: "argmerge", Params: "c", InPlace: -1, Reducer: true, shape: firstShape, dtype: pairDType,
		Attrs: []AttrSpec{{"op", "min", minMax}, {"dtype", "float64", nil}}},
	{Name: "assemble", Params: "c a*", InPlace: -1, Reducer: true, shape: axesShape, Attrs: []AttrSpec{{"offset", "", nil}}},
}

var minMax = []string{"min", "max"}

var elementKernels = []Signature{
	{Name: "ew", Params: "s t+", InPlace: -1, shape: broadcastShape, dtype: attrDType, flops: ewFlops, Attrs: []AttrSpec{{"dtype", "float64", nil}}},
	{Name: "reduce", Params: "t", InPlace: -1, shape: reduceShape, dtype: reduceDType, flops: perOperand,
		Attrs: []AttrSpec{{"op", "sum", []string{"sum", "prod", "min", "max", "any", "all", "norm"}}, {"axis", "", nil}}},
	{Name: "argpart", Params: "t a+", InPlace: -1, shape: reduceShape, dtype: pairDType, flops: perOperand,
		Attrs: []AttrSpec{{"op", "min", minMax}, {"axis", "", nil}}},
	{Name: pyblock, Params: "s t+", InPlace: -1, shape: broadcastShape, dtype: functionDType, Attrs: []AttrSpec{{"dtype", "", nil}}},
	{Name: "argindex", Params: "t", InPlace: -1, shape: firstShape, dtype: fixedDType("int64")},
}

var generatorKernels = []Signature{
	{Name: "full", Params: "v a*", InPlace: -1, shape: axesShape, dtype: attrDType, Attrs: []AttrSpec{{"dtype", "float64", nil}}},
	{Name: "eye", Params: "a a", InPlace: -1, shape: axesShape, dtype: attrDType, Attrs: []AttrSpec{{"k", int64(0), nil}, {"dtype", "float64", nil}}},
	{Name: "uniform", Params: "a*", InPlace: -1, shape: axesShape, dtype: attrDType, Attrs: []AttrSpec{
		{"seed", "0", nil}, {"low", 0.0, nil}, {"high", 1.0, nil}, {"dtype", "float64", nil}, {"shape", "", nil}}},
	{Name: "normal", Params: "a*", InPlace: -1, shape: axesShape, dtype: attrDType, Attrs: []AttrSpec{
		{"seed", "0", nil}, {"loc", 0.0, nil}, {"scale", 1.0, nil}, {"dtype", "float64", nil}, {"shape", "", nil}}},
	{Name: "arange", Params: "a v v", InPlace: -1, shape: axesShape, dtype: attrDType, Attrs: []AttrSpec{{"dtype", "int64", nil}}},
}

var layoutKernels = []Signature{
	{Name: "copy", Params: "t", InPlace: 0, Turns: true, shape: firstShape},
	{Name: "squeeze", Params: "t", InPlace: -1, shape: squeezeShape, flops: noFlops, Attrs: []AttrSpec{{"axis", "", nil}}},
	{Name: "expand", Params: "t", InPlace: -1, shape: expandShape, flops: noFlops, Attrs: []AttrSpec{{"axis", "0", nil}}},
	{Name: "part", Params: "t a*", InPlace: -1, shape: partShape, flops: noFlops},
	{Name: "tri", Params: "t a a", InPlace: -1, shape: windowShape, Attrs: []AttrSpec{{"k", int64(0), nil}, {"uplo", "L", []string{"L", "U"}}}},
	{Name: "diagpart", Params: "t a a", InPlace: -1, shape: diagpartShape, Attrs: []AttrSpec{{"k", int64(0), nil}}},
	{Name: "diagm", Params: "t", InPlace: -1, shape: diagmShape},
}

func noFlops(*Call, [][]int64, [][]int64) float64 { return 0 }

func perElement(_ *Call, in, out [][]int64) float64 {
	if len(in) > 0 {
		return float64(product(out[0]))
	}
	return 0
}

func perOperand(_ *Call, in, _ [][]int64) float64 { return float64(product(in[0])) }

func product(shape []int64) int64 {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	return n
}

func trsmFlops(c *Call, in, _ [][]int64) float64 {
	m, n := float64(in[1][0]), float64(in[1][1])
	if c.Attrs["side"] == "L" {
		return m * m * n
	}
	return m * n * n
}

func syrkFlops(c *Call, in, _ [][]int64) float64 {
	m, n, k := float64(in[0][0]), float64(in[0][1]), float64(in[1][1])
	a, isRef := c.Args[1].(*TileRef)
	b, alsoRef := c.Args[2].(*TileRef)
	if isRef && alsoRef && a.Matrix == b.Matrix && slices.EqualFunc(a.Index, b.Index, sameExpr) {
		return m * n * k
	}
	return 2 * m * n * k
}

// innerSide is the length that a product sums over.
func innerSide(in, _ [][]int64) float64 { return float64(in[0][1]) }

// ewFlops counts the operators and function calls of the expression.
func ewFlops(c *Call, _, out [][]int64) float64 {
	text := ""
	for _, a := range c.Args {
		if s, ok := a.(*Str); ok {
			text = s.Value
		}
	}
	ops := strings.Count(text, "+") + strings.Count(text, "-") + strings.Count(text, "*") + strings.Count(text, "/") + strings.Count(text, "(")
	return float64(ops) * float64(product(out[0]))
}

// dtype rules

// sameDType wants one dtype of all operands and gives it to the results.
func sameDType(c *Call, in []string) []string {
	for _, d := range in {
		if d != in[0] {
			fail(c.Pos, "%s of tiles of dtypes %s: they must be equal", c.Sig.Name, strings.Join(in, ", "))
		}
	}
	results := c.Sig.results()
	if len(in) == 0 {
		return slices.Repeat([]string{"float64"}, results)
	}
	return slices.Repeat(in[:1], results)
}

func fixedDType(name string) func(*Call, []string) []string {
	return func(*Call, []string) []string { return []string{name} }
}

// pairName is what package tile calls the value-and-index state of arg-reductions.
const pairName = "r128"

func pairDType(*Call, []string) []string { return []string{pairName} }

func attrDType(c *Call, _ []string) []string {
	name, _ := c.Attrs["dtype"].(string)
	if _, ok := dtypeSizes[name]; !ok {
		fail(c.Pos, "%s: unknown dtype %q", c.shown(), name)
	}
	return []string{name}
}

// functionDType is the attribute, or the first operand's where none is given.
func functionDType(c *Call, in []string) []string {
	if c.Attrs["dtype"] == "" {
		return in[:1]
	}
	return attrDType(c, in)
}

// reduceDType is NumPy's: sums and products of small integers and bools are int64.
func reduceDType(c *Call, in []string) []string {
	switch c.Attrs["op"] {
	case "any", "all":
		return []string{"bool"}
	case "sum", "prod":
		switch in[0] {
		case "bool", "int8", "int16", "int32":
			return []string{"int64"}
		case "uint8", "uint16", "uint32":
			return []string{"uint64"}
		}
	}
	return in[:1]
}

var dtypeSizes = map[string]int64{
	"bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
	"float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16, pairName: 16,
}

// axisList reads the axes in an attribute, "0,1"; none means all.
func axisList(s *shaper, c *Call, rank int) []int {
	text, _ := c.Attrs["axis"].(string)
	var axes []int
	if text == "" {
		for d := range rank {
			axes = append(axes, d)
		}
		return axes
	}
	for _, part := range strings.Split(text, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || d < 0 || d >= rank {
			s.fail(c, "%s: axis=%q is not a list of axes of a tile of %d dimensions", c.Sig.Name, text, rank)
		}
		axes = append(axes, d)
	}
	return axes
}

package lambdapack

// The kernels of LU factorisations.
var luKernels = []Signature{
	{Name: "lu", Params: "t a", InPlace: 0, outs: 2, shape: luShape, dtype: luDType, flopsAt: luFlops, Attrs: []AttrSpec{{"strict", int64(0), nil}}},
	{Name: "elect", Params: "t a a a", InPlace: -1, outs: 2, copies: true, shape: electShape, dtype: luDType, flops: panelFlops},
	{Name: "seat", Params: "t t a", InPlace: -1, copies: true, shape: seatShape, dtype: fixedDType("int64"), flops: panelFlops},
	{Name: "luplain", Shapes: "(m,n)->(m,n)", InPlace: 0, Attrs: []AttrSpec{{"strict", int64(0), nil}}, flops: panelFlops},
	{Name: "exchange", Params: "t t t a a", InPlace: 0, shape: exchangeShape, dtype: firstDType, flops: noFlops, Attrs: []AttrSpec{{"inverse", int64(0), nil}}},
	{Name: "relabel", Params: "t t a", InPlace: 0, shape: firstShape, flops: noFlops, Attrs: []AttrSpec{{"inverse", int64(0), nil}}},
	{Name: "take", Params: "c t a a", InPlace: -1, Reducer: true, shape: axesShape, dtype: firstDType,
		Attrs: []AttrSpec{{"axis", int64(0), nil}, {"inverse", int64(0), nil}}},
	{Name: "subtract", Shapes: "(m,n),(m,n)->(m,n)", InPlace: 0},
	{Name: "trinv", Shapes: "(n,n)->(n,n)", InPlace: -1, Attrs: []AttrSpec{{"uplo", "U", []string{"L", "U"}}, {"diag", "N", []string{"N", "U"}}},
		flops: func(_ *Call, in, _ [][]int64) float64 {
			n := float64(in[0][0])
			return n * n * n / 3
		}},
	{Name: "detpart", Params: "t t t? a", InPlace: -1, shape: numbersShape(3), dtype: fixedDType("float64")},
	{Name: "detvalue", Params: "t", InPlace: -1, shape: numbersShape(), dtype: fixedDType("float64"),
		Attrs: []AttrSpec{{"of", "det", []string{"det", "sign", "log"}}}},
}

// luShape: the panel, and a line of two for each row of the block.
func luShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	rows := axesShape(s, c, nil)[0]
	return [][]extent{in[0], {rows[0], fixed(2)}}
}

func luDType(_ *Call, in []string) []string { return []string{in[0], "int64"} }

// luFlops is getrf's, of the rows from the panel's block on.
func luFlops(c *Call, in [][]int64, x []int64) float64 {
	return getrfFlops(in[0][0]-blockStart(c.Args[1], x), in[0][1])
}

// blockStart is where a block begins that is an argument.
func blockStart(e Expr, x []int64) int64 {
	r := e.(*AxisRef)
	return r.Axis.Start(r.Index.Eval(x))
}

func getrfFlops(rows, cols int64) float64 {
	m, n := float64(max(rows, 0)), float64(cols)
	k := min(m, n)
	return 2*m*n*k - (m+n)*k*k + 2*k*k*k/3
}

// electShape: as many rows as the last block has, and their numbers.
func electShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	seats := axesShape(s, c, nil)[0][2]
	return [][]extent{{seats, in[0][1]}, {seats}}
}

// panelFlops is getrf's. In a tournament it counts the rows above the panel too, which one group of each step has.
func panelFlops(_ *Call, in, _ [][]int64) float64 { return getrfFlops(in[0][0], in[0][1]) }

func seatShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	s.rank(c, 1, in[1], 1)
	if !s.same(in[0][0], in[1][0]) {
		s.mismatch(c, in)
	}
	return [][]extent{{axesShape(s, c, nil)[0][0], fixed(2)}}
}

func exchangeShape(s *shaper, c *Call, in [][]extent) [][]extent {
	for n := range in {
		s.rank(c, n, in[n], 2)
	}
	rows := axesShape(s, c, nil)[0]
	if !s.same(in[0][0], rows[0]) || !s.same(in[1][0], rows[1]) || !s.same(in[2][0], rows[1]) || !s.same(in[0][1], in[1][1]) {
		s.mismatch(c, in)
	}
	return in[:1]
}

func firstDType(_ *Call, in []string) []string { return in[:1] }

// numbersShape is a tile of so many numbers, whatever the operands.
func numbersShape(shape ...int64) func(*shaper, *Call, [][]extent) [][]extent {
	return func(*shaper, *Call, [][]extent) [][]extent {
		dims := []extent{}
		for _, n := range shape {
			dims = append(dims, fixed(n))
		}
		return [][]extent{dims}
	}
}

package lambdapack

// The kernels of LU factorisations.
var luKernels = []Signature{
	{Name: "lu", Params: "t a", InPlace: 0, results: 2, shape: luShape, dtype: luDType, flopsAt: luFlops, Attrs: []AttrSpec{{"strict", int64(0), nil}}},
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
	r := c.Args[1].(*AxisRef)
	m, n := float64(in[0][0]-r.Axis.Start(r.Index.Eval(x))), float64(in[0][1])
	k := min(m, n)
	return 2*m*n*k - (m+n)*k*k + 2*k*k*k/3
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

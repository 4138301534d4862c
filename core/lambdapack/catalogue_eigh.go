package lambdapack

// The kernels of symmetric eigenproblems.
var eighKernels = []Signature{
	{Name: "ormsb", Params: "t t t a", InPlace: 2, shape: ormsbShape, flopsAt: ormsbFlops, Attrs: []AttrSpec{
		{"side", int64(64), nil}, {"shift", int64(1), nil}, {"trans", "N", []string{"N", "T"}}}},
}

// ormsbShape is that of the matrix that is multiplied.
func ormsbShape(s *shaper, c *Call, in [][]extent) [][]extent {
	for n := range in {
		s.rank(c, n, in[n], 2)
	}
	sweeps := axesShape(s, c, nil)[0][0]
	if !s.same(in[0][1], sweeps) || !s.same(in[1][1], sweeps) || !s.same(in[0][0], in[2][0]) {
		s.mismatch(c, in)
	}
	return in[2:3]
}

// ormsbFlops: V is full below its diagonal, which begins in the block's first row.
func ormsbFlops(c *Call, in [][]int64, x []int64) float64 {
	rows, sweeps := float64(in[0][0]-blockStart(c.Args[3], x)), float64(in[0][1])
	return 4 * float64(in[2][1]) * sweeps * max(rows-sweeps/2, 0)
}

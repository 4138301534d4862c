package lambdapack

// The kernels of divide and conquer in tiles.
var divideKernels = []Signature{
	{Name: "stcut", Params: "t a", outs: 2, InPlace: -1, shape: stcutShape},
	{Name: "stleaf", Params: "t a", outs: 2, InPlace: -1, works: 1, shape: stleafShape, flops: stleafFlops},
	{Name: "stjoin", Params: "t t t", outs: 2, InPlace: -1, works: 1, shape: stjoinShape, flops: stjoinFlops},
	{Name: "stmul", Params: "t t a a", InPlace: -1, Adds: true, copies: true, shape: stmulShape, flops: stmulFlops},
	{Name: "bdcut", Params: "t", outs: 2, InPlace: -1, shape: bdcutShape},
	{Name: "bdleaf", Params: "t a", outs: 3, InPlace: -1, works: 3, shape: bdleafShape, flops: bdleafFlops},
	{Name: "bdjoin", Params: "t t t", outs: 2, InPlace: -1, works: 1, shape: bdjoinShape, flops: stjoinFlops},
	{Name: "bdmul", Params: "t t a a", InPlace: -1, Adds: true, copies: true, shape: stmulShape, flops: stmulFlops, Attrs: []AttrSpec{
		{"side", "L", []string{"L", "R"}}}},
	{Name: "stvalues", Params: "t t", InPlace: -1, shape: stvaluesShape},
}

// Columns of what is known of a part, and of what tells a join: kernel.partColumns, kernel.joinColumns and kernel.joinedBidiagonals.
const (
	partColumns       = 4
	joinColumns       = 10
	joinedBidiagonals = 11
)

// bdcutShape is two columns, and an exponent.
func bdcutShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	return [][]extent{{in[0][0], fixed(2)}, {fixed(1), fixed(1)}}
}

// bdleafShape is the part, and its vectors from both sides.
func bdleafShape(s *shaper, c *Call, in [][]extent) [][]extent {
	out := stleafShape(s, c, in)
	return append(out, out[1])
}

func bdleafFlops(_ *Call, _, out [][]int64) float64 {
	n := float64(out[1][0])
	return 8 * n * n * n / 3
}

func bdjoinShape(s *shaper, c *Call, in [][]extent) [][]extent {
	out := stjoinShape(s, c, in)
	out[1][1] = fixed(joinedBidiagonals)
	return out
}

// stcutShape is two columns, and an exponent.
func stcutShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	return [][]extent{{in[0][1], fixed(2)}, {fixed(1), fixed(1)}}
}

// stleafShape is the part, and its eigenvectors.
func stleafShape(s *shaper, c *Call, in [][]extent) [][]extent {
	side := placedMatrices(s, c, in)[0]
	return [][]extent{{in[0][0], fixed(partColumns)}, {side, side}}
}

// stleafFlops: how much is deflated is not known before.
func stleafFlops(_ *Call, _, out [][]int64) float64 {
	n := float64(out[1][0])
	return 4 * n * n * n / 3
}

// stjoinShape is the part, and the join.
func stjoinShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	if !s.same(in[0][0], in[2][0]) || !s.same(in[1][0], in[2][0]) {
		s.mismatch(c, in)
	}
	return [][]extent{{in[2][0], fixed(partColumns)}, {in[2][0], fixed(joinColumns)}}
}

// stjoinFlops is as if all rows were joined.
func stjoinFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[2][0])
	return 60 * n * n
}

func stmulShape(s *shaper, c *Call, in [][]extent) [][]extent {
	axes := placedMatrices(s, c, in)
	if !s.same(in[0][1], axes[0]) {
		s.mismatch(c, in)
	}
	return [][]extent{{in[0][0], axes[1]}}
}

func stmulFlops(_ *Call, in, out [][]int64) float64 {
	return 2 * float64(in[0][0]) * float64(in[0][1]) * float64(out[0][1])
}

func stvaluesShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	return [][]extent{{in[0][0], fixed(1)}}
}

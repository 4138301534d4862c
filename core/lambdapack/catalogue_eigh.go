package lambdapack

// The kernels of symmetric eigenproblems.
var eighKernels = []Signature{
	{Name: "sb2st", Params: "t a", outs: 3, InPlace: 0, copies: true, shape: sb2stShape, flopsAt: sb2stFlops},
	{Name: "sb2td", Params: "t", InPlace: 0, copies: true, shape: firstShape, flops: sb2tdFlops},
	{Name: "sy2sb", Params: "t a", outs: 3, InPlace: -1, shape: sy2sbShape, flops: panelQR},
	{Name: "sybmul", Params: "t t a a a", InPlace: -1, Adds: true, shape: sybmulShape, flopsAt: sybmulFlops},
	{Name: "sybw", Params: "t t t a", InPlace: -1, shape: sybwShape, flops: func(_ *Call, in, _ [][]int64) float64 {
		return 6 * float64(in[0][0]) * float64(in[0][1]) * float64(in[0][1])
	}},
	{Name: "sybr2", Params: "t t a a a", InPlace: 0, shape: sybr2Shape, flopsAt: sybmulFlops},
	{Name: "larft", Shapes: "(n,k),(b,k)->(k,k)", InPlace: -1, flops: func(_ *Call, in, _ [][]int64) float64 {
		return float64(in[0][0]) * float64(in[0][1]) * float64(in[0][1])
	}},
	{Name: "larfb", Params: "t t t a", InPlace: 2, shape: larfbShape, flopsAt: ormsbFlops, Attrs: []AttrSpec{{"trans", "N", []string{"N", "T"}}}},
	{Name: "syevd", Shapes: "(n,n)->(n,1),(n,n)", InPlace: -1, copies: true, works: 1, flops: syevdFlops(9)},
	{Name: "syevn", Shapes: "(n,n)->(n,1)", InPlace: -1, copies: true, flops: syevdFlops(4)},
	{Name: "stedc", Shapes: "(b,n)->(n,1),(n,n)", InPlace: -1, works: 1, flops: stedcFlops},
	{Name: "sterf", Shapes: "(b,n)->(n,1)", InPlace: -1, copies: true, flops: sterfFlops},
	{Name: "symax", Params: "t a a", InPlace: -1, shape: numbersShape(1, 1)},
	{Name: "syunit", Shapes: "(1,1)->(1,1)", InPlace: -1},
	{Name: "syscale", Shapes: "(m,n),(1,1)->(m,n)", InPlace: 0},
	{Name: "ormsb", Params: "t t t a", InPlace: 2, strips: true, shape: ormsbShape, flopsAt: ormsbFlops, Attrs: []AttrSpec{
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

// ormsbFlops: V is full below its diagonal, which begins in the block's first row; larfb's a little lower.
func ormsbFlops(c *Call, in [][]int64, x []int64) float64 {
	rows, sweeps := float64(in[0][0]-blockStart(c.Args[3], x)), float64(in[0][1])
	return 4 * float64(in[2][1]) * sweeps * max(rows-sweeps/2, 0)
}

// bandSide is how many diagonals a band has below the main one: kernel.bandSide.
const bandSide = 64

// sb2stShape is the band, and the reflections of the sweeps.
func sb2stShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	sweeps := axesShape(s, c, nil)[0][0]
	steps := derived(in[0][1], func(n int64) int64 { return (n + bandSide - 1) / bandSide })
	return [][]extent{in[0], {in[0][1], sweeps}, {steps, sweeps}}
}

func sb2stFlops(c *Call, in [][]int64, x []int64) float64 {
	r := c.Args[1].(*AxisRef)
	sweeps := float64(r.Axis.Extent(r.Index.Eval(x)))
	return 12 * bandSide * sweeps * max(float64(in[0][1]-blockStart(r, x))-sweeps/2, 0)
}

func sb2tdFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[0][1])
	return 6 * bandSide * n * n
}

// sy2sbShape is V, T, and the panel's diagonals.
func sy2sbShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	panel := axesShape(s, c, nil)[0][0]
	if !s.same(in[0][1], panel) {
		s.mismatch(c, in)
	}
	return [][]extent{in[0], {fixed(bandSide), panel}, {fixed(2 * bandSide), panel}}
}

// sybmulShape is that of V.
func sybmulShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedTile(s, c, in)
	return in[1:2]
}

func sybr2Shape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedTile(s, c, in)
	return in[:1]
}

// sybwShape is twice as wide as V.
func sybwShape(s *shaper, c *Call, in [][]extent) [][]extent {
	for n := range in {
		s.rank(c, n, in[n], 2)
	}
	if !s.same(in[0][0], in[1][0]) || !s.same(in[0][1], in[1][1]) {
		s.mismatch(c, in)
	}
	return [][]extent{{in[0][0], derived(in[0][1], func(n int64) int64 { return 2 * n })}}
}

// panelQR counts the rows above the panel too.
func panelQR(_ *Call, in, out [][]int64) float64 {
	return 2 * float64(in[0][0]) * float64(out[0][1]) * float64(out[0][1])
}

// sybmulFlops: a tile is used for itself and for its transpose, and half of one on the diagonal. Columns up to the panel are counted.
func sybmulFlops(c *Call, in [][]int64, x []int64) float64 {
	flops := 4 * float64(in[0][0]) * float64(in[0][1]) * bandSide
	if blockStart(c.Args[2], x) == blockStart(c.Args[3], x) {
		return flops / 2
	}
	return flops
}

// larfbShape is that of the matrix that is multiplied.
func larfbShape(s *shaper, c *Call, in [][]extent) [][]extent {
	for n := range in {
		s.rank(c, n, in[n], 2)
	}
	k := axesShape(s, c, nil)[0][0]
	if !s.same(in[0][1], k) || !s.same(in[1][0], k) || !s.same(in[1][1], k) || !s.same(in[0][0], in[2][0]) {
		s.mismatch(c, in)
	}
	return in[2:3]
}

// syevdFlops are so many n^3 thirds: how much is deflated is not known before.
func syevdFlops(thirds float64) func(*Call, [][]int64, [][]int64) float64 {
	return func(_ *Call, in, _ [][]int64) float64 {
		n := float64(in[0][0])
		return thirds * n * n * n / 3
	}
}

func stedcFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[0][1])
	return 4 * n * n * n / 3
}

func sterfFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[0][1])
	return 20 * n * n
}

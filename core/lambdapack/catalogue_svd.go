package lambdapack

// The kernels of the singular value decomposition: of one tile; to a band, to two diagonals, and back.
var svdKernels = []Signature{
	{Name: "gesdd", Params: "t", outs: 3, InPlace: -1, copies: true, works: 4, shape: gesddShape, flops: gesddFlops},
	{Name: "svals", Params: "t", InPlace: -1, copies: true, shape: svalsShape, flops: svalsFlops},
	{Name: "gbqr", Params: "t a", outs: 3, InPlace: 0, shape: gbqrShape, flopsAt: gbqrFlops},
	{Name: "gblq", Params: "t t a a", outs: 4, InPlace: -1, shape: gblqShape, flopsAt: gblqFlops},
	{Name: "gbmul", Params: "t t a a a", InPlace: -1, Adds: true, shape: gbmulShape, flopsAt: gbmulFlops, Attrs: []AttrSpec{transAttr}},
	{Name: "gbrow", Params: "t t t t a a a", outs: 2, InPlace: 0, shape: gbrowShape, flopsAt: gbrowFlops},
	{Name: "gbcol", Params: "t t t t a", InPlace: 0, shape: gbcolShape, flopsAt: gbcolFlops},
	{Name: "gbupdate", Params: "t t t t t a a a", InPlace: 0, shape: gbupdateShape, flopsAt: gbupdateFlops},
	{Name: "gborm", Params: "t t t a", InPlace: 2, shape: gbormShape, flopsAt: gbormFlops, Attrs: []AttrSpec{transAttr}},
	{Name: "gbchase", Params: "t a", outs: 5, InPlace: 0, shape: gbchaseShape, flopsAt: gbchaseFlops},
	{Name: "gbchased", Params: "t a", InPlace: 0, shape: gbchasedShape, flopsAt: gbchaseFlops},
	{Name: "gbpack", Params: "c a a", InPlace: -1, Reducer: true, shape: gbpackShape},
	{Name: "gbdiagonals", Params: "t", InPlace: -1, shape: gbdiagonalsShape, flops: noFlops},
	{Name: "bdsdc", Params: "t", outs: 3, InPlace: -1, works: 3, shape: bdsdcShape, flops: bdsdcFlops},
	{Name: "bdvals", Params: "t", InPlace: -1, shape: bdvalsShape, flops: bdvalsFlops},
}

// placedMatrices wants operands of two dimensions, and gives the blocks among the arguments.
func placedMatrices(s *shaper, c *Call, in [][]extent) []extent {
	for n, dims := range in {
		s.rank(c, n, dims, 2)
	}
	return axesShape(s, c, nil)[0]
}

// placedTile is placedMatrices, of which the first is as large as the blocks of the first two axes.
func placedTile(s *shaper, c *Call, in [][]extent) []extent {
	axes := placedMatrices(s, c, in)
	if !s.same(in[0][0], axes[0]) || !s.same(in[0][1], axes[1]) {
		s.mismatch(c, in)
	}
	return axes
}

// blockRange is where the block of an axis among the arguments, counted from 0, begins and ends, and how long a full one is.
func blockRange(c *Call, n int, x []int64) (start, end int64) {
	for _, a := range c.Args {
		r, ok := a.(*AxisRef)
		if !ok {
			continue
		}
		if n == 0 {
			k := r.Index.Eval(x)
			start = r.Axis.Start(k)
			return start, start + r.Axis.Extent(k)
		}
		n--
	}
	return 0, 0
}

// gesddShape is U, the singular values and Vᵀ; the operand is the one tile of its matrix.
func gesddShape(s *shaper, c *Call, in [][]extent) [][]extent {
	values := svalsShape(s, c, in)[0]
	return [][]extent{{in[0][0], values[0]}, values, {values[0], in[0][1]}}
}

func svalsShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	for _, e := range in[0] {
		if e.blocked && e.axis.Blocks() > 1 {
			s.fail(c, "%s wants a matrix of one tile", c.Sig.Name)
		}
	}
	return [][]extent{{fixed(min(in[0][0].full(), in[0][1].full())), fixed(1)}}
}

// gbqrShape is V, T and R.
func gbqrShape(s *shaper, c *Call, in [][]extent) [][]extent {
	p := placedMatrices(s, c, in)
	if !s.same(in[0][1], p[0]) {
		s.mismatch(c, in)
	}
	square := []extent{p[0], p[0]}
	return [][]extent{in[0], square, square}
}

// gblqShape is W, S, L and Yᵀ W.
func gblqShape(s *shaper, c *Call, in [][]extent) [][]extent {
	p := placedMatrices(s, c, in)
	if !s.same(in[0][0], in[1][1]) || !s.same(in[0][1], in[1][0]) || !s.same(in[0][0], p[0]) {
		s.mismatch(c, in)
	}
	square := []extent{p[0], p[0]}
	return [][]extent{in[1], square, {p[0], p[1]}, square}
}

func gbmulShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedTile(s, c, in)
	if c.Attrs["trans"] == "T" {
		return [][]extent{{in[0][1], in[1][1]}}
	}
	return [][]extent{{in[0][0], in[1][1]}}
}

// gbrowShape is Y and the panel's rows.
func gbrowShape(s *shaper, c *Call, in [][]extent) [][]extent {
	axes := placedMatrices(s, c, in)
	if !s.same(in[2][0], axes[0]) || !s.same(in[2][1], axes[1]) || !s.same(in[0][0], axes[1]) {
		s.mismatch(c, in)
	}
	return [][]extent{in[0], {axes[2], axes[1]}}
}

func gbcolShape(s *shaper, c *Call, in [][]extent) [][]extent {
	if axes := placedMatrices(s, c, in); !s.same(in[0][0], axes[0]) {
		s.mismatch(c, in)
	}
	return in[:1]
}

func gbupdateShape(s *shaper, c *Call, in [][]extent) [][]extent {
	if axes := placedTile(s, c, in); !s.same(in[2][0], axes[1]) || !s.same(in[3][0], axes[0]) {
		s.mismatch(c, in)
	}
	return in[:1]
}

func gbormShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	if !s.same(in[0][0], in[2][0]) || !s.same(in[0][1], in[1][1]) {
		s.mismatch(c, in)
	}
	return in[2:3]
}

// gbpackShape is the packed band, whose width is that of the first block.
func gbpackShape(s *shaper, c *Call, _ [][]extent) [][]extent {
	axes := axesShape(s, c, nil)[0]
	return [][]extent{{fixed(packedRows(axes[0].full())), axes[1]}}
}

// packedRows is how many rows the packed band has: kernel.packedRows.
func packedRows(b int64) int64 { return 3*b + 1 }

// gbchaseShape is the band, and for each side the vectors of the sweeps' reflections with their factors.
func gbchaseShape(s *shaper, c *Call, in [][]extent) [][]extent {
	axes := placedMatrices(s, c, in)
	b := (in[0][0].full() - 1) / 3
	n := in[0][1]
	v, tau := []extent{n, axes[0]}, []extent{fixed(0), axes[0]}
	if b > 0 {
		tau[0] = fixed((n.full() + b - 1) / b)
	}
	return [][]extent{in[0], v, tau, v, tau}
}

func gbchasedShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	return in[:1]
}

func gbdiagonalsShape(s *shaper, c *Call, in [][]extent) [][]extent {
	placedMatrices(s, c, in)
	return [][]extent{{in[0][1], fixed(2)}}
}

func bdsdcShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	n := in[0][0]
	return [][]extent{{n, n}, {n, fixed(1)}, {n, n}}
}

func bdvalsShape(s *shaper, c *Call, in [][]extent) [][]extent { return bdsdcShape(s, c, in)[1:2] }

// gesddFlops is an estimate: how often the values are improved is not known before.
func gesddFlops(c *Call, in, out [][]int64) float64 {
	k := float64(min(in[0][0], in[0][1]))
	return svalsFlops(c, in, out) + 8*k*k*k + 2*k*k*float64(in[0][0]+in[0][1])
}

// svalsFlops is that of bringing the tile to two diagonals.
func svalsFlops(_ *Call, in, _ [][]int64) float64 {
	m, n := float64(max(in[0][0], in[0][1])), float64(min(in[0][0], in[0][1]))
	return 4*m*n*n - 4*n*n*n/3
}

// Flops of gb* are of the part that is left of a tile.

func gbqrFlops(c *Call, in [][]int64, x []int64) float64 {
	start, _ := blockRange(c, 0, x)
	return panelWork(in[0][0]-start, in[0][1])
}

func panelWork(rows, cols int64) float64 {
	m, n := float64(max(rows, 0)), float64(cols)
	return 2*m*n*n + m*n*n // R, and the triangle T
}

func gblqFlops(c *Call, in [][]int64, x []int64) float64 {
	start, _ := blockRange(c, 1, x)
	b := float64(in[0][0])
	return panelWork(in[0][1]-start, in[0][0]) + 2*float64(max(in[0][1]-start, 0))*b*b
}

// leftOf is how many rows or columns of the block of an axis are not before a place.
func leftOf(c *Call, n int, x []int64, place int64) float64 {
	start, end := blockRange(c, n, x)
	return float64(max(end-max(start, place), 0))
}

func gbmulFlops(c *Call, in [][]int64, x []int64) float64 {
	start, end := blockRange(c, 2, x)
	if c.Attrs["trans"] != "T" {
		start = end
	}
	return 2 * leftOf(c, 0, x, start) * leftOf(c, 1, x, end) * float64(in[1][1])
}

func gbrowFlops(c *Call, in [][]int64, x []int64) float64 {
	_, end := blockRange(c, 2, x)
	b := float64(in[0][1])
	return 3 * leftOf(c, 1, x, end) * b * b
}

func gbcolFlops(_ *Call, in [][]int64, _ []int64) float64 {
	b := float64(in[0][1])
	return 3 * float64(in[0][0]) * b * b
}

func gbupdateFlops(c *Call, in [][]int64, x []int64) float64 {
	_, end := blockRange(c, 2, x)
	return 2 * leftOf(c, 0, x, end) * leftOf(c, 1, x, end) * float64(in[2][1]+in[3][1])
}

func gbormFlops(c *Call, in [][]int64, x []int64) float64 {
	start, _ := blockRange(c, 0, x)
	return 4 * float64(max(in[0][0]-start, 0)) * float64(in[0][1]) * float64(in[2][1])
}

// gbchaseFlops: each sweep goes on to the end of the matrix, with 16 b flops a row.
func gbchaseFlops(c *Call, in [][]int64, x []int64) float64 {
	start, end := blockRange(c, 0, x)
	n, b := in[0][1], float64((in[0][0]-1)/3)
	return 8 * b * float64(end-start) * float64(2*n-start-end)
}

// bdsdcFlops is the products of divide and conquer, if nothing deflates.
func bdsdcFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[0][0])
	return 8 * n * n * n / 3
}

func bdvalsFlops(_ *Call, in, _ [][]int64) float64 {
	n := float64(in[0][0])
	return 30 * n * n
}

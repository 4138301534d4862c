package lambdapack

import "numpywren/core/grid"

// The kernels of QR factorisations. V, a tile of Householder's vectors, goes with T, the triangles of their blocks, whose rows follow
// from V's.

var qrKernels = []Signature{
	{Name: "geqrt", Params: "t", outs: 2, InPlace: 0, shape: geqrtShape, flops: geqrtFlops},
	{Name: "geqrr", Shapes: "(m,n)->(n,n)", InPlace: -1, flops: geqrtFlops},
	{Name: "upper", Shapes: "(m,n)->(n,n)", InPlace: -1, flops: noFlops},
	{Name: "gemqrt", Params: "t t t", InPlace: 2, shape: gemqrtShape, flops: gemqrtFlops, Attrs: []AttrSpec{transAttr}},
	{Name: "orgqrt", Params: "t t t", InPlace: -1, shape: orgqrtShape, flops: orgqrtFlops},
	{Name: "tpqrt", Params: "t t", outs: 3, InPlace: 0, shape: tpqrtShape, flops: tpqrtFlops, Attrs: []AttrSpec{formAttr}},
	{Name: "tpqrr", Params: "t t", InPlace: 0, shape: firstShape, flops: tpqrtFlops},
	{Name: "tpmqrt", Params: "t t t t", outs: 2, InPlace: 2, shape: tpmqrtShape, flops: tpmqrtFlops, Attrs: []AttrSpec{transAttr, formAttr}},
	{Name: "tporgqrt", Params: "t t t", outs: 2, InPlace: 2, shape: tporgqrtShape, flops: tporgqrtFlops, Attrs: []AttrSpec{formAttr}},
}

var (
	transAttr = AttrSpec{"trans", "T", []string{"N", "T"}}
	formAttr  = AttrSpec{"form", "full", []string{"full", "upper"}}
)

// reflectorRows is how many rows T has for a V of m rows: kernel.reflectorRows.
func reflectorRows(m int64) int64 {
	const blockSide, chunkRows = 128, 1024
	if m < blockSide {
		return m
	}
	return (m + chunkRows - 1) / chunkRows * blockSide
}

// derived is an extent that follows from another: that of an axis with as many blocks.
func derived(e extent, f func(n int64) int64) extent {
	if !e.blocked {
		return fixed(f(e.n))
	}
	last := e.axis.Blocks() - 1
	if last < 0 {
		return e
	}
	full := f(e.axis.Block)
	e.axis = grid.Axis{Len: last*full + f(e.axis.Extent(last)), Block: max(full, 1)}
	return e
}

// geqrtShape is V, which has R above it, and T.
func geqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	return [][]extent{in[0], {derived(in[0][0], reflectorRows), in[0][1]}}
}

// reflecting checks V and T.
func reflecting(s *shaper, c *Call, in [][]extent) {
	for n, dims := range in {
		s.rank(c, n, dims, 2)
	}
	if !s.same(in[1][0], derived(in[0][0], reflectorRows)) || !s.same(in[0][1], in[1][1]) {
		s.mismatch(c, in)
	}
}

func gemqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	reflecting(s, c, in)
	if !s.same(in[0][0], in[2][0]) {
		s.mismatch(c, in)
	}
	return in[2:3]
}

// orgqrtShape is as many rows as V has; the operand may have more or fewer.
func orgqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	reflecting(s, c, in)
	if s.mode == atPoint && in[2][0].n < min(in[0][0].n, in[0][1].n) {
		s.mismatch(c, in)
	}
	return [][]extent{{in[0][0], in[2][1]}}
}

// tpqrtShape is R, V and T.
func tpqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	s.rank(c, 0, in[0], 2)
	s.rank(c, 1, in[1], 2)
	if !s.same(in[0][1], in[1][1]) || s.mode == atPoint && in[0][0].n < in[0][1].n {
		s.mismatch(c, in)
	}
	return [][]extent{in[0], in[1], {derived(in[1][0], reflectorRows), in[1][1]}}
}

// tpmqrtShape is that of the two tiles, of which the upper has at least as many rows as V has columns, the lower as V has rows.
func tpmqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	reflecting(s, c, in)
	if !s.same(in[2][1], in[3][1]) || s.mode == atPoint && (in[2][0].n < in[0][1].n || in[3][0].n < in[0][0].n) {
		s.mismatch(c, in)
	}
	return in[2:4]
}

func tporgqrtShape(s *shaper, c *Call, in [][]extent) [][]extent {
	reflecting(s, c, in)
	if s.mode == atPoint && in[2][0].n < in[0][1].n {
		s.mismatch(c, in)
	}
	return [][]extent{in[2], {in[0][0], in[2][1]}}
}

// Flops are LAPACK's leading terms. Those of what generates Q are for a C that is a triangle, as it is when Q itself is wanted.

func geqrtFlops(_ *Call, in, _ [][]int64) float64 {
	m, n := float64(in[0][0]), float64(in[0][1])
	k := min(m, n)
	return 4*m*n*k - 2*(m+n)*k*k + 4*k*k*k/3
}

func gemqrtFlops(_ *Call, in, _ [][]int64) float64 {
	m, n, p := float64(in[0][0]), float64(in[0][1]), float64(in[2][1])
	k := min(m, n)
	return 2 * p * k * (2*m - k)
}

func orgqrtFlops(_ *Call, in, out [][]int64) float64 {
	m, n, p := float64(in[0][0]), float64(in[0][1]), float64(out[0][1])
	k := min(m, n)
	return p * k * (2*m - k)
}

func tpqrtFlops(c *Call, in, _ [][]int64) float64 {
	m, n := float64(in[1][0]), float64(in[1][1])
	if c.Attrs["form"] == "upper" {
		return 2 * min(m, n) * n * n / 3
	}
	return 2 * m * n * n
}

func tpmqrtFlops(c *Call, in, _ [][]int64) float64 { return 2 * tporgqrtFlops(c, in, nil) }

func tporgqrtFlops(c *Call, in, _ [][]int64) float64 {
	m, k, p := float64(in[0][0]), float64(in[0][1]), float64(in[2][1])
	if c.Attrs["form"] == "upper" {
		return m * k * p
	}
	return 2 * m * k * p
}

package grid

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

func TestAxis(t *testing.T) {
	a := Axis{10, 4}
	require.EqualValues(t, 3, a.Blocks())
	require.EqualValues(t, 8, a.Start(2))
	require.EqualValues(t, 2, a.Extent(2))
	require.EqualValues(t, 0, a.Extent(3))
	require.EqualValues(t, 2, a.Find(9))
	require.EqualValues(t, 0, Axis{0, 4}.Blocks())
}

// TestBlocksCoverShape: every element lies in exactly one tile, and Find names it.
func TestBlocksCoverShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		ndim := rng.IntN(5)
		shape, block := make([]int64, ndim), make([]int64, ndim)
		for d := range shape {
			shape[d], block[d] = rng.Int64N(9), 1+rng.Int64N(10)
		}
		g, err := New(shape, block)
		require.NoError(t, err)
		require.Equal(t, shape, g.Shape())
		var tiles, elements int64
		var last []int64
		for idx := range g.All() {
			require.True(t, g.Contains(idx))
			if last != nil {
				require.Negative(t, slices.Compare(last, idx), "the first index is the slowest")
			}
			last = slices.Clone(idx)
			n := int64(1)
			starts := g.Starts(idx)
			for d, extent := range g.TileShape(idx) {
				require.Positive(t, extent)
				require.Equal(t, idx[d], g[d].Find(starts[d]))
				require.Equal(t, idx[d], g[d].Find(starts[d]+extent-1))
				n *= extent
			}
			tiles++
			elements += n
		}
		require.Equal(t, g.NumTiles(), tiles)
		require.Equal(t, g.Size(), elements)
		require.True(t, g.Transpose().Transpose().Equal(g))
	}
}

func TestAllStops(t *testing.T) {
	g, err := New([]int64{4, 4}, []int64{2, 2})
	require.NoError(t, err)
	n := 0
	for range g.All() {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

func TestSameTilingIsSameGrid(t *testing.T) {
	a, err := New([]int64{100, 0}, []int64{1000, 5})
	require.NoError(t, err)
	b, err := New([]int64{100, 0}, []int64{100, 1})
	require.NoError(t, err)
	require.True(t, a.Equal(b))
	require.False(t, a.Contains([]int64{0, 0}))
	require.False(t, a.Contains([]int64{0}))
	require.Equal(t, []int64{1, 0}, a.Blocks())
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ shape, block []int64 }{
		{[]int64{1}, nil},
		{[]int64{-1}, []int64{1}},
		{[]int64{1}, []int64{0}},
		{[]int64{1 << 40, 1 << 40}, []int64{1, 1}},
		{[]int64{0, 1 << 40, 1 << 40}, []int64{1, 1, 1}},
	} {
		_, err := New(c.shape, c.block)
		require.Equal(t, errs.Value, errs.KindOf(err), "%v %v", c.shape, c.block)
	}
}

func TestDefaultBlock(t *testing.T) {
	for _, c := range []struct{ shape, want []int64 }{
		{nil, []int64{}},
		{[]int64{0}, []int64{1}},
		{[]int64{3 << 20}, []int64{1 << 20}},
		{[]int64{1, 1}, []int64{1, 1}},
		{[]int64{100, 100}, []int64{100, 100}},
		{[]int64{512, 513}, []int64{512, 384}},
		{[]int64{1000, 1000}, []int64{512, 512}},
		{[]int64{2000, 2000}, []int64{768, 768}},
		{[]int64{3000, 4000}, []int64{1024, 1024}},
		{[]int64{8191, 8192}, []int64{1024, 2048}},
		{[]int64{16384, 16384}, []int64{2048, 2048}},
		{[]int64{1 << 20, 1 << 20}, []int64{2048, 2048}},
		{[]int64{60000, 784}, []int64{1280, 784}},
		{[]int64{784, 60000}, []int64{784, 1280}},
		{[]int64{60000, 1}, []int64{7552, 1}},
		{[]int64{1 << 30, 1}, []int64{1 << 16, 1}},
		{[]int64{1797, 64}, []int64{256, 64}},
		{[]int64{0, 100000}, []int64{1, 12544}},
		{[]int64{200, 300, 100}, []int64{100, 75, 100}},
	} {
		require.Equal(t, c.want, DefaultBlock(c.shape, 8), "%v", c.shape)
		require.Equal(t, c.want, DefaultBlock(c.shape, 4), "%v", c.shape)
	}
	require.Equal(t, []int64{512, 1024}, DefaultBlock([]int64{60000, 1024}, 16))
}

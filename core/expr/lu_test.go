package expr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/grid"
)

// TestStepBlock: a matrix is factored in its own square tiles, in parts of them where they are few, in several together where they
// are many.
func TestStepBlock(t *testing.T) {
	for _, c := range []struct {
		shape, block [2]int64
		want         int64
	}{
		{[2]int64{100, 100}, [2]int64{16, 16}, 16},
		{[2]int64{100, 100}, [2]int64{200, 200}, 100},
		{[2]int64{8192, 8192}, [2]int64{2048, 2048}, 1024},
		{[2]int64{8192, 8192}, [2]int64{512, 512}, 512},
		{[2]int64{4096, 4096}, [2]int64{4096, 4096}, 512},
		{[2]int64{4096, 4096}, [2]int64{1365, 1365}, 1365},       // what is odd is not halved
		{[2]int64{12000, 12000}, [2]int64{80, 80}, 240},          // 150 steps would be many
		{[2]int64{1 << 20, 1 << 20}, [2]int64{80, 80}, 2000},     // large ones have more
		{[2]int64{1 << 20, 1 << 20}, [2]int64{4096, 4096}, 4096}, // and keep large tiles
		{[2]int64{1000, 1000}, [2]int64{1000, 10}, 512},          // the default
		{[2]int64{1000000, 100}, [2]int64{50000, 100}, 50000},    // a thin one is one step
		{[2]int64{100, 1000000}, [2]int64{100, 50000}, 50000},
		{[2]int64{0, 0}, [2]int64{1, 1}, 1},
	} {
		g := grid.Grid{{Len: c.shape[0], Block: c.block[0]}, {Len: c.shape[1], Block: c.block[1]}}
		require.Equal(t, c.want, stepBlock(g), "%v in %v", c.shape, c.block)
	}
}

// TestPivotingBySize: a tournament where a block column is more than one task should hold.
func TestPivotingBySize(t *testing.T) {
	for _, c := range []struct {
		n, block int64
		p        dict
		want     string
	}{
		{30000, 2000, nil, "lu_factor(x0"}, {300000, 4000, nil, "lu_factor_tournament(x0"},
		{30000, 2000, dict{"pivoting": "tournament"}, "lu_factor_tournament(x0"}, {300000, 4000, dict{"pivoting": "partial"}, "lu_factor(x0"},
	} {
		nodes, err := Apply("lu", []Operand{{Node: matrix(t, "A", float64Type, ints(c.n, c.n), ints(c.block, c.block))}}, c.p)
		require.NoError(t, err)
		p, err := Lower(nodes, nil)
		require.NoError(t, err)
		require.Contains(t, p.Text, c.want)
		p.Release()
		for _, n := range nodes {
			n.Release()
		}
	}
	_, err := try("lu", dict{"pivoting": "none"}, matrix(t, "A", float64Type, ints(3, 3), nil))
	require.EqualError(t, err, `lu: pivoting is "none": "auto", "partial" or "tournament" was expected`)
}

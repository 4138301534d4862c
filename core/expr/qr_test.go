package expr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/grid"
)

// TestQRBlocks: blocks are kept where a program can use them, and otherwise chosen from the shape.
func TestQRBlocks(t *testing.T) {
	for _, c := range []struct{ shape, block, want []int64 }{
		{[]int64{100, 100}, []int64{30, 30}, []int64{30, 30}},                    // square
		{[]int64{100, 20}, []int64{30, 20}, []int64{30, 20}},                     // one block column
		{[]int64{20, 100}, []int64{20, 30}, []int64{20, 30}},                     // one block row
		{[]int64{20, 100}, []int64{20, 10}, []int64{20, 100}},                    // one that is too narrow
		{[]int64{100, 100}, []int64{30, 20}, []int64{100, 100}},                  // neither
		{[]int64{100, 20}, []int64{10, 20}, []int64{100, 20}},                    // blocks wider than tall
		{[]int64{400000, 128}, []int64{8192, 128}, []int64{8192, 128}},           // the default
		{[]int64{400000, 128}, []int64{100, 128}, []int64{8192, 128}},            // blocks wider than tall
		{[]int64{8192, 8192}, []int64{2048, 2048}, []int64{1024, 1024}},          // too few
		{[]int64{32768, 32768}, []int64{2048, 2048}, []int64{2048, 2048}},        // enough
		{[]int64{9000, 9000}, []int64{100, 100}, []int64{1024, 1024}},            // too many
		{[]int64{1000000, 2000}, []int64{2048, 256}, []int64{512, 512}},          // at least four
		{[]int64{5000, 5000}, []int64{5000, 5000}, []int64{1024, 1024}},          // one, and a large one
		{[]int64{1000, 1000}, []int64{1000, 1000}, []int64{1000, 1000}},          // one
		{[]int64{2000000, 64}, []int64{16384, 64}, []int64{16384, 64}},           // the default
		{[]int64{3000, 2000}, []int64{3000, 2000}, []int64{512, 512}},            // one, and a large one
		{[]int64{1 << 20, 1 << 20}, []int64{4096, 4096}, []int64{4096, 4096}},    // what the user wants
		{[]int64{1 << 20, 2000}, []int64{4096, 2000}, []int64{4096, 2000}},       // one wide block column
		{[]int64{1 << 20, 1 << 10}, []int64{4096, 1024}, []int64{4096, 1 << 10}}, // one block column
	} {
		g, err := grid.New(c.shape, c.block)
		require.NoError(t, err)
		b := &builder{op: "qr"}
		x := b.forQR(b.keep(NewStored(&data{}, g, float64Type, "X", false)))
		require.Equal(t, c.want, x.grid.Block(), "%v in blocks of %v", c.shape, c.block)
		b.close()
	}
}

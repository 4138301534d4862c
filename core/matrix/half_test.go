package matrix

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/grid"
	"numpywren/core/tile"
)

// TestHalf: which tile has the content of which, and that zarr.json says so, with a key and without.
func TestHalf(t *testing.T) {
	side := grid.Axis{Len: 50, Block: 20}
	for _, key := range []string{"", "abc"} {
		chunks := &Chunks{Store: blob.NewMemory(), Prefix: "m/"}
		m := NewBigMatrix("m", "syrk(X)", tile.Float64, grid.Grid{side, side}, nil, nil, chunks)
		require.False(t, IsHalf(m.Meta()))
		i, turned := m.Base(Index{0, 2})
		require.Equal(t, Index{0, 2}, i)
		require.False(t, turned)
		m.Halve()
		if key != "" {
			m.Identify(key)
		}
		for _, c := range []struct {
			i, base Index
			turned  bool
		}{{Index{0, 2}, Index{2, 0}, true}, {Index{2, 0}, Index{2, 0}, false}, {Index{1, 1}, Index{1, 1}, false}} {
			base, turned := m.Base(c.i)
			require.Equal(t, c.base, base)
			require.Equal(t, c.turned, turned)
		}
		text, err := m.Meta().Marshal()
		require.NoError(t, err)
		meta, err := ParseMeta(text)
		require.NoError(t, err)
		require.True(t, IsHalf(meta))
		display, found := Attributes(meta)
		require.Equal(t, []string{"syrk(X)", key}, []string{display, found})
	}
}

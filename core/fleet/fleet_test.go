package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/queue"
	"numpywren/core/tile"
)

// TestSameBits: a fleet gives the bits that one machine gives, with any number of workers and any retention.
func TestSameBits(t *testing.T) {
	for _, c := range []struct {
		name, text string
		workers    int
		settings   Settings
	}{
		{"cholesky, one", choleskyText, 1, Settings{}},
		{"cholesky, three", choleskyText, 3, Settings{}},
		{"cholesky, results", choleskyText, 3, Settings{Results: true}},
		{"cholesky, without chains", choleskyText, 2, Settings{Unchain: true}},
		{"solve, three", solveText, 3, Settings{}},
		{"solve, results", solveText, 2, Settings{Results: true, Longest: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, blob.NewMemory(), queue.NewMemory(queue.MemoryOptions{Lease: time.Second}), c.text, 200, 32, c.settings, nil)
			for range c.workers {
				s.worker(Options{})
			}
			j := s.submit()
			require.NoError(t, s.wait(j))
			s.same()
			l, err := j.Look(context.Background())
			require.NoError(t, err)
			require.Equal(t, Done, l.State)
		})
	}
}

// TestNotPositiveDefinite: a numerical failure ends the job at once, with its kind and its tile.
func TestNotPositiveDefinite(t *testing.T) {
	s := newSite(t, blob.NewMemory(), queue.NewMemory(queue.MemoryOptions{Lease: time.Second}), choleskyText, 100, 32, Settings{},
		func(x *tile.Tile) { tile.View[float64](x)[5*x.Shape[0]+5] = -1 })
	s.worker(Options{})
	err := s.wait(s.submit())
	require.Equal(t, errs.LinAlg, errs.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "cholesky(iter=1)")
}

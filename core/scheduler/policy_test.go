package scheduler

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		d    Demand
		want int
	}{
		{Demand{}, 0},
		{Demand{Min: 2}, 2},
		{Demand{Queued: 10, Width: 1}, 10},
		{Demand{Queued: 5, InFlight: 5, Width: 2}, 5},
		{Demand{Queued: 5, InFlight: 4, Width: 2}, 5}, // rounded up
		{Demand{Queued: 100, Width: 1, Factor: 0.5}, 50},
		{Demand{Queued: 100, Width: 1, Max: 8}, 8},
		{Demand{Queued: math.MaxInt64 / 2, Width: 0}, math.MaxInt32},
	} {
		require.Equal(t, c.want, Wanted(c.d), "%+v", c.d)
	}
}

func TestDeadline(t *testing.T) {
	require.Equal(t, 30*time.Second, Deadline(10, 3, time.Second))
	require.Equal(t, time.Minute, Deadline(0.001, 3, time.Minute))
	require.Equal(t, time.Duration(math.MaxInt64), Deadline(1e300, 3, 0))
}

func TestBackoff(t *testing.T) {
	const base, limit = time.Second, time.Minute
	for attempt := 0; attempt < 100; attempt++ {
		full := min(limit, base<<min(max(0, attempt-1), 20))
		require.Equal(t, full/2, Backoff(attempt, base, limit, 0), "attempt %d", attempt)
		most := Backoff(attempt, base, limit, 0.999999)
		require.LessOrEqual(t, most, full)
		require.Greater(t, most, full*9/10)
	}
	require.Equal(t, limit/2, Backoff(math.MaxInt32, base, limit, 0))
}

func TestExhausted(t *testing.T) {
	require.False(t, Exhausted(1000, 0), "no bound")
	require.False(t, Exhausted(2, 3))
	require.True(t, Exhausted(3, 3))
}

package cloud

import (
	"errors"
	"testing"
	"time"

	smithy "github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// TestPause: the first pauses are short, so that one failure of many requests costs nothing; those of a server that is away are
// not, nor are those that it asks for.
func TestPause(t *testing.T) {
	longest := func(attempt int, err error) time.Duration {
		most := time.Duration(0)
		for range 1000 {
			most = max(most, Pause(attempt, err))
		}
		return most
	}
	reset, slow := errors.New("connection reset"), &smithy.GenericAPIError{Code: "SlowDown"}
	for attempt, most := range map[int]time.Duration{1: firstPause, 2: 2 * firstPause, 3: 4 * firstPause, 12: longestPause} {
		require.InEpsilon(t, most, longest(attempt, reset), 0.1, "attempt %d", attempt)
	}
	require.InEpsilon(t, throttlePause, longest(1, slow), 0.1)
	require.InEpsilon(t, longestPause, longest(70, slow), 0.1)
}

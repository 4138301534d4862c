package queuetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/queue"
)

// TestTwice: each message comes twice, the acknowledgement of one does not take the other along, some come late, and the same
// seed does the same.
func TestTwice(t *testing.T) {
	run := func(seed uint64) (log []string) {
		clock := NewClock()
		q := NewTwice(queue.NewMemory(queue.MemoryOptions{Clock: clock}), seed, time.Minute)
		for i := range 20 {
			send(t, q, queue.Message{Body: fmt.Sprint(i)}, queue.Message{Body: fmt.Sprint(100 + i), Delay: time.Second})
		}
		seen := map[string]int{}
		for minute := range 3 {
			for {
				got := receive(t, q, 1)
				if len(got) == 0 {
					break
				}
				seen[got[0].Body]++
				log = append(log, fmt.Sprint(minute, " ", got[0].Body))
				require.NoError(t, q.Ack(t.Context(), got[0].Receipt))
			}
			clock.Advance(time.Minute)
		}
		require.Len(t, seen, 40)
		for body, n := range seen {
			assert.Equal(t, 2, n, "message %s, seed %d", body, seed)
		}
		assert.Equal(t, queue.Count{}, count(t, q))
		return log
	}
	for seed := range uint64(20) {
		log := run(seed)
		assert.Equal(t, log, run(seed), "seed %d", seed)
		assert.NotEqual(t, log, run(seed+1000))
		assert.NotEqual(t, "0", log[len(log)-1][:1], "nothing came late, seed %d", seed)
	}
}

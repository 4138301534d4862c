package fleet

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// TestSecondDelivery: a message that comes again after this worker acknowledged it is dropped, without a walk through its chain.
func TestSecondDelivery(t *testing.T) {
	q := memoryQueue()
	s := newSite(t, blob.NewMemory(), q, choleskyText, 160, 32, Settings{Longest: 1}, nil)
	s.lease = shortLease
	var first atomic.Pointer[lambdapack.Task]
	var asked, acks atomic.Int64
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.worker(Options{fault: func(a scheduler.Action) bool {
		switch a.Op {
		case scheduler.Exists:
			task := a.Task
			if first.CompareAndSwap(nil, &task) || *first.Load() == a.Task {
				asked.Add(1)
			}
		case scheduler.Compute:
			if acks.Load() > 0 && acks.Add(1) == 2 {
				close(reached)
				<-goOn
			}
		case scheduler.Ack:
			acks.CompareAndSwap(0, 1)
		}
		return false
	}})
	j := s.submit()
	<-reached
	ctx := context.Background()
	again := queue.Message{Body: order{run: j.at(), task: *first.Load()}.String(), Priority: Levels - 1}
	require.NoError(t, q.Send(ctx, []queue.Message{again}))
	require.Eventually(t, func() bool { n, err := q.Len(ctx); return err == nil && n.Visible == 0 }, time.Minute, time.Millisecond)
	close(goOn)
	require.NoError(t, s.wait(j))
	s.same()
	require.EqualValues(t, 1, asked.Load())
}

// TestRecent: it knows what was added lately, and does not grow.
func TestRecent(t *testing.T) {
	var r recent
	number := func(k int64) order {
		return order{run: runID{"x", 1}, task: lambdapack.Task{I: [lambdapack.MaxIndex]int64{k}}}
	}
	for k := range int64(3 * remembered) {
		r.add(number(k))
		require.True(t, r.has(number(k)) && r.has(number(max(0, k-remembered+1))))
	}
	require.False(t, r.has(number(0)))
	require.LessOrEqual(t, len(r.young)+len(r.old), 2*remembered)
}

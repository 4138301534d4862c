package fleet

import (
	"context"
	"sync"
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

// gate is passed once, by whoever comes first.
type gate struct {
	passed chan struct{}
	pass   func()
}

func newGate() *gate {
	g := &gate{passed: make(chan struct{})}
	g.pass = sync.OnceFunc(func() { close(g.passed) })
	return g
}

// TestLateClaim: of one message two workers know, since its lease lapsed. The second finds a child that is not ready, and acknowledges
// it; then the child becomes ready, and the first comes upon it. It must not claim it: if it died then, nobody would have the duty.
func TestLateClaim(t *testing.T) {
	memory := memoryQueue()
	s := newSite(t, blob.NewMemory(), memory, choleskyText, 96, 32, Settings{Unchain: true, Most: 8}, nil)
	s.lease = shortLease
	parent, other := s.task("col_update(row=1, col=0)"), s.task("col_update(row=2, col=0)")
	child := s.task("low_rank_update(iter=0, row=1, col=2)")
	asked, acked, written, over := newGate(), newGate(), newGate(), newGate()
	// other is written when the second worker is done with parent; then parent's first worker goes on, and who wrote other after it.
	order := func(a scheduler.Action) {
		switch {
		case a.Op == scheduler.Write && a.Task == other:
			<-acked.passed
		case a.Op == scheduler.Ready && a.Task == child && a.By == other:
			written.pass()
			<-over.passed
		}
	}
	var claims atomic.Int64
	d := s.d
	s.d = &Deployment{Store: d.Store, Queue: queue.New(cutOff{wrapped{memory}}), Version: d.Version}
	s.worker(Options{ID: "late", fault: func(a scheduler.Action) bool {
		order(a)
		if a.Task == child && a.By == parent {
			switch a.Op {
			case scheduler.Ready:
				asked.pass()
				<-written.passed
			case scheduler.Claim:
				claims.Add(1)
			}
		}
		dies := a.Op == scheduler.Send && a.Task == child
		if dies || a.Op == scheduler.Release {
			over.pass()
		}
		return dies
	}})
	s.d = d
	j := s.submit()
	<-asked.passed
	s.worker(Options{ID: "second", fault: func(a scheduler.Action) bool {
		order(a)
		if a.Op == scheduler.Ack && a.Task == parent {
			acked.pass()
		}
		return false
	}})
	require.NoError(t, s.wait(j))
	s.same()
	require.NotZero(t, claims.Load())
}

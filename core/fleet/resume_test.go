package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// TestResumedByAnother: who waits for a job that somebody else resumes goes on to the new run.
func TestResumedByAnother(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 128, 32, Settings{}, nil)
	s.lease = shortLease
	ctx := context.Background()
	j := s.submit()
	require.NoError(t, s.d.Queue.Purge(ctx))
	watching, result := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		result <- j.Watch(ctx, Watching{Seen: func(*Look) error { once.Do(func() { close(watching) }); return nil }})
	}()
	<-watching
	for range 2 {
		other, err := s.d.Job(ctx, j.ID())
		require.NoError(t, err)
		require.NoError(t, other.Resume(ctx))
	}
	s.worker(Options{})
	require.NoError(t, <-result)
	s.same()
	l, err := j.Look(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, l.Run)
}

// TestResumerDies: a client dies after it ended the run before and before it began its own. Who waits is told in the end, and the job
// can be resumed again.
func TestResumerDies(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 64, 32, Settings{}, nil)
	s.lease = shortLease
	ctx := context.Background()
	j := s.submit()
	_, err := s.d.finish(ctx, j.at(), End{State: Cancelled, Message: "it was resumed", Resumed: true})
	require.NoError(t, err)
	require.Equal(t, errs.Cancelled, errs.KindOf(j.Watch(ctx, Watching{Stalled: time.Second})))
	require.NoError(t, j.Resume(ctx))
	s.worker(Options{})
	require.NoError(t, s.wait(j))
	s.same()
}

// TestResumedAtOnce: many clients resume a job at the same moment, while workers have its tasks in hand and others wait for it.
func TestResumedAtOnce(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), solveText, 256, 32, Settings{Most: 8}, nil)
	s.lease = shortLease
	ctx := context.Background()
	var n atomic.Int64
	reached := make(chan struct{})
	for range 2 {
		s.worker(Options{Look: time.Nanosecond, fault: func(a scheduler.Action) bool {
			if a.Op == scheduler.Compute && n.Add(1) == 20 {
				close(reached)
			}
			return false
		}})
	}
	j := s.submit()
	waiting := make(chan error, 1)
	go func() { waiting <- j.Watch(ctx, Watching{}) }()
	<-reached
	var resumed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := j.Resume(ctx) // the same Job: it is safe for concurrent use
			if err == nil {
				resumed.Add(1)
			} else if errs.KindOf(err) != errs.Exists {
				t.Errorf("resume: %v", err)
			}
		})
	}
	group.Wait()
	require.NotZero(t, resumed.Load())
	require.NoError(t, s.wait(j))
	require.NoError(t, <-waiting)
	s.same()
}

// TestCancelledAtItsEnd: cancelling races with the last tasks, and with those who see that all is done. However it ends, it ends once,
// everybody is told the same, and what is called done is whole.
func TestCancelledAtItsEnd(t *testing.T) {
	for after := range int64(10) {
		t.Run(fmt.Sprintf("%d actions after the last tile", after), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 96, 32, Settings{}, nil)
			s.lease = shortLease
			ctx := context.Background()
			j := s.submit()
			results := make(chan error, 3)
			for range cap(results) {
				go func() { results <- j.Watch(ctx, Watching{}) }()
			}
			var last atomic.Bool
			var actions atomic.Int64
			s.worker(Options{Look: time.Nanosecond, fault: func(a scheduler.Action) bool {
				if a.Op == scheduler.Write && s.plan.TaskName(a.Task) == "cholesky(iter=2)" {
					last.Store(true)
				}
				if last.Load() && actions.Add(1) == after+1 {
					if err := j.Cancel(ctx, "by the test"); err != nil {
						t.Errorf("cancel: %v", err)
					}
				}
				return false
			}})
			first := <-results
			for range cap(results) - 1 {
				require.Equal(t, errs.KindOf(first), errs.KindOf(<-results))
			}
			if first == nil {
				s.same()
				return
			}
			require.Equal(t, errs.Cancelled, errs.KindOf(first))
			require.NoError(t, j.Resume(ctx))
			require.NoError(t, s.wait(j))
			s.same()
		})
	}
}

// cutOff is a queue that renews no lease, and does not say that they lapsed, for a worker that is to seem frozen.
type cutOff struct{ queue.Driver }

func (cutOff) Extend(context.Context, queue.Receipt, time.Duration) error {
	return errs.New(errs.OS, "no answer")
}

// TestThaw: a worker stands still before an action, of every kind, until the job was done by another, in the same run or in one that
// it was resumed with; then it goes on with what it has in hand. It spoils nothing, and takes part in the next job.
func TestThaw(t *testing.T) {
	for _, results := range []bool{false, true} {
		for _, resumed := range []bool{false, true} {
			for op := scheduler.Exists; op <= scheduler.Ack; op++ {
				for _, at := range []int64{1, 6} {
					t.Run(fmt.Sprintf("%v %d, results %v, resumed %v", op, at, results, resumed), func(t *testing.T) {
						t.Parallel()
						testThaw(t, op, at, results, resumed)
					})
				}
			}
		}
	}
}

func testThaw(t *testing.T, op scheduler.Op, at int64, results, resumed bool) {
	memory := memoryQueue()
	s := newSite(t, blob.NewMemory(), memory, choleskyText, 160, 32, Settings{Results: results, Most: 8}, nil)
	s.lease = shortLease
	ctx := context.Background()
	var seen atomic.Int64
	stuck, goOn := make(chan struct{}), make(chan struct{})
	d := s.d
	s.d = &Deployment{Store: d.Store, Queue: queue.New(cutOff{wrapped{memory}}), Version: d.Version}
	stop, _ := s.worker(Options{ID: "frozen", fault: func(a scheduler.Action) bool {
		if n := seen.Load(); a.Op == op && n < at {
			if n = seen.Add(1); n == at {
				close(stuck)
			}
		}
		if seen.Load() >= at {
			<-goOn // all of it stands still
		}
		return false
	}})
	s.d = d
	thaw := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(thaw)
	j := s.submit()
	result := make(chan error, 1)
	go func() { result <- s.wait(j) }()
	select {
	case <-stuck:
	case err := <-result: // a program of few tasks may not do it so often
		require.NoError(t, err)
		s.same()
		return
	}
	if resumed {
		require.NoError(t, j.Resume(ctx))
	}
	quick, _ := s.worker(Options{ID: "quick"})
	require.NoError(t, <-result)
	s.same()
	thaw()
	quick()
	s.manifest.ID = ""
	for key := range s.want { // so that it is computed again
		require.NoError(t, s.d.Store.Delete(ctx, key))
	}
	require.NoError(t, s.wait(s.submit()))
	stop()
	s.same()
}

// TestDeathInAWalk: a worker dies when it has claimed children that are done, by another job, and has not sent them yet. Whoever gets
// its message goes on below them all the same.
func TestDeathInAWalk(t *testing.T) {
	for _, op := range []scheduler.Op{scheduler.Send, scheduler.Ack} {
		for at := range int64(4) {
			t.Run(fmt.Sprintf("%v %d", op, at+1), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 160, 32, Settings{Unchain: true, Most: 8}, nil)
				s.lease = shortLease
				stop, _ := s.worker(Options{})
				require.NoError(t, s.wait(s.submit()))
				stop()
				for key := range s.want {
					if strings.HasSuffix(key, "/c/4/4") { // the last of all
						require.NoError(t, s.d.Store.Delete(t.Context(), key))
					}
				}
				var seen atomic.Int64
				_, died := s.worker(Options{ID: "mortal", fault: func(a scheduler.Action) bool { return a.Op == op && seen.Add(1) == at+1 }})
				s.manifest.ID = ""
				j := s.submit()
				<-died
				s.worker(Options{ID: "heir"})
				require.NoError(t, j.Watch(t.Context(), Watching{Stalled: 5 * time.Second}))
				s.same()
			})
		}
	}
}

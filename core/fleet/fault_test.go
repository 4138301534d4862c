package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

const shortLease = 200 * time.Millisecond

func memoryQueue() *queue.Queue {
	return queue.NewMemory(queue.MemoryOptions{Lease: shortLease, MaxReceive: 8})
}

// TestDeaths kills a worker before an action, of every kind and at several times; another takes over when the leases lapse.
func TestDeaths(t *testing.T) {
	for _, results := range []bool{false, true} {
		for op := scheduler.Exists; op <= scheduler.Ack; op++ {
			times := []int64{1, 4, 9}
			if testing.Short() {
				times = times[:1]
			}
			for _, at := range times {
				t.Run(fmt.Sprintf("%v %d, results %v", op, at, results), func(t *testing.T) {
					t.Parallel()
					s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 160, 32, Settings{Results: results, Most: 8}, nil)
					s.lease = shortLease
					var seen atomic.Int64
					_, died := s.worker(Options{ID: "mortal", fault: func(a scheduler.Action) bool { return a.Op == op && seen.Add(1) == at }})
					j := s.submit()
					result := make(chan error, 1)
					go func() { result <- j.Watch(context.Background(), Watching{}) }()
					select {
					case <-died:
						s.worker(Options{ID: "heir"})
					case err := <-result: // a program of few tasks may not do it so often
						result <- err
					case <-time.After(time.Minute):
						t.Fatal("the job hangs")
					}
					require.NoError(t, s.wait(j))
					require.NoError(t, <-result)
					s.same()
				})
			}
		}
	}
}

// TestDeathsByChance kills workers again and again, at random actions; new ones come in their place.
func TestDeathsByChance(t *testing.T) {
	rng := chance(t)
	s := newSite(t, blob.NewMemory(), memoryQueue(), solveText, 256, 32, Settings{Most: 8}, nil)
	s.lease = shortLease
	j := s.submit()
	var left atomic.Int64
	left.Store(12)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var group sync.WaitGroup
	for k := range 3 {
		lives := rand.New(rand.NewPCG(rng.Uint64(), 2))
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				var actions atomic.Int64
				life := 1 + lives.Int64N(100)
				stop, died := s.worker(Options{ID: fmt.Sprintf("w%d-%d", k, n),
					fault: func(scheduler.Action) bool { return actions.Add(1) == life && left.Add(-1) >= 0 }})
				select {
				case <-died:
				case <-ctx.Done():
					stop()
				}
			}
		})
	}
	require.NoError(t, s.wait(j))
	cancel()
	group.Wait()
	s.same()
	require.Less(t, left.Load(), int64(12), "no worker died")
}

// twice is a queue that delivers every message twice, the second time late.
type twice struct {
	queue.Driver
}

func (d twice) Send(ctx context.Context, messages []queue.Message) error {
	for k, m := range messages {
		m.Delay = time.Duration(k%5) * 30 * time.Millisecond
		if err := d.Driver.Send(ctx, []queue.Message{messages[k], m}); err != nil {
			return err
		}
	}
	return nil
}

func (d twice) Limits() queue.Limits { return queue.Limits{Batch: 10, Body: 1 << 10} }

// wrapped is a queue as a driver: its methods are the same but for Ack.
type wrapped struct{ *queue.Queue }

func (w wrapped) Limits() queue.Limits { return queue.Limits{Batch: 10, Body: 1 << 18} }
func (w wrapped) Ack(ctx context.Context, receipts []queue.Receipt) error {
	return w.Queue.Ack(ctx, receipts...)
}

func TestEveryMessageTwice(t *testing.T) {
	q := queue.New(twice{wrapped{memoryQueue()}})
	s := newSite(t, blob.NewMemory(), q, solveText, 256, 32, Settings{Most: 8}, nil)
	s.lease = shortLease
	for range 3 {
		s.worker(Options{})
	}
	j := s.submit()
	require.NoError(t, s.wait(j))
	s.same()
}

// TestStoreFails: one request of twenty fails, also half written.
func TestStoreFails(t *testing.T) {
	var faults blobtest.Faults
	store := blob.New(blobtest.WithFaults(blob.MemoryDriver(), &faults))
	s := newSite(t, store, memoryQueue(), choleskyText, 200, 32, Settings{Most: 50}, nil)
	s.lease = shortLease
	faults.Random(chance(t).Uint64(), 0.05, errors.New("connection reset"))
	for range 2 {
		s.worker(Options{})
	}
	var j *Job
	require.Eventually(t, func() (ok bool) {
		var err error
		s.manifest.ID = ""
		j, err = s.d.Submit(context.Background(), s.manifest)
		return err == nil
	}, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool {
		l, err := j.Look(context.Background())
		return err == nil && l.State != Running
	}, time.Minute, 20*time.Millisecond)
	faults.Random(7, 0, nil)
	require.NoError(t, s.wait(j))
	s.same()
}

// TestStoreGone: what cannot be written for ever fails the job with its reason.
func TestStoreGone(t *testing.T) {
	store := blob.New(noTiles{blob.MemoryDriver()})
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 64, 32, Settings{Most: 3}, nil)
	s.lease = shortLease
	for key, err := range s.d.Store.List(context.Background(), "") {
		require.NoError(t, err)
		p, err := s.d.Store.ReadAll(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, store.PutBytes(context.Background(), key, p, blob.PutOptions{}))
	}
	s.d.Store = store
	s.worker(Options{})
	err := s.wait(s.submit())
	require.ErrorContains(t, err, "failed 3 times")
	require.ErrorContains(t, err, "no space left")
}

// noTiles has no room for the factor.
type noTiles struct{ blob.Driver }

func (d noTiles) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if len(key) > 4 && key[:4] == "m/L/" {
		return errors.New("no space left")
	}
	return d.Driver.Put(ctx, key, size, write, opts)
}

// TestPoison: a task that kills every worker that runs it ends the job, not the fleet; and it is not another task, which was in hand
// beside it, that is blamed.
func TestPoison(t *testing.T) {
	for name, most := range map[string]int{"dead letter": 20, "given up": 3} {
		t.Run(name, func(t *testing.T) {
			q := queue.NewMemory(queue.MemoryOptions{Lease: shortLease, MaxReceive: 4})
			s := newSite(t, blob.NewMemory(), q, choleskyText, 256, 32, Settings{Most: most, Longest: 1}, nil)
			s.lease = shortLease
			j := s.submit()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					stop, died := s.worker(Options{fault: func(a scheduler.Action) bool {
						return a.Op == scheduler.Compute && s.plan.TaskName(a.Task) == "cholesky(iter=1)"
					}})
					select {
					case <-died:
					case <-ctx.Done():
						stop()
					}
				}
			}()
			err := s.wait(j)
			cancel()
			<-done
			require.ErrorContains(t, err, "its worker died")
			require.ErrorContains(t, err, "cholesky(iter=1)")
		})
	}
}

// TestCancelAndResume: a cancelled job stops, and goes on from the tiles that exist; so does one whose messages were purged.
func TestCancelAndResume(t *testing.T) {
	q := memoryQueue()
	s := newSite(t, blob.NewMemory(), q, solveText, 256, 32, Settings{}, nil)
	s.lease = shortLease
	ctx := context.Background()
	var n atomic.Int64
	reached, goOn := make(chan struct{}), make(chan struct{})
	stop, _ := s.worker(Options{Look: time.Nanosecond, fault: func(a scheduler.Action) bool {
		if a.Op == scheduler.Compute && n.Add(1) == 20 {
			close(reached)
			<-goOn
		}
		return false
	}})
	j := s.submit()
	<-reached
	require.NoError(t, j.Cancel(ctx, "by the test"))
	close(goOn)
	require.Equal(t, errs.Cancelled, errs.KindOf(s.wait(j)))
	stop()

	again, err := s.d.Job(ctx, j.ID())
	require.NoError(t, err)
	require.NoError(t, again.Resume(ctx))
	require.NoError(t, q.Purge(ctx))
	err = again.Watch(ctx, Watching{Stalled: 50 * time.Millisecond})
	require.ErrorContains(t, err, "resume() goes on")
	require.NoError(t, again.Resume(ctx))
	s.worker(Options{})
	require.NoError(t, s.wait(again))
	s.same()
	l, err := again.Look(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, l.Run)
	require.Less(t, l.Report().Computed, s.manifest.Tasks, "nothing was kept")
}

// TestNeverSent: the client dies between writing the job and sending its first message; whoever waits for it sends that.
func TestNeverSent(t *testing.T) {
	q := &forgetful{Driver: wrapped{memoryQueue()}}
	q.lose("") // whatever comes first
	s := newSite(t, blob.NewMemory(), queue.New(q), choleskyText, 64, 32, Settings{}, nil)
	s.lease = shortLease
	s.worker(Options{})
	id := s.submit().ID()
	require.Empty(t, q.texts)
	j, err := s.d.Job(context.Background(), id)
	require.NoError(t, err)
	require.NoError(t, j.Watch(context.Background(), Watching{Stalled: 24 * time.Second}))
	s.same()
}

// TestRevived: messages are lost while the job runs; whoever waits for it resumes it, as often as it takes.
func TestRevived(t *testing.T) {
	q := &forgetful{Driver: wrapped{memoryQueue()}}
	s := newSite(t, blob.NewMemory(), queue.New(q), choleskyText, 160, 32, Settings{Unchain: true}, nil)
	s.lease = shortLease
	for _, name := range []string{"cholesky(iter=1)", "cholesky(iter=3)"} {
		q.lose(" " + s.task(name).String())
	}
	for range 2 {
		s.worker(Options{Beat: 20 * time.Millisecond})
	}
	j := s.submit()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, j.Watch(ctx, Watching{Stalled: time.Second}))
	s.same()
	l, err := j.Look(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, l.Run)
}

// forgetful is a queue that loses the first message that ends with a text, for each of some texts.
type forgetful struct {
	queue.Driver
	mu    sync.Mutex
	texts []string
}

func (d *forgetful) lose(text string) { d.texts = append(d.texts, text) }

func (d *forgetful) Send(ctx context.Context, messages []queue.Message) error {
	d.mu.Lock()
	kept := slices.DeleteFunc(slices.Clone(messages), func(m queue.Message) bool {
		k := slices.IndexFunc(d.texts, func(text string) bool { return strings.HasSuffix(m.Body, text) })
		if k >= 0 {
			d.texts = slices.Delete(d.texts, k, k+1)
		}
		return k >= 0
	})
	d.mu.Unlock()
	if len(kept) == 0 {
		return nil
	}
	return d.Driver.Send(ctx, kept)
}

// TestOtherProtocol: a worker refuses a job that it may not understand, and says both versions.
func TestOtherProtocol(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 64, 32, Settings{}, nil)
	s.lease = shortLease
	j := s.submit()
	text := []byte(`{"protocol": 7, "version": "9.9"}`)
	require.NoError(t, s.d.Store.PutBytes(context.Background(), manifestKey(j.ID()), text, blob.PutOptions{}))
	s.worker(Options{})
	err := s.wait(j)
	require.Equal(t, errs.Unsupported, errs.KindOf(err))
	require.ErrorContains(t, err, "protocol 7 (numpywren 9.9)")
}

// TestStop: a worker that is told to stop gives back what it holds, and another goes on at once.
func TestStop(t *testing.T) {
	s := newSite(t, blob.NewMemory(), queue.NewMemory(queue.MemoryOptions{Lease: time.Hour}), choleskyText, 256, 32, Settings{}, nil)
	s.lease = time.Hour // nothing may have to lapse
	var n atomic.Int64
	reached := make(chan struct{})
	stop, _ := s.worker(Options{fault: func(a scheduler.Action) bool {
		if a.Op == scheduler.Compute && n.Add(1) == 10 {
			close(reached)
		}
		return false
	}})
	j := s.submit()
	<-reached
	stop()
	s.worker(Options{})
	require.NoError(t, s.wait(j))
	s.same()
}

// TestStraggler: a task that takes far too long is done by another worker, or, when there is none, by another slot of the same;
// the slow one's result does no harm.
func TestStraggler(t *testing.T) {
	for name, others := range map[string]int{"alone": 0, "two": 1} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 160, 32, Settings{Floor: 0.2, Multiple: 1, Most: 8}, nil)
			s.lease = shortLease
			var first atomic.Bool
			slow, goOn := make(chan struct{}), make(chan struct{})
			s.worker(Options{ID: "slow", fault: func(a scheduler.Action) bool {
				if a.Op == scheduler.Compute && first.CompareAndSwap(false, true) {
					close(slow)
					<-goOn
				}
				return false
			}})
			t.Cleanup(func() { close(goOn) })
			j := s.submit()
			<-slow
			for range others {
				s.worker(Options{ID: "quick"})
			}
			require.NoError(t, s.wait(j))
			s.same()
		})
	}
}

// TestBeside: a task that took too long goes on in the moment in which another slot of the same worker does it: they share its
// tiles and must not spoil them.
func TestBeside(t *testing.T) {
	for _, results := range []bool{false, true} {
		for _, op := range []scheduler.Op{scheduler.Compute, scheduler.Write} {
			for _, at := range []int64{1, 4, 9} {
				t.Run(fmt.Sprintf("%v %d, results %v", op, at, results), func(t *testing.T) {
					t.Parallel()
					q := queue.NewMemory(queue.MemoryOptions{Lease: shortLease, MaxReceive: 100})
					s := newSite(t, blob.NewMemory(), q, solveText, 160, 32, Settings{Floor: 0.2, Multiple: 1, Most: 100, Results: results}, nil)
					s.lease = shortLease
					var seen, met atomic.Int64
					var stuck atomic.Pointer[lambdapack.Task]
					again := make(chan struct{})
					s.worker(Options{fault: func(a scheduler.Action) bool {
						if a.Op != op {
							return false
						}
						if first := stuck.Load(); first != nil && *first == a.Task && met.Add(1) == 1 {
							close(again)
						}
						if seen.Add(1) == at {
							stuck.Store(&a.Task)
							<-again
						}
						return false
					}})
					j := s.submit()
					require.NoError(t, s.wait(j))
					require.NotZero(t, met.Load())
					s.same()
				})
			}
		}
	}
}

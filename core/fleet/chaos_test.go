package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// TestAllAtOnce: workers die at random actions, every message comes twice, one request to the store of fifty fails, and clients
// resume the job, cancel it and purge the queue at random moments of it. The result has the bits of one machine's.
func TestAllAtOnce(t *testing.T) {
	for name, text := range map[string]string{"cholesky": choleskyText, "solve": solveText} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testAllAtOnce(t, text, chance(t))
		})
	}
}

func testAllAtOnce(t *testing.T, text string, rng *rand.Rand) {
	const most = 1000 // deliveries: nothing here is a reason to give up
	var faults blobtest.Faults
	store := blob.New(blobtest.WithFaults(blob.MemoryDriver(), &faults))
	q := queue.New(twice{wrapped{queue.NewMemory(queue.MemoryOptions{Lease: shortLease, MaxReceive: most})}})
	settings := Settings{Results: rng.IntN(2) == 0, Unchain: rng.IntN(4) == 0, Longest: rng.IntN(5), Most: most}
	s := newSite(t, store, q, text, 200, 32, settings, nil)
	s.lease = shortLease
	faults.Random(rng.Uint64(), 0.02, errors.New("connection reset"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	patiently := func(f func() error) {
		t.Helper()
		var err error
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if err = f(); err == nil {
				return
			}
		}
		t.Errorf("it fails for a minute: %v", err)
	}
	var j *Job
	patiently(func() (err error) {
		s.manifest.ID = ""
		j, err = s.d.Submit(ctx, s.manifest)
		return err
	})

	// Clients act when so many actions were done.
	moments := map[int64]int{}
	for range 6 {
		moments[10+rng.Int64N(700)] = rng.IntN(3)
	}
	acts := make(chan int, len(moments))
	var clients, workers sync.WaitGroup
	clients.Go(func() {
		for act := range acts {
			switch act {
			case 1:
				patiently(func() error { return j.Cancel(ctx, "by the test") })
			case 2:
				patiently(func() error { return q.Purge(ctx) })
			}
			patiently(func() error { return j.Resume(ctx) })
		}
	})
	var all, deaths atomic.Int64
	for k := range 3 {
		lives := rand.New(rand.NewPCG(rng.Uint64(), 2))
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				var own atomic.Int64
				life := 1 + lives.Int64N(200)
				stop, died := s.worker(Options{ID: fmt.Sprintf("w%d-%d", k, n), Look: time.Duration(lives.IntN(20)) * time.Millisecond,
					fault: func(scheduler.Action) bool {
						if act, now := moments[all.Add(1)]; now {
							acts <- act
						}
						return own.Add(1) == life && deaths.Add(1) <= 10
					}})
				select {
				case <-died:
				case <-ctx.Done():
					stop()
				}
			}
		})
	}
	end := time.Now().Add(time.Minute)
	for {
		err := j.Watch(ctx, Watching{Seen: func(l *Look) error {
			if time.Now().After(end) {
				return fmt.Errorf("the job hangs, %+v: %+v", settings, l)
			}
			return nil
		}})
		if err == nil {
			break
		}
		if errs.KindOf(err) != errs.Cancelled { // if it was, it is resumed
			t.Error(err)
			break
		}
	}
	cancel()
	workers.Wait()
	close(acts)
	clients.Wait()
	faults.Random(0, 0, nil)
	s.same()
}

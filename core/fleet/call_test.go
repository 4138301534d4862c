package fleet

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/pywren"
	"numpywren/core/queue"
)

func TestCalls(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	g.worker()
	g.worker()
	first := g.start("upper", "a", strings.Repeat("x", 1<<20), "")
	raised, died := g.start("raise", "", ""), g.start("exit", "")
	got := g.gather(6)
	require.Equal(t, "A", string(got[first].Payload))
	require.Equal(t, pywren.Raised, got[raised+1].State)
	require.Equal(t, "an exception", string(got[raised].Payload))
	require.Equal(t, pywren.Died, got[died].State)
	require.Contains(t, string(got[died].Payload), "exit status 3 while it ran exit; it printed:\n  last words")

	large := got[first+1]
	require.True(t, large.Kept)
	p := make([]byte, large.Size)
	require.NoError(t, g.c.Read(first+1, p))
	require.Equal(t, strings.Repeat("X", 1<<20), string(p))
	require.ErrorContains(t, g.c.Read(first+1, p[1:]), "the buffer")
	require.ErrorContains(t, g.c.Read(first, nil), "has no result")
	g.left(3) // the batch, and the large result with its arguments
	g.c.Forget(first + 1)
	g.c.Forget(12345)
	g.left(1)
	g.c.Close()
	g.left(0)
	_, err := g.c.Ended(time.Minute)
	require.Equal(t, errs.Closed, errs.KindOf(err))
	_, err = g.c.Start(pywren.Call{Function: "upper-00"}, []pywren.Body{nil})
	require.Equal(t, errs.Closed, errs.KindOf(err))
	require.Equal(t, errs.Closed, errs.KindOf(g.c.Read(first+1, p)))
}

// TestManyCalls: more than a batch has, made by several at once; full batches go with their last call.
func TestManyCalls(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	g.worker()
	g.worker()
	const n, makers = 300, 5
	bodies := make([]string, n)
	for k := range bodies {
		bodies[k] = fmt.Sprintf("call %d", k)
	}
	var mu sync.Mutex
	want := map[int64]string{}
	var group sync.WaitGroup
	for range makers {
		group.Go(func() {
			first := g.start("upper", bodies...)
			mu.Lock()
			defer mu.Unlock()
			for k, b := range bodies {
				want[first+int64(k)] = strings.ToUpper(b)
			}
		})
	}
	got := g.gather(n * makers)
	group.Wait()
	require.Len(t, want, n*makers)
	for id, text := range want {
		require.Equal(t, text, string(got[id].Payload))
	}
	g.left(1)
}

// TestAWorkerDies in the middle of a call: its message comes again when its lease lapses, and the call runs elsewhere.
func TestAWorkerDies(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	first := g.worker()
	h := g.hang()
	g.hangs(h)
	first.die()
	require.NoError(t, os.Remove(h.path+".pid"))
	g.worker()
	g.hangs(h)
	require.NoError(t, os.WriteFile(h.path, nil, 0o600))
	require.Equal(t, "at last", string(g.gather(1)[h.id].Payload))
}

// TestAWorkerStops: what it cannot finish in its grace it gives back.
func TestAWorkerStops(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	first := g.worker()
	h := g.hang()
	g.hangs(h)
	first.stop()
	n, err := g.d.Queue.Len(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, n.Visible)
	g.worker()
	require.NoError(t, os.WriteFile(h.path, nil, 0o600))
	require.Equal(t, pywren.Returned, g.gather(1)[h.id].State)
}

// TestLeasesOfCalls: a call that takes longer than a lease is run once.
func TestLeasesOfCalls(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	g.worker()
	h := g.hang()
	g.hangs(h)
	require.NoError(t, os.Remove(h.path+".pid"))
	g.worker()
	require.Eventually(t, func() bool { return g.c.Running(h.id) }, 20*time.Second, time.Millisecond)
	time.Sleep(3 * shortLease)
	require.NoFileExists(t, h.path+".pid", "it was begun again")
	require.NoError(t, os.WriteFile(h.path, nil, 0o600))
	require.Equal(t, pywren.Returned, g.gather(1)[h.id].State)
	require.False(t, g.c.Running(h.id))
}

// TestTheEndOfACrashLoop: a call whose workers die each time ends with that.
func TestTheEndOfACrashLoop(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	h := g.hang()
	for range mostCalls {
		w := g.worker()
		g.hangs(h)
		w.die()
		require.NoError(t, os.Remove(h.path+".pid"))
	}
	g.worker()
	got := g.gather(1)[h.id]
	require.Equal(t, pywren.Died, got.State)
	require.Contains(t, string(got.Payload), "wait was begun 5 times by workers elsewhere")
	require.NoFileExists(t, h.path+".pid")
}

func TestCancelCalls(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	waiting := g.start("upper", "a", "b")
	require.True(t, g.c.Cancel(waiting))
	require.False(t, g.c.Cancel(waiting))
	require.Equal(t, pywren.Cancelled, g.gather(1)[waiting].State)
	g.c.Forget(waiting + 1)
	require.Equal(t, pywren.Cancelled, g.gather(1)[waiting+1].State)
	g.left(1)
	g.worker()
	h := g.hang()
	g.hangs(h)
	require.True(t, g.c.Cancel(h.id))
	require.Equal(t, pywren.Cancelled, g.gather(1)[h.id].State)
	pid, err := os.ReadFile(h.path + ".pid")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 20*time.Second, time.Millisecond, "its process goes on")
	g.left(1)
	require.Eventually(t, func() bool {
		n, err := g.d.Queue.Len(context.Background())
		return err == nil && n == queue.Count{}
	}, 20*time.Second, time.Millisecond, "messages are left")
	quick := g.start("upper", "c")
	require.Equal(t, "C", string(g.gather(1)[quick].Payload))
}

// TestNobodyWantsIt: a result that is written while its call is cancelled is deleted by the worker, though the client is gone.
func TestNobodyWantsIt(t *testing.T) {
	f := &fickle{Driver: blob.MemoryDriver()}
	g := newGround(t, f)
	f.before = g.c.Close
	g.start("upper", "a")
	g.worker()
	require.Eventually(t, func() bool {
		n, err := g.d.Queue.Len(context.Background())
		return err == nil && n == queue.Count{}
	}, 20*time.Second, time.Millisecond)
	g.left(0)
}

// TestLateResults: a result that comes after its call was cancelled is deleted.
func TestLateResults(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	ids := g.start("upper", "a", "b")
	key := g.c.calls[ids].key()
	require.True(t, g.c.Cancel(ids))
	g.gather(1)
	g.left(2) // the batch, and the arguments of the other call
	require.NoError(t, pywren.End(context.Background(), g.d.Store, key, pywren.Result{State: pywren.Failed}))
	g.left(2)
	require.True(t, g.c.Cancel(ids+1))
}

func TestWorkersWithoutPython(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	g.worker("/no/such/python")
	id := g.start("upper", "a")
	got := g.gather(1)[id]
	require.Equal(t, pywren.Failed, got.State)
	require.Contains(t, string(got.Payload), "/no/such/python cannot be started")
	require.Contains(t, string(got.Payload), "Install Python and numpywren test where it runs")
}

// TestCallsThatCannotBeRun: a store that fails for a while is tried again, a function that is gone is not.
func TestCallsThatCannotBeRun(t *testing.T) {
	f := &fickle{Driver: blob.MemoryDriver()}
	g := newGround(t, f)
	f.broken.Store(3)
	id := g.start("upper", "a")
	g.worker()
	require.Equal(t, "A", string(g.gather(1)[id].Payload))
	require.Negative(t, f.broken.Load())

	f.broken.Store(1 << 30)
	id = g.start("upper", "b")
	got := g.gather(1)[id]
	require.Equal(t, pywren.Failed, got.State)
	require.Contains(t, string(got.Payload), "the store is down")

	f.broken.Store(0)
	require.NoError(t, g.d.Store.Delete(context.Background(), ".numpywren/functions/exit-00"))
	id = g.start("exit", "c")
	got = g.gather(1)[id]
	require.Equal(t, pywren.Failed, got.State)
	require.Contains(t, string(got.Payload), "the function exit-00: ")

	_, err := g.c.Start(pywren.Call{Function: "missing-00"}, []pywren.Body{nil})
	require.Equal(t, errs.Key, errs.KindOf(err))
}

// TestLooksThatFail: a failure that will not pass ends the calls, with its reason.
func TestLooksThatFail(t *testing.T) {
	f := &fickle{Driver: blob.MemoryDriver()}
	g := newGround(t, f)
	f.listing.Store(true)
	id := g.start("upper", "a")
	got := g.gather(1)[id]
	require.Equal(t, pywren.Failed, got.State)
	require.Equal(t, "the rights were taken away", string(got.Payload))
	f.listing.Store(false)
	g.worker()
	id = g.start("upper", "b")
	require.Equal(t, "B", string(g.gather(1)[id].Payload))
}

// TestLostMessages: the messages of calls are sent again, and workers are asked for.
func TestLostMessages(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	launched := make(chan struct{}, 1)
	g.c.crew = &Crew{Launch: func(context.Context) error { nudge(launched); return nil }, Max: 1}
	id := g.start("upper", "a")
	require.NoError(t, g.d.Queue.Purge(context.Background()))
	long := time.Now().Add(-2 * stalled)
	_, err := g.c.glance(long)
	require.NoError(t, err)
	<-launched
	g.worker()
	require.Equal(t, "A", string(g.gather(1)[id].Payload))
}

// TestFunctionsAreKept: as long as a Caller lives its functions are written again, also those that others put before it.
func TestFunctionsAreKept(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	c := NewCaller(g.d, nil, 0)
	t.Cleanup(c.Close)
	c.fresh = time.Millisecond
	version := func() string {
		attr, err := g.d.Store.Stat(context.Background(), ".numpywren/functions/upper-00")
		require.NoError(t, err)
		return attr.Version
	}
	first := version()
	require.NoError(t, c.PutFunction("upper-00", pywren.Body{[]byte("upper")}))
	for range 2 {
		require.Eventually(t, func() bool { return version() != first }, 20*time.Second, time.Millisecond)
		first = version()
	}
	c.Close()
	first = version()
	g.worker()
	id := g.start("upper", "a")
	require.Equal(t, "A", string(g.gather(1)[id].Payload), "it is the same as before")
	require.Equal(t, first, version())
}

// TestSummon: workers for what waits, beside those that hold messages and those that were launched lately, up to a bound.
func TestSummon(t *testing.T) {
	var n atomic.Int64
	c := &Crew{Launch: func(context.Context) error { n.Add(1); return nil }, Max: 10, Slots: 1}
	for _, x := range []struct {
		waiting, held int64
		launched      int64
	}{{0, 0, 0}, {3, 0, 3}, {3, 0, 0}, {4, 1, 1}, {100, 5, 1}, {100, 10, 0}} {
		n.Store(0)
		require.NoError(t, c.Summon(context.Background(), x.waiting, x.held))
		require.Equal(t, x.launched, n.Load(), "%+v", x)
	}
	require.NoError(t, (*Crew)(nil).Summon(context.Background(), 1, 0))
}

// TestAdjust: workers for what waits, beside those that are heard of; one that was launched is not counted twice, nor not at all.
func TestAdjust(t *testing.T) {
	var launched atomic.Int64
	c := &Crew{Launch: func(context.Context) error { launched.Add(1); return nil }, Max: 3, Slots: 1}
	adjust := func(ages ...time.Duration) {
		l := &Look{Queue: queue.Count{Visible: 100}}
		for k, age := range ages {
			l.beats = append(l.beats, Beat{Worker: fmt.Sprint(k), At: time.Now(), Began: time.Now().Add(-age)})
		}
		require.NoError(t, c.Adjust(context.Background(), l, l))
	}
	adjust()
	require.EqualValues(t, 3, launched.Load(), "up to the bound")
	adjust(time.Second, 2*time.Second)
	require.EqualValues(t, 3, launched.Load(), "two were heard of, the third is on its way")
	for k := range c.launched {
		c.launched[k] = time.Now().Add(-2 * starting)
	}
	adjust(2*starting, starting-time.Second, time.Second)
	require.EqualValues(t, 3, launched.Load(), "all were heard of, whenever they began")
	adjust(2*starting, starting-time.Second)
	require.EqualValues(t, 4, launched.Load(), "one left")
	adjust(2*starting, 2*starting)
	require.EqualValues(t, 4, launched.Load(), "its successor is on its way")
}

func TestOrdersOfCalls(t *testing.T) {
	o, err := parseOrder("call 0123456789abcdef-1/17")
	require.NoError(t, err)
	require.Equal(t, order{call: "0123456789abcdef-1/17"}, o)
	require.Equal(t, "call 0123456789abcdef-1/17", o.String())
	for _, bad := range []string{"call ", "call a", "call a/", "call a/b", "call ../1", "call a/1/2", "call a/-1", "call A/1"} {
		_, err := parseOrder(bad)
		require.ErrorContains(t, err, "no message of ours", bad)
	}
}

package fleet

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/matrix"
	"numpywren/core/pywren"
	"numpywren/core/queue"
	"numpywren/core/runtime"
	"numpywren/core/sidecar"
)

// The processes of functions are this test's program: functions are words, which it obeys.
const script = "NUMPYWREN_FLEET_PEER"

func TestMain(m *testing.M) {
	if os.Getenv(script) != "" {
		peer()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func tell(head any, body []byte) {
	text, _ := json.Marshal(head)
	p := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	p = binary.LittleEndian.AppendUint64(p, uint64(len(body)))
	_, _ = os.Stdout.Write(append(append(p, text...), body...))
}

// peer speaks as python/numpywren/_sidecar.py does.
func peer() {
	tell(map[string]any{"protocol": sidecar.Protocol}, nil)
	functions := map[string]string{}
	for {
		var prefix [12]byte
		if _, err := io.ReadFull(os.Stdin, prefix[:]); err != nil {
			return
		}
		text, body := make([]byte, binary.LittleEndian.Uint32(prefix[:])), make([]byte, binary.LittleEndian.Uint64(prefix[4:]))
		_, _ = io.ReadFull(os.Stdin, text)
		_, _ = io.ReadFull(os.Stdin, body)
		var head struct{ Op, Key, Function string }
		_ = json.Unmarshal(text, &head)
		if head.Op == "function" {
			functions[head.Key] = string(body)
			continue
		}
		switch functions[head.Function] {
		case "upper":
			tell(map[string]any{"state": pywren.Returned}, bytes.ToUpper(body))
		case "raise":
			tell(map[string]any{"state": pywren.Raised, "message": "KeyError: 'x'", "traceback": "where it was"}, []byte("an exception"))
		case "exit":
			fmt.Fprint(os.Stderr, "last words")
			os.Exit(3)
		case "hang": // until the file of that name is there
			path := string(body)
			_ = os.WriteFile(path+".pid", fmt.Appendf(nil, "%d", os.Getpid()), 0o600)
			for {
				if _, err := os.Stat(path); err == nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			tell(map[string]any{"state": pywren.Returned}, []byte("at last"))
		}
	}
}

var words = []string{"upper", "raise", "exit", "hang"}

// ground is a store, a queue and a Caller, for a test.
type ground struct {
	t *testing.T
	d *Deployment
	c *Caller
}

func newGround(t *testing.T, d blob.Driver) *ground {
	t.Helper()
	g := &ground{t: t, d: &Deployment{Store: blob.New(d), Queue: queue.NewMemory(queue.MemoryOptions{Lease: shortLease, MaxReceive: 8}), Version: "test"}}
	g.c = NewCaller(g.d, nil, 0)
	t.Cleanup(g.c.Close)
	for _, word := range words {
		require.NoError(t, g.c.PutFunction(word+"-00", pywren.Body{[]byte(word)}))
	}
	return g
}

// mortal is a worker of a test.
type mortal struct {
	*Worker
	stop func() // tells it to stop, and waits
	done chan struct{}
}

func (g *ground) worker(command ...string) *mortal {
	if command == nil {
		command = []string{os.Args[0]}
	}
	pool := sidecar.NewPool(sidecar.Options{Command: command, Env: []string{script + "=1"}, Dir: g.t.TempDir(), Idle: 4})
	space := matrix.NewSpace(4<<20, 1)
	w := NewWorker(g.d, runtime.New(space, 1, 1), Options{Lease: shortLease, Look: 20 * time.Millisecond, Grace: 50 * time.Millisecond, Width: 2, Pool: pool})
	ctx, cancel := context.WithCancel(context.Background())
	m := &mortal{Worker: w, done: make(chan struct{})}
	var once sync.Once
	m.stop = func() { once.Do(func() { cancel(); <-m.done }) }
	go func() {
		defer close(m.done)
		if err := w.Run(ctx, 0); err != nil {
			g.t.Errorf("worker: %v", err)
		}
		pool.Close()
		w.Close()
		space.Close()
	}()
	g.t.Cleanup(m.stop)
	return m
}

// die ends a worker that has a message in hand, without a word to anybody.
func (m *mortal) die() {
	for m.busy.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	m.kill()
	m.stop()
}

func (g *ground) start(word string, bodies ...string) int64 {
	g.t.Helper()
	pickles := make([]pywren.Body, len(bodies))
	for k, b := range bodies {
		pickles[k] = pywren.Body{[]byte(b)}
	}
	first, err := g.c.Start(pywren.Call{Function: word + "-00", Name: word}, pickles)
	require.NoError(g.t, err)
	return first
}

// gather waits for so many calls to end.
func (g *ground) gather(n int) map[int64]pywren.Ended {
	g.t.Helper()
	got, end := map[int64]pywren.Ended{}, time.Now().Add(time.Minute)
	for len(got) < n {
		ended, err := g.c.Ended(time.Second)
		require.NoError(g.t, err)
		for _, e := range ended {
			require.NotContains(g.t, got, e.ID, "told twice")
			got[e.ID] = e
		}
		require.True(g.t, time.Now().Before(end), "%d of %d calls ended", len(got), n)
	}
	return got
}

// left waits until nothing but so many objects are left of calls.
func (g *ground) left(n int) {
	g.t.Helper()
	var keys []string
	require.Eventually(g.t, func() bool {
		keys = keys[:0]
		for key, err := range g.d.Store.List(context.Background(), pywren.Root) {
			require.NoError(g.t, err)
			keys = append(keys, key)
		}
		return len(keys) == n
	}, 20*time.Second, 5*time.Millisecond, "%v", &keys)
}

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

// heldCall is a call that hangs until it is let go.
type heldCall struct {
	path string
	id   int64
}

func (g *ground) hang() *heldCall {
	h := &heldCall{path: g.t.TempDir() + "/go"}
	h.id = g.start("hang", h.path)
	return h
}

func (g *ground) hangs(h *heldCall) {
	g.t.Helper()
	require.Eventually(g.t, func() bool {
		_, err := os.Stat(h.path + ".pid")
		return err == nil
	}, 20*time.Second, time.Millisecond)
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
	require.Contains(t, string(got.Payload), "hang was begun 5 times by workers elsewhere")
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

// fickle is a store that refuses so many results of calls that returned something.
type fickle struct {
	blob.Driver
	broken  atomic.Int64
	listing atomic.Bool // fails
	before  func()      // a result is written
}

func (f *fickle) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if strings.HasPrefix(key, pywren.Root+"results/") && f.before != nil {
		f.before()
	}
	if strings.HasPrefix(key, pywren.Root+"results/") && f.broken.Add(-1) >= 0 {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if strings.Contains(b.String(), fmt.Sprintf(`"state":%d`, pywren.Returned)) {
			return errs.New(errs.OS, "the store is down")
		}
		return f.Driver.Put(ctx, key, size, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }, opts)
	}
	return f.Driver.Put(ctx, key, size, write, opts)
}

func (f *fickle) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if f.listing.Load() {
		return func(yield func(string, error) bool) { yield("", errs.New(errs.Value, "the rights were taken away")) }
	}
	return f.Driver.List(ctx, prefix)
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
	launched := 0
	c := &Crew{Launch: func(context.Context) error { launched++; return nil }, Max: 3, Slots: 1}
	adjust := func(ages ...time.Duration) {
		l := &Look{Queue: queue.Count{Visible: 100}}
		for k, age := range ages {
			l.beats = append(l.beats, Beat{Worker: fmt.Sprint(k), At: time.Now(), Began: time.Now().Add(-age)})
		}
		require.NoError(t, c.Adjust(context.Background(), l, l))
	}
	adjust()
	require.Equal(t, 3, launched, "up to the bound")
	adjust(time.Second, 2*time.Second)
	require.Equal(t, 3, launched, "two were heard of, the third is on its way")
	for k := range c.launched {
		c.launched[k] = time.Now().Add(-2 * starting)
	}
	adjust(2*starting, starting-time.Second, time.Second)
	require.Equal(t, 3, launched, "all were heard of, whenever they began")
	adjust(2*starting, starting-time.Second)
	require.Equal(t, 4, launched, "one left")
	adjust(2*starting, 2*starting)
	require.Equal(t, 4, launched, "its successor is on its way")
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

package fleet

import (
	"bytes"
	"context"
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
	"numpywren/core/sidecar/sidecartest"
)

func TestMain(m *testing.M) { sidecartest.Main(m) }

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
	for _, word := range sidecartest.Words {
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
	o := sidecartest.Options(g.t.TempDir(), 4)
	if command != nil {
		o.Command = command
	}
	pool := sidecar.NewPool(o)
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

// heldCall is a call that waits until it is let go.
type heldCall struct {
	path string
	id   int64
}

func (g *ground) hang() *heldCall {
	h := &heldCall{path: g.t.TempDir() + "/go"}
	h.id = g.start("wait", h.path)
	return h
}

func (g *ground) hangs(h *heldCall) {
	g.t.Helper()
	require.Eventually(g.t, func() bool {
		_, err := os.Stat(h.path + ".pid")
		return err == nil
	}, 20*time.Second, time.Millisecond)
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

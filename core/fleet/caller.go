package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"numpywren/core/errs"
	"numpywren/core/pywren"
	"numpywren/core/queue"
	"numpywren/core/runtime"
)

// Caller makes calls that workers elsewhere run, and tells of those that ended. It learns that from the store alone, by looking
// there (follow.go), and deletes what is not wanted any more. It is safe for concurrent use.
type Caller struct {
	d      *Deployment
	crew   *Crew
	budget float64 // dollars, for all calls together; 0: no limit
	prefix string  // of its batches, unlike that of every other Caller
	ctx    context.Context
	cancel context.CancelFunc
	active sync.WaitGroup // goroutines

	fresh   time.Duration // after which functions are written again
	opening sync.Mutex    // held while a batch begins
	opened  int

	mu        sync.Mutex
	last      int64 // number of a call
	batches   map[string]*batch
	current   *batch             // takes new calls; nil: there is none
	calls     map[int64]*farCall // not forgotten
	pending   int
	seconds   float64             // that calls ran which ended
	sent      int64               // messages since the queue was last looked at
	functions map[string]struct{} // known to be in the store
	ended     []pywren.Ended      // of which Ended has not told yet
	rubbish   []string            // ids of calls of which all is to be deleted
	over      []string            // batches that are
	cleaning  bool
	watching  bool
	keeping   bool
	closed    bool
	news      chan struct{} // something ended
	awake     chan struct{} // there are new calls
}

// batch is calls that one request asks about.
type batch struct {
	name    string
	made    int64              // calls that have a number
	pending map[int64]*farCall // that have not ended, by their number in the batch
	kept    map[int64]struct{} // that ended, and whose result is still in the store
}

// farCall is a call that is not forgotten.
type farCall struct {
	id    int64
	batch *batch
	n     int64     // in the batch
	seen  time.Time // to run; the zero time before that, and when nobody looks
}

func (x *farCall) key() string { return x.batch.name + "/" + strconv.FormatInt(x.n, 10) }

const (
	batchSize = 1000 // calls; so many keys one request lists
	puts      = 32   // requests under way at once, for calls
)

// NewCaller makes a Caller; crew, which may be nil, starts workers while calls have not ended. When the calls have cost the budget,
// in dollars, they end; 0 is no limit. Close gives it back.
func NewCaller(d *Deployment, crew *Crew, budget float64) *Caller {
	var id [8]byte
	_, _ = rand.Read(id[:])
	c := &Caller{d: d, crew: crew, budget: budget, prefix: hex.EncodeToString(id[:]) + "-", batches: map[string]*batch{}, calls: map[int64]*farCall{},
		functions: map[string]struct{}{}, fresh: pywren.Fresh, news: make(chan struct{}, 1), awake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// PutFunction keeps a function in the deployment's store, for calls and blocks, as long as the Caller lives and for a while longer.
func (c *Caller) PutFunction(key string, pickle pywren.Body) error {
	if err := pywren.PutFunction(c.ctx, c.d.Store, key, pickle); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.functions[key] = struct{}{}
	if !c.keeping && !c.closed {
		c.keeping = true
		c.active.Go(func() {
			for sleep(c.ctx, c.fresh); c.ctx.Err() == nil; sleep(c.ctx, c.fresh) {
				c.keep()
			}
		})
	}
	return nil
}

// keep writes all functions again, or gc would free those of which no call was made for long. What fails now may do the next time.
func (c *Caller) keep() {
	var err error
	defer runtime.Recovered(&err)
	c.mu.Lock()
	keys := slices.Collect(maps.Keys(c.functions))
	c.mu.Unlock()
	_ = inParallel(len(keys), puts, func(k int) error {
		_ = pywren.KeepFunction(c.ctx, c.d.Store, keys[k])
		return nil
	})
}

// Start makes calls of one kind, one for each of the pickled arguments, and gives the number of the first; the others follow it.
func (c *Caller) Start(call pywren.Call, pickles []pywren.Body) (int64, error) {
	c.mu.Lock()
	_, known := c.functions[call.Function]
	first, closed := c.last+1, c.closed
	overspent := c.overspent()
	c.mu.Unlock()
	switch {
	case closed:
		return 0, errs.New(errs.Closed, "the executor is closed: make a new one with aws_executor() or default_executor()")
	case !known:
		return 0, errs.New(errs.Key, "there is no function %q: it is to be put first", call.Function)
	case len(pickles) == 0:
		return first, nil
	case overspent != nil:
		return 0, overspent
	}
	made, err := c.number(len(pickles))
	if err == nil {
		err = c.send(call, made, pickles)
	}
	if err != nil {
		c.unmake(made)
		return 0, err
	}
	c.follow()
	return made[0].id, nil
}

// number makes calls with numbers, and the batches that they need.
func (c *Caller) number(n int) (made []*farCall, err error) {
	c.opening.Lock()
	defer c.opening.Unlock()
	for len(made) < n {
		c.mu.Lock()
		b := c.current
		if b != nil && b.made >= batchSize {
			b, c.current = nil, nil
		}
		c.mu.Unlock()
		if b == nil { // it is in the store before any of its calls
			c.opened++
			name := c.prefix + strconv.Itoa(c.opened)
			host, _ := os.Hostname()
			if err := pywren.PutBatch(c.ctx, c.d.Store, name, pywren.Batch{Created: time.Now().UTC(), Host: host, PID: os.Getpid()}); err != nil {
				return made, err
			}
			b = &batch{name: name, pending: map[int64]*farCall{}, kept: map[int64]struct{}{}}
		}
		c.mu.Lock()
		c.current, c.batches[b.name] = b, b
		for len(made) < n && b.made < batchSize {
			b.made++
			c.last++
			x := &farCall{id: c.last, batch: b, n: b.made}
			b.pending[x.n], c.calls[x.id] = x, x
			c.pending++
			made = append(made, x)
		}
		c.mu.Unlock()
	}
	return made, nil
}

// send puts calls into the store, and their messages on the queue.
func (c *Caller) send(call pywren.Call, made []*farCall, pickles []pywren.Body) error {
	err := inParallel(len(made), puts, func(k int) error {
		return pywren.PutCall(c.ctx, c.d.Store, made[k].key(), call, pickles[k])
	})
	if err != nil {
		return err
	}
	if err := c.d.Queue.Send(c.ctx, messagesOf(made)); err != nil {
		return err
	}
	c.mu.Lock()
	c.sent += int64(len(made))
	c.mu.Unlock()
	return nil
}

func messagesOf(calls []*farCall) []queue.Message {
	messages := make([]queue.Message, len(calls))
	for k, x := range calls {
		messages[k] = queue.Message{Body: order{call: x.key()}.String(), Priority: CallLevel}
	}
	return messages
}

// inParallel calls f for 0 to n-1, at most so many at once, and gives the first error of the first that failed.
func inParallel(n, width int, f func(k int) error) error {
	for first := 0; first < n; first += width {
		if err := together(min(width, n-first), func(k int) error { return f(first + k) }); err != nil {
			return err
		}
	}
	return nil
}

// unmake forgets calls that could not be made. Messages of some may be on the queue: workers drop them.
func (c *Caller) unmake(made []*farCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range made {
		if c.calls[x.id] == x {
			c.leave(x)
			c.rubbish = append(c.rubbish, x.key())
		}
	}
	c.clean()
}

// leave takes a call off the books, under the lock.
func (c *Caller) leave(x *farCall) {
	delete(c.calls, x.id)
	if _, ok := x.batch.pending[x.n]; ok {
		delete(x.batch.pending, x.n)
		c.pending--
	}
	delete(x.batch.kept, x.n)
	if x.batch.made >= batchSize && len(x.batch.pending)+len(x.batch.kept) == 0 {
		delete(c.batches, x.batch.name)
		c.over = append(c.over, x.batch.name)
	}
}

// tell notes that a call ended, under the lock. It is forgotten, unless its result is kept.
func (c *Caller) tell(x *farCall, e pywren.Ended) {
	e.ID = x.id
	if e.Seconds > 0 {
		c.seconds += e.Seconds
	} else {
		c.seconds += x.ran()
	}
	if e.Kept {
		delete(x.batch.pending, x.n)
		x.batch.kept[x.n] = struct{}{}
		c.pending--
	} else {
		c.leave(x)
		c.rubbish = append(c.rubbish, x.key())
	}
	c.ended = append(c.ended, e)
	nudge(c.news)
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// mostTold is how many calls Ended tells of at once.
const mostTold = 1024

// Ended waits until calls ended, at most for d, and tells of each once.
func (c *Caller) Ended(d time.Duration) ([]pywren.Ended, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		c.mu.Lock()
		n := min(len(c.ended), mostTold)
		told := c.ended[:n:n]
		c.ended = c.ended[n:]
		if len(c.ended) > 0 { // for others that wait
			nudge(c.news)
		}
		closed := c.closed
		c.mu.Unlock()
		switch {
		case n > 0:
			return told, nil
		case closed:
			return nil, errs.New(errs.Closed, "the executor is closed")
		}
		select {
		case <-c.news:
		case <-c.ctx.Done():
		case <-timer.C:
			return nil, nil
		}
	}
}

// Read reads the payload of a call that was kept into p, which is as long as that.
func (c *Caller) Read(id int64, p []byte) error {
	c.mu.Lock()
	x, closed := c.calls[id], c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return errs.New(errs.Closed, "the executor was closed before the result was read")
	case x == nil:
		return errs.New(errs.Value, "call %d has no result: it is not done, or was forgotten", id)
	}
	return pywren.ReadPayload(c.ctx, c.d.Store, x.key(), p)
}

// Running says whether a worker has been at a call for a while: for how long is Options.Look of the worker.
func (c *Caller) Running(id int64) bool {
	c.mu.Lock()
	x := c.calls[id]
	pending := x != nil && x.batch.pending[x.n] == x
	c.mu.Unlock()
	return pending && pywren.IsRunning(c.ctx, c.d.Store, x.key())
}

// Cancel ends a call, and says whether that was in time: one that waits is not run, and a worker that runs it kills its process when
// it next looks. Ended tells of it like of any other.
func (c *Caller) Cancel(id int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.calls[id]
	if x == nil || x.batch.pending[x.n] != x {
		return false
	}
	c.tell(x, cancelledCall())
	c.clean()
	return true
}

func cancelledCall() pywren.Ended {
	const text = "the call was cancelled"
	return pywren.Ended{Result: pywren.Result{State: pywren.Cancelled, Message: text}, Payload: []byte(text)}
}

// Forget lets go of a call and its result. One that has not ended is cancelled.
func (c *Caller) Forget(id int64) {
	c.Cancel(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.calls[id]; x != nil {
		c.leave(x)
		c.rubbish = append(c.rubbish, x.key())
		c.clean()
	}
}

// clean deletes what is not wanted any more, behind the caller, under the lock.
func (c *Caller) clean() {
	if c.cleaning || c.closed {
		return
	}
	c.cleaning = true
	c.active.Go(func() {
		for {
			c.mu.Lock()
			rubbish, over := c.rubbish, c.over
			c.rubbish, c.over = nil, nil
			if len(rubbish)+len(over) == 0 || c.ctx.Err() != nil {
				c.cleaning = false
				c.mu.Unlock()
				return
			}
			c.mu.Unlock()
			c.remove(rubbish, over)
			if c.ctx.Err() != nil { // Close does the rest
				c.mu.Lock()
				c.over = append(c.over, over...)
				c.mu.Unlock()
			}
		}
	})
}

// remove deletes objects. What cannot be deleted stays for gc.
func (c *Caller) remove(rubbish, over []string) {
	var err error
	defer runtime.Recovered(&err)
	_ = pywren.DeleteCalls(c.ctx, c.d.Store, rubbish...)
	for _, name := range over {
		_ = pywren.DeleteBatch(c.ctx, c.d.Store, name)
	}
}

// closing is how long Close tries to delete what is left.
const closing = 10 * time.Second

// Close cancels all calls, and deletes their results. Ended tells of them as cancelled.
func (c *Caller) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	var names []string
	for name, b := range c.batches {
		names = append(names, name)
		for _, x := range b.pending {
			c.tell(x, cancelledCall())
		}
	}
	c.mu.Unlock()
	c.cancel()
	c.active.Wait()
	for _, name := range c.over {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	_ = inParallel(len(names), puts, func(k int) error { return pywren.DeleteBatch(ctx, c.d.Store, names[k]) })
}

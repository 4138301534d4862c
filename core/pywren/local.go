package pywren

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/sidecar"
)

// Runner runs the calls of one process in the order of their making, some at a time, and tells of those that ended. It is safe
// for concurrent use.
type Runner struct {
	store   *blob.Store
	pool    *sidecar.Pool
	workers int
	prefix  string // of the calls' ids, unlike that of every other Runner
	ctx     context.Context
	cancel  context.CancelFunc
	active  sync.WaitGroup // goroutines

	mu      sync.Mutex
	last    int64
	calls   map[int64]*call
	waiting []*call // the first is the next
	running int     // goroutines
	ended   []*call // of which Ended has not told yet
	news    chan struct{}
	closed  bool
}

// call is a call of a Runner, under its lock.
type call struct {
	id     int64
	stop   context.CancelCauseFunc // while it runs
	gone   bool                    // cancelled
	result *Result                 // once it ended
}

// Ended is a call that ended. The payload is given with small ones, and only then is the call forgotten; else Read reads it.
type Ended struct {
	ID int64
	Result
	Payload []byte
	Kept    bool
}

var errCancelled = errs.New(errs.Cancelled, "the call was cancelled")

// NewRunner makes a Runner of so many calls at a time. The store and the pool are the caller's, to be closed after it.
func NewRunner(s *blob.Store, p *sidecar.Pool, workers int) *Runner {
	var id [8]byte
	_, _ = rand.Read(id[:])
	r := &Runner{store: s, pool: p, workers: workers, prefix: hex.EncodeToString(id[:]) + "-", calls: map[int64]*call{}, news: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (r *Runner) key(id int64) string { return fmt.Sprintf("%s%d", r.prefix, id) }

// PutFunction keeps a function for calls and blocks.
func (r *Runner) PutFunction(key string, pickle Body) error {
	return PutFunction(r.ctx, r.store, key, pickle)
}

// Start makes calls of one kind, one for each of the pickled arguments, and gives the number of the first; the others follow it.
func (r *Runner) Start(c Call, pickles []Body) (first int64, err error) {
	if _, err := r.store.Stat(r.ctx, functions+c.Function); err != nil {
		return 0, errs.New(errs.Key, "there is no function %q: it is to be put first", c.Function)
	}
	r.mu.Lock()
	first = r.last + 1
	r.last += int64(len(pickles))
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return 0, errs.New(errs.Closed, "the executor is closed: make a new one with local_executor() or default_executor()")
	}
	made := make([]*call, len(pickles))
	for k, body := range pickles {
		made[k] = &call{id: first + int64(k)}
		if err := PutCall(r.ctx, r.store, r.key(made[k].id), c, body); err != nil {
			for _, done := range made[:k] {
				_ = Delete(r.ctx, r.store, r.key(done.id))
			}
			return 0, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range made {
		r.calls[x.id] = x
	}
	r.waiting = append(r.waiting, made...)
	for k := 0; k < len(made) && r.running < r.workers && !r.closed; k++ {
		r.running++
		r.active.Go(r.work)
	}
	return first, nil
}

// work runs calls until none waits.
func (r *Runner) work() {
	for {
		r.mu.Lock()
		if len(r.waiting) == 0 || r.closed {
			r.running--
			r.mu.Unlock()
			return
		}
		x := r.waiting[0]
		r.waiting[0] = nil
		r.waiting = r.waiting[1:]
		if x.gone {
			r.mu.Unlock()
			continue
		}
		var ctx context.Context
		ctx, x.stop = context.WithCancelCause(r.ctx)
		r.mu.Unlock()
		result := r.run(ctx, x.id)
		x.stop(nil)
		r.end(x, result)
	}
}

// run runs a call to its end, whatever that is.
func (r *Runner) run(ctx context.Context, id int64) (result *Result) {
	started := time.Now()
	defer func() {
		if p := recover(); p != nil {
			result = &Result{State: Failed, Message: fmt.Sprintf("internal error: %v\n%s", p, debug.Stack())}
		}
	}()
	got, err := Run(ctx, r.store, r.pool, r.key(id))
	switch {
	case err == nil:
		return &got
	case errors.Is(err, errCancelled), ctx.Err() != nil:
		return &Result{State: Cancelled, Message: errCancelled.Msg, Log: got.Log, Seconds: time.Since(started).Seconds()}
	}
	return &Result{State: Failed, Message: err.Error(), Log: got.Log, Seconds: time.Since(started).Seconds()}
}

// end notes that a call ended. One that was cancelled while it ended stays cancelled.
func (r *Runner) end(x *call, result *Result) {
	_ = r.store.Delete(context.WithoutCancel(r.ctx), arguments+r.key(x.id))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[x.id] != x { // forgotten
		_ = Delete(context.WithoutCancel(r.ctx), r.store, r.key(x.id))
		return
	}
	x.stop, x.result = nil, result
	if x.gone {
		x.result = &Result{State: Cancelled, Message: errCancelled.Msg, Log: result.Log, Seconds: result.Seconds}
	}
	r.tell(x)
}

// tell puts a call among those that ended, under the lock.
func (r *Runner) tell(x *call) {
	r.ended = append(r.ended, x)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

const (
	most = 1024 // calls that Ended tells of at once

	// While many calls wait, Ended waits a moment for company: to hear of each tiny call by itself costs more than to run it.
	many   = 64
	moment = time.Millisecond
)

// Ended waits until calls ended, at most for d, and tells of each once.
func (r *Runner) Ended(d time.Duration) ([]Ended, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for gathered := false; ; {
		r.mu.Lock()
		if !gathered && 0 < len(r.ended) && len(r.ended) < many && len(r.waiting) > many && !r.closed {
			r.mu.Unlock()
			gathered = true
			time.Sleep(moment)
			continue
		}
		n := min(len(r.ended), most)
		told := r.ended[:n]
		r.ended = r.ended[n:]
		if len(r.ended) > 0 { // for others that wait
			select {
			case r.news <- struct{}{}:
			default:
			}
		}
		closed := r.closed
		r.mu.Unlock()
		switch {
		case n > 0:
			return r.collect(told), nil
		case closed:
			return nil, errs.New(errs.Closed, "the executor is closed")
		}
		select {
		case <-r.news:
		case <-r.ctx.Done():
		case <-timer.C:
			return nil, nil
		}
	}
}

// collect gets the payloads of calls that ended, and forgets those of which nothing more is wanted.
func (r *Runner) collect(told []*call) []Ended {
	out := make([]Ended, 0, len(told))
	for _, x := range told {
		e := Ended{ID: x.id, Result: *x.result, Payload: []byte(x.result.Message)}
		if x.result.hasPayload() {
			if e.Kept = x.result.Size > inline; !e.Kept {
				e.Payload = make([]byte, x.result.Size)
				if err := r.Read(x.id, e.Payload); err != nil {
					e.State, e.Payload = Failed, []byte(err.Error())
				}
			}
		}
		if !e.Kept {
			r.Forget(x.id)
		}
		out = append(out, e)
	}
	return out
}

// Read reads the payload of a call that was kept into p, which is as long as that.
func (r *Runner) Read(id int64, p []byte) error {
	err := ReadPayload(r.ctx, r.store, r.key(id), p)
	if err != nil && r.isClosed() {
		return errs.New(errs.Closed, "the executor was closed before the result was read")
	}
	return err
}

// Running says whether a call is being run.
func (r *Runner) Running(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.calls[id]
	return x != nil && x.stop != nil
}

// Cancel ends a call: one that waits is not run, one that runs loses its process. It says whether that was in time. Ended tells of
// it like of any other.
func (r *Runner) Cancel(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.calls[id]
	if x == nil || x.result != nil || x.gone {
		return false
	}
	x.gone = true
	if x.stop != nil {
		x.stop(errCancelled)
		return true
	}
	x.result = &Result{State: Cancelled, Message: errCancelled.Msg}
	r.tell(x)
	return true
}

// Forget lets go of a call and its result. One that runs is cancelled.
func (r *Runner) Forget(id int64) {
	r.Cancel(id)
	r.mu.Lock()
	x := r.calls[id]
	delete(r.calls, id)
	r.mu.Unlock()
	if x != nil {
		_ = Delete(context.WithoutCancel(r.ctx), r.store, r.key(id))
	}
}

func (r *Runner) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close cancels all calls and waits until none runs. Ended tells of them as cancelled.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	for _, x := range r.waiting {
		if !x.gone {
			x.gone, x.result = true, &Result{State: Cancelled, Message: errCancelled.Msg}
			r.tell(x)
		}
	}
	r.waiting = nil
	r.mu.Unlock()
	r.cancel()
	r.active.Wait()
}

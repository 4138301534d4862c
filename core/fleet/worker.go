package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/runtime"
	"numpywren/core/scheduler"
	"numpywren/core/sidecar"
)

// Options say how a Worker works; the zero value of each field means the default.
type Options struct {
	ID    string        // unlike that of any other worker
	Width int           // tasks in hand for each kernel that runs
	Lease time.Duration // of the queue's deliveries, renewed three times in each
	Look  time.Duration // how old what is known of a job's end may be
	Beat  time.Duration // how often it writes what it did
	Idle  time.Duration // it leaves when it had nothing to do for so long; 0: it stays
	Grace time.Duration // for the tasks in hand when it is told to stop
	Wait  time.Duration // of one Receive
	Clock queue.Clock
	Log   func(text string) // lines for its operator; may be nil
	// Pool has the processes in which the user's functions run; it is the caller's, and nil when there are none.
	Pool *sidecar.Pool

	fault func(a scheduler.Action) bool // tests: die before this action
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Lease, 30*time.Second)
	set(&o.Look, time.Second)
	set(&o.Beat, 2*time.Second)
	set(&o.Grace, 10*time.Second)
	set(&o.Wait, 10*time.Second)
	if o.Width == 0 {
		o.Width = 2
	}
	if o.Clock == nil {
		o.Clock = queue.System{}
	}
	if o.ID == "" {
		host, _ := os.Hostname()
		o.ID = fmt.Sprintf("%s-%d-%04x", safe(host), os.Getpid(), rand.N(1<<16))
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}

// safe is a name that can be part of a key.
func safe(name string) string {
	text := []byte(name)
	for k, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-') {
			text[k] = '-'
		}
	}
	if len(text) == 0 || text[0] == '.' {
		return "w" + string(text)
	}
	return string(text)
}

// Worker runs the tasks of any job of a deployment, and calls. Its tiles stay in memory from one task to the next, and from one job to the
// next, as far as its memory limit goes.
type Worker struct {
	d     *Deployment
	rt    *runtime.Runtime
	space *matrix.Space
	opt   Options
	clock queue.Clock

	leases     *leases
	writers    chan struct{} // bounds what is written behind at once
	suspects   suspects
	background sync.WaitGroup
	stopping   atomic.Bool
	dead       atomic.Bool // tests: killed
	kill       func()
	busy       atomic.Int64 // deliveries in hand
	lastWork   atomic.Int64 // ns

	mu        sync.Mutex
	runs      map[runID]*opening
	shared    map[string]*matrix.BigMatrix // inputs, by place and content
	inHand    map[order]*twins             // heads of chains
	fulfilled recent                       // messages that were acknowledged
}

// opening is a run that is known, or being read.
type opening struct {
	ready chan struct{}
	run   *run
	err   error
	used  time.Time
}

// NewWorker makes a worker with the cores and the memory of a Runtime.
func NewWorker(d *Deployment, rt *runtime.Runtime, opt Options) *Worker {
	opt = opt.withDefaults()
	w := &Worker{
		d: &Deployment{Store: metered(d.Store), Queue: d.Queue, Version: d.Version}, rt: rt, space: rt.Space(), opt: opt, clock: opt.Clock,
		leases:  &leases{clock: opt.Clock, all: map[*lease]struct{}{}},
		writers: make(chan struct{}, 4*rt.Workers()),
		runs:    map[runID]*opening{}, shared: map[string]*matrix.BigMatrix{}, inHand: map[order]*twins{},
	}
	w.suspects.changed.L = &w.suspects.mu
	return w
}

// ID is what the worker is called in reports.
func (w *Worker) ID() string { return w.opt.ID }

// Run works until ctx ends or the worker was idle for long enough, idle or, when that is 0, Options.Idle. When ctx ends it finishes the tasks in hand, if they take no
// longer than its grace, and gives the others back. It fails when the store or the queue cannot be used at the beginning.
func (w *Worker) Run(ctx context.Context, idle time.Duration) error {
	if err := w.d.check(ctx); err != nil {
		return err
	}
	if idle == 0 {
		idle = w.opt.Idle
	}
	wait, look := w.opt.Wait, w.opt.Beat
	if idle > 0 {
		wait, look = min(wait, idle), min(look, idle/2)
	}
	w.session(ctx, func(soft, hard context.Context, stop func()) {
		defer w.every(look, func() {
			if idle > 0 && w.busy.Load() == 0 && w.clock.Now().UnixNano()-w.lastWork.Load() > int64(idle) {
				stop()
			}
		})()
		var slots sync.WaitGroup
		for range w.rt.Workers() * w.opt.Width {
			slots.Go(func() { w.work(soft, hard, wait) })
		}
		slots.Wait()
	})
	return nil
}

// Handle does what messages say that somebody else received, and gives the numbers of those that are not done.
func (w *Worker) Handle(ctx context.Context, deliveries []queue.Delivery) (left []int) {
	acked := make([]bool, len(deliveries))
	w.session(ctx, func(_, hard context.Context, _ func()) {
		width := make(chan struct{}, w.rt.Workers()*w.opt.Width)
		var group sync.WaitGroup
		for k, d := range deliveries {
			group.Go(func() {
				width <- struct{}{}
				defer func() { <-width }()
				acked[k] = w.receive(hard, d)
			})
		}
		group.Wait()
	})
	for k, ok := range acked {
		if !ok {
			left = append(left, k)
		}
	}
	return left
}

// session is a time in which the worker works: leases are renewed, and it tells what it does. soft ends with ctx; then no
// message is begun. hard ends when the grace is over too: what is still in hand is given back.
func (w *Worker) session(ctx context.Context, f func(soft, hard context.Context, stop func())) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	soft, stop := context.WithCancel(ctx)
	defer stop()
	w.stopping.Store(false)
	w.kill = func() {
		w.dead.Store(true)
		stop()
		cancel()
	}
	w.lastWork.Store(w.clock.Now().UnixNano())
	defer w.every(w.opt.Lease/3, func() { w.leases.renew(hard, w.d.Queue, w.opt.Lease) })()
	defer w.every(w.opt.Beat, func() { w.beat(hard, false) })()
	defer context.AfterFunc(soft, func() {
		w.stopping.Store(true)
		time.AfterFunc(w.opt.Grace, cancel)
	})()
	f(soft, hard, stop)
	w.background.Wait()
	if !w.dead.Load() {
		w.beat(context.WithoutCancel(ctx), true)
	}
}

// Close forgets all jobs and their tiles. The worker must not work any more.
func (w *Worker) Close() { w.closeRuns() }

// check fails when the store or the queue cannot be used.
func (d *Deployment) check(ctx context.Context) error {
	if _, err := d.Queue.Len(ctx); err != nil {
		return err
	}
	for _, err := range d.Store.List(ctx, Root) {
		return err
	}
	return nil
}

// every calls f again and again, d after it returned, until stop is called.
func (w *Worker) every(d time.Duration, f func()) (stop func()) {
	var mu sync.Mutex
	var disarm func()
	over := false
	var tick func()
	arm := func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			disarm = w.clock.AfterFunc(d, tick)
		}
	}
	tick = func() {
		var err error
		func() {
			defer runtime.Recovered(&err)
			f()
		}()
		if err != nil {
			w.opt.Log(err.Error())
		}
		arm()
	}
	arm()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		disarm()
	}
}

// work receives messages until soft ends, and runs them.
func (w *Worker) work(soft, hard context.Context, wait time.Duration) {
	for failed := 0; soft.Err() == nil; {
		got, err := w.d.Queue.Receive(soft, 1, wait)
		if soft.Err() != nil || errors.Is(err, queue.ErrClosed) {
			for _, d := range got {
				_ = w.d.Queue.Nack(hard, d.Receipt, 0)
			}
			return
		}
		if err != nil {
			failed++
			w.opt.Log(fmt.Sprintf("no message can be received: %v", err))
			sleep(soft, scheduler.Backoff(failed, 100*time.Millisecond, 10*time.Second, rand.Float64()))
			continue
		}
		failed = 0
		for _, d := range got {
			w.busy.Add(1)
			w.receive(hard, d)
			w.lastWork.Store(w.clock.Now().UnixNano())
			w.busy.Add(-1)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// receive does what a message says, and tells whether it is done with. A panic outside of tasks is logged; its message comes
// again.
func (w *Worker) receive(ctx context.Context, d queue.Delivery) (acked bool) {
	var err error
	defer func() {
		if err != nil {
			w.opt.Log(err.Error())
		}
	}()
	defer runtime.Recovered(&err)
	o, bad := parseOrder(d.Body)
	if bad != nil {
		w.opt.Log(bad.Error())
		return w.drop(ctx, d)
	}
	lease, over := w.take(o, d)
	switch {
	case over:
		return w.drop(ctx, d)
	case lease == nil:
		return false
	}
	defer func() { w.untake(ctx, o, lease, acked) }()
	if o.call != "" {
		return w.call(ctx, d, lease, o.call)
	}
	r, bad := w.runOf(ctx, o.run)
	switch {
	case bad != nil && passing(bad) && errs.KindOf(bad) != errs.Key:
		w.opt.Log(fmt.Sprintf("job %s cannot be read: %v", o.run.job, bad))
		return w.giveBack(ctx, d, w.backoff(d.Attempt))
	case bad != nil:
		return w.refuse(ctx, d, o, bad)
	case r.plan == nil || r.ended(ctx) != nil:
		return w.drop(ctx, d)
	}
	started := w.clock.Now()
	r.inHand.Add(1)
	r.received.Add(1)
	defer func() {
		r.inHand.Add(-1)
		r.busy.Add(int64(w.clock.Now().Sub(started)))
	}()
	ctx = withMeter(ctx, &r.meter)
	switch {
	case !o.feed && !valid(r.plan, o.task):
		return w.drop(ctx, d)
	case d.Attempt > r.manifest.Settings.Most:
		return w.exhausted(ctx, d, r, o)
	case o.feed:
		return w.feed(ctx, d, r, o)
	}
	leave := w.suspects.enter(w.clock, d.Attempt, w.opt.Lease)
	if leave == nil {
		return w.again(ctx, d, r, o)
	}
	defer leave()
	return w.serve(ctx, d, lease, r, o.task)
}

// drop acknowledges a message, giveBack has it delivered again after a while; a failure of either has the lease lapse.
func (w *Worker) drop(ctx context.Context, d queue.Delivery) bool {
	return w.d.Queue.Ack(context.WithoutCancel(ctx), d.Receipt) == nil
}

func (w *Worker) giveBack(ctx context.Context, d queue.Delivery, after time.Duration) bool {
	_ = w.d.Queue.Nack(context.WithoutCancel(ctx), d.Receipt, after)
	return false
}

func (w *Worker) backoff(attempt int) time.Duration {
	return scheduler.Backoff(attempt, w.opt.Lease/100, w.opt.Lease, rand.Float64())
}

// valid says whether the plan has the task.
func valid(p *lambdapack.Plan, t lambdapack.Task) bool {
	if t.Stmt < 0 || int(t.Stmt) >= len(p.Statements) {
		return false
	}
	s := p.Statements[t.Stmt]
	return s.Domain.Contains(t.I[:len(s.Vars)])
}

func (w *Worker) feed(ctx context.Context, d queue.Delivery, r *run, o order) bool {
	if err := r.feed(ctx, o.from); err != nil {
		r.note("tasks without parents from number %d on cannot be sent, delivery %d: %v", o.from, d.Attempt, err)
		return w.giveBack(ctx, d, w.backoff(d.Attempt))
	}
	return w.drop(ctx, d)
}

// refuse ends a job that this worker cannot run, and drops the messages of one that is not there any more.
func (w *Worker) refuse(ctx context.Context, d queue.Delivery, o order, reason error) bool {
	w.opt.Log(fmt.Sprintf("job %s is refused: %v", o.run.job, reason))
	if errs.KindOf(reason) != errs.Key {
		e := End{State: Failed, Kind: errs.KindOf(reason), Message: reason.Error(), Worker: w.opt.ID}
		if _, err := w.d.finish(ctx, o.run, e); err != nil {
			return w.giveBack(ctx, d, w.backoff(d.Attempt))
		}
	}
	return w.drop(ctx, d)
}

// exhausted ends a job of which a message was delivered too often.
func (w *Worker) exhausted(ctx context.Context, d queue.Delivery, r *run, o order) bool {
	name := "that sends the first tasks"
	if !o.feed {
		name = r.plan.TaskName(o.task)
	}
	e := End{State: Failed, Kind: errs.OS, Task: name,
		Message: fmt.Sprintf("task %s was given up after %d deliveries: %s", name, d.Attempt-1, w.d.lastReason(ctx, r.id, o.task))}
	if err := r.finish(ctx, e); err != nil {
		return w.giveBack(ctx, d, w.backoff(d.Attempt))
	}
	return w.drop(ctx, d)
}

// lastReason is why the last delivery of a task failed.
func (d *Deployment) lastReason(ctx context.Context, r runID, t lambdapack.Task) string {
	text, err := d.Store.ReadAll(ctx, r.failure(t))
	if err != nil {
		return "each time its worker died, or took too long"
	}
	return string(text)
}

package core

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"numpywren/core/errs"
)

// Job is long work that was started. All methods may be called from any goroutine.
type Job struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	err     error  // once done is closed
	result  *Array // of a source, until it is taken
	started time.Time

	mu       sync.Mutex
	run      progress // of the program that runs now, or ran last
	answer   string   // of a request
	taken    bool
	finished time.Duration

	moved, toMove atomic.Int64 // bytes that are copied in or out
	read, written atomic.Int64 // of the stores
}

// progress tells how far a program is.
type progress interface {
	Progress() (done, total int64, flops float64, kernels, seconds time.Duration)
}

var errCancelled = errs.New(errs.Cancelled, "the job was cancelled")

// start runs f as a job. A panic in it is a failure of the job.
func (e *Executor) start(f func(ctx context.Context, j *Job) error) (*Job, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, e.open()
	}
	e.jobs.Add(1)
	e.mu.Unlock()
	j := &Job{done: make(chan struct{}), started: time.Now()}
	ctx, cancel := context.WithCancelCause(e.ctx)
	j.cancel = cancel
	go func() {
		defer e.jobs.Done()
		defer close(j.done)
		defer func() {
			j.mu.Lock()
			j.finished = time.Since(j.started)
			j.mu.Unlock()
			cancel(nil)
		}()
		defer func() {
			if p := recover(); p != nil {
				j.err = errs.New(errs.Internal, "internal error: %v\n%s", p, debug.Stack())
			}
		}()
		j.err = e.verdict(ctx, f(ctx, j))
	}()
	return j, nil
}

// verdict turns a failure that came of a cancelled context into what cancelled it.
func (e *Executor) verdict(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errCancelled):
		return errCancelled
	case e.ctx.Err() != nil:
		return errs.New(errs.Closed, "the executor was closed while the job ran")
	}
	return err
}

// Wait waits until the job is done, at most for d.
func (j *Job) Wait(d time.Duration) (done bool) {
	select { // the common case needs no timer
	case <-j.done:
		return true
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-j.done:
		return true
	case <-timer.C:
		return false
	}
}

// Err is why the job failed; nil while it runs.
func (j *Job) Err() error {
	select {
	case <-j.done:
		return j.err
	default:
		return nil
	}
}

// Result is the array that a finished source made, the caller's from then on; once.
func (j *Job) Result() *Array {
	select {
	case <-j.done:
	default:
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.taken {
		return nil
	}
	j.taken = true
	return j.result
}

// Cancel asks the job to stop.
func (j *Job) Cancel() { j.cancel(errCancelled) }

// Close cancels the job if it still runs, waits until nothing of it touches the caller's memory, and lets go of a result that
// nobody took.
func (j *Job) Close() {
	j.Cancel()
	<-j.done
	if a := j.Result(); a != nil {
		a.Close()
	}
}

// Progress is how far the job is, as JSON.
func (j *Job) Progress() string {
	j.mu.Lock()
	run, seconds := j.run, j.finished
	j.mu.Unlock()
	if seconds == 0 {
		seconds = time.Since(j.started)
	}
	p := struct {
		Done    int64   `json:"done"`
		Total   int64   `json:"total"`
		Unit    string  `json:"unit"`
		Seconds float64 `json:"seconds"`
		Flops   float64 `json:"flops"`
		Kernels float64 `json:"kernel_seconds"`
		Read    int64   `json:"bytes_read"`
		Written int64   `json:"bytes_written"`
	}{j.moved.Load(), j.toMove.Load(), "B", seconds.Seconds(), 0, 0, j.read.Load(), j.written.Load()}
	if run != nil {
		done, total, flops, kernels, _ := run.Progress()
		p.Flops, p.Kernels = flops, kernels.Seconds()
		if j.toMove.Load() == 0 || done < total {
			p.Done, p.Total, p.Unit = done, total, "task"
		}
	}
	text, _ := json.Marshal(p)
	return string(text)
}

func (j *Job) runs(r progress) {
	j.mu.Lock()
	j.run = r
	j.mu.Unlock()
}

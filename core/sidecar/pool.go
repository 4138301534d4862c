// Package sidecar runs other programs that answer questions on their pipes: the Python processes in which a user's functions
// run, since their code may crash, never end, or hold an interpreter's lock. A Pool starts processes when they are needed, reuses
// them, and kills those that are in doubt; whoever starts no question has no process.
//
// It knows how a process lives and dies and how frames are written, not what they say: package pywren does. On the other side of
// the pipes is python/numpywren/_sidecar.py.
package sidecar

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"numpywren/core/errs"
)

// Options say what a Pool runs.
type Options struct {
	Command []string // the program, which speaks the protocol on its standard input and output, and its arguments
	Env     []string // added to this process's environment
	Dir     string   // a folder for what processes print, which is made when the first one starts; "" is the system's
	Idle    int      // how many processes without work are kept
	Start   time.Duration
}

// startLimit is how long a process may take to say that it is there, when Options do not say: a cold disk and large packages.
const startLimit = 2 * time.Minute

// ErrLimit is why Do ended a process whose time was up.
var ErrLimit = errors.New("the time limit")

// StartError is the failure to start a process: there is no such program, or it does not speak the protocol.
type StartError struct{ err *errs.Error }

func (e *StartError) Error() string { return e.err.Error() }
func (e *StartError) Unwrap() error { return e.err }

// Pool is the processes of one owner. It is safe for concurrent use.
type Pool struct {
	opt    Options
	starts chan func() // run by one thread, see starter

	mu     sync.Mutex
	closed bool
	idle   []*process
	all    map[*process]struct{}
	done   sync.WaitGroup // of Do
}

// NewPool makes a Pool without processes. It is given back with Close.
func NewPool(o Options) *Pool {
	if o.Start == 0 {
		o.Start = startLimit
	}
	return &Pool{opt: o, all: map[*process]struct{}{}}
}

var errClosed = errs.New(errs.Closed, "the executor is closed: its Python processes are gone")

// Do gives use a process of its own, an idle one or a new one. When use fails, ctx ends, or limit (0: none) is over before it
// returns, the process is killed, and that is the error: use's own, ctx's cause, ErrLimit, or a *Died when the process was the
// first to end. log is what the process printed meanwhile, at most its last part.
func (p *Pool) Do(ctx context.Context, limit time.Duration, use func(c *Conn) error) (log string, err error) {
	x, err := p.take(ctx)
	if err != nil {
		return "", err
	}
	defer p.done.Done()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, ErrLimit)
		defer cancel()
	}
	stop := context.AfterFunc(ctx, x.kill)
	err = guarded(func() error { return use(&Conn{x}) })
	if stop() && err == nil {
		log = x.takeLog()
		p.giveBack(x)
		return log, nil
	}
	ended := x.hasEnded(err) // by itself, before we kill it
	state := x.end(ctx, ended)
	log = x.takeLog()
	p.forget(x)
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return log, cause
	case p.isClosed():
		return log, errClosed
	case ended:
		return log, &Died{State: state, Log: log}
	}
	return log, err
}

// guarded runs f; a panic in it is an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errs.New(errs.Internal, "internal error: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}

// take finds an idle process or starts one. It counts one more Do.
func (p *Pool) take(ctx context.Context) (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	p.done.Add(1)
	for len(p.idle) > 0 {
		x := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if x.alive() {
			p.mu.Unlock()
			return x, nil
		}
		delete(p.all, x)
		x.close()
	}
	if p.starts == nil {
		p.starts = make(chan func())
		go starter(p.starts)
	}
	p.mu.Unlock()
	x, err := p.start(ctx)
	if err != nil {
		p.done.Done()
	}
	return x, err
}

// starter runs what starts processes, on one thread that lives as long as the pool: a process asks the kernel to kill it with
// the thread that started it, and a thread of Go's may end before Go's process does.
func starter(starts <-chan func()) {
	runtime.LockOSThread()
	for f := range starts {
		f()
	}
}

// start makes a process, waits until it says that it is there, and knows it from then on.
func (p *Pool) start(ctx context.Context) (x *process, err error) {
	if p.opt.Dir != "" {
		if err := os.MkdirAll(p.opt.Dir, 0o755); err != nil {
			return nil, errs.New(errs.OS, "the folder %s cannot be made: %w", p.opt.Dir, err)
		}
	}
	started := make(chan struct{})
	p.starts <- func() {
		defer close(started)
		err = guarded(func() (err error) {
			x, err = launch(&p.opt)
			return err
		})
	}
	<-started
	if err != nil {
		return nil, &StartError{errs.New(errs.OS, "%w", err)}
	}
	p.mu.Lock()
	p.all[x] = struct{}{}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		x.kill()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.opt.Start, ErrLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, x.kill)
	if err = x.greet(); stop() && err == nil {
		return x, nil
	}
	x.kill()
	<-x.exited
	log := x.takeLog()
	p.forget(x)
	switch cause := context.Cause(ctx); {
	case cause != nil && !errors.Is(cause, ErrLimit):
		return nil, cause
	case p.isClosed():
		return nil, errClosed
	}
	// Not %w: no call died.
	return nil, &StartError{errs.New(errs.OS, "a Python process (%s) could not be started: %v%s", x.cmd.String(), err, indented(log))}
}

// giveBack keeps a process for the next use, if there are not enough already.
func (p *Pool) giveBack(x *process) {
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.opt.Idle
	if keep {
		p.idle = append(p.idle, x)
	}
	p.mu.Unlock()
	if !keep {
		x.kill()
		p.forget(x)
	}
}

func (p *Pool) forget(x *process) {
	p.mu.Lock()
	delete(p.all, x)
	p.mu.Unlock()
	<-x.exited
	x.close()
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Running is how many processes there are.
func (p *Pool) Running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// Close kills the processes and waits until they are gone. What uses one fails. A second call does nothing.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.idle = nil
	var all []*process
	for x := range p.all {
		all = append(all, x)
	}
	p.mu.Unlock()
	for _, x := range all {
		x.kill()
	}
	p.done.Wait()
	for _, x := range all {
		p.forget(x)
	}
	if p.starts != nil {
		close(p.starts)
	}
}

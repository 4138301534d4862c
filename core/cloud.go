package core

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/fleet"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/runtime"
)

// memoryLease is the lease of a queue in this process: only a bug lets one lapse.
const memoryLease = time.Minute

// connect opens the store and the queue of an executor whose programs run elsewhere.
func (e *Executor) connect() error {
	d, err := openDeployment(e.ctx, e.cfg.Storage, e.cfg.Queue, e.cfg.Region, memoryLease)
	if err != nil {
		return err
	}
	e.fleet, e.durable = d, d.Store
	e.launch, err = e.launcher()
	return err
}

func openDeployment(ctx context.Context, storage, queueName, region string, lease time.Duration) (*fleet.Deployment, error) {
	store, err := openStore(ctx, storage, region)
	if err != nil {
		return nil, err
	}
	q, err := openQueue(ctx, queueName, region, lease)
	if err != nil {
		return nil, err
	}
	return &fleet.Deployment{Store: store, Queue: q, Version: version}, nil
}

// openStore opens a bucket's folder, or makes a folder of a file system.
func openStore(ctx context.Context, storage, region string) (*blob.Store, error) {
	if isURL(storage) {
		store, err := openS3(ctx, storage, region)
		if err == nil {
			err = reach(ctx, store)
		}
		return store, err
	}
	if scheme, _, found := strings.Cut(storage, "://"); found {
		return nil, errs.New(errs.Value, "storage is %q: s3://bucket/prefix or a folder were expected, not %s://", storage, scheme)
	}
	if err := os.MkdirAll(storage, 0o755); err != nil {
		return nil, errs.New(errs.OS, "storage %s cannot be made: %w", storage, err)
	}
	return blob.NewFile(storage), nil
}

func openQueue(ctx context.Context, name, region string, lease time.Duration) (*queue.Queue, error) {
	if name == queueMemory {
		return queue.NewMemory(queue.MemoryOptions{Lease: lease, MaxReceive: 10}), nil
	}
	return openSQS(ctx, name, region, lease)
}

// host runs a worker in this process, with the executor's own threads and memory.
func (e *Executor) host() {
	w := fleet.NewWorker(e.fleet, e.rt, fleet.Options{Lease: memoryLease, Width: e.cfg.PipelineWidth, Grace: time.Second, Pool: e.sidecars})
	e.jobs.Go(func() {
		var err error
		defer runtime.Recovered(&err)
		defer w.Close()
		_ = w.Run(e.ctx, 0) // it fails when the store cannot be used: so does the executor then
	})
}

// taskLimit is the memory that a task may take: here, or in a worker.
func (e *Executor) taskLimit() int64 {
	if e.fleet != nil && e.cfg.WorkerMemory > 0 {
		return e.cfg.WorkerMemory
	}
	return e.space.Limit()
}

// elsewhere says whether the fleet runs a program: its inputs must be where all workers see them.
func (e *Executor) elsewhere(p *program, matrices []*matrix.BigMatrix) bool {
	if e.fleet == nil {
		return false
	}
	for k, m := range matrices {
		if p.plan.Matrices[k].Role == lambdapack.RoleInput && m != nil && m.Store() != e.durable {
			return false
		}
	}
	return true
}

// manifest describes a program for workers.
func (e *Executor) manifest(p *program, matrices []*matrix.BigMatrix, outs []*stored, name string) *fleet.Manifest {
	m := &fleet.Manifest{Name: name, Program: p.text.Text, Entry: p.text.Name, Fuse: p.fuse,
		Settings: fleet.Settings{Results: e.cfg.Retain == retainResults}}
	keys := map[*matrix.BigMatrix]string{}
	for _, s := range outs {
		keys[s.m] = s.key
	}
	for _, in := range p.text.Inputs {
		g := in.Node.Grid()
		m.Inputs = append(m.Inputs, fleet.Input{Param: in.Param, Display: in.Display, DType: in.Node.DType(), Shape: g.Shape(), Block: g.Block(), Zero: in.Zero})
		if s, ok := storedOf(in.Node); ok {
			keys[s.m] = s.key
		}
	}
	m.Describe(p.plan)
	for k, b := range matrices {
		if b != nil {
			m.Matrices[k].Prefix, m.Matrices[k].Key, m.Matrices[k].Display = b.Prefix(), keys[b], b.Display
			m.Matrices[k].Half = b.Half
		}
	}
	return m
}

// runFleet has a program run by the fleet, and waits. When ctx ends, the job is cancelled.
func (e *Executor) runFleet(ctx context.Context, j *Job, p *program, matrices []*matrix.BigMatrix, outs []*stored) error {
	job, err := e.fleet.Submit(ctx, e.manifest(p, matrices, outs, ""))
	if err != nil {
		return err
	}
	err = e.follow(ctx, j, job)
	if ctx.Err() != nil && err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
		defer cancel()
		_ = job.Cancel(cleanup, "by its client")
	}
	return err
}

// cancelTime is how long a client tries to say that a job is cancelled.
const cancelTime = 10 * time.Second

// follow waits for a job of the fleet, and starts workers for it.
func (e *Executor) follow(ctx context.Context, j *Job, job *fleet.Job) error {
	seen := &lastLook{total: job.Manifest().Tasks, started: time.Now()}
	j.runs(seen)
	crew := e.crew()
	return job.Watch(ctx, fleet.Watching{Seen: func(l *fleet.Look) error {
		seen.set(l)
		if l.State != fleet.Running {
			return nil
		}
		if err := job.Within(ctx, e.cfg.Budget, l); err != nil {
			return err
		}
		return crew.Adjust(ctx, l)
	}})
}

// crew starts workers as the settings say.
func (e *Executor) crew() *fleet.Crew {
	return &fleet.Crew{Launch: e.launch, Max: e.cfg.MaxWorkers, Factor: e.cfg.Factor, Slots: e.cfg.PipelineWidth}
}

// lastLook is the progress of a job elsewhere.
type lastLook struct {
	started time.Time
	total   int64
	mu      sync.Mutex
	look    *fleet.Look
}

func (l *lastLook) set(look *fleet.Look) {
	l.mu.Lock()
	l.look = look
	l.mu.Unlock()
}

// Progress is what the last look at the job saw.
func (l *lastLook) Progress() (done, total int64, flops float64, kernels, seconds time.Duration) {
	l.mu.Lock()
	look := l.look
	l.mu.Unlock()
	seconds = time.Since(l.started)
	if look == nil {
		return 0, l.total, 0, 0, seconds
	}
	flops, kernels = look.Spent()
	return look.Done, look.Total, flops, kernels, seconds
}

// Dispatch has the arrays computed by the fleet, and does not wait for it: the job's answer is {"id": …}. names are as in Submit.
func (e *Executor) Dispatch(arrays []*Array, names []string) (*Job, error) {
	if e.fleet == nil {
		return nil, errs.New(errs.Unsupported, "submit needs an executor whose workers are elsewhere, aws_executor(): here a job ends with its process; persist() waits for it")
	}
	nodes, err := e.nodes(arrays)
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{}
	for k, n := range nodes {
		if names == nil || names[k] == "" {
			continue
		}
		if err := checkName(names[k]); err != nil {
			return nil, err
		}
		if err := e.free(names[k]); err != nil {
			return nil, err
		}
		wanted[n.Hash()] = names[k]
	}
	retained := retain(nodes)
	return e.start(func(ctx context.Context, j *Job) error {
		defer releaseAll(retained)
		id, err := e.dispatch(ctx, retained, wanted)
		if err == nil {
			j.reply(map[string]any{"id": id})
		}
		return err
	})
}

func (e *Executor) dispatch(ctx context.Context, nodes []*expr.Node, wanted map[string]string) (string, error) {
	for _, n := range nodes {
		if s, ok := storedOf(n); ok {
			return "", errs.New(errs.Value, "%s is computed already: there is nothing to submit", s.m.Display)
		}
	}
	p, err := e.lower(nodes, wanted)
	if err != nil {
		return "", err
	}
	defer p.text.Release()
	outs, matrices, err := e.bindMatrices(ctx, p, wanted)
	if err != nil {
		return "", err
	}
	defer func() {
		for _, s := range outs {
			s.Unref()
		}
	}()
	if !e.elsewhere(p, matrices) {
		return "", errs.New(errs.Value, "an input lies outside of %s: give it a name in matrix_init, which copies it there", e.home())
	}
	name := ""
	for _, s := range outs {
		if s.name != "" {
			name = s.name
		}
	}
	job, err := e.fleet.Submit(ctx, e.manifest(p, matrices, outs, name))
	if err != nil {
		return "", err
	}
	return job.ID(), nil
}

package core

import (
	"context"
	"time"

	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/matrix"
	"numpywren/core/queue/sqs"
	"numpywren/core/runtime"
	"numpywren/core/sidecar"
)

// WorkerConfig is the settings of a worker; the zero value of each field but Storage and Queue means the default.
type WorkerConfig struct {
	Storage       string        // "s3://bucket/prefix", or a folder that all see
	Queue         string        // of the deployment
	Region        string        // of AWS
	Workers       int           // kernels that run at once
	MemoryLimit   int64         // bytes of tiles
	PipelineWidth int           // tasks in hand for each of Workers
	Lease         time.Duration // of a message: how long after a worker's death others take over
	Idle          time.Duration // without work, after which it leaves; 0: it stays
	Grace         time.Duration // for what is in hand when it is told to stop
	Python        string        // the interpreter of the user's functions; by default python3
	Log           func(text string)
}

// Worker does the work of a deployment's jobs. It keeps its tiles in memory from one Run to the next.
type Worker struct {
	fleet *fleet.Worker
	space *matrix.Space
	pool  *sidecar.Pool
	close func() error
}

const workerLease = 30 * time.Second

// OpenWorker makes a worker; Run has it work.
func OpenWorker(ctx context.Context, cfg WorkerConfig) (*Worker, error) {
	if cfg.Queue == queueMemory {
		return nil, errs.New(errs.Value, "queue is %q: a worker of its own needs a queue that others see too, SQS's", cfg.Queue)
	}
	sized, err := Config{Workers: cfg.Workers, MemoryLimit: cfg.MemoryLimit, PipelineWidth: cfg.PipelineWidth,
		Storage: cfg.Storage, Queue: cfg.Queue}.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Storage == "" || cfg.Queue == "" {
		return nil, errs.New(errs.Value, "storage and queue are needed: --storage s3://bucket/prefix --queue NAME, or NUMPYWREN_STORAGE and NUMPYWREN_QUEUE")
	}
	if cfg.Lease == 0 {
		cfg.Lease = workerLease
	}
	d, err := openDeployment(ctx, cfg.Storage, cfg.Queue, cfg.Region, cfg.Lease)
	if err != nil {
		return nil, err
	}
	space := matrix.NewSpace(sized.MemoryLimit, 1)
	rt := runtime.New(space, sized.Workers, sized.PipelineWidth)
	pool := newPool(cfg.Python, "", sized.Workers*sized.PipelineWidth)
	w := fleet.NewWorker(d, rt, fleet.Options{Width: sized.PipelineWidth, Lease: cfg.Lease, Idle: cfg.Idle, Grace: cfg.Grace, Log: cfg.Log, Pool: pool})
	return &Worker{fleet: w, space: space, pool: pool, close: d.Queue.Close}, nil
}

// ID is what the worker is called in reports.
func (w *Worker) ID() string { return w.fleet.ID() }

// Run works until ctx ends, or until there was no work for idle, 0 being what the configuration says. It then gives back what it
// cannot finish in its grace.
func (w *Worker) Run(ctx context.Context, idle time.Duration) error { return w.fleet.Run(ctx, idle) }

// Event is one message as Lambda's event source for SQS hands it over.
type Event = sqs.Event

// Handle does what the messages say, and gives the numbers of those that are to be delivered again.
func (w *Worker) Handle(ctx context.Context, events []Event) (left []int) {
	deliveries, bad, numbers := deliveriesOf(events)
	for _, k := range w.fleet.Handle(ctx, deliveries) {
		left = append(left, numbers[k])
	}
	return append(left, bad...)
}

// Close gives back the memory.
func (w *Worker) Close() error {
	w.pool.Close()
	w.fleet.Close()
	err := w.close()
	w.space.Close()
	return err
}

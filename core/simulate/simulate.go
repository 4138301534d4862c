// Package simulate runs a program on a made-up fleet: package scheduler's state machine and package queue's queue, on a virtual
// clock, with workers, a store and claims that are maps, and with whatever can go wrong going wrong at random.
//
// It answers two questions. Is the scheduler right? The value of a tile is a hash of the task that made it and of the values
// that it read, so a tile that is missing, stale or made from the wrong inputs shows in the result; Verify compares it with the
// program run in order. And what would it cost? With a cost model for the tasks, Report gives time, core-seconds and the
// parallelism over time for any number of workers.
//
// One goroutine, one seed: the same Config gives the same run. Nothing in it touches a real tile.
package simulate

import (
	"iter"
	"time"

	"numpywren/core/scheduler"
)

type (
	Task = scheduler.Task
	Tile = scheduler.Tile
)

// Program is what a fleet must know of a program. FromPlan makes one of a plan.
type Program interface {
	scheduler.Graph
	Tasks() iter.Seq[Task]     // all, each after its parents
	Roots() iter.Seq[Task]     // those without parents
	Reads(Task) iter.Seq[Tile] // in the order of the task's operands
	Input(Tile) bool           // the tile exists before the program starts
}

// Cost is what one task takes.
type Cost struct{ Read, Compute, Write time.Duration }

// Config is a fleet and its troubles. The zero value of a field serves where that is said.
type Config struct {
	Seed    uint64
	Workers int // 0: 1. With Elastic those that start with the job
	Width   int // tasks in flight a worker, of which one computes; 0: 1
	Options scheduler.Options

	Cost    func(Task) Cost // nil: 100 ms, 1 s, 100 ms
	Latency time.Duration   // of one question to the store or the queue; 0: 10 ms
	Jitter  float64         // every duration is times 1 - Jitter … 1 + Jitter
	Elastic *Elastic        // nil: the fleet stays as it is
	Sample  time.Duration   // between two Samples of the Report; 0: none

	Lease      time.Duration // 0: 10 s
	MaxReceive int           // deliveries of a message before the job fails; 0: no bound
	Steps      int64         // actions before the run counts as hung; 0: no bound

	// Drop forgets every temporary after its last reader, as an executor in one process does. It goes with no fault that
	// makes a task run twice.
	Drop   bool
	Faults Faults
}

// Elastic lets the fleet follow scheduler.Wanted.
type Elastic struct {
	Interval time.Duration // between two decisions
	Start    time.Duration // until a new worker works
	Idle     time.Duration // without a task, after which a worker leaves
	Factor   float64
	Min, Max int
}

// Faults are the chances, each time, of what goes wrong. Crashes bounds the crashes of a run, so that it ends.
type Faults struct {
	Duplicate float64 // of a message: it is delivered twice, the second time any time later
	Delay     float64 // of a message: it is late
	Lose      float64 // of a delivery: it reaches nobody, and its lease lapses
	Crash     float64 // of an action: the worker dies, before it, after it, or in the middle of a Write
	Straggle  float64 // of an action: it takes 50 times as long, and its lease is not renewed any more
	Retry     float64 // of an action: it fails, as transport does
	Stop      float64 // of an action: the chain must end
	Crashes   int

	Fails  func(Task) error // a task that cannot succeed: not positive definite
	Poison func(Task) bool  // a task that kills its worker
}

// Report is what a run did.
type Report struct {
	Time        time.Duration // from the first message to the last acknowledgement
	CoreTime    time.Duration // of all workers, busy or not
	BusyTime    time.Duration // of those, in kernels
	Tasks       int64         // that were computed, each counted once
	Computed    int64         // how often a task was computed
	Steps       int64         // actions
	Sent        int64         // messages
	Received    int64         // deliveries
	Written     int64         // tiles into the store
	Crashes     int
	PeakWorkers int
	PeakRunning int // kernels at once
	Profile     []Sample

	failure error
	store   map[Tile]uint64
}

// Sample is the fleet at one moment.
type Sample struct {
	At      time.Duration
	Workers int
	Running int   // kernels
	Queued  int64 // messages that wait
}

// Failure is why the job failed: the error of a task that cannot succeed, or its dead letter; nil when it did not.
func (r *Report) Failure() error { return r.failure }

func (c Config) withDefaults() Config {
	c.Workers, c.Width = max(1, c.Workers), max(1, c.Width)
	if c.Cost == nil {
		c.Cost = func(Task) Cost { return Cost{100 * time.Millisecond, time.Second, 100 * time.Millisecond} }
	}
	if c.Latency == 0 {
		c.Latency = 10 * time.Millisecond
	}
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	return c
}

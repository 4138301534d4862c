package scheduler

import (
	"math"
	"time"
)

// Demand is what the queue of a job shows, and the bounds for its workers.
type Demand struct {
	Queued   int64   // messages that wait for a worker
	InFlight int64   // messages that workers hold
	Width    int     // tasks in flight a worker (pipeline_width), at least 1
	Factor   float64 // workers wanted for each worker's worth of messages; 1 follows the parallelism exactly, 0 is 1
	Min, Max int     // bounds; Max == 0: none
}

// Wanted is how many workers the job should have now: as many as the parallelism that its program has at this moment, which is
// the messages that exist (each is a task whose inputs exist), over the tasks that a worker has in flight.
func Wanted(d Demand) int {
	factor := d.Factor
	if factor == 0 {
		factor = 1
	}
	workers := math.Ceil(float64(d.Queued+d.InFlight) / float64(max(1, d.Width)) * factor)
	upper := d.Max
	if upper == 0 {
		upper = math.MaxInt32
	}
	return max(d.Min, int(min(workers, float64(upper))))
}

// Deadline is how long a task may take before its lease is no longer renewed, so that another worker starts it: a multiple of
// what the cost model says, and never less than floor, below which the clocks of a cloud mean nothing. Of the two workers that
// then run the task the first to write wins; the other's bytes are the same.
func Deadline(seconds, multiple float64, floor time.Duration) time.Duration {
	return max(floor, clampDuration(seconds*multiple*float64(time.Second)))
}

// Backoff is how long to wait before attempt + 1, when attempt (1 is the first) has failed: base doubled for every attempt, at
// most limit, of which the upper half is random in [0, 1) ("equal jitter": M. Brooker, Exponential Backoff and Jitter, AWS
// 2015). Half is kept so that a service which asked for quiet gets some.
func Backoff(attempt int, base, limit time.Duration, random float64) time.Duration {
	full := min(limit, clampDuration(math.Ldexp(float64(base), max(0, attempt-1))))
	return full/2 + time.Duration(random*float64(full-full/2))
}

// Exhausted says whether a message that was delivered this many times goes to the dead letters when it fails once more: a crash
// loop ends, and the job fails with the reason of its last attempt. most == 0: never.
func Exhausted(deliveries, most int) bool { return most > 0 && deliveries >= most }

func clampDuration(d float64) time.Duration {
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}

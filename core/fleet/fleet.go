// Package fleet runs jobs on many machines that share nothing but an object store and a queue. A job is a program and the places
// of its matrices, written to the store once (Manifest). A Worker receives tasks from the queue, drives scheduler's state machine
// with answers from the store, and computes with package runtime; Deployment is what clients have: it submits, watches, cancels
// and resumes jobs. Neither knows how many of the other there are, and both may die at any moment.
//
// It is not the place where the next task is chosen (package scheduler) nor where tiles are computed (package runtime). Package
// core calls it.
//
// # What lies where
//
// Below a deployment's prefix in the store:
//
//	.numpywren/jobs/ID/job.json          the Manifest; written once
//	.numpywren/jobs/ID/runs/N            a run began: 1 with the job, the others with Resume
//	.numpywren/jobs/ID/N/claims/TASK     who has the duty for a task (scheduler), created with If-None-Match
//	.numpywren/jobs/ID/N/end.json        how the run ended (End), created with If-None-Match: the first to say so is right
//	.numpywren/jobs/ID/N/workers/W.json  what a worker did for the run so far (Beat)
//	.numpywren/jobs/ID/N/errors/TASK     why the last delivery of a task failed
//
// Matrices lie where the Manifest says. That a task is done is said by its tiles alone.
//
// Messages are "ID N TASK", and "ID N @K" for the task of sending the program's tasks without parents, from number K on: the job
// needs no client to go on.
//
// Beside jobs there are calls of the user's functions, whose objects package pywren knows, and whose messages are "call ID": a
// Caller is their client (caller.go), and the same workers run them (call.go).
package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
)

// Protocol is the number of the format of what lies in the store and in the queue. Workers and clients of different numbers do
// not work together.
const Protocol = 1

// Root is the folder of all jobs.
const Root = ".numpywren/jobs/"

// Deployment is a store and a queue that clients and workers share. It is safe for concurrent use.
type Deployment struct {
	Store *blob.Store
	Queue *queue.Queue
	// Version is that of the program, for messages.
	Version string
}

// runID names one run of a job.
type runID struct {
	job string
	run int
}

func (r runID) folder() string { return Root + r.job + "/" + strconv.Itoa(r.run) + "/" }
func (r runID) String() string { return r.job + " " + strconv.Itoa(r.run) }

func (r runID) claim(t lambdapack.Task) string { return r.folder() + "claims/" + t.String() }
func (r runID) end() string                    { return r.folder() + "end.json" }

// order is what a message says: run the task, or, when there is none, send tasks without parents; or run a call, of no job.
type order struct {
	call string
	run  runID
	task lambdapack.Task
	feed bool
	from int64
}

func (o order) String() string {
	if o.call != "" {
		return callPrefix + o.call
	}
	if o.feed {
		return o.run.String() + " @" + strconv.FormatInt(o.from, 10)
	}
	return o.run.String() + " " + o.task.String()
}

// callPrefix begins the message of a call.
const callPrefix = "call "

func parseOrder(text string) (o order, err error) {
	if id, ok := strings.CutPrefix(text, callPrefix); ok {
		batch, n, _ := strings.Cut(id, "/")
		if _, bad := strconv.ParseUint(n, 10, 63); bad != nil || checkID(batch) != nil {
			return o, errs.New(errs.Value, "%.100q is no message of ours", text)
		}
		return order{call: id}, nil
	}
	parts := strings.Split(text, " ")
	if len(parts) != 3 || checkID(parts[0]) != nil {
		return o, errs.New(errs.Value, "%.100q is no message of ours", text)
	}
	o.run.job = parts[0]
	if o.run.run, err = strconv.Atoi(parts[1]); err != nil {
		return o, errs.New(errs.Value, "%.100q is no message of ours: %w", text, err)
	}
	if from, ok := strings.CutPrefix(parts[2], "@"); ok {
		o.feed = true
		o.from, err = strconv.ParseInt(from, 10, 64)
		return o, err
	}
	o.task, err = lambdapack.ParseTask(parts[2])
	return o, err
}

// checkID refuses what is no job's number, so that it can lead nowhere else in the store.
func checkID(id string) error {
	if id == "" || len(id) > 64 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errs.New(errs.Value, "%.80q is no job: jobs() lists those that there are", id)
	}
	return nil
}

// States of a run that ended.
const (
	Done      = "done"
	Failed    = "failed"
	Cancelled = "cancelled"
	Paused    = "paused"
)

// End is how a run ended.
type End struct {
	State   string    `json:"state"`
	Kind    errs.Kind `json:"kind,omitempty"` // of the failure
	Message string    `json:"message,omitempty"`
	Task    string    `json:"task,omitempty"`
	Worker  string    `json:"worker,omitempty"`
	Resumed bool      `json:"resumed,omitempty"` // it was cancelled for the run that follows it
	At      time.Time `json:"at"`
}

// Err is the End as a failure; nil for Done.
func (e *End) Err() error {
	switch e.State {
	case Done:
		return nil
	case Failed:
		return errs.New(e.Kind, "%s", e.Message)
	case Cancelled:
		return errs.New(errs.Cancelled, "the job was cancelled: %s", e.Message)
	}
	return errs.New(errs.Closed, "the job is paused: %s", e.Message)
}

// finish says how a run ended, unless somebody said so before; it gives what is true then.
func (d *Deployment) finish(ctx context.Context, r runID, e End) (*End, error) {
	e.At = time.Now().UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	err = d.Store.PutBytes(ctx, r.end(), text, blob.PutOptions{IfNoneMatch: true})
	if errors.Is(err, blob.ErrExists) {
		first, err := d.ended(ctx, r)
		if err == nil && first == nil {
			err = errs.New(errs.Key, "job %s was deleted at this moment", r.job)
		}
		return first, err
	}
	if err != nil {
		return nil, fmt.Errorf("the end of job %s cannot be written: %w", r.job, err)
	}
	return &e, nil
}

// ended is how a run ended, nil while it runs.
func (d *Deployment) ended(ctx context.Context, r runID) (*End, error) {
	text, err := d.Store.ReadAll(ctx, r.end())
	if errors.Is(err, blob.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e := new(End)
	if err := json.Unmarshal(text, e); err != nil {
		return nil, errs.New(errs.Value, "%s is corrupt: %w", r.end(), err)
	}
	return e, nil
}

// passing says whether trying again may help: what stores and queues fail with, and tiles that are not there yet or any more.
// What a program, a kernel or the memory limit refuses is refused again.
func passing(err error) bool {
	var never lasting
	if errors.As(err, &never) {
		return false
	}
	var known *errs.Error
	if !errors.As(err, &known) {
		return true
	}
	switch known.Kind {
	case errs.OS, errs.NotFound, errs.Exists, errs.Key:
		return true
	}
	return false
}

// lasting is a failure that the next delivery would meet too, whatever its kind.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

package core

import (
	"context"
	"encoding/json"

	"numpywren/core/errs"
	"numpywren/core/fleet"
)

// request is what Request is asked.
type request struct {
	Op       string   `json:"op"`
	ID       string   `json:"id"`
	DryRun   bool     `json:"dry_run"`
	KeepDays *float64 `json:"keep_days"` // of gc; null: a default
	Forever  bool     `json:"forever"`   // of provision
	setup
}

// Request asks about jobs of the fleet. text is a JSON object {"op", "id"}; op is "jobs", "status", "wait", "cancel", "resume",
// "report", "logs", "matrices", "provision" or, with "dry_run" and "keep_days", "gc"; or one of setup.go, for which any executor
// serves. The job's Answer is JSON.
func (e *Executor) Request(text string) (*Job, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, errs.New(errs.Value, "the request is not what was expected: %w", err)
	}
	switch r.Op {
	case "deploy", "check", "delete":
		return e.start(func(ctx context.Context, j *Job) error { return r.run(ctx, j, r.Op, r.DryRun) })
	case "gc":
		return e.requestGC(&r)
	}
	if e.fleet == nil {
		return nil, errs.New(errs.Unsupported, "%s needs an executor whose workers are elsewhere: aws_executor()", r.Op)
	}
	switch r.Op {
	case "jobs":
		return e.start(func(ctx context.Context, j *Job) error { return e.listJobs(ctx, j) })
	case "provision":
		return e.requestProvision(r.Forever)
	case "status", "wait", "cancel", "resume", "report", "logs", "matrices":
		return e.start(func(ctx context.Context, j *Job) error {
			job, err := e.fleet.Job(ctx, r.ID)
			if err != nil {
				return err
			}
			return e.about(ctx, j, job, r.Op)
		})
	}
	return nil, errs.New(errs.Value, "there is no request %q", r.Op)
}

// about does what is asked about one job.
func (e *Executor) about(ctx context.Context, j *Job, job *fleet.Job, op string) error {
	switch op {
	case "wait":
		if err := e.follow(ctx, j, job); err != nil {
			return err
		}
	case "cancel":
		if err := job.Cancel(ctx, "by cancel()"); err != nil {
			return err
		}
	case "resume":
		if err := job.Resume(ctx); err != nil {
			return err
		}
	case "logs":
		lines, err := job.Log(ctx)
		if err != nil {
			return err
		}
		return j.reply(lines)
	case "matrices":
		return j.reply(job.Manifest().Matrices)
	}
	look, err := job.Look(ctx)
	if err != nil {
		return err
	}
	if op == "report" {
		return j.reply(look.Report())
	}
	return j.reply(look)
}

// keptJobs is how many jobs a list tells of.
const keptJobs = 100

func (e *Executor) listJobs(ctx context.Context, j *Job) error {
	ids, err := e.fleet.Jobs(ctx)
	if err != nil {
		return err
	}
	looks := []*fleet.Look{}
	for _, id := range ids[:min(len(ids), keptJobs)] {
		job, err := e.fleet.Job(ctx, id)
		if errs.KindOf(err) == errs.Unsupported || errs.KindOf(err) == errs.Key {
			continue // of another version, or deleted at this moment
		}
		if err != nil {
			return err
		}
		look, err := job.Look(ctx)
		if err != nil {
			return err
		}
		looks = append(looks, look)
	}
	return j.reply(looks)
}

// reply keeps the answer of a request.
func (j *Job) reply(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.answer = string(text)
	j.mu.Unlock()
	return nil
}

// Answer is what a finished request found, as JSON; "" when it is none, or failed. That of "deploy", "check" and "delete" grows
// while they run, and stays when they fail.
func (j *Job) Answer() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.answer
}

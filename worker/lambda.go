package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"numpywren/core"
)

// An invocation is one of
//
//	{"work": {"idle": seconds}}   work until there is nothing to do for so long, or the time runs out
//	{"ping": {}}                  answer the version
//	{"Records": […]}              messages of Lambda's own event source for SQS
type invocation struct {
	Work *struct {
		Idle float64 `json:"idle"`
	} `json:"work"`
	Ping    *struct{}           `json:"ping"`
	Records []events.SQSMessage `json:"Records"`
}

type pong struct {
	Version string `json:"version"`
	Worker  string `json:"worker,omitempty"`
}

const (
	lambdaIdle  = 10 * time.Second // without work, after which an invocation ends
	lambdaGrace = 20 * time.Second // for the tasks in hand, before its time runs out
	lambdaLeast = 2 * time.Second  // for giving back what is in hand, before the time runs out
)

// warm is what stays in memory between the invocations of one container.
type warm struct {
	cfg core.WorkerConfig

	mu     sync.Mutex
	worker *core.Worker
}

func serveLambda(cfg core.WorkerConfig) {
	if cfg.Grace == 0 {
		cfg.Grace = lambdaGrace
	}
	w := &warm{cfg: cfg}
	lambda.StartWithOptions(w.invoke, lambda.WithEnableSIGTERM())
}

func (w *warm) invoke(ctx context.Context, payload json.RawMessage) (any, error) {
	var in invocation
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, fmt.Errorf("the invocation is not what was expected: %w", err)
	}
	if in.Ping != nil {
		return pong{Version: core.Version()}, nil
	}
	if in.Work == nil && in.Records == nil {
		return nil, fmt.Errorf("the invocation has none of work, ping and Records: %.200s", payload)
	}
	worker, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := w.untilShortlyBefore(ctx)
	defer cancel()
	if in.Records != nil {
		return respond(in.Records, worker.Handle(ctx, eventsOf(in.Records))), nil
	}
	idle := lambdaIdle
	if in.Work.Idle > 0 {
		idle = time.Duration(in.Work.Idle * float64(time.Second))
	}
	if err := worker.Run(ctx, idle); err != nil {
		return nil, err
	}
	return pong{core.Version(), worker.ID()}, nil
}

// open makes the worker of this container, at its first invocation.
func (w *warm) open(ctx context.Context) (*core.Worker, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.worker == nil {
		worker, err := core.OpenWorker(context.WithoutCancel(ctx), w.cfg)
		if err != nil {
			return nil, err
		}
		w.worker = worker
	}
	return w.worker, nil
}

// untilShortlyBefore ends before the invocation's time does: by its grace, and what giving back takes.
func (w *warm) untilShortlyBefore(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(w.cfg.Grace+lambdaLeast, time.Until(end)/2)
	return context.WithDeadline(ctx, end.Add(-margin))
}

// eventsOf is the messages as core wants them.
func eventsOf(records []events.SQSMessage) []core.Event {
	list := make([]core.Event, len(records))
	for k, r := range records {
		attempt, err := strconv.Atoi(r.Attributes["ApproximateReceiveCount"])
		if err != nil {
			attempt = 1
		}
		list[k] = core.Event{Body: r.Body, Receipt: r.ReceiptHandle, Source: r.EventSourceARN, Attempt: attempt, Attributes: map[string]string{}}
		for name, value := range r.MessageAttributes {
			if value.StringValue != nil {
				list[k].Attributes[name] = *value.StringValue
			}
		}
	}
	return list
}

// respond names the messages that are to be delivered again.
func respond(records []events.SQSMessage, left []int) events.SQSEventResponse {
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, k := range left {
		out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: records[k].MessageId})
	}
	return out
}

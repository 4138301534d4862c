package sqs

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"numpywren/core/errs"
	"numpywren/core/queue"
)

const (
	probeRounds = 20
	probeWait   = time.Second
)

// Probe does one of everything: it finds the queues, counts, and sends, receives and deletes a message. It uses the dead
// letters' queue, where nobody waits, so that it is not in the way of jobs; the rights are the same.
func Probe(ctx context.Context, opt Options) error {
	q, err := Open(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	if _, err := q.Len(ctx); err != nil {
		return err
	}
	d, err := connect(ctx, opt)
	if err != nil {
		return err
	}
	defer d.cancel()
	name := DeadName(opt.Name)
	dead := band{name: name}
	if dead.url, err = d.find(ctx, name); err != nil {
		return err
	}
	body := "check " + rand.Text()
	failed, err := d.send(ctx, &dead, []wireMessage{encode(&queue.Message{Body: body})})
	if err = firstOf(failed, err); err != nil {
		return err
	}
	var others []received
	defer func() { d.release(dead.url, name, others) }()
	for range probeRounds {
		got, err := d.receive(ctx, dead.url, name, maxBatch, probeWait, deadLease)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(got, func(r received) bool { return r.Body == body })
		if i < 0 {
			others = append(others, got...)
			continue
		}
		others = append(others, slices.Delete(slices.Clone(got), i, i+1)...)
		failed, err := d.delete(ctx, &dead, []string{got[i].Receipt.Text})
		return firstOf(failed, err)
	}
	return errs.New(errs.OS, "queue %s in %s: a message that was sent did not come back", name, d.region)
}

func firstOf(failed []failure, err error) error {
	if err == nil && len(failed) > 0 {
		return failed[0].err
	}
	return err
}

package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/queue"
)

// The requests, one function each. The entries of a batch are numbered by their Ids.

func (d *driver) send(ctx context.Context, b *band, list []wireMessage) ([]failure, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(list))
	bytes := 0
	for i := range list {
		w := &list[i]
		bytes += w.size()
		attributes := map[string]types.MessageAttributeValue{
			attrPriority: {DataType: aws.String("Number"), StringValue: aws.String(strconv.FormatInt(w.priority, 10))},
		}
		if w.ours != "" {
			attributes[attrOurs] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &w.ours}
		}
		if w.base64 {
			attributes[attrEncoding] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String("base64")}
		}
		entries[i] = types.SendMessageBatchRequestEntry{Id: id(i), MessageBody: &w.body, DelaySeconds: w.delay, MessageAttributes: attributes}
	}
	d.opt.Counters.Sends.Add(1)
	d.opt.Counters.chunks(bytes)
	out, err := d.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &b.url, Entries: entries})
	if err != nil {
		return nil, d.explain(err, b.name, "send")
	}
	d.opt.Counters.Sent.Add(int64(len(out.Successful)))
	return d.failures(out.Failed, b.name, "send"), nil
}

func (d *driver) delete(ctx context.Context, b *band, list []string) ([]failure, error) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(list))
	for i := range list {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: id(i), ReceiptHandle: &list[i]}
	}
	d.opt.Counters.Deletes.Add(1)
	out, err := d.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &b.url, Entries: entries})
	if err != nil {
		return nil, d.explain(err, b.name, "acknowledge")
	}
	for _, ok := range out.Successful {
		if i, err := strconv.Atoi(aws.ToString(ok.Id)); err == nil && i < len(list) {
			d.held.forget(list[i])
		}
	}
	return d.failures(out.Failed, b.name, "acknowledge"), nil
}

// hide changes how long messages stay hidden.
func (d *driver) hide(ctx context.Context, b *band, list []visibility) ([]failure, error) {
	return d.hideIn(ctx, b.url, b.name, list)
}

func (d *driver) hideIn(ctx context.Context, url, name string, list []visibility) ([]failure, error) {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(list))
	for i := range list {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: id(i), ReceiptHandle: &list[i].receipt, VisibilityTimeout: list[i].seconds}
	}
	d.opt.Counters.Extends.Add(1)
	out, err := d.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: entries})
	if err != nil {
		return nil, d.explain(err, name, "extend a lease")
	}
	return d.failures(out.Failed, name, "extend a lease"), nil
}

func id(i int) *string { return aws.String(strconv.Itoa(i)) }

// failures sorts out what became of the entries that failed.
func (d *driver) failures(failed []types.BatchResultErrorEntry, name, doing string) []failure {
	var out []failure
	for _, f := range failed {
		index, err := strconv.Atoi(aws.ToString(f.Id))
		if err != nil {
			continue // not one of ours
		}
		code, message := aws.ToString(f.Code), aws.ToString(f.Message)
		if lapsed(code, message) {
			out = append(out, failure{index: index, err: queue.ErrLapsed})
			continue
		}
		words := errs.New(errs.OS, "queue %s in %s: %s: %s: %s", name, d.region, doing, code, message)
		out = append(out, failure{index: index, err: words, again: !f.SenderFault})
	}
	return out
}

// lapsed knows the names that SQS has for a receipt that is no longer good.
func lapsed(code, message string) bool {
	code = code[strings.LastIndexAny(code, "#.")+1:]
	switch code {
	case "ReceiptHandleIsInvalid", "MessageNotInflight":
		return true
	case "InvalidParameterValue", "InvalidParameterValueException", "InvalidParameter":
		return strings.Contains(message, "ReceiptHandle") || strings.Contains(message, "does not exist or is not available")
	}
	return false
}

// received is a message of a Receive with its time of sending.
type received struct {
	queue.Delivery
	sent int64 // ms since 1970
}

// receive makes one ReceiveMessage.
func (d *driver) receive(ctx context.Context, url, name string, n int, wait, lease time.Duration) ([]received, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTime)
	defer cancel()
	d.opt.Counters.Receives.Add(1)
	out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: int32(n), WaitTimeSeconds: int32(wait / time.Second), VisibilityTimeout: seconds(lease),
		MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, d.explain(err, name, "receive")
	}
	got := make([]received, len(out.Messages))
	bytes := 0
	for i := range out.Messages {
		m := &out.Messages[i]
		bytes += len(aws.ToString(m.Body))
		got[i] = deliver(m)
	}
	d.opt.Counters.Received.Add(int64(len(got)))
	d.opt.Counters.chunks(bytes)
	if len(got) == 0 {
		d.opt.Counters.Empty.Add(1)
	}
	slices.SortStableFunc(got, func(a, b received) int {
		if a.Priority != b.Priority {
			if a.Priority > b.Priority {
				return -1
			}
			return 1
		}
		return int(a.sent - b.sent)
	})
	return got, nil
}

// deliver makes a delivery of SQS's message. One that is not of ours keeps its body: who receives it knows what a message of
// theirs looks like, and it is dead after some deliveries.
func deliver(m *types.Message) received {
	body := aws.ToString(m.Body)
	message, err := decode(body, func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) })
	if err != nil {
		message = queue.Message{Body: body}
	}
	attempt, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	sent, _ := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	return received{queue.Delivery{Message: message, Receipt: queue.Receipt{Text: aws.ToString(m.ReceiptHandle)}, Attempt: max(1, attempt)}, sent}
}

const (
	deadLease = 20 * time.Second // while DeadLetters collects, and after a crash of who does
	purgeRest = 5 * time.Second  // between attempts while SQS is at an earlier purge
	purgeTime = 2 * time.Minute
)

// DeadLetters receives dead letters and lets them go: SQS has no other way to look. Two that look at the same time see parts.
func (d *driver) DeadLetters(ctx context.Context, n int) ([]queue.Message, error) {
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	name := DeadName(d.opt.Name)
	var all []received
	defer func() { d.release(d.dead, name, all) }()
	for len(all) < n {
		got, err := d.receive(ctx, d.dead, name, min(maxBatch, n-len(all)), 0, deadLease)
		if err != nil {
			return nil, err
		}
		if len(got) == 0 {
			break
		}
		all = append(all, got...)
	}
	slices.SortStableFunc(all, func(a, b received) int { return int(a.sent - b.sent) })
	out := make([]queue.Message, len(all))
	for i := range all {
		out[i] = all[i].Message
	}
	return out, nil
}

// release gives messages back at once. If it fails they come back when their lease ends.
func (d *driver) release(url, name string, list []received) {
	for part := range slices.Chunk(list, maxBatch) {
		entries := make([]visibility, len(part))
		for i := range part {
			entries[i].receipt = part[i].Receipt.Text
		}
		ctx, cancel := context.WithTimeout(d.ctx, requestTime)
		_, _ = d.hideIn(ctx, url, name, entries)
		cancel()
	}
}

// Purge empties the queues. SQS does it once a minute: a second one waits for the first to end, since that spares what was sent
// after it.
func (d *driver) Purge(ctx context.Context) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, purgeTime)
	defer cancel()
	return parallel(Bands+1, func(i int) error {
		url, name := d.queue(i)
		for {
			d.opt.Counters.Others.Add(1)
			_, err := d.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
			var busy *types.PurgeQueueInProgress
			if !errors.As(err, &busy) {
				return d.explain(err, name, "purge it")
			}
			select {
			case <-time.After(purgeRest):
			case <-ctx.Done():
				return d.explain(ctx.Err(), name, "purge it: an earlier purge is at work")
			case <-d.ctx.Done():
				return queue.ErrClosed
			}
		}
	})
}

// explain gives a failure its kind and words.
func (d *driver) explain(err error, name, doing string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) && d.ctx.Err() != nil {
		return queue.ErrClosed
	}
	var missing *types.QueueDoesNotExist
	if errors.As(err, &missing) || cloud.Code(err) == "NonExistentQueue" {
		return &errs.Error{Kind: errs.NotFound, Err: err, Msg: fmt.Sprintf(
			"there is no queue %s in %s: make it with `numpywren deploy --name %s`, or check the name and the region",
			name, d.region, d.opt.Name)}
	}
	var lapsed *types.ReceiptHandleIsInvalid
	if errors.As(err, &lapsed) {
		return queue.ErrLapsed
	}
	return cloud.Explain(err, fmt.Sprintf("queue %s in %s: cannot %s", name, d.region, doing))
}

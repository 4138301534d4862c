// Package sqs is the queue.Driver of Amazon SQS: one set of queues for all jobs of a deployment, which workers anywhere share.
// It is a package of its own so that only programs that need it link AWS's SDK; core and worker call it, deploy makes the queues.
//
// A deployment NAME has the standard queues NAME-0, NAME-1, NAME-2, one for each band of priorities, most urgent first, and
// NAME-dead, where SQS puts what was received too often. What is particular to SQS:
//
//   - Times are whole seconds, rounded up. A delay is at most 15 minutes, a lease 12 hours after the delivery.
//   - Priorities are a wish: a message is sent to the band that Options.Band says, Receive looks at the bands in their order
//     (receive.go says how), and sorts what one request brings.
//   - A message is delivered twice at times, and one whose deliveries are used up is dead when somebody next looks for it.
//   - Len is an approximation, some seconds old.
package sqs

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/queue"
)

// Bands is the number of bands of priorities. Idle receivers watch each by a request, so it is small.
const Bands = 3

const (
	maxDelay  = 15 * time.Minute // SQS's bound of a delay of sending
	maxHidden = 12 * time.Hour   // and of a lease
	maxBatch  = 10               // and of a request's messages
	sendBatch = 1000             // of ours: a Send of so many goes in parallel requests
	openTime  = 15 * time.Second // for finding the queues, whatever the network does
)

// Options say which queues, and how they are used.
type Options struct {
	Name     string        // of the deployment: letters, digits, - and _, at most 70
	Region   string        // empty: as AWS's tools find it
	Endpoint string        // empty: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, or AWS's own
	Lease    time.Duration // of a delivery, until Extend; 0: a minute
	// Band maps a priority to a queue, 0 to Bands-1, most urgent first, on the side that sends. nil: above 0 is 0, else Bands-1;
	// the band between is for senders that know the range of their priorities.
	Band     func(priority int64) int
	Counters *Counters // counts the requests; may be shared by queues, may be nil

	// For Create only.
	MaxReceive int           // deliveries before a message is dead, 1 to 1000; 0: 5
	Visibility time.Duration // the lease of deliveries by Lambda's event source, at least the function's time-out; 0: 15 minutes
	Tags       map[string]string
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_-]{1,70}$`)

func (o *Options) fill() error {
	if !nameRule.MatchString(o.Name) {
		return errs.New(errs.Value, "a deployment's name has 1 to 70 letters, digits, '-' and '_', not %q", o.Name)
	}
	if o.Lease == 0 {
		o.Lease = time.Minute
	}
	if o.Lease < 0 || o.Lease > maxHidden {
		return errs.New(errs.Value, "queue %s: a lease of %v; SQS has 1 s to %v", o.Name, o.Lease, maxHidden)
	}
	if o.Band == nil {
		o.Band = twoBands
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	return nil
}

func twoBands(priority int64) int {
	if priority > 0 {
		return 0
	}
	return Bands - 1
}

// QueueName is the name of a band's queue, DeadName that of the dead letters'.
func QueueName(name string, band int) string { return name + "-" + strconv.Itoa(band) }
func DeadName(name string) string            { return name + "-dead" }

// driver is the queue.Driver.
type driver struct {
	opt    Options
	client *sqs.Client
	region string
	bands  [Bands]band
	dead   string // the URL
	in     receiver
	held   leases

	ctx    context.Context // of the requests that are not a caller's own; ends with Close
	cancel context.CancelFunc
}

// band is one queue: its URL, and the requests that wait to be put together.
type band struct {
	url, name string
	sends     batcher[wireMessage]
	deletes   batcher[string]
	leases    batcher[visibility]
}

// visibility is one entry of a ChangeMessageVisibilityBatch.
type visibility struct {
	receipt string
	seconds int32
}

// Open finds the queues of a deployment. It fails with errs.NotFound when there is none of that name.
func Open(ctx context.Context, opt Options) (*queue.Queue, error) {
	d, err := connect(ctx, opt)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	names := []string{DeadName(opt.Name)}
	for b := range Bands {
		names = append(names, QueueName(opt.Name, b))
	}
	urls := make([]string, len(names))
	err = parallel(len(names), func(i int) error {
		var err error
		urls[i], err = d.find(ctx, names[i])
		return err
	})
	if err != nil {
		d.cancel()
		return nil, err
	}
	d.use(urls[0], urls[1:])
	return queue.New(d), nil
}

// connect makes a driver that knows no queue yet.
func connect(ctx context.Context, opt Options) (*driver, error) {
	if err := opt.fill(); err != nil {
		return nil, err
	}
	cfg, err := cloud.Load(ctx, cloud.Options{Region: opt.Region})
	if err != nil {
		return nil, err
	}
	d := &driver{opt: opt, region: cfg.Region, client: sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if opt.Endpoint != "" {
			o.BaseEndpoint = aws.String(opt.Endpoint)
		}
	})}
	if err := cloud.CheckEndpoint("SQS", d.client.Options().BaseEndpoint); err != nil {
		return nil, err
	}
	d.ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return d, nil
}

// use sets the queues' URLs.
func (d *driver) use(dead string, urls []string) {
	d.dead = dead
	for i := range d.bands {
		b := &d.bands[i]
		b.url, b.name = urls[i], QueueName(d.opt.Name, i)
		b.sends.init(d.ctx, maxBytes, func(ctx context.Context, list []wireMessage) ([]failure, error) { return d.send(ctx, b, list) })
		b.deletes.init(d.ctx, math.MaxInt, func(ctx context.Context, list []string) ([]failure, error) { return d.delete(ctx, b, list) })
		b.leases.init(d.ctx, math.MaxInt, func(ctx context.Context, list []visibility) ([]failure, error) { return d.hide(ctx, b, list) })
	}
	d.in.init(d)
}

// find asks for a queue's URL.
func (d *driver) find(ctx context.Context, name string) (string, error) {
	d.opt.Counters.Others.Add(1)
	out, err := d.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", d.explain(err, name, "find it")
	}
	return aws.ToString(out.QueueUrl), nil
}

// Limits are SQS's for the bytes; the overhead is taken off, and a body that needs base64 is held to them in Send.
func (d *driver) Limits() queue.Limits {
	return queue.Limits{Batch: sendBatch, Body: maxBytes - overhead}
}

// Send puts the messages into their bands, in parallel requests.
func (d *driver) Send(ctx context.Context, messages []queue.Message) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	var lists [Bands][]wireMessage
	for i := range messages {
		m := &messages[i]
		w := encode(m)
		if w.size() > maxBytes {
			return errs.New(errs.Value, "queue %s: a message of %d bytes as SQS needs it, the most is %d", d.opt.Name, w.size(), maxBytes)
		}
		if m.Delay > maxDelay {
			return errs.New(errs.Value, "queue %s: a delay of %v, SQS's longest is %v", d.opt.Name, m.Delay, maxDelay)
		}
		w.delay = seconds(m.Delay)
		to := d.opt.Band(m.Priority)
		if to < 0 || to >= Bands {
			return errs.New(errs.Internal, "queue %s: Options.Band maps the priority %d to %d; there are the bands 0 to %d", d.opt.Name, m.Priority, to, Bands-1)
		}
		lists[to] = append(lists[to], w)
	}
	return parallel(Bands, func(i int) error { return d.bands[i].sends.do(ctx, lists[i]) })
}

// Receive gives messages, or waits for them: receive.go.
func (d *driver) Receive(ctx context.Context, n int, wait time.Duration) ([]queue.Delivery, error) {
	return d.in.receive(ctx, n, wait)
}

// Extend makes a lease end later, or sooner. Extends at the same time share a request.
func (d *driver) Extend(ctx context.Context, r queue.Receipt, lease time.Duration) error {
	if lease > maxHidden {
		return errs.New(errs.Value, "queue %s: a lease of %v, SQS's longest is %v", d.opt.Name, lease, maxHidden)
	}
	return d.change(ctx, r, seconds(lease))
}

// Nack ends a lease, or lets it end after delay.
func (d *driver) Nack(ctx context.Context, r queue.Receipt, delay time.Duration) error {
	return d.change(ctx, r, seconds(min(delay, maxHidden)))
}

func (d *driver) change(ctx context.Context, r queue.Receipt, secs int32) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	if r.Num >= Bands || r.Text == "" || d.held.lapsed(r.Text) {
		return queue.ErrLapsed
	}
	err := d.bands[r.Num].leases.do(ctx, []visibility{{r.Text, secs}})
	if err == nil {
		d.held.set(r.Text, time.Now().Add(time.Duration(secs)*time.Second))
	}
	return err
}

// Ack deletes messages. Acks at the same time share requests.
func (d *driver) Ack(ctx context.Context, receipts []queue.Receipt) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	var lists [Bands][]string
	var first error
	for _, r := range receipts {
		if r.Num >= Bands || r.Text == "" {
			first = queue.ErrLapsed
			continue
		}
		lists[r.Num] = append(lists[r.Num], r.Text)
	}
	if err := parallel(Bands, func(i int) error { return d.bands[i].deletes.do(ctx, lists[i]) }); err != nil {
		return err
	}
	return first
}

// seconds rounds up to SQS's unit.
func seconds(t time.Duration) int32 { return int32((t + time.Second - 1) / time.Second) }

// Len adds up what SQS believes of each queue.
func (d *driver) Len(ctx context.Context) (queue.Count, error) {
	if err := d.open(ctx); err != nil {
		return queue.Count{}, err
	}
	counts := make([]queue.Count, Bands+1)
	err := parallel(len(counts), func(i int) error {
		url, name := d.queue(i)
		d.opt.Counters.Others.Add(1)
		out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: countNames})
		if err != nil {
			return d.explain(err, name, "count its messages")
		}
		counts[i] = countOf(out.Attributes)
		return nil
	})
	if err != nil {
		return queue.Count{}, err
	}
	var sum queue.Count
	for _, c := range counts[:Bands] {
		sum.Visible += c.Visible
		sum.InFlight += c.InFlight
		sum.Delayed += c.Delayed
	}
	dead := counts[Bands]
	sum.Dead = dead.Visible + dead.InFlight + dead.Delayed
	return sum, nil
}

// queue is the URL and the name of a band, or of the dead letters for Bands.
func (d *driver) queue(i int) (url, name string) {
	if i == Bands {
		return d.dead, DeadName(d.opt.Name)
	}
	return d.bands[i].url, d.bands[i].name
}

var countNames = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages,
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

func countOf(attributes map[string]string) queue.Count {
	var n [3]int64
	for i, name := range countNames {
		n[i], _ = strconv.ParseInt(attributes[string(name)], 10, 64)
	}
	return queue.Count{Visible: n[0], InFlight: n[1], Delayed: n[2]}
}

// Close ends the receivers that wait, and gives back what requests that are under way still bring.
func (d *driver) Close() error {
	d.in.close()
	d.cancel()
	return nil
}

// open is nil while the driver and the caller live.
func (d *driver) open(ctx context.Context) error {
	if d.in.isClosed() {
		return queue.ErrClosed
	}
	return ctx.Err()
}

// parallel calls f(0) … f(n-1) on goroutines and gives the first failure in that order.
func parallel(n int, f func(i int) error) error {
	failures := make([]error, n)
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			defer guard(&failures[i])
			failures[i] = f(i)
		})
	}
	work.Wait()
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		return failures[i]
	}
	return nil
}

// guard makes of a panic an error: a panic on a goroutine of ours would end the process of the user.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = errs.New(errs.Internal, "queue: %v", fmt.Sprint(p))
	}
}

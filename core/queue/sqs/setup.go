package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"numpywren/core/errs"
	"numpywren/core/queue"
)

const (
	retention      = 14 * 24 * time.Hour // SQS's longest: a job that is paused for a weekend goes on
	defaultReceive = 5
	visibility900  = 15 * time.Minute
	deletedRest    = 5 * time.Second // SQS takes a name again a minute after its queue was deleted
	deletedTime    = 70 * time.Second
)

// Info is one queue of a deployment, as it is.
type Info struct {
	Name, ARN, URL string
	Exists         bool
	Current        bool // Create would change nothing
}

// Inspect says of each queue of a deployment whether it is there, and as Create would make it: the dead letters' first.
func Inspect(ctx context.Context, opt Options) ([]Info, error) {
	d, err := connect(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer d.cancel()
	infos := make([]Info, Bands+1)
	err = parallel(Bands+1, func(i int) error {
		var err error
		infos[i], err = d.inspect(ctx, i)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range infos {
		infos[i].Current = infos[i].Exists && infos[0].Exists && infos[i].Current
	}
	return infos, nil
}

// inspect looks at a queue: 0 is the dead letters', i the band i-1.
func (d *driver) inspect(ctx context.Context, i int) (Info, error) {
	info := Info{Name: DeadName(d.opt.Name)}
	if i > 0 {
		info.Name = QueueName(d.opt.Name, i-1)
	}
	var err error
	if info.URL, err = d.find(ctx, info.Name); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			err = nil
		}
		return info, err
	}
	have, err := d.attributes(ctx, info.Name, info.URL)
	if errs.KindOf(err) == errs.NotFound { // deleted in between
		return info, nil
	}
	if err != nil {
		return info, err
	}
	info.Exists, info.ARN = true, have[string(types.QueueAttributeNameQueueArn)]
	want, err := d.wanted(i, deadARN(info.ARN, info.Name, d.opt.Name))
	if err != nil {
		return info, err
	}
	info.Current = matches(have, want)
	return info, nil
}

// deadARN is the ARN of the dead letters' queue beside a queue of that ARN.
func deadARN(arn, name, deployment string) string {
	return arn[:max(0, len(arn)-len(name))] + DeadName(deployment)
}

func (d *driver) attributes(ctx context.Context, name, url string) (map[string]string, error) {
	d.opt.Counters.Others.Add(1)
	out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, d.explain(err, name, "read its attributes")
	}
	return out.Attributes, nil
}

// wanted are the attributes that Create gives a queue.
func (d *driver) wanted(i int, dead string) (map[string]string, error) {
	want := map[string]string{
		string(types.QueueAttributeNameMessageRetentionPeriod): strconv.Itoa(int(retention / time.Second)),
	}
	if i == 0 {
		return want, nil
	}
	receive, hidden := d.opt.MaxReceive, d.opt.Visibility
	if receive == 0 {
		receive = defaultReceive
	}
	if hidden == 0 {
		hidden = visibility900
	}
	if receive < 1 || receive > 1000 {
		return nil, errs.New(errs.Value, "queue %s: %d deliveries before a message is dead; SQS has 1 to 1000", d.opt.Name, receive)
	}
	if hidden < 0 || hidden > maxHidden {
		return nil, errs.New(errs.Value, "queue %s: a visibility time-out of %v; SQS has 0 to %v", d.opt.Name, hidden, maxHidden)
	}
	policy, err := json.Marshal(redrive{dead, receive})
	if err != nil {
		return nil, err
	}
	want[string(types.QueueAttributeNameRedrivePolicy)] = string(policy)
	want[string(types.QueueAttributeNameVisibilityTimeout)] = strconv.Itoa(int(seconds(hidden)))
	return want, nil
}

// redrive is SQS's redrive policy. Services write the number as one or as a string.
type redrive struct {
	Target string `json:"deadLetterTargetArn"`
	Most   any    `json:"maxReceiveCount"`
}

// matches says whether a queue has all attributes that are wanted.
func matches(have, want map[string]string) bool {
	for k, v := range want {
		if k != string(types.QueueAttributeNameRedrivePolicy) {
			if is, told := have[k]; told && is != v { // some servers tell only what they implement
				return false
			}
			continue
		}
		var a, b redrive
		if json.Unmarshal([]byte(have[k]), &a) != nil || json.Unmarshal([]byte(v), &b) != nil {
			return false
		}
		if a.Target != b.Target || fmt.Sprint(a.Most) != fmt.Sprint(b.Most) {
			return false
		}
	}
	return true
}

// Create makes the queues of a deployment that are not there, and brings those that are to what the options say. It is
// idempotent, and gives the queue as Open does.
func Create(ctx context.Context, opt Options) (*queue.Queue, error) {
	d, err := connect(ctx, opt)
	if err != nil {
		return nil, err
	}
	q, err := d.create(ctx)
	if err != nil {
		d.cancel()
	}
	return q, err
}

func (d *driver) create(ctx context.Context) (*queue.Queue, error) {
	dead, err := d.make(ctx, 0, "")
	if err != nil {
		return nil, err
	}
	urls := make([]string, Bands)
	err = parallel(Bands, func(i int) error {
		made, err := d.make(ctx, i+1, dead.ARN)
		urls[i] = made.URL
		return err
	})
	if err != nil {
		return nil, err
	}
	d.use(dead.URL, urls)
	return queue.New(d), nil
}

// make creates or mends one queue.
func (d *driver) make(ctx context.Context, i int, dead string) (Info, error) {
	info, err := d.inspect(ctx, i)
	if err != nil || info.Exists && info.Current {
		return info, err
	}
	want, err := d.wanted(i, dead)
	if err != nil {
		return info, err
	}
	if info.Exists {
		d.opt.Counters.Others.Add(1)
		_, err := d.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &info.URL, Attributes: want})
		return info, d.explain(err, info.Name, "set its attributes")
	}
	if info.URL, err = d.createOne(ctx, info.Name, want); err != nil {
		return info, err
	}
	have, err := d.attributes(ctx, info.Name, info.URL)
	info.ARN = have[string(types.QueueAttributeNameQueueArn)]
	return info, err
}

// createOne makes a queue, and waits if one of its name was deleted less than a minute ago.
func (d *driver) createOne(ctx context.Context, name string, attributes map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deletedTime)
	defer cancel()
	for {
		d.opt.Counters.Others.Add(1)
		out, err := d.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes, Tags: d.opt.Tags})
		var recent *types.QueueDeletedRecently
		if !errors.As(err, &recent) {
			if err != nil {
				return "", d.explain(err, name, "create it")
			}
			return aws.ToString(out.QueueUrl), nil
		}
		select {
		case <-time.After(deletedRest):
		case <-ctx.Done():
			return "", d.explain(ctx.Err(), name, "create it: one of its name was deleted less than a minute ago")
		}
	}
}

// Delete removes the queues of a deployment with all their messages; those that are not there are no error.
func Delete(ctx context.Context, opt Options) error {
	infos, err := Inspect(ctx, opt)
	if err != nil {
		return err
	}
	d, err := connect(ctx, opt)
	if err != nil {
		return err
	}
	defer d.cancel()
	return parallel(len(infos), func(i int) error {
		if !infos[i].Exists {
			return nil
		}
		d.opt.Counters.Others.Add(1)
		_, err := d.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &infos[i].URL})
		if err = d.explain(err, infos[i].Name, "delete it"); errs.KindOf(err) == errs.NotFound {
			return nil
		}
		return err
	})
}

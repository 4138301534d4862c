package core

import (
	"context"
	"sync"
	"time"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/invoke"
	"numpywren/core/queue"
	"numpywren/core/queue/sqs"
)

// openTime bounds the first request, so that a wrong address is an error within seconds.
const openTime = 15 * time.Second

// openS3 opens a bucket or a folder of one; nothing else does. It sends no request.
func openS3(ctx context.Context, url, region string) (*blob.Store, error) {
	return s3.Open(ctx, url, s3.Options{Region: region})
}

// reach asks a store for an answer.
func reach(ctx context.Context, store *blob.Store) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	return store.Check(ctx)
}

// buckets are the stores of URLs that an executor has met, by bucket: each has connections that are worth keeping.
type buckets struct {
	open  func(ctx context.Context, url string) (*blob.Store, error)
	mu    sync.Mutex
	known map[string]*blob.Store
}

// find gives the store of a URL's bucket and the key in it. No request is made: who may read an object need not see the others.
func (b *buckets) find(ctx context.Context, url string) (*blob.Store, string, error) {
	bucket, key, err := s3.Parse(url)
	if err == nil && key == "" {
		err = errs.New(errs.Value, "%s is a whole bucket: give the URL of an object, s3://bucket/key", url)
	}
	if err != nil {
		return nil, "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if store := b.known[bucket]; store != nil {
		return store, key, nil
	}
	store, err := b.open(ctx, scheme+bucket)
	if err != nil {
		return nil, "", err
	}
	if b.known == nil {
		b.known = map[string]*blob.Store{}
	}
	b.known[bucket] = store
	return store, key, nil
}

func openSQS(ctx context.Context, name, region string, lease time.Duration) (*queue.Queue, error) {
	return sqs.Open(ctx, sqs.Options{Name: name, Region: region, Lease: lease, Band: band})
}

// band is the queue of a priority: the thirds of fleet's scale.
func band(priority int64) int {
	share := max(0, min(priority, fleet.Levels-1)) * sqs.Bands / fleet.Levels
	return sqs.Bands - 1 - int(share)
}

// deliveriesOf decodes events. numbers are those of the deliveries among the events, bad those of events that are not ours.
func deliveriesOf(events []Event) (deliveries []queue.Delivery, bad, numbers []int) {
	for k, event := range events {
		d, err := event.Delivery()
		if err != nil {
			bad = append(bad, k)
			continue
		}
		deliveries, numbers = append(deliveries, d), append(numbers, k)
	}
	return deliveries, bad, numbers
}

// launcher invokes the function, if there is one.
func (e *Executor) launcher() (func(ctx context.Context) error, error) {
	if e.cfg.Function == "" {
		return nil, nil
	}
	f, err := invoke.Open(e.ctx, e.cfg.Function, e.cfg.Region)
	if err != nil {
		return nil, err
	}
	return f.Work, nil
}

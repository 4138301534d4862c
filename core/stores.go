package core

import (
	"context"
	"time"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
	"numpywren/core/fleet"
	"numpywren/core/invoke"
	"numpywren/core/queue"
	"numpywren/core/queue/sqs"
)

// openTime bounds the first request, so that a wrong address is an error within seconds.
const openTime = 15 * time.Second

func openS3(ctx context.Context, url, region string) (*blob.Store, error) {
	store, err := s3.Open(ctx, url, s3.Options{Region: region})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	return store, store.Check(ctx)
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

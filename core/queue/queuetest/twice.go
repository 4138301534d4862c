package queuetest

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"numpywren/core/queue"
)

// NewTwice makes a queue over another that delivers every message twice, and late, as a distributed queue does at times and the
// servers of tests never: each message is sent again, and of all copies half are delayed by up to late. So the second may come
// first, both at once to two receivers, or one long after the other was acknowledged. The seed decides. Whoever receives must
// not mind.
func NewTwice(q *queue.Queue, seed uint64, late time.Duration) *queue.Queue {
	return queue.New(&twice{Queue: q, late: late, rng: rand.New(rand.NewPCG(seed, 2))})
}

// twice is the Driver.
type twice struct {
	*queue.Queue
	late time.Duration
	mu   sync.Mutex
	rng  *rand.Rand
}

// Limits: the queue below has its own.
func (d *twice) Limits() queue.Limits { return queue.Limits{Batch: math.MaxInt, Body: math.MaxInt} }

func (d *twice) Send(ctx context.Context, messages []queue.Message) error {
	return d.Queue.Send(ctx, d.double(messages))
}

func (d *twice) double(messages []queue.Message) []queue.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]queue.Message, 0, 2*len(messages))
	for _, m := range messages {
		for range 2 {
			copied := m
			if d.rng.IntN(2) == 0 {
				copied.Delay += time.Duration(d.rng.Int64N(int64(d.late) + 1))
			}
			out = append(out, copied)
		}
	}
	d.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (d *twice) Ack(ctx context.Context, receipts []queue.Receipt) error {
	return d.Queue.Ack(ctx, receipts...)
}

package sqs

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"numpywren/core/errs"
)

// batcher puts entries that are handed in at about the same time into requests of up to ten. A full request goes at once; a
// request that is not full goes when no other is on its way. So one entry alone never waits, and under load the entries that
// come during a request share the next: a tenth of the requests, without a timer. Entries that the service refuses one by one, for
// reasons of its own, are tried again with jittered backoff.
type batcher[T any] struct {
	ctx      context.Context // of the requests: a caller that leaves does not take the others' along
	maxBytes int             // of one request
	request  func(ctx context.Context, entries []T) ([]failure, error)

	mu      sync.Mutex
	pending []*entry[T]
	flying  int // requests
}

// failure is what became of one entry of a request.
type failure struct {
	index int
	err   error
	again bool // the service's fault: try again
}

type entry[T any] struct {
	value T
	err   error
	done  chan struct{}
}

const (
	maxFlying   = 8 // requests of one kind to one queue at a time
	retries     = 6 // of an entry that failed by the service's fault
	retryBase   = 50 * time.Millisecond
	retryMost   = 3 * time.Second
	requestTime = 90 * time.Second // with the SDK's own retries
)

// sized is an entry whose bytes count.
type sized interface{ size() int }

func (b *batcher[T]) init(ctx context.Context, maxBytes int, request func(context.Context, []T) ([]failure, error)) {
	b.ctx, b.maxBytes, b.request = ctx, maxBytes, request
}

// do hands in values and waits until all are settled, or ctx ends; then they may still be sent. It gives the first failure.
func (b *batcher[T]) do(ctx context.Context, values []T) error {
	if len(values) == 0 {
		return nil
	}
	entries := make([]*entry[T], len(values))
	for i, v := range values {
		entries[i] = &entry[T]{value: v, done: make(chan struct{})}
	}
	b.mu.Lock()
	b.pending = append(b.pending, entries...)
	b.fly()
	b.mu.Unlock()
	var first error
	for _, e := range entries {
		select {
		case <-e.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if e.err != nil && first == nil {
			first = e.err
		}
	}
	return first
}

// fly starts the requests that may start now. The batcher is locked.
func (b *batcher[T]) fly() {
	for b.flying < maxFlying && len(b.pending) > 0 {
		n, full := b.next()
		if b.flying > 0 && !full {
			return
		}
		list := b.pending[:n:n]
		b.pending = b.pending[n:]
		b.flying++
		go b.run(list)
	}
}

// next is how many of the pending entries go into one request, and whether no more fit.
func (b *batcher[T]) next() (n int, full bool) {
	bytes := 0
	for n < len(b.pending) && n < maxBatch {
		if s, ok := any(&b.pending[n].value).(sized); ok {
			bytes += s.size()
		}
		if n > 0 && bytes > b.maxBytes {
			return n, true
		}
		n++
	}
	return n, n == maxBatch
}

// run makes a request, and again with what is left of it, and settles the entries.
func (b *batcher[T]) run(list []*entry[T]) {
	var err error
	defer func() {
		for _, e := range list {
			e.err = err
			close(e.done)
		}
		b.mu.Lock()
		b.flying--
		b.fly()
		b.mu.Unlock()
	}()
	defer guard(&err)
	for attempt := 0; len(list) > 0; attempt++ {
		var failures []failure
		if failures, err = b.once(list); err != nil {
			return
		}
		list = settle(list, failures, attempt == retries)
		if len(list) > 0 {
			if err = pause(b.ctx, attempt); err != nil {
				return
			}
		}
	}
}

func (b *batcher[T]) once(list []*entry[T]) ([]failure, error) {
	values := make([]T, len(list))
	for i, e := range list {
		values[i] = e.value
	}
	ctx, cancel := context.WithTimeout(b.ctx, requestTime)
	defer cancel()
	return b.request(ctx, values)
}

// settle ends the entries that are through, and those that failed for good, and gives those to try again.
func settle[T any](list []*entry[T], failures []failure, last bool) (again []*entry[T]) {
	failed := make(map[int]failure, len(failures))
	for _, f := range failures {
		failed[f.index] = f
	}
	for i, e := range list {
		f, bad := failed[i]
		if bad && f.again && !last {
			again = append(again, e)
			continue
		}
		e.err = f.err
		close(e.done)
	}
	return again
}

// pause waits before the next attempt: a random time below a bound that doubles, so that workers that failed together do not come
// back together.
func pause(ctx context.Context, attempt int) error {
	most := min(retryMost, retryBase<<attempt)
	select {
	case <-time.After(rand.N(most) + time.Millisecond):
		return nil
	case <-ctx.Done():
		return errs.New(errs.Closed, "queue: closed while a request was tried again: %w", ctx.Err())
	}
}

// Package queuetest holds every driver of package queue to one suite. A driver's test is one line:
//
//	queuetest.Run(t, queuetest.Harness{Open: …, Advance: …})
package queuetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/queue"
)

// Harness is how the suite gets queues of one driver.
type Harness struct {
	// Open makes an empty queue for a test, which closes it.
	Open func(t *testing.T, lease time.Duration, maxReceive int) *queue.Queue
	// Advance lets time pass: by a test's clock, or by sleeping.
	Advance func(d time.Duration)
	// Lease is long enough that none lapses unless the suite lets time pass: seconds for a real queue.
	Lease time.Duration
	// Unordered: priorities and the order of sending are a wish.
	Unordered bool
	// Settle is for queues that are far away, in real time: what must come may take so long, counts are approximations until
	// then, and a delivery to a receiver that goes in that moment may be in vain.
	Settle time.Duration
	// Parallel runs the tests of the suite at the same time: they do not share a clock.
	Parallel bool
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"RoundTrip", roundTrip}, {"Order", order}, {"LeaseLapses", leaseLapses}, {"Extend", extend}, {"Nack", nack},
		{"Delay", delay}, {"DeadLetters", deadLetters}, {"Purge", purge}, {"Lapsed", lapsed}, {"Waiting", waiting},
		{"Closed", closed}, {"Cancelled", cancelled}, {"Batches", batches}, {"BadArguments", badArguments}, {"Concurrent", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			c.run(t, h)
		})
	}
}

func (h Harness) open(t *testing.T, maxReceive int) *queue.Queue {
	q := h.Open(t, h.Lease, maxReceive)
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func send(t *testing.T, q *queue.Queue, messages ...queue.Message) {
	t.Helper()
	require.NoError(t, q.Send(t.Context(), messages))
}

// receive gives what is there now.
func receive(t *testing.T, q *queue.Queue, n int) []queue.Delivery {
	t.Helper()
	got, err := q.Receive(t.Context(), n, 0)
	require.NoError(t, err)
	return got
}

// some gives messages that must be there.
func (h Harness) some(t *testing.T, q *queue.Queue, n int) []queue.Delivery {
	t.Helper()
	got, err := q.Receive(t.Context(), n, h.Settle)
	require.NoError(t, err)
	require.NotEmpty(t, got, "nothing was received")
	return got
}

func (h Harness) one(t *testing.T, q *queue.Queue) queue.Delivery {
	t.Helper()
	got := h.some(t, q, 1)
	require.Len(t, got, 1)
	return got[0]
}

func count(t *testing.T, q *queue.Queue) queue.Count {
	t.Helper()
	n, err := q.Len(t.Context())
	require.NoError(t, err)
	return n
}

// counts holds Len against what it must be, at the latest after Settle.
func (h Harness) counts(t *testing.T, q *queue.Queue, want queue.Count, why ...any) {
	t.Helper()
	end := time.Now().Add(h.Settle)
	got := count(t, q)
	for got != want && time.Now().Before(end) {
		time.Sleep(h.Settle / 50)
		got = count(t, q)
	}
	assert.Equal(t, want, got, why...)
}

func bodies(ds []queue.Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, d.Body)
	}
	return out
}

func roundTrip(t *testing.T, h Harness) {
	q := h.open(t, 0)
	require.Empty(t, receive(t, q, 1))
	want := queue.Message{Body: "3:0,1,2 é\x01", Priority: -7, Attributes: map[string]string{"job": "a", "by": ""}}
	send(t, q, want)
	h.counts(t, q, queue.Count{Visible: 1})
	d := h.one(t, q)
	assert.Equal(t, want, d.Message)
	assert.Equal(t, 1, d.Attempt)
	assert.Empty(t, receive(t, q, 1), "hidden while leased")
	h.counts(t, q, queue.Count{InFlight: 1})
	require.NoError(t, q.Ack(t.Context(), d.Receipt))
	h.counts(t, q, queue.Count{})
	h.Advance(2 * h.Lease)
	assert.Empty(t, receive(t, q, 1), "acknowledged is gone")
}

func order(t *testing.T, h Harness) {
	if h.Unordered {
		t.Skip("priorities are a wish")
	}
	q := h.open(t, 0)
	var want []string
	for i := range 50 {
		send(t, q, queue.Message{Body: fmt.Sprint("low", i), Priority: -1}, queue.Message{Body: fmt.Sprint("high", i), Priority: 1 << 40})
	}
	for _, p := range []string{"high", "low"} {
		for i := range 50 {
			want = append(want, fmt.Sprint(p, i))
		}
	}
	var got []string
	for len(got) < 100 {
		got = append(got, bodies(h.some(t, q, 7))...)
	}
	assert.Equal(t, want, got)
}

func leaseLapses(t *testing.T, h Harness) {
	q := h.open(t, 0)
	send(t, q, queue.Message{Body: "a"})
	for attempt := 1; attempt < 4; attempt++ {
		d := h.one(t, q)
		assert.Equal(t, attempt, d.Attempt)
		assert.Empty(t, receive(t, q, 1))
		h.Advance(h.Lease + time.Millisecond)
		h.counts(t, q, queue.Count{Visible: 1})
	}
}

func extend(t *testing.T, h Harness) {
	q := h.open(t, 0)
	send(t, q, queue.Message{Body: "a"})
	d := h.one(t, q)
	for range 3 {
		h.Advance(h.Lease * 3 / 4)
		require.NoError(t, q.Extend(t.Context(), d.Receipt, h.Lease))
		assert.Empty(t, receive(t, q, 1))
	}
	h.Advance(h.Lease + time.Millisecond)
	assert.Equal(t, 2, h.one(t, q).Attempt)
}

func nack(t *testing.T, h Harness) {
	q := h.open(t, 0)
	send(t, q, queue.Message{Body: "a"})
	require.NoError(t, q.Nack(t.Context(), h.one(t, q).Receipt, 0))
	d := h.one(t, q)
	assert.Equal(t, 2, d.Attempt)
	require.NoError(t, q.Nack(t.Context(), d.Receipt, h.Lease/2))
	assert.Empty(t, receive(t, q, 1))
	n := count(t, q)
	assert.EqualValues(t, 1, n.Delayed+n.InFlight, "hidden: %+v", n)
	h.Advance(h.Lease/2 + time.Millisecond)
	assert.Equal(t, 3, h.one(t, q).Attempt)
}

func delay(t *testing.T, h Harness) {
	q := h.open(t, 0)
	send(t, q, queue.Message{Body: "later", Priority: 9, Delay: h.Lease}, queue.Message{Body: "now"})
	h.counts(t, q, queue.Count{Visible: 1, Delayed: 1})
	assert.Equal(t, []string{"now"}, bodies(h.some(t, q, 10)))
	h.Advance(h.Lease + time.Millisecond)
	assert.Contains(t, bodies(h.some(t, q, 10)), "later")
}

func deadLetters(t *testing.T, h Harness) {
	q := h.open(t, 2)
	send(t, q, queue.Message{Body: "bad", Attributes: map[string]string{"k": "v"}}, queue.Message{Body: "good"})
	for range 2 {
		for _, d := range receive(t, q, 10) {
			if d.Body == "good" {
				require.NoError(t, q.Ack(t.Context(), d.Receipt))
			}
		}
		h.Advance(h.Lease + time.Millisecond)
	}
	assert.Empty(t, receive(t, q, 10))
	send(t, q, queue.Message{Body: "worse"})
	for range 2 {
		require.NoError(t, q.Nack(t.Context(), h.one(t, q).Receipt, 0))
	}
	assert.Empty(t, receive(t, q, 10))
	h.counts(t, q, queue.Count{Dead: 2})
	for range 2 { // looking takes nothing away
		dead, err := q.DeadLetters(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, dead, 2)
		assert.Equal(t, "bad", dead[0].Body)
		assert.Equal(t, "v", dead[0].Attributes["k"])
	}
	dead, err := q.DeadLetters(t.Context(), 1)
	require.NoError(t, err)
	assert.Len(t, dead, 1)
}

func purge(t *testing.T, h Harness) {
	q := h.open(t, 1)
	send(t, q, queue.Message{Body: "dead"})
	require.NoError(t, q.Nack(t.Context(), h.one(t, q).Receipt, 0))
	send(t, q, queue.Message{Body: "leased"})
	d := h.one(t, q)
	send(t, q, queue.Message{Body: "a"}, queue.Message{Body: "b", Delay: h.Lease})
	require.NoError(t, q.Purge(t.Context()))
	h.counts(t, q, queue.Count{})
	send(t, q, queue.Message{Body: "new"})
	assert.ErrorIs(t, q.Extend(t.Context(), d.Receipt, h.Lease), queue.ErrLapsed)
	assert.Equal(t, []string{"new"}, bodies(h.some(t, q, 10)))
}

// lapsed: a receipt of an earlier delivery does nothing to a later one.
func lapsed(t *testing.T, h Harness) {
	q := h.open(t, 0)
	send(t, q, queue.Message{Body: "a"})
	old := h.one(t, q)
	h.Advance(h.Lease + time.Millisecond)
	assert.ErrorIs(t, q.Extend(t.Context(), old.Receipt, h.Lease), queue.ErrLapsed)
	d := h.one(t, q)
	_ = q.Ack(t.Context(), old.Receipt) // some queues call it an error
	assert.ErrorIs(t, q.Extend(t.Context(), old.Receipt, h.Lease), queue.ErrLapsed)
	require.NoError(t, q.Extend(t.Context(), d.Receipt, h.Lease))
	require.NoError(t, q.Ack(t.Context(), d.Receipt))
	assert.ErrorIs(t, q.Extend(t.Context(), d.Receipt, h.Lease), queue.ErrLapsed)
}

// waiting: a receiver that waits gets what is sent, what comes back and what is no longer delayed.
func waiting(t *testing.T, h Harness) {
	q := h.open(t, 0)
	for _, what := range []func(){
		func() { send(t, q, queue.Message{Body: "sent"}) },
		func() { send(t, q, queue.Message{Body: "delayed", Delay: h.Lease / 2}); h.Advance(h.Lease) },
		func() {
			send(t, q, queue.Message{Body: "back", Priority: 1})
			if got, _ := q.Receive(t.Context(), 1, 0); len(got) == 1 { // else the waiting one has it
				_ = q.Nack(t.Context(), got[0].Receipt, 0)
			}
		},
	} {
		got := make(chan queue.Delivery)
		go func() {
			ds, err := q.Receive(t.Context(), 1, -1)
			if assert.NoError(t, err) && assert.Len(t, ds, 1) {
				got <- ds[0]
			}
			close(got)
		}()
		what()
		d, ok := <-got
		require.True(t, ok)
		require.NoError(t, q.Ack(t.Context(), d.Receipt))
	}
}

func closed(t *testing.T, h Harness) {
	q := h.open(t, 0)
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := q.Receive(context.Background(), 1, -1)
			errs <- err
		}()
	}
	require.NoError(t, q.Close())
	for range 8 {
		assert.ErrorIs(t, <-errs, queue.ErrClosed)
	}
	assert.ErrorIs(t, q.Send(t.Context(), []queue.Message{{}}), queue.ErrClosed)
	_, err := q.Receive(t.Context(), 1, 0)
	assert.ErrorIs(t, err, queue.ErrClosed)
	_, err = q.Len(t.Context())
	assert.ErrorIs(t, err, queue.ErrClosed)
	require.NoError(t, q.Close(), "twice")
}

func cancelled(t *testing.T, h Harness) {
	q := h.open(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() {
		_, err := q.Receive(ctx, 1, -1)
		errs <- err
	}()
	cancel()
	assert.ErrorIs(t, <-errs, context.Canceled)
	send(t, q, queue.Message{Body: "a"})
	_, err := q.Receive(ctx, 1, 0)
	assert.ErrorIs(t, err, context.Canceled)
	d := h.one(t, q)
	if h.Settle == 0 {
		assert.Equal(t, 1, d.Attempt, "it was not delivered to a receiver that had gone")
	}
}

func batches(t *testing.T, h Harness) {
	q := h.open(t, 0)
	var want, got []string
	var messages []queue.Message
	for i := range 137 {
		want = append(want, fmt.Sprintf("%03d", i))
		messages = append(messages, queue.Message{Body: want[i]})
	}
	send(t, q, messages...)
	var receipts []queue.Receipt
	for len(got) < len(want) {
		ds := receive(t, q, 1000)
		require.NotEmpty(t, ds)
		got = append(got, bodies(ds)...)
		for _, d := range ds {
			receipts = append(receipts, d.Receipt)
		}
	}
	slices.Sort(got)
	assert.Equal(t, want, got)
	require.NoError(t, q.Ack(t.Context(), receipts...))
	h.counts(t, q, queue.Count{})
	require.NoError(t, q.Send(t.Context(), nil))
	require.NoError(t, q.Ack(t.Context()))
}

func badArguments(t *testing.T, h Harness) {
	q := h.open(t, 0)
	_, err := q.Receive(t.Context(), 0, 0)
	require.Error(t, err)
	require.Error(t, q.Send(t.Context(), []queue.Message{{Delay: -1}}))
	send(t, q, queue.Message{})
	d := h.one(t, q)
	require.Error(t, q.Extend(t.Context(), d.Receipt, 0))
	require.Error(t, q.Extend(t.Context(), queue.Receipt{Num: 1<<62 + 12345, Text: "nonsense"}, time.Second))
}

// concurrent: many senders and receivers that wait; every message is acknowledged once, some after a Nack.
func concurrent(t *testing.T, h Harness) {
	q := h.open(t, 0)
	const senders, each = 4, 100
	var mu sync.Mutex
	seen := map[string]int{}
	all := make(chan struct{})
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		work.Go(func() {
			for {
				ds, err := q.Receive(ctx, 3, -1)
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
					return
				}
				for i, d := range ds {
					if d.Attempt == 1 && i == 1 {
						assert.NoError(t, q.Nack(ctx, d.Receipt, 0))
						continue
					}
					assert.NoError(t, q.Ack(ctx, d.Receipt))
					mu.Lock()
					seen[d.Body]++
					if len(seen) == senders*each {
						close(all)
					}
					mu.Unlock()
				}
			}
		})
	}
	for s := range senders {
		work.Go(func() {
			for i := range each {
				assert.NoError(t, q.Send(ctx, []queue.Message{{Body: fmt.Sprint(s, "/", i), Priority: int64(i % 3)}}))
			}
		})
	}
	<-all
	cancel()
	work.Wait()
	h.counts(t, q, queue.Count{})
}

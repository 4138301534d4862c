package sqs_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/queue"
	"numpywren/core/queue/queuetest"
	"numpywren/core/queue/sqs"
)

// server is the address of ElasticMQ; `make go-test` starts it.
func server(t testing.TB) string {
	t.Helper()
	url := os.Getenv("NUMPYWREN_TEST_ELASTICMQ")
	if url == "" {
		t.Skip("NUMPYWREN_TEST_ELASTICMQ is not set: no SQS server")
	}
	return url
}

// create makes the queues of a new deployment, and removes them after the test.
func create(t testing.TB, opt sqs.Options) (*queue.Queue, sqs.Options) {
	t.Helper()
	opt.Endpoint = server(t)
	if opt.Name == "" {
		opt.Name = fmt.Sprintf("t%x", rand.Uint64())
	}
	q, err := sqs.Create(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = q.Close()
		assert.NoError(t, sqs.Delete(context.Background(), opt))
	})
	return q, opt
}

// TestMain lets tests that mostly wait run side by side.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) {
	server(t)
	queuetest.Run(t, queuetest.Harness{
		Open: func(t *testing.T, lease time.Duration, maxReceive int) *queue.Queue {
			if maxReceive == 0 {
				maxReceive = 1000
			}
			q, _ := create(t, sqs.Options{Lease: lease, MaxReceive: maxReceive})
			return q
		},
		Advance:   func(d time.Duration) { time.Sleep(d + 200*time.Millisecond) },
		Lease:     4 * time.Second,
		Unordered: true,
		Settle:    3 * time.Second,
		Parallel:  true,
	})
}

// TestBands: the urgent band first, and by priority within what one request brings.
func TestBands(t *testing.T) {
	q, _ := create(t, sqs.Options{Band: func(p int64) int { return int(2 - p/10) }})
	var messages []queue.Message
	for p := range int64(30) {
		messages = append(messages, queue.Message{Body: fmt.Sprint(p), Priority: p})
	}
	require.NoError(t, q.Send(t.Context(), messages))
	for band := range 3 {
		got, err := q.Receive(t.Context(), 10, 0)
		require.NoError(t, err)
		require.Len(t, got, 10)
		for i, d := range got {
			assert.EqualValues(t, 29-10*band-i, d.Priority)
			assert.Equal(t, fmt.Sprint(d.Priority), d.Body)
		}
	}
}

// TestManyWait: receivers of one process share requests, all are served, and what is sent to any band wakes one that waits.
func TestManyWait(t *testing.T) {
	var counters sqs.Counters
	q, _ := create(t, sqs.Options{Counters: &counters, Band: func(p int64) int { return int(p) }})
	const receivers = 24
	got := make(chan time.Time, receivers)
	for range receivers {
		go func() {
			ds, err := q.Receive(t.Context(), 1, -1)
			if assert.NoError(t, err) && assert.Len(t, ds, 1) {
				assert.NoError(t, q.Ack(t.Context(), ds[0].Receipt))
			}
			got <- time.Now()
		}()
	}
	for counters.Receives.Load() < 2*sqs.Bands { // the sweep, and a long poll each
		time.Sleep(time.Millisecond)
	}
	for band := range int64(sqs.Bands) {
		start := time.Now()
		require.NoError(t, q.Send(t.Context(), []queue.Message{{Body: "x", Priority: band}}))
		assert.Less(t, (<-got).Sub(start), 800*time.Millisecond, "band %d was not watched", band)
	}
	before := counters.Load()
	var rest []queue.Message
	for i := range receivers - sqs.Bands {
		rest = append(rest, queue.Message{Body: fmt.Sprint(i), Priority: int64(sqs.Bands - 1)})
	}
	require.NoError(t, q.Send(t.Context(), rest))
	for range rest {
		<-got
	}
	after := counters.Load()
	assert.EqualValues(t, len(rest), after.Received-before.Received)
	assert.Less(t, after.Receives-before.Receives, before.Received+int64(len(rest)), "requests are not shared")
	n, err := q.Len(t.Context())
	require.NoError(t, err)
	assert.Equal(t, queue.Count{}, n)
}

// TestAbandoned: what a long poll brings for a receiver that has gone is there for the next at once, not when its lease ends.
func TestAbandoned(t *testing.T) {
	var counters sqs.Counters
	q, _ := create(t, sqs.Options{Lease: time.Minute, Counters: &counters})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := q.Receive(ctx, 1, -1)
		ended <- err
	}()
	for counters.Receives.Load() < sqs.Bands+1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, q.Send(t.Context(), []queue.Message{{Body: "a", Priority: 1}}))
	got, err := q.Receive(t.Context(), 1, 5*time.Second)
	require.NoError(t, err)
	require.Len(t, got, 1)
}

// TestLarge: bodies up to the limit, together more than a request takes.
func TestLarge(t *testing.T) {
	var counters sqs.Counters
	q, _ := create(t, sqs.Options{Counters: &counters})
	var messages []queue.Message
	for i := range 12 {
		messages = append(messages, queue.Message{Body: strings.Repeat("x", 300<<10) + fmt.Sprint(i)})
	}
	require.NoError(t, q.Send(t.Context(), messages))
	assert.EqualValues(t, 4, counters.Sends.Load())
	assert.EqualValues(t, 4*14, counters.Chunks.Load())
	seen := map[string]bool{}
	for len(seen) < len(messages) {
		got, err := q.Receive(t.Context(), 10, time.Second)
		require.NoError(t, err)
		require.NotEmpty(t, got)
		for _, d := range got {
			seen[d.Body] = true
		}
	}
	err := q.Send(t.Context(), []queue.Message{{Body: strings.Repeat("x", 1<<20)}})
	require.ErrorContains(t, err, "the most is")
	err = q.Send(t.Context(), []queue.Message{{Body: strings.Repeat("\x00", 900<<10)}})
	require.ErrorContains(t, err, "as SQS needs it")
	assert.Equal(t, errs.Value, errs.KindOf(err))
}

func TestSetup(t *testing.T) {
	_, opt := create(t, sqs.Options{MaxReceive: 3})
	for range 2 {
		infos, err := sqs.Inspect(t.Context(), opt)
		require.NoError(t, err)
		require.Len(t, infos, sqs.Bands+1)
		for _, i := range infos {
			assert.True(t, i.Exists && i.Current, "%+v", i)
		}
		again, err := sqs.Create(t.Context(), opt)
		require.NoError(t, err)
		require.NoError(t, again.Close())
	}
	opt.MaxReceive = 4
	infos, err := sqs.Inspect(t.Context(), opt)
	require.NoError(t, err)
	assert.False(t, infos[1].Current)
	changed, err := sqs.Create(t.Context(), opt)
	require.NoError(t, err)
	require.NoError(t, changed.Close())
	infos, err = sqs.Inspect(t.Context(), opt)
	require.NoError(t, err)
	assert.True(t, infos[1].Current)

	require.NoError(t, sqs.Delete(t.Context(), opt))
	require.NoError(t, sqs.Delete(t.Context(), opt))
	_, err = sqs.Open(t.Context(), opt)
	require.ErrorContains(t, err, "numpywren deploy --name "+opt.Name)
	require.ErrorContains(t, err, "us-east-1")
	assert.Equal(t, errs.NotFound, errs.KindOf(err))
}

func TestEndpointVariables(t *testing.T) {
	_, opt := create(t, sqs.Options{})
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
			t.Setenv(name, opt.Endpoint)
			q, err := sqs.Open(t.Context(), sqs.Options{Name: opt.Name})
			require.NoError(t, err)
			require.NoError(t, q.Close())
		})
	}
}

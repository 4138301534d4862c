package queue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/queue"
	"numpywren/core/queue/queuetest"
)

func TestMemory(t *testing.T) {
	clock := queuetest.NewClock()
	queuetest.Run(t, queuetest.Harness{
		Open: func(_ *testing.T, lease time.Duration, maxReceive int) *queue.Queue {
			return queue.NewMemory(queue.MemoryOptions{Lease: lease, MaxReceive: maxReceive, Clock: clock})
		},
		Advance: clock.Advance,
		Lease:   time.Minute,
	})
}

func TestTieBreak(t *testing.T) {
	q := queue.NewMemory(queue.MemoryOptions{Less: func(a, b *queue.Message) bool { return len(a.Body) < len(b.Body) }})
	require.NoError(t, q.Send(t.Context(), []queue.Message{{Body: "ccc"}, {Body: "bb"}, {Body: "aa"}, {Body: "dddd", Priority: 1}}))
	got, err := q.Receive(t.Context(), 10, 0)
	require.NoError(t, err)
	var order []string
	for _, d := range got {
		order = append(order, d.Body)
	}
	assert.Equal(t, "dddd bb aa ccc", strings.Join(order, " "))
}

// TestWaitEnds: a Receive with a bound ends at it, and a lease that lapses wakes one without.
func TestWaitEnds(t *testing.T) {
	clock := queuetest.NewClock()
	q := queue.NewMemory(queue.MemoryOptions{Lease: time.Minute, Clock: clock})
	done := make(chan []queue.Delivery)
	wait := func(d time.Duration) {
		got, err := q.Receive(context.Background(), 1, d)
		assert.NoError(t, err)
		done <- got
	}
	go wait(time.Second)
	clock.AwaitTimer()
	clock.Advance(time.Second)
	assert.Empty(t, <-done)

	require.NoError(t, q.Send(t.Context(), []queue.Message{{Body: "a"}}))
	_, err := q.Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	go wait(-1)
	clock.AwaitTimer()
	clock.Advance(time.Minute)
	got := <-done
	require.Len(t, got, 1)
	assert.Equal(t, 2, got[0].Attempt)
}

// TestModel holds random calls against a list that is searched.
func TestModel(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { model(t, seed) })
	}
}

type modelled struct {
	body     string
	priority int64
	until    time.Time // hidden until then
	attempt  int
	receipt  queue.Receipt
	leased   bool
}

func model(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	clock := queuetest.NewClock()
	const lease, most = time.Second, 3
	q := queue.NewMemory(queue.MemoryOptions{Lease: lease, MaxReceive: most, Clock: clock})
	ctx := t.Context()
	var list []*modelled
	var dead []string
	lapse := func() { // in the order in which leases end
		slices.SortStableFunc(list, func(a, b *modelled) int { return a.until.Compare(b.until) })
		list = slices.DeleteFunc(list, func(m *modelled) bool {
			if !m.leased || m.until.After(clock.Now()) {
				return false
			}
			m.leased = false
			if m.attempt == most {
				dead = append(dead, m.body)
			}
			return m.attempt == most
		})
		slices.SortStableFunc(list, func(a, b *modelled) int { return strings.Compare(a.body, b.body) })
	}
	for n := range 200 {
		lapse()
		switch rng.IntN(6) {
		case 0, 1:
			m := &modelled{body: fmt.Sprintf("%05d", n), priority: rng.Int64N(3)}
			d := time.Duration(rng.IntN(2)) * time.Second
			m.until = clock.Now().Add(d)
			list = append(list, m)
			require.NoError(t, q.Send(ctx, []queue.Message{{Body: m.body, Priority: m.priority, Delay: d}}))
		case 2, 3:
			var want *modelled
			for _, m := range list {
				if !m.leased && !m.until.After(clock.Now()) && (want == nil || m.priority > want.priority) {
					want = m
				}
			}
			got, err := q.Receive(ctx, 1, 0)
			require.NoError(t, err)
			if want == nil {
				require.Empty(t, got)
				break
			}
			want.attempt++
			require.Len(t, got, 1)
			require.Equal(t, want.body, got[0].Body)
			require.Equal(t, want.attempt, got[0].Attempt)
			want.leased, want.until, want.receipt = true, clock.Now().Add(lease), got[0].Receipt
		case 4:
			i := slices.IndexFunc(list, func(m *modelled) bool { return m.leased })
			if i < 0 {
				break
			}
			m := list[i]
			switch rng.IntN(3) {
			case 0:
				require.NoError(t, q.Ack(ctx, m.receipt))
				list = slices.Delete(list, i, i+1)
			case 1:
				m.until = clock.Now().Add(3 * lease)
				require.NoError(t, q.Extend(ctx, m.receipt, 3*lease))
			case 2:
				require.NoError(t, q.Nack(ctx, m.receipt, lease/2))
				m.until = clock.Now()
				if lapse(); m.attempt < most {
					m.until = clock.Now().Add(lease / 2)
				}
			}
		case 5:
			clock.Advance(time.Duration(rng.IntN(1000)) * time.Millisecond)
		}
		lapse()
		var want queue.Count
		for _, m := range list {
			switch {
			case m.leased:
				want.InFlight++
			case m.until.After(clock.Now()):
				want.Delayed++
			default:
				want.Visible++
			}
		}
		want.Dead = int64(len(dead))
		got, err := q.Len(ctx)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	letters, err := q.DeadLetters(ctx, 1000)
	require.NoError(t, err)
	var got []string
	for _, m := range letters {
		got = append(got, m.Body)
	}
	require.ElementsMatch(t, dead, got)
}

func BenchmarkMessage(b *testing.B) {
	for _, waiting := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			q := queue.NewMemory(queue.MemoryOptions{})
			ctx := context.Background()
			one := make([]queue.Message, 1)
			for i := range waiting {
				one[0] = queue.Message{Body: "0:1,2,3", Priority: int64(i * 7919 % 1000)}
				_ = q.Send(ctx, one)
			}
			b.ReportAllocs()
			for i := range b.N {
				one[0] = queue.Message{Body: "0:1,2,3", Priority: int64(i * 7919 % 1000)}
				_ = q.Send(ctx, one)
				got, _ := q.Receive(ctx, 1, 0)
				_ = q.Ack(ctx, got[0].Receipt)
			}
		})
	}
}

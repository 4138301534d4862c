package s3

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPool: no more is handed out than there is, everybody is served, and all comes back, also of those who gave up.
func TestPool(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const blocks = 16
	p := &pool{left: blocks}
	var out, most atomic.Int64
	var all sync.WaitGroup
	for k := range 8 {
		rng := rand.New(rand.NewPCG(seed, uint64(k)))
		all.Go(func() {
			for range 300 {
				n := 1 + rng.Int64N(blocks)
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(3) == 0 {
					go cancel()
				}
				b, err := p.take(ctx, n*blockSize)
				if rng.IntN(3) == 0 {
					if more := p.try(blockSize); more != nil {
						more.release()
					}
				}
				if err == nil {
					now := out.Add(n)
					most.Store(max(most.Load(), now))
					out.Add(-n)
					b.release()
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(blocks))
	require.Equal(t, blocks, p.left)
	require.Empty(t, p.queue)
	require.LessOrEqual(t, len(p.free), blocks)
}

// TestPoolOrder: who asked for much is not passed by those who ask for little.
func TestPoolOrder(t *testing.T) {
	p := &pool{left: 4}
	all, err := p.take(t.Context(), 4*blockSize)
	require.NoError(t, err)
	require.Nil(t, p.try(1))
	got := make(chan int, 2)
	ask := func(blocks int64) {
		b, err := p.take(t.Context(), blocks*blockSize)
		require.NoError(t, err)
		got <- int(blocks)
		b.release()
	}
	waits := func(n int) func() bool {
		return func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.queue) == n }
	}
	go ask(4)
	require.Eventually(t, waits(1), time.Minute, time.Millisecond)
	go ask(1)
	require.Eventually(t, waits(2), time.Minute, time.Millisecond)
	all.release()
	require.Equal(t, 4, <-got)
	require.Equal(t, 1, <-got)
}

func TestBuffer(t *testing.T) {
	for _, n := range []int{0, 1, 1000, smallBody, smallBody + 1, blockSize, blockSize + 1, 3*blockSize - 1} {
		want := make([]byte, n)
		_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(want)
		b, err := (&pool{left: 3}).take(t.Context(), int64(n))
		require.NoError(t, err)
		require.NoError(t, b.readFrom(iotest.HalfReader(bytes.NewReader(want)), int64(n)))
		got := &body{buffer: b}
		for range 2 {
			_, err = got.Seek(0, io.SeekStart)
			require.NoError(t, err)
			read, err := io.ReadAll(got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, read))
		}
		end, err := got.Seek(0, io.SeekEnd)
		require.NoError(t, err)
		require.EqualValues(t, n, end)
	}
	b, err := (&pool{left: 1}).take(t.Context(), blockSize)
	require.NoError(t, err)
	require.ErrorIs(t, b.readFrom(bytes.NewReader(make([]byte, 10)), 11), io.ErrUnexpectedEOF)
	_, err = b.Write(make([]byte, blockSize))
	require.ErrorIs(t, err, io.ErrShortBuffer)
}

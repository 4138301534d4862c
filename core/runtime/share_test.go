package runtime

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// TestShare: every piece is computed once, whoever helps, and all permits are back afterwards.
func TestShare(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		r := New(nil, workers, 1)
		for _, n := range []int{0, 1, 2, 3, 50} {
			require.NoError(t, r.acquire(context.Background(), 0))
			counts := make([]atomic.Int32, n)
			r.share(n, func(k int) { counts[k].Add(1) })
			r.release()
			for k := range counts {
				require.EqualValues(t, 1, counts[k].Load(), "piece %d of %d", k, n)
			}
			require.Equal(t, workers, r.free)
		}
	}
}

// TestShareHelps: with a free permit two pieces run at once; each waits for the other here.
func TestShareHelps(t *testing.T) {
	r := New(nil, 2, 1)
	require.NoError(t, r.acquire(context.Background(), 0))
	var both sync.WaitGroup
	both.Add(2)
	r.share(2, func(int) {
		both.Done()
		both.Wait()
	})
	r.release()
	require.Equal(t, 2, r.free)
}

// TestIdle: permits that are in use, or waited for, are not idle.
func TestIdle(t *testing.T) {
	r := New(nil, 3, 1)
	require.Equal(t, 3, r.idle())
	require.NoError(t, r.acquire(context.Background(), 0))
	require.Equal(t, 2, r.idle())
	r.mustAcquire()
	r.mustAcquire()
	require.Equal(t, 0, r.idle())
	r.mustAcquire() // one more than there are
	require.Equal(t, 0, r.idle())
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		if r.acquire(context.Background(), 0) == nil {
			r.release()
		}
	}()
	for !r.wanted() {
		runtime.Gosched()
	}
	require.Equal(t, 0, r.idle())
	for range 4 {
		r.release()
	}
	<-waits
	require.Equal(t, 3, r.idle())
}

// TestShareYields: a helper leaves after its piece when a task waits for a permit.
func TestShareYields(t *testing.T) {
	r := New(nil, 2, 1)
	require.NoError(t, r.acquire(context.Background(), 0))
	granted := make(chan struct{})
	kept := false
	r.share(3, func(k int) {
		switch k {
		case 0: // the caller's, which takes its piece before it looks for help
			<-granted
		case 1: // the helper's
			go func() {
				if r.acquire(context.Background(), 1) == nil {
					close(granted)
				}
			}()
			for !r.wanted() {
				runtime.Gosched()
			}
		case 2:
			select {
			case <-granted:
			default:
				kept = true
			}
		}
	})
	require.False(t, kept, "the helper kept its permit from a task")
	r.release()
	r.release()
	require.Equal(t, 2, r.free)
}

// TestShareFails: what a piece throws is thrown once more where the others are waited for: with the stack of the piece alone, or, where it
// is an error with a kind, as it is.
func TestShareFails(t *testing.T) {
	r := New(nil, 3, 1)
	require.NoError(t, r.acquire(context.Background(), 0))
	thrown := func(p any) (err error) {
		defer Recovered(&err)
		r.share(8, func(k int) {
			if k == 5 {
				panic(p)
			}
		})
		return nil
	}
	err := thrown("piece 5")
	require.ErrorContains(t, err, "piece 5")
	require.Equal(t, errs.Internal, errs.KindOf(err))
	require.Equal(t, 1, strings.Count(err.Error(), "internal error"))
	memory := errs.New(errs.Memory, "no memory for piece 5")
	require.Same(t, memory, thrown(memory))
	r.release()
	require.Equal(t, 3, r.free)
}

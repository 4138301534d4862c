package fleet

import (
	"sync"
	"sync/atomic"

	"numpywren/core/runtime"
)

// together calls f for 0 to n-1, at once, and gives the first error. A panic in f is an error.
func together(n int, f func(k int) error) error { return atMost(n, n, f) }

// atMost is together with no more than so many calls at a time.
func atMost(most, n int, f func(k int) error) error {
	if n == 1 {
		return f(0)
	}
	failed := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(most, n) {
		group.Go(func() {
			for k := next.Add(1) - 1; k < int64(n); k = next.Add(1) - 1 {
				func() {
					defer runtime.Recovered(&failed[k])
					failed[k] = f(int(k))
				}()
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/queue"
)

// TestRequests counts what a task costs in requests and bytes. A lone worker that has room reads every input once and writes
// every tile once; chains save messages and nothing else; "results" saves the writes of tiles that one chain alone reads.
func TestRequests(t *testing.T) {
	const n, block = 512, 32
	tileBytes := int64(block*block*8 + 4)
	least := map[string]Report{}
	for _, c := range []struct {
		name     string
		workers  int
		settings Settings
	}{
		{"all", 1, Settings{}},
		{"all, without chains", 1, Settings{Unchain: true}},
		{"results", 1, Settings{Results: true}},
		{"all, two workers", 2, Settings{}},
		{"results, two workers", 2, Settings{Results: true}},
	} {
		s := newSite(t, blob.NewMemory(), queue.NewMemory(queue.MemoryOptions{Lease: time.Second}), choleskyText, n, block, c.settings, nil)
		var stops []func()
		for range c.workers {
			stop, _ := s.worker(Options{})
			stops = append(stops, stop)
		}
		j := s.submit()
		require.NoError(t, s.wait(j))
		for _, stop := range stops {
			stop() // the last heartbeat tells all
		}
		l, err := j.Look(context.Background())
		require.NoError(t, err)
		r := l.Report()
		least[c.name] = r
		tasks := float64(r.Tasks)
		t.Logf("%-22s %d tasks: a task %.2f gets, %.2f puts, %.2f stats, %.2f messages received; %.1f tiles read, %.1f written", c.name,
			r.Tasks, float64(r.Traffic.Gets)/tasks, float64(r.Traffic.Puts)/tasks, float64(r.Traffic.Stats)/tasks, float64(r.Received)/tasks,
			float64(r.Traffic.Read)/float64(tileBytes), float64(r.Traffic.Written)/float64(tileBytes))
		s.same()
		if c.workers > 1 {
			continue
		}
		tiles := int64(0)
		for _, x := range s.plan.Statements {
			tiles += x.Domain.Count() * int64(len(x.Outputs))
		}
		inputs := int64(n / block * (n/block + 1) / 2) // the lower half
		slack := int64(200 << 10)                      // claims, the manifest, heartbeats
		require.Less(t, r.Traffic.Read, inputs*tileBytes+slack, "%s: an input is read twice", c.name)
		require.Less(t, r.Traffic.Written, tiles*tileBytes+slack, "%s: a tile is written twice", c.name)
		if !c.settings.Results {
			require.GreaterOrEqual(t, r.Traffic.Written, tiles*tileBytes)
		}
	}
	require.Less(t, least["all"].Received, least["all, without chains"].Received)
	require.Less(t, least["results"].Traffic.Written, least["all"].Traffic.Written)
}

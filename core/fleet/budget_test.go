package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/pywren"
	"numpywren/core/queue"
	"numpywren/core/sidecar/sidecartest"
)

// worked has the job's current run cost so many core-seconds.
func (s *site) worked(j *Job, seconds float64) {
	s.t.Helper()
	at := time.Now()
	text, err := json.Marshal(Beat{Worker: "w", Cores: 2, Began: at.Add(-time.Duration(seconds / 2 * float64(time.Second))), At: at})
	require.NoError(s.t, err)
	require.NoError(s.t, s.d.Store.PutBytes(s.t.Context(), j.run.beats()+"w.json", text, blob.PutOptions{}))
}

// TestBudgetOfRuns: a job is paused when all of its runs together have cost the budget, and goes on with a larger one.
func TestBudgetOfRuns(t *testing.T) {
	ctx := t.Context()
	q := queue.NewMemory(queue.MemoryOptions{Lease: time.Second, MaxReceive: 8})
	s := newSite(t, blob.NewMemory(), q, choleskyText, 16, 8, Settings{}, nil)
	j := s.submit()
	second := priceList().bill(1, Traffic{}, 0, 0)
	within := func(budget float64) *Look {
		l, err := j.Look(ctx)
		require.NoError(t, err)
		require.NoError(t, j.Within(ctx, budget, l))
		l, err = j.Look(ctx)
		require.NoError(t, err)
		return l
	}
	s.worked(j, 100)
	require.Equal(t, Running, within(0).State, "no budget is no limit")
	require.Equal(t, Running, within(101*second).State)
	l := within(99 * second)
	require.Equal(t, Paused, l.State)
	require.Equal(t, fmt.Sprintf("it has cost about $%.4g of a budget of $%.4g: resume() goes on, with a larger budget", 100*second, 99*second), l.Message)

	require.NoError(t, j.Resume(ctx))
	require.Equal(t, Paused, within(99*second).State, "what the first run cost counts")
	require.NoError(t, j.Resume(ctx))
	s.worked(j, 50)
	require.Equal(t, Running, within(151*second).State)
	anew, err := s.d.Job(ctx, j.ID()) // as another client knows it
	require.NoError(t, err)
	l, err = anew.Look(ctx)
	require.NoError(t, err)
	require.NoError(t, anew.Within(ctx, 149*second, l))
	require.Equal(t, Paused, within(0).State)
}

// TestBudgetOfCalls: calls that run and never end cost something; all end when that is too much.
func TestBudgetOfCalls(t *testing.T) {
	g := newGround(t, blob.MemoryDriver())
	g.c.Close()
	price := priceList()
	few := price.bill(0.2, Traffic{Puts: 10 * perCall.Puts, Gets: 10 * perCall.Gets}, 10, 10) // ten calls, and a fifth of a second
	g.c = NewCaller(g.d, nil, few)
	t.Cleanup(g.c.Close)
	for _, word := range sidecartest.Words {
		require.NoError(t, g.c.PutFunction(word+"-00", pywren.Body{[]byte(word)}))
	}
	g.worker()
	path := filepath.Join(t.TempDir(), "go")
	first := g.start("upper", "a", "b", "c")
	got := g.gather(3)
	require.Equal(t, "A", string(got[first].Payload))
	s := g.c.Spending()
	require.Equal(t, [2]int64{3, 3}, [2]int64{s.Made, s.Ended})
	require.Less(t, s.Dollars, few)
	require.Positive(t, s.CoreSeconds)

	first = g.start("wait", path, path+"2", path+"3") // of which two can run at once
	got = g.gather(3)
	for k := range int64(3) {
		require.Equal(t, pywren.Failed, got[first+k].State)
		require.Regexp(t, `the calls of this executor have cost about \$\S+ of a budget of \$\S+, \S+ core-seconds in 6 calls`, string(got[first+k].Payload))
	}
	for _, name := range []string{path, path + "2", path + "3"} {
		require.Eventually(t, func() bool { return gone(name + ".pid") }, 20*time.Second, time.Millisecond, "its process is killed")
	}
	require.GreaterOrEqual(t, g.c.Spending().Dollars, few)
	_, err := g.c.Start(pywren.Call{Function: "upper-00", Name: "upper"}, []pywren.Body{nil})
	require.Equal(t, errs.Closed, errs.KindOf(err))
	require.ErrorContains(t, err, "an executor with a larger budget goes on")
	g.left(1) // the batch
}

// gone says whether the process whose number a file has is no more; one that never began left no file.
func gone(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return os.IsNotExist(err)
	}
	pid, err := strconv.Atoi(string(text))
	return err == nil && syscall.Kill(pid, 0) == syscall.ESRCH
}

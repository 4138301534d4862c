package fleet

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/scheduler"
)

// named gives the site's result a place with a name, whose marker is the key that it is computed by.
func (s *site) named(prefix, key string) {
	s.t.Helper()
	for k := range s.manifest.Matrices {
		if s.manifest.Matrices[k].Role == lambdapack.RoleOutput.String() {
			s.manifest.Matrices[k].Prefix, s.manifest.Matrices[k].Key = prefix, key
		}
	}
	s.mark(prefix, key)
}

func (s *site) mark(prefix, key string) {
	s.t.Helper()
	require.NoError(s.t, s.d.Store.PutBytes(s.t.Context(), prefix+matrix.Marker, []byte(key), blob.PutOptions{}))
}

// tiles is how many tiles lie below a prefix.
func (s *site) tiles(prefix string) (n int) {
	s.t.Helper()
	for _, err := range s.d.Store.List(s.t.Context(), prefix+"c/") {
		require.NoError(s.t, err)
		n++
	}
	return n
}

// TestDispossessed: a worker has a tile in hand when its job is cancelled. It writes it as long as the name is still its job's, and
// not when another program has it, or nobody any more.
func TestDispossessed(t *testing.T) {
	for name, c := range map[string]struct {
		marker string
		tiles  int
	}{"still its own": {"ours", 1}, "another's": {"theirs", 0}, "nobody's": {"", 0}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 160, 32, Settings{}, nil)
			s.lease = shortLease
			s.named("L/", "ours")
			var once atomic.Bool
			reached, goOn := make(chan struct{}), make(chan struct{})
			stop, _ := s.worker(Options{Look: time.Nanosecond, fault: func(a scheduler.Action) bool {
				if a.Op == scheduler.Write && once.CompareAndSwap(false, true) {
					close(reached)
					<-goOn
				}
				return false
			}})
			j := s.submit()
			<-reached
			require.Zero(t, s.tiles("L/"))
			require.NoError(t, j.Cancel(t.Context(), "by the test"))
			if c.marker == "" {
				require.NoError(t, s.d.Store.Delete(t.Context(), "L/"+matrix.Marker))
			} else {
				s.mark("L/", c.marker)
			}
			close(goOn)
			stop()
			require.Equal(t, c.tiles, s.tiles("L/"))
		})
	}
}

// TestWriter: a name is a job's while it is open, and for as long as workers may have tasks of it in hand.
func TestWriter(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 64, 32, Settings{}, nil)
	s.named("L/", "ours")
	ctx := t.Context()
	writer := func(prefix string) string {
		t.Helper()
		w, err := s.d.Writer(ctx, prefix)
		require.NoError(t, err)
		if w == nil {
			return ""
		}
		return w.ID + " " + w.State
	}
	put := func(key string, v any) {
		t.Helper()
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, s.d.Store.PutBytes(ctx, key, text, blob.PutOptions{}))
	}
	require.Empty(t, writer("L/"))
	j := s.submit()
	require.Equal(t, j.ID()+" running", writer("L/"))
	require.Empty(t, writer("M/"))
	require.Empty(t, writer("m/A/"), "it reads that")
	require.NoError(t, j.Pause(ctx, "enough"))
	require.Equal(t, j.ID()+" paused", writer("L/"))
	require.NoError(t, j.Cancel(ctx, "no more"))
	require.Equal(t, j.ID()+" cancelled", writer("L/"), "a moment ago")

	long := time.Now().Add(-time.Hour)
	put(j.at().end(), End{State: Cancelled, At: long})
	require.Empty(t, writer("L/"))
	for _, run := range []int{1, 2} { // workers of the run before may be at it as well
		beats := runID{j.ID(), run}.beats()
		put(beats+"w.json", Beat{Worker: "w", InHand: 1, At: time.Now()})
		require.Equal(t, j.ID()+" cancelled", writer("L/"))
		put(beats+"w.json", Beat{Worker: "w", InHand: 1, At: long})
		require.Empty(t, writer("L/"), "it died")
		put(beats+"w.json", Beat{Worker: "w", InHand: 0, At: time.Now()})
		require.Empty(t, writer("L/"), "it is done with it")
	}
	require.NoError(t, s.d.Store.PutBytes(ctx, Root+"later/job.json", []byte(`{"protocol": 7, "version": "9.9"}`), blob.PutOptions{}))
	require.Empty(t, writer("L/"), "what another version's job does cannot be known")
}

// TestCancelPaused: a paused job can be given up, and gone on with again.
func TestCancelPaused(t *testing.T) {
	s := newSite(t, blob.NewMemory(), memoryQueue(), choleskyText, 64, 32, Settings{}, nil)
	s.lease = shortLease
	ctx := context.Background()
	j := s.submit()
	require.NoError(t, j.Pause(ctx, "enough"))
	require.NoError(t, j.Cancel(ctx, "no more"))
	for _, whose := range []string{"its own", "another's"} {
		l, err := j.Look(ctx)
		require.NoError(t, err)
		require.Equal(t, Cancelled, l.State, whose)
		require.Equal(t, "no more", l.Message)
		j, err = s.d.Job(ctx, j.ID())
		require.NoError(t, err)
	}
	s.worker(Options{})
	require.ErrorContains(t, s.wait(j), "no more")
	require.NoError(t, j.Resume(ctx))
	require.NoError(t, s.wait(j))
	s.same()
}

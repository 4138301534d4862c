package core

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/queue"
)

// idle submits a job like another, whose result is to be at a prefix, where nobody works on it.
func idle(t *testing.T, e *Executor, like, prefix, key string) *fleet.Job {
	t.Helper()
	of, err := e.fleet.Job(t.Context(), like)
	require.NoError(t, err)
	elsewhere := &fleet.Deployment{Store: e.durable, Queue: queue.NewMemory(queue.MemoryOptions{}), Version: version}
	m := *of.Manifest()
	m.ID, m.Name = "", ""
	m.Matrices = slices.Clone(m.Matrices)
	for k := range m.Matrices {
		if x := &m.Matrices[k]; x.Role == "output" {
			x.Prefix, x.Key = prefix, key
		}
	}
	require.NoError(t, e.durable.PutBytes(t.Context(), prefix+".computing", []byte(key), blob.PutOptions{}))
	j, err := elsewhere.Submit(t.Context(), &m)
	require.NoError(t, err)
	return j
}

// TestNameOfAnOpenJob: the name of a matrix that a job computes is not given to another; when the job is over it is, and nothing of
// the first is left in it.
func TestNameOfAnOpenJob(t *testing.T) {
	e := farSession(t, t.TempDir())
	A, B := spd(150, 1), spd(150, 2)
	done, err := submitted(t, e, A, "L")
	require.NoError(t, err)
	open := idle(t, e, done, "M/", "k")
	stale, err := e.durable.ReadAll(t.Context(), "L/c/1/0")
	require.NoError(t, err)
	require.NoError(t, e.durable.PutBytes(t.Context(), "M/c/1/0", stale, blob.PutOptions{}))

	refused := func(state string) {
		t.Helper()
		job, err := e.Dispatch([]*Array{apply(t, e, "cholesky", nil, B.in(t, e, 32, 32))}, []string{"M"})
		require.NoError(t, err)
		defer job.Close()
		for !job.Wait(1e9) {
		}
		require.Equal(t, errs.Exists, errs.KindOf(job.Err()), "%v", job.Err())
		require.ErrorContains(t, job.Err(), "job "+open.ID()+", which is "+state+`, computes a matrix named "M"`)
	}
	refused("running")
	require.NoError(t, open.Pause(t.Context(), "enough"))
	refused("paused")
	there, err := e.durable.ReadAll(t.Context(), "M/c/1/0")
	require.NoError(t, err)
	require.Equal(t, stale, there, "its tiles are its own")

	require.NoError(t, open.Cancel(t.Context(), "no more"))
	over, err := json.Marshal(fleet.End{State: fleet.Cancelled, At: time.Now().Add(-time.Minute)})
	require.NoError(t, err)
	require.NoError(t, e.durable.PutBytes(t.Context(), fleet.Root+open.ID()+"/2/end.json", over, blob.PutOptions{}))
	age(t, e, time.Minute) // the marker
	_, err = submitted(t, e, B, "M")
	require.NoError(t, err)
	M, err := e.OpenMatrix("M")
	require.NoError(t, err)
	got := read(t, e, M)
	near(t, B, got.mul(got.t()), 10)
}

// TestResumeAfterGC: of a job that was cancelled the tiles between its steps are freed; when it is resumed they are computed again.
func TestResumeAfterGC(t *testing.T) {
	e := farSession(t, t.TempDir())
	A := spd(150, 1)
	done, err := submitted(t, e, A, "L")
	require.NoError(t, err)
	job := idle(t, e, done, "M/", "k")
	for _, tile := range []string{"c/0/0", "c/1/0", "c/2/0"} { // it came so far
		text, err := e.durable.ReadAll(t.Context(), "L/"+tile)
		require.NoError(t, err)
		require.NoError(t, e.durable.PutBytes(t.Context(), "M/"+tile, text, blob.PutOptions{}))
	}
	require.NoError(t, job.Cancel(t.Context(), "by the test"))
	require.NotEmpty(t, collectGarbage(t, e, gcReal).kinds()["intermediate"])
	require.NoError(t, ask(t, e, `{"op": "resume", "id": "`+job.ID()+`"}`, nil))
	require.NoError(t, ask(t, e, `{"op": "wait", "id": "`+job.ID()+`"}`, nil))
	for _, key := range keysOf(t, e) {
		if key[:2] == "L/" && key != "L/zarr.json" {
			want, err := e.durable.ReadAll(t.Context(), key)
			require.NoError(t, err)
			got, err := e.durable.ReadAll(t.Context(), "M/"+key[2:])
			require.NoError(t, err, key)
			require.Equal(t, want, got, key)
		}
	}
	require.NotEmpty(t, collectGarbage(t, e, gcDry).kinds()["intermediate"], "computed again")
}

package core

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// farSession is an executor whose programs go through a store and a queue to a worker in this process.
func farSession(t *testing.T, storage string) *Executor {
	return session(t, Config{Workers: 2, Storage: storage, Queue: "memory"})
}

func ask(t *testing.T, e *Executor, text string, answer any) error {
	t.Helper()
	j, err := e.Request(text)
	require.NoError(t, err)
	defer j.Close()
	for !j.Wait(1e9) {
	}
	if j.Err() == nil && answer != nil {
		require.NoError(t, json.Unmarshal([]byte(j.Answer()), answer), j.Answer())
	}
	return j.Err()
}

// TestElsewhere: the same expressions, the same bits, by way of a store and a queue.
func TestElsewhere(t *testing.T) {
	A, B := spd(200, 1), randomDense(200, 64, 2)
	here := session(t, Config{Workers: 2})
	there := farSession(t, t.TempDir())
	for _, op := range []string{"solve", "matmul", "cholesky"} {
		var params map[string]any
		if op == "solve" {
			params = map[string]any{"assume_a": "pos"}
		}
		args := func(e *Executor) []*Array {
			list := []*Array{A.in(t, e, 32, 32)}
			if op != "cholesky" {
				list = append(list, B.in(t, e, 32, 32))
			}
			return list
		}
		want := read(t, here, apply(t, here, op, params, args(here)...))
		got := read(t, there, apply(t, there, op, params, args(there)...))
		require.Equal(t, want.v, got.v, op)
	}
}

func TestElsewhereFails(t *testing.T) {
	e := farSession(t, t.TempDir())
	A := spd(100, 1)
	A.v[70*100+70] = -1
	_, err := tryRead(t, e, apply(t, e, "cholesky", nil, A.in(t, e, 32, 32)))
	require.Equal(t, errs.LinAlg, errs.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "cholesky(iter=2)")
}

// TestDispatch: a job that was submitted is followed, reported, and its results opened, by an executor that did not submit it.
func TestDispatch(t *testing.T) {
	folder := t.TempDir()
	A := spd(150, 1)
	first := farSession(t, folder)
	job, err := first.Dispatch([]*Array{apply(t, first, "cholesky", nil, A.in(t, first, 32, 32))}, []string{"L"})
	require.NoError(t, err)
	for !job.Wait(1e9) {
	}
	require.NoError(t, job.Err())
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(job.Answer()), &made))
	job.Close()
	about := func(op string) string { return `{"op": "` + op + `", "id": "` + made.ID + `"}` }

	var look struct {
		State       string
		Done, Total int64
	}
	require.NoError(t, ask(t, first, about("wait"), &look))
	require.Equal(t, "done", look.State)

	second := farSession(t, folder)
	L, err := second.OpenMatrix("L")
	require.NoError(t, err)
	got := read(t, second, L)
	near(t, A, got.mul(got.t()), 10)

	var jobs []struct{ ID, State, Name string }
	require.NoError(t, ask(t, second, `{"op": "jobs"}`, &jobs))
	require.Len(t, jobs, 1)
	require.Equal(t, made.ID, jobs[0].ID)
	require.Equal(t, "L", jobs[0].Name)

	var report struct {
		Tasks, Computed int64
		Dollars         float64
	}
	require.NoError(t, ask(t, second, about("report"), &report))
	require.Equal(t, report.Tasks, look.Total)

	var matrices []struct{ Role, Display, Prefix string }
	require.NoError(t, ask(t, second, about("matrices"), &matrices))
	opened := 0
	for _, m := range matrices {
		if m.Role == "temporary" && m.Prefix != "" {
			temp, err := second.OpenMatrix(m.Prefix[:len(m.Prefix)-1])
			require.NoError(t, err)
			require.Contains(t, temp.Info(), m.Display)
			temp.Close()
			opened++
		}
	}
	require.NotZero(t, opened, "%+v", matrices)

	third := farSession(t, folder)
	again, err := third.OpenMatrix("L")
	require.NoError(t, err)
	require.Equal(t, got.v, read(t, third, again).v)
}

func TestFleetConfig(t *testing.T) {
	for want, c := range map[string]Config{
		"storage is missing": {Queue: "q"},
		"queue is missing":   {Storage: t.TempDir()},
		"cannot see":         {Storage: t.TempDir(), Queue: "memory", Function: "f"},
		"one of them":        {Storage: t.TempDir(), Queue: "memory", Path: "/x"},
		"not gs://":          {Storage: "gs://bucket", Queue: "memory"},
	} {
		_, err := Open(c)
		require.ErrorContains(t, err, want)
		require.Equal(t, errs.Value, errs.KindOf(err))
	}
	e := session(t, Config{})
	_, err := e.Request(`{"op": "jobs"}`)
	require.Equal(t, errs.Unsupported, errs.KindOf(err))
}

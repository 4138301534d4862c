package core

import (
	"context"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/pywren"
	"numpywren/core/queue"
)

// gcAnswer is what gc tells, as clients read it.
type gcAnswer struct {
	Items []struct {
		Place, Kind, Why string
		Objects, Bytes   int64
	}
	Objects, Bytes int64
	Freed          bool
	Recent         struct{ Objects, Bytes int64 }
}

func collectGarbage(t *testing.T, e *Executor, request string) (a gcAnswer) {
	t.Helper()
	require.NoError(t, ask(t, e, request, &a))
	return a
}

const (
	gcDry  = `{"op": "gc", "dry_run": true}`
	gcReal = `{"op": "gc"}`
)

// kinds is the places that were found of each kind.
func (a gcAnswer) kinds() map[string][]string {
	found := map[string][]string{}
	for _, g := range a.Items {
		found[g.Kind] = append(found[g.Kind], g.Place)
	}
	return found
}

// putOld puts an object that is so old.
func putOld(t *testing.T, e *Executor, key string, age time.Duration) {
	t.Helper()
	require.NoError(t, e.durable.PutBytes(t.Context(), key, []byte("12345"), blob.PutOptions{}))
	at := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(filepath.Join(e.home(), key), at, at))
}

// age makes all objects look so old.
func age(t *testing.T, e *Executor, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	for _, key := range keysOf(t, e) {
		require.NoError(t, os.Chtimes(filepath.Join(e.home(), key), at, at))
	}
}

func keysOf(t *testing.T, e *Executor) (keys []string) {
	t.Helper()
	for key, err := range e.durable.List(t.Context(), "") {
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys
}

// submitted runs a factorisation as a job to its end, and gives the job's number.
func submitted(t *testing.T, e *Executor, A *dense, name string) (id string, failed error) {
	t.Helper()
	job, err := e.Dispatch([]*Array{apply(t, e, "cholesky", nil, A.in(t, e, 32, 32))}, []string{name})
	require.NoError(t, err)
	for !job.Wait(1e9) {
	}
	require.NoError(t, job.Err())
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(job.Answer()), &made))
	job.Close()
	return made.ID, ask(t, e, `{"op": "wait", "id": "`+made.ID+`"}`, nil)
}

// TestGCOfJobs: of jobs that are over, intermediate matrices and claims go at once, the rest later; what has a name stays.
func TestGCOfJobs(t *testing.T) {
	folder := t.TempDir()
	first := farSession(t, folder)
	A, bad := spd(150, 1), spd(150, 2)
	bad.v[100*150+100] = -1
	done, err := submitted(t, first, A, "L")
	require.NoError(t, err)
	failed, err := submitted(t, first, bad, "M")
	require.Equal(t, errs.LinAlg, errs.KindOf(err))
	require.NoError(t, first.Close())

	e := farSession(t, folder)
	would := collectGarbage(t, e, gcDry)
	require.False(t, would.Freed)
	kinds := would.kinds()
	require.Len(t, kinds["intermediate"], 2, "%+v", would)
	require.Contains(t, kinds["run"], fleet.Root+done+"/1/claims")
	require.Contains(t, kinds["run"], fleet.Root+failed+"/1/claims")
	require.Len(t, kinds, 2, "%+v", would)
	require.NotZero(t, would.Recent.Objects) // both inputs, and M, which is not whole
	did := collectGarbage(t, e, gcReal)
	require.True(t, did.Freed)
	require.Equal(t, would.Items, did.Items)
	require.Empty(t, collectGarbage(t, e, gcDry).Items)

	age(t, e, 2*time.Hour)
	kinds = collectGarbage(t, e, gcReal).kinds()
	require.Equal(t, []string{"M"}, kinds["unfinished"])
	require.Len(t, kinds["unnamed"], 2, "%+v", kinds)
	require.Len(t, kinds, 2, "%+v", kinds)

	require.NoError(t, ask(t, e, `{"op": "resume", "id": "`+failed+`"}`, nil))
	err = ask(t, e, `{"op": "wait", "id": "`+failed+`"}`, nil)
	require.Equal(t, errs.Value, errs.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "which the job reads, is not at .numpywren/")

	var jobs []struct{ ID, State string }
	require.NoError(t, ask(t, e, `{"op": "jobs"}`, &jobs))
	require.Len(t, jobs, 2)
	var report struct{ Computed int64 }
	require.NoError(t, ask(t, e, `{"op": "report", "id": "`+done+`"}`, &report))
	require.NotZero(t, report.Computed, "reports outlive the claims")
	kinds = collectGarbage(t, e, `{"op": "gc", "keep_days": 0}`).kinds()
	require.ElementsMatch(t, []string{fleet.Root + done, fleet.Root + failed}, kinds["job"])
	require.NoError(t, ask(t, e, `{"op": "jobs"}`, &jobs))
	require.Empty(t, jobs)

	L, err := e.OpenMatrix("L")
	require.NoError(t, err)
	got := read(t, e, L)
	near(t, A, got.mul(got.t()), 10)
	for _, key := range keysOf(t, e) {
		require.True(t, key[:2] == "L/", key)
	}
}

// TestGCSparesOpenJobs: what jobs need that run or are paused is never touched, however old it is.
func TestGCSparesOpenJobs(t *testing.T) {
	folder := t.TempDir()
	first := farSession(t, folder)
	A := spd(150, 1)
	done, err := submitted(t, first, A, "L")
	require.NoError(t, err)
	of, err := first.fleet.Job(t.Context(), done)
	require.NoError(t, err)
	require.NoError(t, first.Close())

	e := farSession(t, folder)
	require.NoError(t, e.Delete("L"))
	elsewhere := &fleet.Deployment{Store: e.durable, Queue: queue.NewMemory(queue.MemoryOptions{}), Version: version} // nobody works there
	manifest := *of.Manifest()
	manifest.ID, manifest.Name = "", ""
	manifest.Matrices = slices.Clone(manifest.Matrices)
	for k := range manifest.Matrices {
		if m := &manifest.Matrices[k]; m.Role == "output" {
			m.Prefix = "again/"
		}
	}
	open, err := elsewhere.Submit(t.Context(), &manifest)
	require.NoError(t, err)
	putOld(t, e, "again/.computing", time.Hour)
	putOld(t, e, "again/c/0/0", time.Hour)
	putOld(t, e, fleet.Root+open.ID()+"/1/claims/x", time.Hour)
	age(t, e, 1000*time.Hour)
	before := keysOf(t, e)
	check := func(state string) {
		t.Helper()
		a := collectGarbage(t, e, `{"op": "gc", "keep_days": 1}`)
		for _, g := range a.Items {
			require.Contains(t, g.Place, done, "%s: %+v", state, g)
		}
		kept := keysOf(t, e)
		for _, key := range before {
			require.True(t, slices.Contains(kept, key) || fleet.RecordOf(key).Passing(), "%s: %s is gone", state, key)
		}
		require.Contains(t, kept, fleet.Root+open.ID()+"/1/claims/x")
	}
	check("running")
	require.NoError(t, open.Pause(t.Context(), "enough"))
	check("paused")
	require.NoError(t, open.Resume(t.Context()))
	require.Equal(t, []string{fleet.Root + open.ID() + "/1/claims"}, collectGarbage(t, e, gcDry).kinds()["run"], "of the run before")
	require.NoError(t, open.Cancel(t.Context(), "done with it"))
	kinds := collectGarbage(t, e, gcReal).kinds()
	require.Equal(t, []string{"again"}, kinds["unfinished"])
	require.NotEmpty(t, kinds["intermediate"])
}

// TestGCOfAFolder: nothing is freed that another executor may use, nor what this one does.
func TestGCOfAFolder(t *testing.T) {
	folder := t.TempDir()
	e := session(t, Config{Workers: 2, Path: folder})
	A := spd(100, 1).in(t, e, 32, 32)
	named := apply(t, e, "cholesky", nil, A)
	job, err := e.Submit([]*Array{named}, []string{"L"})
	require.NoError(t, finish(t, job, err))
	kept := apply(t, e, "matmul", nil, named, named)
	read(t, e, kept)
	putOld(t, e, "half/.computing", time.Minute)
	putOld(t, e, "half/c/0/0", time.Minute)
	putOld(t, e, "mine/notes.txt", 1000*time.Hour)
	putOld(t, e, derivedPrefix+"other/x", 1000*time.Hour)
	putOld(t, e, derivedPrefix+"0123456789abcdef01234567/c/0", time.Minute)

	other := session(t, Config{Workers: 1, Path: folder})
	a := collectGarbage(t, e, gcDry)
	require.Empty(t, a.kinds()["unfinished"], "%+v", a)
	require.EqualValues(t, 3, a.Recent.Objects)
	require.NoError(t, other.Close())
	would := collectGarbage(t, e, gcDry)
	require.Equal(t, []string{derivedPrefix + "0123456789abcdef01234567", "half"}, would.kinds()["unfinished"], "%+v", would)
	require.Equal(t, would.Items, collectGarbage(t, e, gcReal).Items)
	require.Equal(t, read(t, e, kept).v, read(t, e, kept).v)
	keys := keysOf(t, e)
	require.Contains(t, keys, "mine/notes.txt")
	require.Contains(t, keys, derivedPrefix+"other/x")
	require.Contains(t, keys, "L/zarr.json")
	require.NotContains(t, keys, "half/.computing")
	third := session(t, Config{Workers: 1, Path: folder})
	_, err = third.OpenMatrix("L")
	require.NoError(t, err)
}

// TestGCOfLeftovers: parts of killed writers, and calls that are done.
func TestGCOfLeftovers(t *testing.T) {
	e := session(t, Config{Workers: 1, Path: t.TempDir()})
	const day = 24 * time.Hour
	putOld(t, e, "X/zarr.json", day)
	putOld(t, e, "X/c/.part-0123456789abcdef", 2*time.Hour)
	putOld(t, e, "X/c/.part-fedcba9876543210", time.Minute)
	for id, ages := range map[string][]time.Duration{"done": {9 * day, 8 * day}, "new": {9 * day, 6 * day}, "waits": {9 * day}, "lost": {20 * day}} {
		for k, a := range ages {
			putOld(t, e, pywren.Place([]string{pywren.Arguments, pywren.Results}[k], id)+"/1", a)
		}
	}
	a := collectGarbage(t, e, gcReal)
	require.Equal(t, map[string][]string{
		"part": {"X/c/.part-0123456789abcdef"},
		"call": {".numpywren/calls/arguments/done", ".numpywren/calls/arguments/lost", ".numpywren/calls/results/done"},
	}, a.kinds())
	require.EqualValues(t, 4, a.Objects)
	require.EqualValues(t, 20, a.Bytes)
	require.NoFileExists(t, filepath.Join(e.home(), "X/c/.part-0123456789abcdef"))
	require.FileExists(t, filepath.Join(e.home(), "X/c/.part-fedcba9876543210"))
	require.Empty(t, collectGarbage(t, e, gcDry).Items)
}

// TestGCOfFunctions: of functions those go that no client wrote again for so long that no call of them can be run any more, unless
// a job's program names them, or somebody puts them while gc is at it.
func TestGCOfFunctions(t *testing.T) {
	e := farSession(t, t.TempDir())
	const day = 24 * time.Hour
	const root = ".numpywren/functions/"
	for name, at := range map[string]time.Duration{"old-0123456789abcdef": 17 * day, "new-0123456789abcdef": 14 * day, "job-0123456789abcdef": 99 * day} {
		putOld(t, e, root+name, at)
	}
	job, err := e.Dispatch([]*Array{apply(t, e, "map_blocks", map[string]any{"function": "job-0123456789abcdef"}, spd(10, 1).in(t, e, 5, 5))}, []string{"Y"})
	require.NoError(t, finish(t, job, err))
	gone := []string{root + "old-0123456789abcdef"}
	require.Equal(t, gone, collectGarbage(t, e, `{"op": "gc", "dry_run": true, "keep_days": 0}`).kinds()["function"])
	require.Empty(t, collectGarbage(t, e, `{"op": "gc", "dry_run": true, "keep_days": 20}`).kinds()["function"])

	c := &collector{e: e, now: time.Now()}
	places, err := c.survey(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.judge(t.Context()))
	old := places[gone[0]]
	require.Equal(t, free, c.verdict(old))
	require.NoError(t, e.PutFunction("old-0123456789abcdef", Pickle{[]byte("12345")}))
	spared, err := c.spared(t.Context(), old)
	require.NoError(t, err)
	require.True(t, spared, "it was put meanwhile, by somebody who will use it")
	require.Empty(t, collectGarbage(t, e, gcReal).kinds()["function"])

	putOld(t, e, gone[0], 17*day)
	require.Equal(t, gone, collectGarbage(t, e, gcReal).kinds()["function"])
	keys := keysOf(t, e)
	require.NotContains(t, keys, gone[0])
	require.Contains(t, keys, root+"new-0123456789abcdef")
	require.Contains(t, keys, root+"job-0123456789abcdef")
}

func TestGCRefuses(t *testing.T) {
	_, err := session(t, Config{}).Request(gcDry)
	require.Equal(t, errs.Unsupported, errs.KindOf(err), "%v", err)
	e := session(t, Config{Path: t.TempDir()})
	for _, days := range []string{"-1", "1e9"} {
		_, err := e.Request(`{"op": "gc", "keep_days": ` + days + `}`)
		require.Equal(t, errs.Value, errs.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "keep_days is "+map[string]string{"-1": "-1", "1e9": "1e+09"}[days])
	}
	// A job of another version: nobody knows what it needs.
	text, _ := json.Marshal(map[string]any{"protocol": 99, "version": "9.9"})
	require.NoError(t, e.durable.PutBytes(context.Background(), fleet.Root+"20300101-000000-0000000000/job.json", text, blob.PutOptions{}))
	err = ask(t, e, gcReal, nil)
	require.Equal(t, errs.Unsupported, errs.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "9.9")
}

// listed is a driver that tells what was listed.
type listed struct {
	blob.Driver
	prefixes []string
}

func (l *listed) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	l.prefixes = append(l.prefixes, prefix)
	return l.Driver.List(ctx, prefix)
}

func (l *listed) Folders(ctx context.Context, folder string) iter.Seq2[string, error] {
	return blob.New(l.Driver).Folders(ctx, folder)
}

// TestTilesAreNotListed: neither the names nor gc cost requests for the tiles of matrices that have a name.
func TestTilesAreNotListed(t *testing.T) {
	e := session(t, Config{Workers: 1, Path: t.TempDir()})
	for _, name := range []string{"K", "L"} {
		job, err := e.Submit([]*Array{apply(t, e, "exp", nil, spd(50, 1).in(t, e, 5, 5))}, []string{name})
		require.NoError(t, finish(t, job, err))
	}
	putOld(t, e, "half/.computing", time.Hour)
	putOld(t, e, "notes/today.txt", time.Hour)
	putOld(t, e, derivedPrefix+"0123456789abcdef01234567/c/0", time.Minute)
	l := &listed{Driver: e.durable.Driver()}
	e.durable = blob.New(l)
	text, err := e.List()
	require.NoError(t, err)
	var names []struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(text), &names))
	require.Len(t, names, 2)
	require.Equal(t, "L", names[1].Name)
	require.Empty(t, l.prefixes)
	require.Equal(t, []string{"half"}, collectGarbage(t, e, gcDry).kinds()["unfinished"][1:])
	require.ElementsMatch(t, []string{".numpywren/", "half/", "notes/"}, l.prefixes)
}

package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

func TestMatmul(t *testing.T) {
	e := session(t, Config{Workers: 2})
	for _, c := range []struct{ m, k, n int }{{1, 1, 1}, {5, 7, 3}, {64, 64, 64}, {65, 33, 70}, {130, 257, 64}} {
		A, B := randomDense(c.m, c.k, 1), randomDense(c.k, c.n, 2)
		for _, block := range [][2]int64{{1000, 1000}, {32, 32}, {17, 40}} {
			a, b := A.in(t, e, block[0], block[1]), B.in(t, e, block[0], block[1])
			near(t, A.mul(B), read(t, e, apply(t, e, "matmul", nil, a, b)), 10)
		}
	}
}

func TestCholesky(t *testing.T) {
	e := session(t, Config{Workers: 2})
	for _, n := range []int{1, 2, 31, 32, 33, 100, 161} {
		A := spd(n, uint64(n))
		for _, block := range []int64{32, 50, 200} {
			L := read(t, e, apply(t, e, "cholesky", nil, A.in(t, e, block, block)))
			near(t, A, L.mul(L.t()), 10)
			for i := range n {
				for j := i + 1; j < n; j++ {
					require.Zero(t, L.at(i, j))
				}
			}
		}
	}
}

func TestSolve(t *testing.T) {
	e := session(t, Config{Workers: 2})
	A, B := spd(150, 1), randomDense(150, 70, 2)
	x := read(t, e, apply(t, e, "solve", map[string]any{"assume_a": "pos"}, A.in(t, e, 32, 32), B.in(t, e, 32, 32)))
	near(t, B, A.mul(x), 100)
}

// TestBits: the result has the same bits with any number of workers, with and without memory to spare.
func TestBits(t *testing.T) {
	A, B := spd(200, 1), randomDense(200, 64, 2)
	var want *dense
	for _, c := range []Config{{Workers: 1}, {Workers: 4}, {Workers: 2, MemoryLimit: 1 << 20}, {Workers: 3, PipelineWidth: 4, Path: t.TempDir()}} {
		e := session(t, c)
		x := read(t, e, apply(t, e, "solve", map[string]any{"assume_a": "pos"}, A.in(t, e, 32, 32), B.in(t, e, 32, 32)))
		if want == nil {
			want = x
		}
		require.Equal(t, want.v, x.v, "%+v", c)
	}
}

func TestNotPositiveDefinite(t *testing.T) {
	e := session(t, Config{Workers: 2})
	A := spd(100, 1)
	A.v[70*100+70] = -1
	_, err := tryRead(t, e, apply(t, e, "cholesky", nil, A.in(t, e, 32, 32)))
	require.Equal(t, errs.LinAlg, errs.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "cholesky(iter=2)")
	near(t, spd(10, 1), read(t, e, spd(10, 1).in(t, e)), 0) // the session is usable
}

// TestOutOfCore computes with matrices eight times the memory limit.
func TestOutOfCore(t *testing.T) {
	e := session(t, Config{Workers: 2, MemoryLimit: 2 << 20})
	A, B := randomDense(1024, 512, 1), randomDense(512, 1024, 2)
	C := apply(t, e, "matmul", nil, A.in(t, e, 128, 128), B.in(t, e, 128, 128))
	near(t, A.mul(B), read(t, e, C), 10)
	used, spilled, _ := e.space.Usage()
	require.LessOrEqual(t, used, int64(2<<20))
	require.Positive(t, spilled)
}

func TestTooLarge(t *testing.T) {
	e := session(t, Config{Workers: 2, MemoryLimit: 1 << 20})
	_, err := e.StartFromBuffer(newDense(1000, 1000).buffer(), "", []int64{1000, 1000})
	require.Equal(t, errs.Memory, errs.KindOf(err))
	require.ErrorContains(t, err, "block_shape=(")
}

func TestCancel(t *testing.T) {
	e := session(t, Config{Workers: 1})
	A := spd(1500, 1).in(t, e, 64, 64)
	j, err := e.Submit([]*Array{apply(t, e, "cholesky", nil, apply(t, e, "matmul", nil, A, A))}, nil)
	require.NoError(t, err)
	j.Cancel()
	require.True(t, j.Wait(time.Second))
	require.Equal(t, errs.Cancelled, errs.KindOf(j.Err()))
	j.Close()
	require.Zero(t, e.space.Reserved(), "what the job reserved")
}

func TestClosed(t *testing.T) {
	e := session(t, Config{Workers: 1})
	a := randomDense(4, 4, 1).in(t, e)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	_, err := e.Apply("abs", []Operand{{Array: a}}, nil)
	require.Equal(t, errs.Closed, errs.KindOf(err))
	_, err = e.Submit([]*Array{a}, nil)
	require.Equal(t, errs.Closed, errs.KindOf(err))
	require.Contains(t, a.Info(), "float64")
}

func TestNames(t *testing.T) {
	path := t.TempDir()
	A := spd(90, 1)
	e := session(t, Config{Workers: 2, Path: path})
	a := A.named(t, e, "A", 32, 32)
	L := apply(t, e, "cholesky", nil, a)
	j, err := e.Submit([]*Array{L}, []string{"L"})
	require.NoError(t, finish(t, j, err))
	_, err = e.StartFromBuffer(A.buffer(), "A", nil)
	require.Equal(t, errs.Exists, errs.KindOf(err))
	a.Close()
	require.NoError(t, e.Close())

	e = session(t, Config{Workers: 2, Path: path})
	text, err := e.List()
	require.NoError(t, err)
	var infos []info
	require.NoError(t, json.Unmarshal([]byte(text), &infos))
	require.Len(t, infos, 2)
	require.Equal(t, "L", *infos[1].Name)
	L, err = e.OpenMatrix("L")
	require.NoError(t, err)
	defer L.Close()
	got := read(t, e, L)
	near(t, A, got.mul(got.t()), 10)
	require.NoError(t, e.Delete("A"))
	_, err = e.OpenMatrix("A")
	require.Equal(t, errs.Key, errs.KindOf(err))
	require.NoDirExists(t, filepath.Join(path, "A"))
}

func finishKeeping(t *testing.T, j *Job) error {
	t.Helper()
	require.True(t, j.Wait(time.Minute))
	return j.Err()
}

// TestResume: what a crashed session computed is not computed again.
func TestResume(t *testing.T) {
	path := t.TempDir()
	A := spd(160, 1)
	e := session(t, Config{Workers: 2, Path: path})
	a := A.named(t, e, "A", 32, 32)
	want := read(t, e, apply(t, e, "cholesky", nil, a))
	a.Close()
	require.NoError(t, e.Close())

	// The session died before the result was whole, and before its last tiles were written.
	removed := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(path, ".numpywren"), func(name string, d os.DirEntry, err error) error {
		if err == nil && (d.Name() == "zarr.json" || filepath.Base(filepath.Dir(name)) == "4") {
			removed++
			return os.Remove(name)
		}
		return err
	}))
	require.Greater(t, removed, 1)

	e = session(t, Config{Workers: 2, Path: path})
	a, err := e.OpenMatrix("A")
	require.NoError(t, err)
	defer a.Close()
	j, err := e.Submit([]*Array{apply(t, e, "cholesky", nil, a)}, nil)
	require.NoError(t, err)
	require.NoError(t, finishKeeping(t, j))
	var p struct{ Done, Total, Flops float64 }
	require.NoError(t, json.Unmarshal([]byte(j.Progress()), &p))
	j.Close()
	require.Equal(t, p.Total, p.Done)
	require.Less(t, p.Flops, 160.0*160*160/3*0.7, "most was there")
	require.Equal(t, want.v, read(t, e, apply(t, e, "cholesky", nil, a)).v)
}

func TestScratchIsRemoved(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(base, "numpywren-dead"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(base, "numpywren-dead", lockName), nil, 0o600))
	e := session(t, Config{Workers: 1, Scratch: base})
	other := session(t, Config{Workers: 1, Scratch: base})
	found, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Len(t, found, 2, "the dead one's is gone, the living ones' are there")
	require.NoError(t, e.Close())
	require.NoError(t, other.Close())
	found, err = os.ReadDir(base)
	require.NoError(t, err)
	require.Empty(t, found)
}

package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sbinet/npyio/npy"
	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
)

// inMemory makes the buckets of an executor be one store in memory.
func inMemory(t *testing.T, c Config) (*Executor, *blob.Store, *blobtest.Faults) {
	t.Helper()
	e, faults := session(t, c), &blobtest.Faults{}
	store := blob.New(blobtest.WithFaults(blob.MemoryDriver(), faults))
	e.buckets.open = func(context.Context, string) (*blob.Store, error) { return store, nil }
	return e, store, faults
}

func finished(t *testing.T, j *Job) error {
	t.Helper()
	require.True(t, j.Wait(time.Minute))
	t.Cleanup(j.Close)
	return j.Err()
}

// TestNpyObjects: arrays of all shapes go to an object and come back, in tiles of all sizes, with little memory and with much.
func TestNpyObjects(t *testing.T) {
	for _, limit := range []int64{1 << 20, 64 << 20} {
		e, store, _ := inMemory(t, Config{Workers: 2, MemoryLimit: limit})
		for k, c := range []struct{ rows, cols, block int64 }{
			{1, 1, 1}, {3, 0, 5}, {0, 3, 5}, {40, 30, 100}, {300, 200, 64}, {257, 129, 50}, {1000, 300, 100}, {7, 20_000, 90}, {20_000, 7, 90},
		} {
			A, url := randomDense(int(c.rows), int(c.cols), uint64(k)), fmt.Sprintf("s3://bucket/a/%d.npy", k)
			j, err := e.SaveNpy(A.in(t, e, c.block, c.block), url)
			require.NoError(t, err)
			require.NoError(t, finished(t, j))
			got, err := store.ReadAll(context.Background(), fmt.Sprintf("a/%d.npy", k))
			require.NoError(t, err)
			var values []float64
			if c.rows*c.cols > 0 { // npyio does not read empty arrays
				require.NoError(t, npy.Read(bytes.NewReader(got), &values))
				require.Equal(t, A.v, values)
			}
			for _, block := range [][]int64{nil, {c.block, c.block}, {33, 71}} {
				j, err := e.StartFromNpy(url, "", block)
				if limit < 1<<21 && block == nil && errs.KindOf(err) == errs.Memory {
					continue // three tiles of the default size do not fit
				}
				require.NoError(t, err)
				require.NoError(t, finished(t, j))
				near(t, A, read(t, e, j.Result()), 0)
			}
		}
	}
}

// TestNpyObjectRequests: the rows of many tiles are read at once where memory allows it.
func TestNpyObjectRequests(t *testing.T) {
	for limit, most := range map[int64]int64{64 << 20: 12, 2 << 20: 60} {
		e, store, _ := inMemory(t, Config{Workers: 2, MemoryLimit: limit})
		A := randomDense(1000, 500, 1) // 4 MB
		j, err := e.SaveNpy(A.in(t, e, 50, 50), "s3://bucket/x.npy")
		require.NoError(t, err)
		require.NoError(t, finished(t, j))
		before := store.Counters()
		j, err = e.StartFromNpy("s3://bucket/x.npy", "", []int64{50, 50})
		require.NoError(t, err)
		require.NoError(t, finished(t, j))
		near(t, A, read(t, e, j.Result()), 0)
		c := store.Counters().Sub(before)
		require.LessOrEqual(t, c.Gets, most, "limit %d", limit)
		require.Less(t, c.BytesIn, int64(1000*500*8+1000), "every byte is read once")
	}
}

// TestFailedSave: an object that cannot be written whole is not there, and what was there stays.
func TestFailedSave(t *testing.T) {
	e, store, faults := inMemory(t, Config{Workers: 2, MemoryLimit: 1 << 20})
	old := []byte("old")
	require.NoError(t, store.PutBytes(context.Background(), "x.npy", old, blob.PutOptions{}))
	sorry := errors.New("sorry")
	faults.Script(blobtest.Put, sorry)
	j, err := e.SaveNpy(randomDense(300, 300, 1).in(t, e, 50, 50), "s3://bucket/x.npy")
	require.NoError(t, err)
	require.ErrorIs(t, finished(t, j), sorry)
	got, err := store.ReadAll(context.Background(), "x.npy")
	require.NoError(t, err)
	require.Equal(t, old, got)
	require.Zero(t, e.space.Reserved())
}

// TestReplacedSource: a file that is replaced while it is read is not read half and half.
func TestReplacedSource(t *testing.T) {
	e, _, faults := inMemory(t, Config{Workers: 2})
	A := randomDense(100, 100, 1)
	j, err := e.SaveNpy(A.in(t, e, 50, 50), "s3://bucket/x.npy")
	require.NoError(t, err)
	require.NoError(t, finished(t, j))
	faults.Script(blobtest.Get, nil, nil, blob.ErrReplaced, blob.ErrReplaced)
	j, err = e.StartFromNpy("s3://bucket/x.npy", "", []int64{10, 10})
	require.NoError(t, err)
	require.ErrorIs(t, finished(t, j), blob.ErrReplaced)
	require.Zero(t, e.space.Reserved())
}

func TestZarrObject(t *testing.T) {
	e, store, _ := inMemory(t, Config{Workers: 2})
	dir := t.TempDir()
	durable := session(t, Config{Workers: 2, Path: dir})
	A := randomDense(100, 70, 3)
	A.named(t, durable, "X", 30, 30).Close()
	from := blob.NewFile(dir)
	for key, err := range from.List(context.Background(), "X/") {
		require.NoError(t, err)
		p, err := from.ReadAll(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, store.PutBytes(context.Background(), "some/"+key, p, blob.PutOptions{}))
	}
	j, err := e.StartFromZarr("s3://bucket/some/X", "", nil)
	require.NoError(t, err)
	require.NoError(t, finished(t, j))
	near(t, A, read(t, e, j.Result()), 0)
}

func TestBadURLs(t *testing.T) {
	e, _, _ := inMemory(t, Config{Workers: 2})
	for url, kind := range map[string]errs.Kind{
		"s3://bucket/none.npy": errs.NotFound, "s3://bucket": errs.Value, "s3://Bucket/x.npy": errs.Value, "s3://bucket/a/../x.npy": errs.Value,
	} {
		_, err := e.StartFromNpy(url, "", nil)
		require.Equal(t, kind, errs.KindOf(err), "%v", err)
		require.ErrorContains(t, err, url)
	}
	_, err := e.StartFromZarr("s3://bucket/none", "", nil)
	require.Equal(t, errs.NotFound, errs.KindOf(err), "%v", err)
}

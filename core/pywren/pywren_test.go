package pywren

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
	"numpywren/core/sidecar"
	"numpywren/core/sidecar/sidecartest"
	"numpywren/core/tile"
)

func TestMain(m *testing.M) { sidecartest.Main(m) }

var ctx = context.Background()

func newParts(t *testing.T) (*blob.Store, *sidecar.Pool) {
	t.Helper()
	p := sidecar.NewPool(sidecartest.Options(t.TempDir(), 2))
	t.Cleanup(p.Close)
	s := blob.NewMemory()
	for _, word := range sidecartest.Words {
		require.NoError(t, PutFunction(ctx, s, word+"-00", Body{[]byte(word[:2]), nil, []byte(word[2:])}))
	}
	return s, p
}

func payload(t *testing.T, s *blob.Store, id string) string {
	t.Helper()
	_, body, err := GetResult(ctx, s, id)
	require.NoError(t, err)
	defer body.Close()
	p, err := io.ReadAll(body)
	require.NoError(t, err)
	return string(p)
}

func TestRun(t *testing.T) {
	s, p := newParts(t)
	_, _, err := GetResult(ctx, s, "1")
	require.ErrorIs(t, err, blob.ErrNotExist)
	long := strings.Repeat("pieces\n", 1<<17)
	require.NoError(t, PutCall(ctx, s, "1", Call{Function: "upper-00"}, Body{[]byte("some "), []byte(long)}))
	r, err := Run(ctx, s, p, "1")
	require.NoError(t, err)
	require.Equal(t, Returned, r.State)
	require.EqualValues(t, 5+len(long), r.Size)
	require.Equal(t, fmt.Sprintf("upper of %d bytes", r.Size), r.Log)
	require.True(t, payload(t, s, "1") == "SOME "+strings.ToUpper(long))

	require.NoError(t, s.Delete(ctx, functions+"upper-00"))
	again, err := Run(ctx, s, p, "1")
	require.NoError(t, err, "a call that is done is not run again")
	require.Equal(t, r, again)
	require.NoError(t, Delete(ctx, s, "1"))
	for key := range s.List(ctx, Root) {
		t.Error(key, "is left")
	}
}

// TestTwice: two workers run one call, and the first result stays.
func TestTwice(t *testing.T) {
	s, p := newParts(t)
	require.NoError(t, PutCall(ctx, s, "1", Call{Function: "upper-00"}, Body{[]byte("abc")}))
	require.NoError(t, putResult(ctx, s, "other", Result{State: Returned, Size: 1}, Body{[]byte("x")}.write))
	first := blob.New(late{s.Driver(), s, "1"})
	r, err := Run(ctx, first, p, "1")
	require.NoError(t, err)
	require.Equal(t, Returned, r.State)
	require.Equal(t, "first", payload(t, s, "1"))
	r, err = Run(ctx, s, p, "1")
	require.NoError(t, err)
	require.EqualValues(t, 5, r.Size)
}

// late is a store in which somebody else's result comes just before ours.
type late struct {
	blob.Driver
	s  *blob.Store
	id string
}

func (l late) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if err := putResult(ctx, l.s, l.id, Result{State: Returned, Size: 5}, Body{[]byte("first")}.write); err != nil {
		return err
	}
	return l.Driver.Put(ctx, key, size, write, opts)
}

func TestEndings(t *testing.T) {
	s, p := newParts(t)
	for _, c := range []struct {
		call  Call
		state State
		says  string
	}{
		{Call{Function: "raise-00", Name: "f"}, Raised, ""},
		{Call{Function: "exit-00", Name: "f"}, Died, "the Python process ended with exit status 3 while it ran f; it printed:\n  last words"},
		{Call{Function: "half-00", Name: "f"}, Died, "the Python process ended with exit status 4 while it ran f"},
		{Call{Function: "hang-00", Name: "f", Limit: 0.1}, Exceeded, "f ran longer than its time limit of 0.1 seconds: its process was killed"},
	} {
		require.NoError(t, PutCall(ctx, s, c.call.Function, c.call, Body{[]byte("abc")}))
		for range 2 { // the second time from the store
			r, err := Run(ctx, s, p, c.call.Function)
			require.NoError(t, err)
			require.Equal(t, c.state, r.State)
			require.Equal(t, c.says, strings.TrimSpace(r.Message)[:len(c.says)])
		}
	}
	require.Equal(t, "an exception", payload(t, s, "raise-00"))
}

// TestNotDone: what hinders a call is an error, and the call can be run again.
func TestNotDone(t *testing.T) {
	s, p := newParts(t)
	_, err := Run(ctx, s, p, "none")
	require.ErrorIs(t, err, ErrForgotten)
	require.NoError(t, PutCall(ctx, s, "1", Call{Function: "missing-00"}, nil))
	_, err = Run(ctx, s, p, "1")
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.NotErrorIs(t, err, ErrForgotten)
	require.ErrorContains(t, err, "missing-00")
	require.NoError(t, s.PutBytes(ctx, arguments+"2", []byte("no json"), blob.PutOptions{}))
	_, err = Run(ctx, s, p, "2")
	require.ErrorContains(t, err, "arguments/2 is damaged")

	require.NoError(t, PutCall(ctx, s, "3", Call{Function: "upper-00"}, Body{[]byte("abc")}))
	full := blob.New(failing{s.Driver()})
	_, err = Run(ctx, full, p, "3")
	require.ErrorContains(t, err, "the disk is full")
	r, err := Run(ctx, s, p, "3")
	require.NoError(t, err)
	require.Equal(t, Returned, r.State)

	again := blob.New(twice{s.Driver()})
	require.NoError(t, PutCall(ctx, s, "5", Call{Function: "upper-00"}, Body{[]byte("abc")}))
	_, err = Run(ctx, again, p, "5")
	require.NoError(t, err)
	require.Equal(t, "ABC", payload(t, s, "5"))
	require.NoError(t, PutCall(ctx, s, "6", Call{Function: "upper-00"}, Body{make([]byte, inline+1)}))
	_, err = Run(ctx, again, p, "6")
	require.ErrorContains(t, err, "which is gone")
	_, err = Run(ctx, s, p, "6")
	require.NoError(t, err)

	require.NoError(t, PutCall(ctx, s, "4", Call{Function: "hang-00"}, nil))
	ended, cancel := context.WithCancelCause(ctx)
	why := errors.New("why")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	_, err = Run(ended, s, p, "4")
	require.ErrorIs(t, err, why)
	_, _, err = GetResult(ctx, s, "4")
	require.ErrorIs(t, err, blob.ErrNotExist)
}

// twice is a store that fails when all bytes are there, and tries once more.
type twice struct{ blob.Driver }

func (d twice) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if err := write(io.Discard); err != nil {
		return err
	}
	return d.Driver.Put(ctx, key, size, write, opts)
}

// failing is a store without room.
type failing struct{ blob.Driver }

func (f failing) Put(context.Context, string, int64, func(io.Writer) error, blob.PutOptions) error {
	return errs.New(errs.OS, "the disk is full")
}

func newRunner(t *testing.T, workers int) *Runner {
	t.Helper()
	s, p := newParts(t)
	r := NewRunner(s, p, workers)
	t.Cleanup(r.Close)
	return r
}

// gather waits for so many calls to end.
func gather(t *testing.T, r *Runner, n int) map[int64]Ended {
	t.Helper()
	got := map[int64]Ended{}
	for len(got) < n {
		ended, err := r.Ended(10 * time.Second)
		require.NoError(t, err)
		require.NotEmpty(t, ended)
		for _, e := range ended {
			require.NotContains(t, got, e.ID, "told twice")
			got[e.ID] = e
		}
	}
	return got
}

func TestRunner(t *testing.T) {
	r := newRunner(t, 2)
	large := bytes.Repeat([]byte("x"), inline+1)
	first, err := r.Start(Call{Function: "upper-00"}, []Body{{[]byte("a")}, {large}, nil})
	require.NoError(t, err)
	got := gather(t, r, 3)
	require.Equal(t, "A", string(got[first].Payload))
	require.Empty(t, got[first+2].Payload)
	require.True(t, got[first+1].Kept)
	p := make([]byte, got[first+1].Size)
	require.NoError(t, r.Read(first+1, p))
	require.True(t, bytes.Equal(bytes.ToUpper(large), p))
	require.ErrorContains(t, r.Read(first+1, p[1:]), "the buffer")
	require.ErrorContains(t, r.Read(first, nil), "has no result")
	r.Forget(first + 1)
	r.Forget(12345)
	require.Empty(t, r.calls)
	for key := range r.store.List(ctx, Root) {
		t.Error(key, "is left")
	}
	_, err = r.Start(Call{Function: "missing-00"}, []Body{nil})
	require.Equal(t, errs.Key, errs.KindOf(err))
	ended, err := r.Ended(time.Millisecond)
	require.NoError(t, err)
	require.Empty(t, ended)
}

// TestAWorkerForEach: a call that never ends does not keep another from running.
func TestAWorkerForEach(t *testing.T) {
	r := newRunner(t, 2)
	hangs, err := r.Start(Call{Function: "hang-00"}, []Body{nil})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Running(hangs) }, 10*time.Second, time.Millisecond)
	quick, err := r.Start(Call{Function: "upper-00"}, []Body{nil})
	require.NoError(t, err)
	require.Contains(t, gather(t, r, 1), quick)
	require.True(t, r.Cancel(hangs))
	require.False(t, r.Cancel(hangs))
	require.Equal(t, Cancelled, gather(t, r, 1)[hangs].State)
	require.False(t, r.Running(hangs))
}

func TestCancelAndClose(t *testing.T) {
	r := newRunner(t, 1)
	first, err := r.Start(Call{Function: "hang-00"}, make([]Body, 5))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Running(first) }, 10*time.Second, time.Millisecond)
	require.True(t, r.Cancel(first+1), "one that waits")
	require.Contains(t, gather(t, r, 1), first+1)
	r.Forget(first) // one that runs
	require.Eventually(t, func() bool { return r.Running(first + 2) }, 10*time.Second, time.Millisecond)
	r.Close()
	got := gather(t, r, 3)
	for k := int64(2); k < 5; k++ {
		require.Equal(t, Cancelled, got[first+k].State)
	}
	_, err = r.Ended(time.Minute)
	require.Equal(t, errs.Closed, errs.KindOf(err))
	_, err = r.Start(Call{Function: "upper-00"}, []Body{nil})
	require.Equal(t, errs.Closed, errs.KindOf(err))
}

// TestFresh: a function that is there is written again when it was not for a while, and not before.
func TestFresh(t *testing.T) {
	dir := t.TempDir()
	s := blob.NewFile(dir)
	put := func() time.Time {
		require.NoError(t, PutFunction(ctx, s, "upper-00", Body{[]byte("upper")}))
		attr, err := s.Stat(ctx, functions+"upper-00")
		require.NoError(t, err)
		return attr.Modified
	}
	put()
	for age, again := range map[time.Duration]bool{Fresh - time.Minute: false, Fresh + time.Minute: true} {
		old := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(dir+"/"+functions+"upper-00", old, old))
		require.Equal(t, again, put().Sub(old) > time.Minute, "%v", age)
	}
	require.NoError(t, s.Delete(ctx, functions+"upper-00"))
	require.ErrorIs(t, KeepFunction(ctx, s, "upper-00"), blob.ErrNotExist, "nobody has its bytes")
	key, ok := FunctionOf(functions + "upper-00")
	require.True(t, ok)
	require.Equal(t, "upper-00", key)
	for _, other := range []string{functions, functions + "a/b", Root + "arguments/a/1", "upper-00"} {
		_, ok := FunctionOf(other)
		require.False(t, ok, other)
	}
}

func TestBlocks(t *testing.T) {
	s, p := newParts(t)
	b := NewBlocks(s, p)
	pool := tile.NewPool(1 << 20)
	in, err := pool.New(tile.Bool, []int64{3, 2})
	require.NoError(t, err)
	defer in.Release()
	out, err := pool.New(tile.Bool, []int64{3, 2})
	require.NoError(t, err)
	defer out.Release()
	copy(in.Bytes(), "abcdef")
	require.NoError(t, b.Block(ctx, "upper-00", []*tile.Tile{in}, out))
	require.Equal(t, "ABCDEF", string(out.Bytes()))

	err = b.Block(ctx, "raise-00", []*tile.Tile{in}, out)
	require.EqualError(t, err, "raise raised KeyError: 'x'\n\nwhere it was")
	require.Equal(t, errs.Function, errs.KindOf(err))
	err = b.Block(ctx, "exit-00", []*tile.Tile{in}, out)
	require.ErrorContains(t, err, "exit status 3 while it ran exit")
	require.Equal(t, errs.Function, errs.KindOf(err))
	require.Equal(t, errs.Key, errs.KindOf(b.Block(ctx, "missing-00", []*tile.Tile{in}, out)))
	err = b.Block(ctx, "upper-00", []*tile.Tile{in, in}, out)
	require.ErrorContains(t, err, "a block of 12 bytes came back, not of 6")
	ended, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Block(ended, "hang-00", []*tile.Tile{in}, out), context.DeadlineExceeded)
}

func TestSpill(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Driver { return SpillDriver(blob.FileDriver(t.TempDir())) })
	dir := t.TempDir()
	s := NewSpill(blob.FileDriver(dir))
	require.NoError(t, s.PutBytes(ctx, "k", make([]byte, inline), blob.PutOptions{}))
	require.Empty(t, entries(t, dir))
	require.NoError(t, s.PutBytes(ctx, "k", make([]byte, inline+1), blob.PutOptions{}))
	require.Equal(t, []string{"k"}, entries(t, dir))
	require.ErrorIs(t, s.PutBytes(ctx, "k", nil, blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
	require.NoError(t, s.PutBytes(ctx, "k", nil, blob.PutOptions{}))
	require.Empty(t, entries(t, dir))
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

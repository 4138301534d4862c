// Package blobtest holds every driver of package blob to the same behaviour, and makes drivers fail as tests ask.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

var ctx = context.Background()

// Run holds a driver to the suite, less the tests that are named. open gives an empty place each time.
func Run(t *testing.T, open func(t *testing.T) blob.Driver, without ...string) {
	for name, test := range map[string]func(*testing.T, *blob.Store){
		"PutGet": putGet, "Missing": missing, "Keys": badKeys, "List": list, "Folders": folders, "ListWhileDeleting": listWhileDeleting,
		"Replace": replace, "FailedPut": failedPut, "IfNoneMatch": ifNoneMatch, "OneCreator": oneCreator, "Atomic": atomicPut,
		"Again": again, "Ranges": ranges, "ReaderAt": readerAt, "Large": large, "LargeReplaced": largeReplaced, "Unicode": unicode,
		"ListMany": listMany, "Scan": scan, "DeleteAll": deleteAll, "Sizes": wrongSizes, "Cancelled": cancelled, "Counters": counters,
	} {
		if !slices.Contains(without, name) {
			t.Run(name, func(t *testing.T) { test(t, blob.New(open(t))) })
		}
	}
}

func put(t *testing.T, s *blob.Store, key string, p []byte) {
	t.Helper()
	require.NoError(t, s.PutBytes(ctx, key, p, blob.PutOptions{}))
}

func requireObject(t *testing.T, s *blob.Store, key string, want []byte) {
	t.Helper()
	got, err := s.ReadAll(ctx, key)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), key)
	attr, err := s.Stat(ctx, key)
	require.NoError(t, err)
	require.EqualValues(t, len(want), attr.Size)
}

func list1(t *testing.T, s *blob.Store, prefix string) []string {
	t.Helper()
	keys := []string{}
	for key, err := range s.List(ctx, prefix) {
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys
}

func putGet(t *testing.T, s *blob.Store) {
	for _, n := range []int{0, 1, 4095, 3 << 20} {
		p := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
		for _, key := range []string{fmt.Sprint("n", n), fmt.Sprintf("a/b.c/%d/d e-ü", n)} {
			put(t, s, key, p)
			requireObject(t, s, key, p)
		}
	}
}

func missing(t *testing.T, s *blob.Store) {
	put(t, s, "a/b", nil)
	for _, key := range []string{"x", "a/x", "x/y/z"} {
		_, err := s.Get(ctx, key)
		require.ErrorIs(t, err, blob.ErrNotExist)
		require.ErrorContains(t, err, key)
		_, err = s.Stat(ctx, key)
		require.ErrorIs(t, err, blob.ErrNotExist)
		require.NoError(t, s.Delete(ctx, key))
	}
	require.Empty(t, list1(t, s, "x"))
	require.Empty(t, list1(t, s, "x/y/"))
}

func badKeys(t *testing.T, s *blob.Store) {
	for _, key := range []string{"", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", "a\\b", "a\x00b"} {
		_, err := s.Get(ctx, key)
		require.Equal(t, errs.Value, errs.KindOf(err), "%q", key)
		_, err = s.Stat(ctx, key)
		require.Equal(t, errs.Value, errs.KindOf(err), "%q", key)
		require.Equal(t, errs.Value, errs.KindOf(s.Delete(ctx, key)), "%q", key)
		require.Equal(t, errs.Value, errs.KindOf(s.PutBytes(ctx, key, nil, blob.PutOptions{})), "%q", key)
	}
	for _, prefix := range []string{"../", "a/../b", "/", "a//b"} {
		for _, err := range s.List(ctx, prefix) {
			require.Equal(t, errs.Value, errs.KindOf(err), "%q", prefix)
		}
	}
}

func folders1(t *testing.T, s *blob.Store, folder string) []string {
	t.Helper()
	names := []string{}
	for name, err := range s.Folders(ctx, folder) {
		require.NoError(t, err)
		names = append(names, name)
	}
	return names
}

func folders(t *testing.T, s *blob.Store) {
	for _, key := range []string{"a", "a-b/c", "a.b/c", "ab/c", "ab/c-d/x", "ab/d/e", "ab/d/f/g", "ab/ü&</e", ".h/x"} {
		put(t, s, key, nil)
	}
	require.Equal(t, []string{".h", "a-b", "a.b", "ab"}, folders1(t, s, ""))
	require.Equal(t, []string{"c-d", "d", "ü&<"}, folders1(t, s, "ab/"))
	require.Equal(t, []string{"f"}, folders1(t, s, "ab/d/"))
	for _, none := range []string{"a/", "x/", "ab/c/", "ab/d/f/"} {
		require.Empty(t, folders1(t, s, none), none)
	}
	put(t, s, "aa/1", nil) // "a-b/" and "a.b/" stand before "a/"
	put(t, s, "b/1", nil)
	require.NoError(t, s.Delete(ctx, "ab/c-d/x"))
	require.Equal(t, []string{"d", "ü&<"}, folders1(t, s, "ab/"))
	for range s.Folders(ctx, "") {
		break
	}
	for _, wrong := range []string{"ab", "../", "a//", "/"} {
		for _, err := range s.Folders(ctx, wrong) {
			require.Equal(t, errs.Value, errs.KindOf(err), "%q", wrong)
		}
	}
}

func list(t *testing.T, s *blob.Store) {
	keys := []string{"a", "a-b", "a.b/c", "ab/c", "ab/c-d", "ab/d/e", "ab/d-/e", "ab/d0", "b/1", "b/10", "b/2", ".h/x"}
	for _, key := range keys {
		put(t, s, key, []byte(key))
	}
	slices.Sort(keys)
	require.Equal(t, keys, list1(t, s, ""))
	for _, prefix := range []string{"a", "ab", "ab/", "ab/d", "ab/d/", "b/1", "c", "a.b/c", ".h"} {
		want := []string{}
		for _, key := range keys {
			if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
				want = append(want, key)
			}
		}
		require.Equal(t, want, list1(t, s, prefix), prefix)
	}
	n := 0
	for range s.List(ctx, "") {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

func listWhileDeleting(t *testing.T, s *blob.Store) {
	for k := range 100 {
		put(t, s, fmt.Sprintf("m/c/%d/%d", k/7, k), nil)
	}
	put(t, s, "n/c/0", nil)
	deleted := 0
	for key, err := range s.List(ctx, "m/") {
		require.NoError(t, err)
		require.NoError(t, s.Delete(ctx, key))
		deleted++
	}
	require.Equal(t, 100, deleted)
	require.Equal(t, []string{"n/c/0"}, list1(t, s, ""))
}

// replace: a reader that has begun keeps what it reads.
func replace(t *testing.T, s *blob.Store) {
	old := bytes.Repeat([]byte("old"), 1<<20)
	put(t, s, "k", old)
	r, err := s.Get(ctx, "k")
	require.NoError(t, err)
	defer r.Close()
	put(t, s, "k", []byte("new"))
	p, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(old, p))
	requireObject(t, s, "k", []byte("new"))
}

// failedPut: an object whose bytes do not all come is not there, and what was there stays.
func failedPut(t *testing.T, s *blob.Store) {
	sorry := errors.New("sorry")
	half := func(w io.Writer) error {
		_, err := w.Write(make([]byte, 100))
		return errors.Join(err, sorry)
	}
	for _, none := range []bool{false, true} {
		err := s.Put(ctx, "a/k", 200, half, blob.PutOptions{IfNoneMatch: none})
		require.ErrorIs(t, err, sorry)
		_, err = s.Stat(ctx, "a/k")
		require.ErrorIs(t, err, blob.ErrNotExist)
	}
	put(t, s, "a/k", []byte("old"))
	require.ErrorIs(t, s.Put(ctx, "a/k", 200, half, blob.PutOptions{}), sorry)
	requireObject(t, s, "a/k", []byte("old"))
	require.Equal(t, []string{"a/k"}, list1(t, s, ""))
}

func ifNoneMatch(t *testing.T, s *blob.Store) {
	require.NoError(t, s.PutBytes(ctx, "k", []byte("1"), blob.PutOptions{IfNoneMatch: true}))
	require.ErrorIs(t, s.PutBytes(ctx, "k", []byte("2"), blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
	requireObject(t, s, "k", []byte("1"))
	require.NoError(t, s.Delete(ctx, "k"))
	require.NoError(t, s.PutBytes(ctx, "k", []byte("3"), blob.PutOptions{IfNoneMatch: true}))
	requireObject(t, s, "k", []byte("3"))
}

func oneCreator(t *testing.T, s *blob.Store) {
	for round := range 20 {
		var won atomic.Int64
		var wg sync.WaitGroup
		for k := range 16 {
			wg.Go(func() {
				switch err := s.PutBytes(ctx, fmt.Sprint("k", round), []byte{byte(k)}, blob.PutOptions{IfNoneMatch: true}); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, blob.ErrExists):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
	}
}

// atomicPut: who reads while others write sees one of the objects, whole.
func atomicPut(t *testing.T, s *blob.Store) {
	put(t, s, "k", bytes.Repeat([]byte{0}, 1<<16))
	var writers sync.WaitGroup
	var stop atomic.Bool
	for k := range 3 {
		writers.Go(func() {
			for n := 0; n < 30; n++ {
				if err := s.PutBytes(ctx, "k", bytes.Repeat([]byte{byte(k)}, 1<<16), blob.PutOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); stop.Store(true) }()
	for !stop.Load() {
		p, err := s.ReadAll(ctx, "k")
		require.NoError(t, err)
		require.Len(t, p, 1<<16)
		require.Equal(t, len(p), bytes.Count(p, p[:1]))
	}
}

// again: a folder that emptied, and so went away, can be written to again, by several at once.
func again(t *testing.T, s *blob.Store) {
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for range 50 {
				key := fmt.Sprint("a/b/", k)
				if err := s.PutBytes(ctx, key, nil, blob.PutOptions{}); err != nil {
					t.Error(err)
				}
				if err := s.Delete(ctx, key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, list1(t, s, ""))
}

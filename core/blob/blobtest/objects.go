package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

// random is n bytes that are not alike anywhere.
func random(seed uint64, n int) []byte {
	p := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = rng.Read(p)
	return p
}

func ranges(t *testing.T, s *blob.Store) {
	const n = 100_000
	p := random(1, n)
	put(t, s, "a/k", p)
	put(t, s, "a/empty", nil)
	for _, r := range [][2]int64{{0, n}, {0, 1}, {n - 1, 1}, {5, 70_000}, {n - 10, 100}, {n, 10}, {n + 5, 1}, {7, 0}, {0, 1 << 40}} {
		got := readRange(t, s, "a/k", r[0], r[1])
		lo := min(r[0], n)
		require.True(t, bytes.Equal(p[lo:min(lo+r[1], n)], got), "%v: %d bytes", r, len(got))
	}
	require.Empty(t, readRange(t, s, "a/empty", 0, 10))
	for _, r := range [][2]int64{{-1, 5}, {5, -1}, {1 << 62, 1 << 62}} {
		_, err := s.GetRange(ctx, "a/k", r[0], r[1])
		require.Equal(t, errs.Value, errs.KindOf(err), "%v", r)
	}
	for _, length := range []int64{0, 5} {
		_, err := s.GetRange(ctx, "a/none", 0, length)
		require.ErrorIs(t, err, blob.ErrNotExist)
	}
}

func readRange(t *testing.T, s *blob.Store, key string, offset, length int64) []byte {
	t.Helper()
	r, err := s.GetRange(ctx, key, offset, length)
	require.NoError(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	return got
}

// readerAt: all reads are of the version that was looked up.
func readerAt(t *testing.T, s *blob.Store) {
	const n = 50_000
	p := random(2, n)
	put(t, s, "k", p)
	r, err := s.ReaderAt(ctx, "k")
	require.NoError(t, err)
	require.EqualValues(t, n, r.Size())
	got := make([]byte, 1000)
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			got, at := make([]byte, 1000), int64(k*10_000)
			if m, err := r.ReadAt(got, at); m != 1000 || err != nil || !bytes.Equal(got, p[at:at+1000]) {
				t.Errorf("%d bytes at %d: %v", m, at, err)
			}
		})
	}
	wg.Wait()
	m, err := r.ReadAt(got, n-300)
	require.ErrorIs(t, err, io.EOF)
	require.True(t, bytes.Equal(p[n-300:], got[:m]))
	_, err = r.ReadAt(got, n)
	require.ErrorIs(t, err, io.EOF)
	put(t, s, "k", random(3, n))
	_, err = r.ReadAt(got, 0)
	require.ErrorIs(t, err, blob.ErrReplaced)
	require.NoError(t, s.Delete(ctx, "k"))
	_, err = r.ReadAt(got, 0)
	require.ErrorIs(t, err, blob.ErrNotExist)
}

// large: objects of several parts, written in pieces of all sizes, come back whole, in any pace and to several at once.
func large(t *testing.T, s *blob.Store) {
	part := int(blob.PartSize(0))
	for k, n := range []int{part - 1, part, part + 1, 2 * part, 3*part + part/2 + 17} {
		p := random(uint64(10+k), n)
		key := fmt.Sprint("large/", k)
		for _, piece := range []int{1 << 20, part + 5, n} {
			require.NoError(t, s.Put(ctx, key, int64(n), func(w io.Writer) error {
				for piece := range slices.Chunk(p, piece) {
					if _, err := w.Write(piece); err != nil {
						return err
					}
				}
				return nil
			}, blob.PutOptions{}))
			requireObject(t, s, key, p)
		}
		require.ErrorIs(t, s.PutBytes(ctx, key, p, blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
		lo := int64(n / 3)
		require.True(t, bytes.Equal(p[lo:], readRange(t, s, key, lo, int64(n))))
	}
	both, err := s.Get(ctx, "large/4") // one is open, unread, while others read
	require.NoError(t, err)
	defer both.Close()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if p, err := s.ReadAll(ctx, "large/4"); err != nil || !bytes.Equal(p, random(14, 3*part+part/2+17)) {
				t.Error("a large object that several read:", err)
			}
		})
	}
	wg.Wait()
	failed := errors.New("sorry")
	err = s.Put(ctx, "large/none", int64(3*part), func(w io.Writer) error {
		_, err := w.Write(make([]byte, 2*part))
		return errors.Join(err, failed)
	}, blob.PutOptions{})
	require.ErrorIs(t, err, failed)
	_, err = s.Stat(ctx, "large/none")
	require.ErrorIs(t, err, blob.ErrNotExist)
}

// largeReplaced: who reads a large object while others replace it gets one of them, whole.
func largeReplaced(t *testing.T, s *blob.Store) {
	n := int(2*blob.PartSize(0) + 100)
	write := func(k byte) error { return s.PutBytes(ctx, "k", bytes.Repeat([]byte{k}, n), blob.PutOptions{}) }
	require.NoError(t, write(0))
	done := make(chan error, 1)
	go func() {
		var err error
		for k := byte(1); k < 6 && err == nil; k++ {
			err = write(k)
		}
		done <- err
	}()
	for reading := true; reading; {
		select {
		case err := <-done:
			require.NoError(t, err)
			reading = false
		default:
		}
		p, err := s.ReadAll(ctx, "k")
		if errors.Is(err, blob.ErrReplaced) {
			continue // again and again, and said so
		}
		require.NoError(t, err)
		require.Len(t, p, n)
		require.Equal(t, n, bytes.Count(p, p[:1]), "parts of different objects")
	}
}

func unicode(t *testing.T, s *blob.Store) {
	keys := []string{"ä/ö", "日本/語", "a b/c+d", "e&f=g", "h%20i", "j?k#l", "<m>'\"", "𝄞", "~", "z*(!)"}
	for _, key := range keys {
		put(t, s, key, []byte(key))
	}
	slices.Sort(keys)
	require.Equal(t, keys, list1(t, s, ""))
	require.Equal(t, []string{"日本/語"}, list1(t, s, "日"))
	for _, key := range keys {
		requireObject(t, s, key, []byte(key))
		require.NoError(t, s.Delete(ctx, key))
	}
	require.Empty(t, list1(t, s, ""))
}

// listMany: more keys than a page has, in order.
func listMany(t *testing.T, s *blob.Store) {
	var keys []string
	for k := range 2100 {
		keys = append(keys, fmt.Sprintf("m/%d/%d/x", k%2, k))
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(keys, 300) {
		wg.Go(func() {
			for _, key := range part {
				if err := s.PutBytes(ctx, key, nil, blob.PutOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(keys)
	require.Equal(t, keys, list1(t, s, ""))
	require.Equal(t, keys[:1050], list1(t, s, "m/0/"))
	require.Equal(t, []string{"0", "1"}, folders1(t, s, "m/"))
	require.Len(t, folders1(t, s, "m/1/"), 1050)
	require.NoError(t, s.DeleteAll(ctx, s.List(ctx, "m/")))
	require.Empty(t, list1(t, s, ""))
}

// scan tells the same of objects as List and Stat do.
func scan(t *testing.T, s *blob.Store) {
	began := time.Now().Add(-time.Minute) // clocks differ
	for k, key := range []string{"b/2", "a", "b/1/x", "c"} {
		put(t, s, key, random(uint64(k), 10*k))
	}
	var keys []string
	for o, err := range s.Scan(ctx, "b/") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
		attr, err := s.Stat(ctx, o.Key)
		require.NoError(t, err)
		require.Equal(t, attr.Size, o.Size)
		require.Equal(t, attr.Version, o.Version)
		require.True(t, attr.Modified.Equal(o.Modified) || attr.Modified.Truncate(time.Second).Equal(o.Modified.Truncate(time.Second)), "%v %v", attr, o)
		require.True(t, o.Modified.After(began) && o.Modified.Before(time.Now().Add(time.Minute)), "%v", o.Modified)
	}
	require.Equal(t, []string{"b/1/x", "b/2"}, keys)
	for range s.Scan(ctx, "") {
		break
	}
	for _, err := range s.Scan(ctx, "../") {
		require.Equal(t, errs.Value, errs.KindOf(err))
	}
}

func deleteAll(t *testing.T, s *blob.Store) {
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		put(t, s, key, nil)
	}
	all := func(keys ...string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
	require.NoError(t, s.DeleteAll(ctx, all("a/1", "a/none", "b/1")))
	require.Equal(t, []string{"a/2"}, list1(t, s, ""))
	require.NoError(t, s.DeleteAll(ctx, all()))
	require.Equal(t, errs.Value, errs.KindOf(s.DeleteAll(ctx, all("../a"))))
	sorry := errors.New("sorry")
	require.ErrorIs(t, s.DeleteAll(ctx, func(yield func(string, error) bool) { yield("", sorry) }), sorry)
	require.Equal(t, []string{"a/2"}, list1(t, s, ""))
}

// wrongSizes: an object has the size that was announced, or there is none.
func wrongSizes(t *testing.T, s *blob.Store) {
	for _, size := range []int64{0, 99, 101, 20 << 20} {
		err := s.Put(ctx, "k", size, func(w io.Writer) error {
			_, err := w.Write(make([]byte, 100))
			return err
		}, blob.PutOptions{})
		require.Equal(t, errs.Internal, errs.KindOf(err), size)
		_, err = s.Stat(ctx, "k")
		require.ErrorIs(t, err, blob.ErrNotExist)
	}
}

// cancelled: what is asked with a context that has ended is not done, or not reported as anything else.
func cancelled(t *testing.T, s *blob.Store) {
	put(t, s, "k", []byte("1"))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range []error{
		s.PutBytes(ended, "k2", make([]byte, 100), blob.PutOptions{}),
		s.Delete(ended, "k3"),
		func() error { _, err := s.ReadAll(ended, "k"); return err }(),
	} {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
	requireObject(t, s, "k", []byte("1"))
}

func counters(t *testing.T, s *blob.Store) {
	before := s.Counters()
	put(t, s, "k", make([]byte, 1000))
	_, err := s.ReadAll(ctx, "k")
	require.NoError(t, err)
	readRange(t, s, "k", 100, 200)
	_, err = s.Stat(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, []string{"k"}, list1(t, s, ""))
	require.NoError(t, s.Delete(ctx, "k"))
	c := s.Counters().Sub(before)
	for _, n := range []int64{c.Gets, c.Puts, c.Lists, c.Heads, c.Deletes} {
		require.Positive(t, n)
	}
	require.EqualValues(t, 2, c.Gets)
	require.EqualValues(t, 1, c.Puts)
	require.EqualValues(t, 1000, c.BytesOut)
	require.GreaterOrEqual(t, c.BytesIn, int64(1200)) // a list has a body too
	require.Zero(t, c.Retries)
}

package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/blob/s3"
	"numpywren/core/errs"
)

const mib = 1 << 20

// TestFake holds the fake to the suite: what follows would prove nothing otherwise.
func TestFake(t *testing.T) {
	if testing.Short() {
		t.Skip("the real servers are held to it")
	}
	blobtest.Run(t, func(t *testing.T) blob.Driver { return newFake(t).driver(t) }, "Unicode")
}

func random(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(p)
	return p
}

// TestAgain: what S3 asks to repeat, and what the network loses, is repeated.
func TestAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"conflict": answer(409, "ConditionalRequestConflict", ""), "internal": answer(500, "InternalError", ""),
		"unavailable": answer(503, "ServiceUnavailable", ""), "reset": reset, "digest": answer(400, "BadDigest", ""),
		"timeout": answer(400, "RequestTimeout", ""), "folder": answer(409, "ExistingObjectIsDirectory", ""),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.store(t)
			p := random(20 * mib)
			require.NoError(t, s.Check(ctx))
			for _, op := range []string{"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject",
				"ListObjectsV2", "DeleteObject", "HeadObject"} {
				f.fails(op, fault, fault)
			}
			require.NoError(t, s.PutBytes(ctx, "small", p[:100], blob.PutOptions{IfNoneMatch: true}))
			require.NoError(t, s.PutBytes(ctx, "large", p, blob.PutOptions{IfNoneMatch: true}))
			got, err := s.ReadAll(ctx, "large")
			require.NoError(t, err)
			require.True(t, bytes.Equal(p, got))
			for _, err := range s.List(ctx, "") {
				require.NoError(t, err)
			}
			require.NoError(t, s.Delete(ctx, "small"))
			if name != "digest" && name != "conflict" && name != "timeout" && name != "folder" { // a HEAD's answer has no body that could say so
				_, err = s.Stat(ctx, "large")
				require.NoError(t, err)
			}
			require.GreaterOrEqual(t, s.Counters().Retries, int64(8)) // net/http repeats some by itself
		})
	}
}

// TestSlowDown: the requests of the store become fewer, and succeed.
func TestSlowDown(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	require.NoError(t, s.Check(ctx))
	slow := answer(503, "SlowDown", "")
	f.fails("PutObject", slow, slow)
	require.NoError(t, s.PutBytes(ctx, "k", []byte("1"), blob.PutOptions{}))
	require.Equal(t, 3, f.requests("PutObject"))
	require.EqualValues(t, 2, s.Counters().Retries)
}

// breaking serves a part of what was asked for, and then breaks the connection.
func (f *fake) breaking(after int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.serve("GetObject", &cut{w, after}, r)
	}
}

type cut struct {
	http.ResponseWriter
	left int64
}

func (c *cut) Write(p []byte) (int, error) {
	_, _ = c.ResponseWriter.Write(p[:min(int64(len(p)), c.left)])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// TestBrokenBodies: a body that breaks off is asked for again from there, of the same version.
func TestBrokenBodies(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	p := random(40*mib + 5)
	for _, n := range []int{1000, 9 * mib, len(p)} {
		require.NoError(t, s.PutBytes(ctx, "k", p[:n], blob.PutOptions{}))
		f.fails("GetObject", f.breaking(10), f.breaking(100), f.breaking(1), f.breaking(0), f.breaking(700_000))
		got, err := s.ReadAll(ctx, "k")
		require.NoError(t, err)
		require.True(t, bytes.Equal(p[:n], got), n)
	}
	require.GreaterOrEqual(t, s.Counters().Retries, int64(10))
	f.fails("GetObject", f.breaking(10))
	r, err := s.Get(ctx, "k")
	require.NoError(t, err)
	defer r.Close()
	f.mu.Lock()
	f.objects["prefix/k"] = p[:5]
	f.mu.Unlock()
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, blob.ErrReplaced)
	got, err := s.ReadAll(ctx, "k")
	require.NoError(t, err)
	require.True(t, bytes.Equal(p[:5], got))
}

// TestDamage: bytes that are not those that were written are an error, in objects of one request and of several.
func TestDamage(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	for _, n := range []int{1, 1000, 40 * mib} {
		require.NoError(t, s.PutBytes(ctx, "k", random(n), blob.PutOptions{}))
		f.fails("GetObject", func(w http.ResponseWriter, r *http.Request) { f.serve("GetObject", &flipping{w}, r) })
		_, err := s.ReadAll(ctx, "k")
		require.Equal(t, errs.OS, errs.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "damaged")
		_, err = s.ReadAll(ctx, "k")
		require.NoError(t, err)
	}
}

// TestMixture: a server that compares the version first and then gives the bytes of the object that has just taken its place.
func TestMixture(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	for _, n := range []int{1000, 40 * mib} {
		old, other := random(n), random(n + 1)[1:]
		require.NoError(t, s.PutBytes(ctx, "k", old, blob.PutOptions{}))
		f.fails("GetObject", func(w http.ResponseWriter, r *http.Request) {
			f.serve("GetObject", &flipping{w}, r)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.objects["prefix/k"] = other
		})
		got, err := s.ReadAll(ctx, "k")
		require.NoError(t, err)
		require.True(t, bytes.Equal(other, got))
	}
}

type flipping struct{ http.ResponseWriter }

func (w *flipping) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	p[0] ^= 1
	return w.ResponseWriter.Write(p)
}

// TestLostAnswer: an object whose completion was done, though its answer was lost, is there.
func TestLostAnswer(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	p := random(20 * mib)
	require.NoError(t, s.Check(ctx))
	f.fails("CompleteMultipartUpload", func(w http.ResponseWriter, r *http.Request) {
		f.serve("CompleteMultipartUpload", &cut{w, 0}, r)
	})
	require.NoError(t, s.PutBytes(ctx, "k", p, blob.PutOptions{}))
	require.Equal(t, 2, f.requests("CompleteMultipartUpload"))
	got, err := s.ReadAll(ctx, "k")
	require.NoError(t, err)
	require.True(t, bytes.Equal(p, got))
}

// TestFailedPart: an upload of which a part fails for good leaves nothing, not even parts.
func TestFailedPart(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	f.fails("UploadPart", nil, answer(403, "AccessDenied", "no"))
	err := s.PutBytes(ctx, "k", random(60*mib), blob.PutOptions{})
	require.ErrorContains(t, err, "s3:PutObject on arn:aws:s3:::bucket/prefix/k")
	require.Equal(t, 1, f.requests("AbortMultipartUpload"))
	require.Empty(t, f.uploads)
	require.Empty(t, f.objects)
}

// TestRequests: no more are sent than the transfer needs, and all bytes once.
func TestRequests(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	n := 32*mib + 4
	require.NoError(t, s.PutBytes(ctx, "k", random(n), blob.PutOptions{}))
	c := s.Counters()
	require.Equal(t, blob.Counters{Puts: 6, BytesOut: c.BytesOut}, blob.Counters{Puts: c.Puts, Gets: c.Gets, BytesOut: c.BytesOut})
	require.InDelta(t, n, c.BytesOut, 4000) // the request that completes has a body too
	before := s.Counters()
	_, err := s.ReadAll(ctx, "k")
	require.NoError(t, err)
	c = s.Counters().Sub(before)
	require.EqualValues(t, 4, c.Gets)
	require.GreaterOrEqual(t, c.BytesIn, int64(n))
	require.Less(t, c.BytesIn, int64(n+mib))
	require.Zero(t, c.Puts+c.Heads+c.Lists+c.Deletes+c.Retries)
}

// TestConnections: requests that follow each other go over one connection, whatever their answers.
func TestConnections(t *testing.T) {
	f := newFake(t)
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(f)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s, err := s3.Open(ctx, "s3://bucket/prefix", s3.Options{Endpoint: server.URL})
	require.NoError(t, err)
	buffer := make([]byte, mib)
	for range 20 {
		require.NoError(t, s.PutBytes(ctx, "k", buffer, blob.PutOptions{}))
		r, err := s.Get(ctx, "k")
		require.NoError(t, err)
		_, err = io.ReadFull(r, buffer) // and not to the end of the file, as those do who know the size
		require.NoError(t, err)
		require.NoError(t, r.Close())
		_, err = s.Get(ctx, "none")
		require.ErrorIs(t, err, blob.ErrNotExist)
		require.ErrorIs(t, s.PutBytes(ctx, "k", nil, blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
	}
	require.LessOrEqual(t, opened.Load(), int64(2))
}

// TestCancelIsPrompt: a read and a write that hang end when their context does.
func TestCancelIsPrompt(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	require.NoError(t, s.PutBytes(ctx, "k", random(mib), blob.PutOptions{}))
	release := make(chan struct{})
	defer close(release)
	hang := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", strconv.Itoa(mib))
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	}
	for op, call := range map[string]func(context.Context) error{
		"GetObject":     func(ctx context.Context) error { _, err := s.ReadAll(ctx, "k"); return err },
		"PutObject":     func(ctx context.Context) error { return s.PutBytes(ctx, "k2", random(mib), blob.PutOptions{}) },
		"UploadPart":    func(ctx context.Context) error { return s.PutBytes(ctx, "k2", random(20*mib), blob.PutOptions{}) },
		"ListObjectsV2": s.Check,
	} {
		hangs := make(chan struct{})
		f.fails(op, func(w http.ResponseWriter, r *http.Request) { close(hangs); hang(w, r) })
		inner, cancel := context.WithCancel(ctx)
		failed := make(chan error, 1)
		go func() { failed <- call(inner) }()
		<-hangs
		begun := time.Now()
		cancel()
		require.ErrorIs(t, <-failed, context.Canceled, op)
		require.Less(t, time.Since(begun), 2*time.Second, op)
	}
}

// TestNestedErrors: what the writer says of itself comes back as it was said.
func TestNestedErrors(t *testing.T) {
	s := newFake(t).store(t)
	sorry := errors.New("sorry")
	for _, n := range []int64{100, 20 * mib} {
		err := s.Put(ctx, "k", n, func(w io.Writer) error {
			_, err := io.Copy(w, strings.NewReader("some"))
			return errors.Join(err, sorry)
		}, blob.PutOptions{})
		require.ErrorIs(t, err, sorry)
	}
}

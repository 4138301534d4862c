package s3_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
)

// certificate makes a self-signed certificate for loopback: the paths of it and of its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	write := func(name, kind string, p []byte) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: p}), 0o600))
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", raw)
}

// TestTLS: over TLS, as production is, checksums and signatures take another way through the library than over plain HTTP.
func TestTLS(t *testing.T) {
	endpoint(t, "versitygw") // the program is installed then
	cert, key := certificate(t)
	t.Setenv("AWS_CA_BUNDLE", cert)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	command := exec.Command(program(t), "--port", address, "--access", os.Getenv("AWS_ACCESS_KEY_ID"), "--secret",
		os.Getenv("AWS_SECRET_ACCESS_KEY"), "--cert", cert, "--key", key, "--keep-alive",
		"posix", t.TempDir())
	require.NoError(t, command.Start())
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	at := "https://" + address
	var lost int64 // retries of requests whose answers were lost
	s, err := s3.Open(ctx, bucket(t, at)+"/tls", s3.Options{Endpoint: at})
	require.NoError(t, err)
	const single = 5 * mib // which is sent in one request, by far larger than what sockets hold
	for _, n := range []int{0, 1000, single, 30 * mib} {
		p := random(n)
		require.NoError(t, s.PutBytes(ctx, "k", p, blob.PutOptions{}))
		got, err := s.ReadAll(ctx, "k")
		require.NoError(t, err)
		require.True(t, bytes.Equal(p, got))
		require.Zero(t, s.Counters().Retries-lost)
		require.ErrorIs(t, s.PutBytes(ctx, "k", p, blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
		if n == single {
			// This server asks for the body at once, refuses the request by its head, and closes the connection on the bytes that
			// still come: the reset may overtake its answer. Only trying again helps then; TestRefusedByHead has what S3 does.
			lost = s.Counters().Retries
		}
	}
	require.NoError(t, s.DeleteAll(ctx, s.List(ctx, "")))
	require.NoError(t, s.Check(ctx))
	require.Zero(t, s.Counters().Retries-lost)
}

// TestRefusedByHead: a large body is not sent before the server asks for it: a refusal comes without one, and is not lost.
func TestRefusedByHead(t *testing.T) {
	newFake(t) // for AWS's variables
	var asked, asking atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Expect") == "100-continue" {
			asking.Add(1)
		}
		answer(http.StatusPreconditionFailed, "PreconditionFailed", "")(w, r)
	}))
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(bundle, text, 0o600))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	s, err := s3.Open(ctx, "s3://bucket/prefix", s3.Options{Endpoint: server.URL})
	require.NoError(t, err)
	for range 20 {
		require.ErrorIs(t, s.PutBytes(ctx, "k", random(5*mib), blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
	}
	require.EqualValues(t, 20, asking.Load())
	require.EqualValues(t, 20, asked.Load())
	require.Zero(t, s.Counters().Retries)
	require.ErrorIs(t, s.PutBytes(ctx, "k", random(1000), blob.PutOptions{IfNoneMatch: true}), blob.ErrExists)
	require.EqualValues(t, 20, asking.Load(), "for a small body it is not worth a round trip")
}

// program is where versitygw lies: tools/servers.py tells.
func program(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3", filepath.Join("..", "..", "..", "tools", "servers.py"), "install", "versitygw").Output()
	require.NoError(t, err)
	return string(bytes.TrimSpace(out))
}

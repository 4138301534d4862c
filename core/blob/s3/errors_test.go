package s3_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
	"numpywren/core/errs"
)

func TestURLs(t *testing.T) {
	for url, want := range map[string][2]string{
		"s3://bucket": {"bucket", ""}, "s3://bucket/": {"bucket", ""}, "s3://my.b-1/a/b": {"my.b-1", "a/b"},
		"s3://bucket/a b/": {"bucket", "a b"},
	} {
		bucket, key, err := s3.Parse(url)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{bucket, key})
	}
	for _, url := range []string{"", "s3:/bucket", "s3://", "s3://b", "s3://Bucket/x", "http://bucket/x", "s3://bucket//x", "s3://bucket/a/../b",
		"s3://bucket/./b", "s3://-bucket", "s3://bu_cket/x", "s3:///x"} {
		_, err := s3.Open(ctx, url, s3.Options{Region: "us-east-1"})
		require.Equal(t, errs.Value, errs.KindOf(err), url)
		require.ErrorContains(t, err, "S3 URL")
	}
}

// TestRefusals: what S3 refuses becomes an error that says what to change.
func TestRefusals(t *testing.T) {
	read := func(s *blob.Store) error { _, err := s.ReadAll(ctx, "k"); return err }
	list := func(s *blob.Store) error { return s.Check(ctx) }
	put := func(s *blob.Store) error { return s.PutBytes(ctx, "k", nil, blob.PutOptions{}) }
	stat := func(s *blob.Store) error { _, err := s.Stat(ctx, "k"); return err }
	moved := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
		answer(301, "PermanentRedirect", "must be addressed using the specified endpoint")(w, r)
	}
	for name, c := range map[string]struct {
		op   string
		say  http.HandlerFunc
		call func(*blob.Store) error
		kind errs.Kind
		text string
	}{
		"bucket": {"ListObjectsV2", answer(404, "NoSuchBucket", ""), list, errs.NotFound, `there is no bucket "bucket"`},
		"region": {"GetObject", moved, read, errs.Value, `is in the region "eu-west-3", not "us-east-1"`},
		"region of HEAD": {"HeadObject", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
			w.WriteHeader(301)
		}, stat, errs.Value, `"eu-west-3"`},
		"region in words": {"PutObject", answer(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'ap-south-1'"),
			put, errs.Value, `AWS_REGION=ap-south-1`},
		"region in other words": {"PutObject", answer(400, "AuthorizationHeaderMalformed", `the region "us-east-1" is wrong; expecting "ap-south-1"`),
			put, errs.Value, `AWS_REGION=ap-south-1`},
		"get":   {"GetObject", answer(403, "AccessDenied", "Access Denied"), read, errs.OS, "s3:GetObject on arn:aws:s3:::bucket/prefix/k"},
		"put":   {"PutObject", answer(403, "AccessDenied", "Access Denied"), put, errs.OS, "s3:PutObject on arn:aws:s3:::bucket/prefix/k"},
		"list":  {"ListObjectsV2", answer(403, "AccessDenied", ""), list, errs.OS, "s3:ListBucket on arn:aws:s3:::bucket"},
		"stat":  {"HeadObject", answer(403, "", ""), stat, errs.OS, "s3:GetObject on arn:aws:s3:::bucket/prefix/k"},
		"key":   {"GetObject", answer(403, "InvalidAccessKeyId", "unknown"), read, errs.OS, "AWS_ACCESS_KEY_ID"},
		"token": {"PutObject", answer(400, "ExpiredToken", "it expired"), put, errs.OS, "log in again"},
		"clock": {"GetObject", answer(403, "RequestTimeTooSkewed", ""), read, errs.OS, "this machine's clock is too far off"},
		"other": {"PutObject", answer(400, "EntityTooLarge", "too large"), put, errs.OS, "EntityTooLarge: too large"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.fails(c.op, c.say, c.say, c.say)
			err := c.call(f.store(t))
			require.ErrorContains(t, err, c.text)
			require.Equal(t, c.kind, errs.KindOf(err))
		})
	}
}

// TestRefusedHead: the answer to a HEAD has no words, so a second request asks for them.
func TestRefusedHead(t *testing.T) {
	f := newFake(t)
	s := f.store(t)
	f.fails("HeadObject", answer(403, "", ""), answer(400, "", ""))
	f.fails("GetObject", answer(403, "SignatureDoesNotMatch", "not the one we calculated"), answer(400, "ExpiredToken", "too old"))
	_, err := s.Stat(ctx, "k")
	require.ErrorContains(t, err, "s3://bucket/prefix/k: GetObject: the AWS credentials are not valid (SignatureDoesNotMatch: not the one we calculated)")
	require.ErrorIs(t, err, syscall.EACCES)
	_, err = s.Stat(ctx, "k")
	require.ErrorContains(t, err, "the AWS credentials have expired (ExpiredToken: too old)")
	_, err = s.Stat(ctx, "k")
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.Equal(t, 2, f.requests("GetObject"))
}

func TestNoCredentials(t *testing.T) {
	f := newFake(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	err := f.store(t).Check(ctx)
	require.ErrorContains(t, err, "no AWS credentials were found: set AWS_ACCESS_KEY_ID")
	require.Equal(t, errs.OS, errs.KindOf(err))
	t.Setenv("AWS_REGION", "")
	_, err = s3.Open(ctx, "s3://bucket", s3.Options{})
	require.ErrorContains(t, err, "AWS_REGION")
	_, err = s3.Open(ctx, "s3://bucket", s3.Options{Endpoint: "localhost:9000"})
	require.ErrorContains(t, err, `"localhost:9000" is no URL`)
}

// TestUnreachable: an endpoint that is none is known for it in seconds, one that was there is waited for.
func TestUnreachable(t *testing.T) {
	f := newFake(t)
	f.Server.Close()
	begun := time.Now()
	err := f.store(t).Check(ctx)
	require.ErrorContains(t, err, f.URL+" cannot be reached")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, errs.OS, errs.KindOf(err))
	d, err := s3.Driver(ctx, "s3://bucket", s3.Options{Endpoint: "http://no-such-host.invalid"})
	require.NoError(t, err)
	require.ErrorContains(t, blob.New(d).Check(ctx), "no-such-host.invalid")
	require.Less(t, time.Since(begun), 8*time.Second)
}

// TestSilent: a host that takes connections and says nothing is not waited for long.
func TestSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes as long as it waits")
	}
	newFake(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	d, err := s3.Driver(ctx, "s3://bucket", s3.Options{Endpoint: "http://" + silent.Addr().String()})
	require.NoError(t, err)
	begun := time.Now()
	err = blob.New(d).Check(ctx)
	require.ErrorContains(t, err, "no answer within")
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	require.Less(t, time.Since(begun), 20*time.Second)
}

// TestCertificates: one that nobody vouches for is refused with the way out, which works.
func TestCertificates(t *testing.T) {
	f := newFake(t)
	secure := httptest.NewTLSServer(f)
	defer secure.Close()
	open := func() *blob.Store {
		s, err := s3.Open(ctx, "s3://bucket/prefix", s3.Options{Endpoint: secure.URL})
		require.NoError(t, err)
		return s
	}
	err := open().Check(ctx)
	require.ErrorContains(t, err, "AWS_CA_BUNDLE")
	require.Equal(t, errs.OS, errs.KindOf(err))
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(bundle, text, 0o600))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	require.NoError(t, open().PutBytes(ctx, "k", random(20*mib), blob.PutOptions{}))
	require.Len(t, f.objects["prefix/k"], 20*mib)
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "none"))
	_, err = s3.Open(ctx, "s3://bucket", s3.Options{})
	require.ErrorContains(t, err, "AWS configuration")
}

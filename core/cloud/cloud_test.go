package cloud

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// alone leaves nothing for AWS's tools to find but what a test sets.
func alone(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
}

// ask makes a request of the service that all accounts have, and explains its failure.
func ask(t *testing.T, o Options, endpoint string) error {
	t.Helper()
	cfg, err := Load(t.Context(), o)
	require.NoError(t, err)
	cfg.BaseEndpoint = &endpoint
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	return Explain(err, "account: ask")
}

func keys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func TestLoad(t *testing.T) {
	alone(t)
	_, err := Load(t.Context(), Options{})
	require.ErrorContains(t, err, "no AWS region is known")
	require.Equal(t, errs.Value, errs.KindOf(err))
	_, err = Load(t.Context(), Options{Anywhere: true})
	require.NoError(t, err)
	cfg, err := Load(t.Context(), Options{Region: "eu-west-1"})
	require.NoError(t, err)
	require.Equal(t, "eu-west-1", cfg.Region)
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "none"))
	_, err = Load(t.Context(), Options{Region: "eu-west-1"})
	require.ErrorContains(t, err, "the AWS configuration cannot be read")
	require.Equal(t, errs.Value, errs.KindOf(err))
}

// TestNoCredentials: they are looked for when the first request is signed, and the error is about them, not about the request.
func TestNoCredentials(t *testing.T) {
	alone(t)
	err := ask(t, Options{Region: "eu-west-1"}, "http://127.0.0.1:9")
	require.ErrorContains(t, err, "account: ask: no AWS credentials were found: set AWS_ACCESS_KEY_ID")
	require.NotContains(t, err.Error(), "operation error")
	require.Equal(t, errs.OS, errs.KindOf(err))
}

func TestCheckEndpoint(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:9000", "https://sqs.eu-west-1.amazonaws.com"} {
		require.NoError(t, CheckEndpoint("SQS", &good))
	}
	require.NoError(t, CheckEndpoint("SQS", nil))
	bad := "localhost:9000"
	require.ErrorContains(t, CheckEndpoint("SQS", &bad), `the SQS endpoint "localhost:9000" is no URL`)
}

const identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"

// TestPatience: an endpoint that never answered is given up soon, one that did is waited for.
func TestPatience(t *testing.T) {
	alone(t)
	keys(t)
	var answered atomic.Int64 // the number of the first request that gets an answer; 0: none does
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, first := asked.Add(1), answered.Load(); first == 0 || n < first {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client goes
			<-r.Context().Done()
			return
		}
		_, _ = w.Write([]byte(identity))
	}))
	defer server.Close()
	retried := 0
	o := Options{Region: "eu-west-1", Patience: 50 * time.Millisecond, Retried: func() { retried++ }}
	err := ask(t, o, server.URL)
	require.ErrorContains(t, err, server.URL+" cannot be reached (no answer within 50ms)")
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	require.EqualValues(t, firstAttempts, asked.Load())
	require.Equal(t, firstAttempts-1, retried)

	answered.Store(asked.Load() + 2)
	require.NoError(t, ask(t, o, server.URL))
	require.Equal(t, answered.Load(), asked.Load())
}

// TestAttempts: an endpoint that has answered once, if only with a failure, is asked as often as the options say.
func TestAttempts(t *testing.T) {
	alone(t)
	keys(t)
	asked := 0
	answer := http.StatusInternalServerError
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(answer)
		_, _ = w.Write([]byte(identity))
	}))
	defer server.Close()
	cfg, err := Load(t.Context(), Options{Region: "eu-west-1", Attempts: 6})
	require.NoError(t, err)
	cfg.BaseEndpoint = &server.URL
	client := sts.NewFromConfig(cfg)
	call := func() error {
		_, err := client.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
		return err
	}
	answer = http.StatusOK
	require.NoError(t, call())
	answer, asked = http.StatusInternalServerError, 0
	require.Error(t, call())
	require.Equal(t, 6, asked)
}

// TestClockIsNotCorrected: a service that refuses the time is asked once: the SDK does not go on with another one.
func TestClockIsNotCorrected(t *testing.T) {
	alone(t)
	keys(t)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error></ErrorResponse>"))
	}))
	defer server.Close()
	err := ask(t, Options{Region: "eu-west-1"}, server.URL)
	require.Regexp(t, "clock is (1h0m0s|59m5[89]s) behind the service's: set it .SignatureDoesNotMatch: Signature expired", err.Error())
	require.False(t, errors.Is(err, syscall.EACCES))
	require.Equal(t, 1, asked)
}

package sqs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/queue"
	"numpywren/core/queue/sqs"
)

// script is an SQS whose answers a test writes down: for each operation a list, of which the last is for all further requests.
// An answer is a JSON body, or with a status before it a failure.
type script struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]string
	asked   map[string][]string // the bodies of the requests
}

func scripted(t *testing.T, answers map[string][]string) *script {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL", "")
	s := &script{answers: answers, asked: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	if answers["GetQueueUrl"] == nil {
		answers["GetQueueUrl"] = []string{fmt.Sprintf(`{"QueueUrl": "%s/1/q"}`, s.URL)}
	}
	return s
}

func (s *script) serve(w http.ResponseWriter, r *http.Request) {
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var body json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.mu.Lock()
	s.asked[op] = append(s.asked[op], string(body))
	list := s.answers[op]
	answer := "{}"
	if len(list) > 0 {
		answer = list[0]
	}
	if len(list) > 1 {
		s.answers[op] = list[1:]
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if status, rest, ok := strings.Cut(answer, " "); ok && len(status) == 3 {
		var code int
		_, _ = fmt.Sscan(status, &code)
		w.WriteHeader(code)
		answer = rest
	}
	_, _ = w.Write([]byte(answer))
}

func (s *script) requests(op string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[op]
}

func (s *script) open(t *testing.T) *queue.Queue {
	q, err := sqs.Open(t.Context(), sqs.Options{Name: "jobs", Endpoint: s.URL})
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// TestPartialFailures: only what failed by SQS's fault is sent again; what failed by ours is an error.
func TestPartialFailures(t *testing.T) {
	s := scripted(t, map[string][]string{"SendMessageBatch": {
		`{"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "SenderFault": false, "Code": "InternalError"}, {"Id": "2", "SenderFault": false, "Code": "InternalError"}]}`,
		`{"Successful": [{"Id": "1"}], "Failed": [{"Id": "0", "SenderFault": false, "Code": "InternalError"}]}`,
		`{"Successful": [{"Id": "0"}]}`,
		`{"Failed": [{"Id": "1", "SenderFault": true, "Code": "InvalidMessageContents", "Message": "no good"}], "Successful": [{"Id": "0"}]}`,
	}})
	q := s.open(t)
	require.NoError(t, q.Send(t.Context(), []queue.Message{{Body: "a"}, {Body: "b"}, {Body: "c"}}))
	sent := s.requests("SendMessageBatch")
	require.Len(t, sent, 3)
	for i, want := range []string{"abc", "bc", "b"} {
		for _, body := range "abc" {
			assert.Equal(t, strings.ContainsRune(want, body), strings.Contains(sent[i], fmt.Sprintf(`"MessageBody":%q`, string(body))), sent[i])
		}
	}
	err := q.Send(t.Context(), []queue.Message{{Body: "a"}, {Body: "b"}})
	require.ErrorContains(t, err, "InvalidMessageContents: no good")
	assert.Len(t, s.requests("SendMessageBatch"), 4, "a fault of ours is not tried again")
}

func TestLapsedNames(t *testing.T) {
	for _, code := range []string{"ReceiptHandleIsInvalid", "MessageNotInflight", "com.amazonaws.sqs#MessageNotInflight"} {
		s := scripted(t, map[string][]string{"ChangeMessageVisibilityBatch": {`{"Failed": [{"Id": "0", "SenderFault": true, "Code": "` + code + `"}]}`}})
		assert.ErrorIs(t, s.open(t).Extend(t.Context(), queue.Receipt{Text: "r"}, time.Minute), queue.ErrLapsed, code)
	}
	message := "Value r for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
	s := scripted(t, map[string][]string{"ChangeMessageVisibilityBatch": {`{"Failed": [{"Id": "0", "SenderFault": true, "Code": "InvalidParameterValue", "Message": "` + message + `"}]}`}})
	assert.ErrorIs(t, s.open(t).Nack(t.Context(), queue.Receipt{Text: "r"}, 0), queue.ErrLapsed)
}

func TestPurgeInProgress(t *testing.T) {
	s := scripted(t, map[string][]string{"PurgeQueue": {
		`403 {"__type": "com.amazonaws.sqs#PurgeQueueInProgress", "message": "Only one PurgeQueue operation on jobs is allowed every 60 seconds."}`, `{}`,
	}})
	q := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- q.Purge(ctx) }()
	for len(s.requests("PurgeQueue")) < sqs.Bands+1 {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatal("Purge did not wait for the purge under way", err)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	require.ErrorContains(t, <-done, "an earlier purge is at work")
}

// TestWords: what a user is told.
func TestWords(t *testing.T) {
	fail := func(code, message string) string {
		return fmt.Sprintf(`400 {"__type": "com.amazonaws.sqs#%s", "message": "%s"}`, code, message)
	}
	for _, c := range []struct {
		answer string
		kind   errs.Kind
		words  []string
	}{
		{fail("QueueDoesNotExist", "The specified queue does not exist."), errs.NotFound, []string{"jobs-dead", "eu-west-1", "numpywren deploy --name jobs"}},
		{fail("AWS.SimpleQueueService.NonExistentQueue", "x"), errs.NotFound, []string{"numpywren deploy"}},
		{fail("AccessDeniedException", "User u is not authorized"), errs.OS, []string{"the right sqs:GetQueueUrl is missing", "User u"}},
		{fail("InvalidClientTokenId", "The security token is invalid"), errs.OS, []string{"are not valid"}},
		{fail("ExpiredToken", "x"), errs.OS, []string{"have expired"}},
		{fail("RequestExpired", "x"), errs.OS, []string{"clock"}},
		{fail("SomethingNew", "what it says"), errs.OS, []string{"what it says"}},
	} {
		s := scripted(t, map[string][]string{"GetQueueUrl": {c.answer}})
		_, err := sqs.Open(t.Context(), sqs.Options{Name: "jobs", Endpoint: s.URL})
		require.Error(t, err, c.answer)
		assert.Equal(t, c.kind, errs.KindOf(err), "%v", err)
		for _, w := range c.words {
			assert.ErrorContains(t, err, w)
		}
	}
	s := scripted(t, map[string][]string{"SendMessageBatch": {fail("AccessDeniedException", "no")}})
	require.ErrorContains(t, s.open(t).Send(t.Context(), []queue.Message{{Body: "a"}}), "the right sqs:SendMessage is missing")
}

// TestThrottled: throttling and failures of the server are tried again.
func TestThrottled(t *testing.T) {
	s := scripted(t, map[string][]string{"ReceiveMessage": {
		`400 {"__type": "com.amazonaws.sqs#RequestThrottled"}`, `500 {}`,
		`{"Messages": [{"Body": "a", "ReceiptHandle": "r", "MessageId": "1", "Attributes": {"ApproximateReceiveCount": "2"}}]}`,
	}})
	got, err := s.open(t).Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, 2, got[0].Attempt)
}

func TestUnreachable(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	start := time.Now()
	_, err = sqs.Open(t.Context(), sqs.Options{Name: "jobs", Endpoint: "http://" + l.Addr().String()})
	require.ErrorContains(t, err, "cannot be reached")
	require.ErrorContains(t, err, "the endpoint's URL (AWS_ENDPOINT_URL)")
	assert.Equal(t, errs.OS, errs.KindOf(err))
	assert.Less(t, time.Since(start), 20*time.Second)
}

func TestNoSettings(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_, err := sqs.Open(t.Context(), sqs.Options{Name: "jobs"})
	require.ErrorContains(t, err, "no AWS region")
	assert.Equal(t, errs.Value, errs.KindOf(err))
	_, err = sqs.Open(t.Context(), sqs.Options{Name: "jobs", Region: "eu-west-1", Endpoint: "http://127.0.0.1:1"})
	require.ErrorContains(t, err, "no AWS credentials")
	for _, opt := range []sqs.Options{{}, {Name: "a b"}, {Name: strings.Repeat("x", 71)}, {Name: "jobs", Lease: -1}, {Name: "jobs", Region: "r", Endpoint: "nonsense"}} {
		_, err = sqs.Open(t.Context(), opt)
		require.Error(t, err)
		assert.Equal(t, errs.Value, errs.KindOf(err))
	}
}

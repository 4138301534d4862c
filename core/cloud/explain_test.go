package cloud

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

func answer(service, operation, code string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
}

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		says   string
		access bool // it is a matter of rights
	}{
		"right":       {answer("SQS", "SendMessageBatch", "com.amazonaws.sqs#AccessDenied"), "the right sqs:SendMessage is missing (", true},
		"renamed":     {answer("Lambda", "Invoke", "AccessDeniedException"), "the right lambda:InvokeFunction is missing", true},
		"logs":        {answer("CloudWatch Logs", "GetLogEvents", "AccessDeniedException"), "the right logs:GetLogEvents is missing", true},
		"key":         {answer("SQS", "SendMessage", "InvalidClientTokenId"), "the AWS credentials are not valid (InvalidClientTokenId: no)", true},
		"expired":     {answer("SQS", "SendMessage", "ExpiredToken"), "have expired", true},
		"clock":       {answer("S3", "GetObject", "RequestTimeTooSkewed"), "this machine's clock is too far off: set it", false},
		"host":        {&net.DNSError{Name: "sqs.nowhere", IsNotFound: true}, "there is no host sqs.nowhere", false},
		"refused":     {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "cannot be reached", false},
		"time":        {context.DeadlineExceeded, "cannot be reached", false},
		"throttled":   {answer("SQS", "SendMessage", "RequestThrottled"), "use fewer workers", false},
		"certificate": {&url.Error{Op: "Get", URL: "https://here:1/b", Err: x509.UnknownAuthorityError{}}, "the certificate of https://here:1 is not trusted", false},
		"broken off":  {&url.Error{Op: "Get", URL: "http://here:1/b", Err: io.EOF}, "http://here:1 cannot be reached (EOF)", false},
		"other":       {answer("SQS", "SendMessage", "Whatever"), "Whatever", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := Explain(c.err, "queue q: send")
			require.Equal(t, errs.OS, errs.KindOf(err))
			require.ErrorContains(t, err, "queue q: send: ")
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.access, errors.Is(err, syscall.EACCES))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, err, Explain(err, "again"), "it has a kind already")
		})
	}
	require.NoError(t, Explain(nil, "nothing"))
	require.Equal(t, errs.Cancelled, errs.KindOf(Explain(context.Canceled, "x")))
}

// refused is an answer of 403 whose Date is that of a clock so far behind ours.
func refused(code string, behind time.Duration) error {
	header := http.Header{"Date": {time.Now().Add(-behind).UTC().Format(http.TimeFormat)}}
	return &smithy.OperationError{ServiceID: "SQS", OperationName: "GetQueueUrl", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden, Header: header}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "no"},
	}}
}

// TestClock: a clock that is off is named, and by how much, also where the service only says that the signature is not valid.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		code   string
		behind time.Duration
		says   string
	}{
		{"RequestTimeTooSkewed", 20 * time.Minute, "this machine's clock is 20m[01]s ahead of the service's: set it .RequestTimeTooSkewed: no."},
		{"InvalidSignatureException", -3 * time.Hour, "this machine's clock is (3h0m0s|2h59m5[89]s) behind the service's: set it"},
		{"SignatureDoesNotMatch", time.Minute, "the AWS credentials are not valid"},
		{"RequestTimeTooSkewed", 0, "this machine's clock is too far off"},
		{"AccessDenied", time.Hour, "the right sqs:GetQueueUrl is missing"},
	} {
		require.Regexp(t, "^queue q: find it: "+c.says, Explain(refused(c.code, c.behind), "queue q: find it").Error())
	}
}

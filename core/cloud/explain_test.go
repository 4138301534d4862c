package cloud

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	smithy "github.com/aws/smithy-go"
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
		"key":         {answer("SQS", "SendMessage", "InvalidClientTokenId"), "AWS does not know these credentials", true},
		"expired":     {answer("SQS", "SendMessage", "ExpiredToken"), "have expired", true},
		"clock":       {answer("S3", "GetObject", "RequestTimeTooSkewed"), "set this machine's clock", false},
		"host":        {&net.DNSError{Name: "sqs.nowhere"}, "there is no host sqs.nowhere", false},
		"refused":     {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "cannot be reached", false},
		"time":        {context.DeadlineExceeded, "cannot be reached", false},
		"credentials": {errors.New("failed to retrieve credentials: none"), "no AWS credentials are found", false},
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

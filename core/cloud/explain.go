package cloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"numpywren/core/errs"
)

// Explain classifies a failure of AWS's SDK: it gets a kind, and words that say what to change. doing is what failed, such as
// "queue jobs-0 in eu-west-1: send". What has a kind already, and nil, stay as they are. The services' own failures (no such
// queue) are for the callers to recognise before. A right that is missing has the errno EACCES, as it has in a file system.
func Explain(err error, doing string) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	kind, hint, because := errs.OS, "", err
	code := Code(err)
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return errs.New(errs.Cancelled, "%s: %w", doing, err)
	case noCredentials(err):
		hint = "no AWS credentials are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where there is a role"
	case Denied(err):
		hint, because = fmt.Sprintf("the right %s is missing", action(err)), errors.Join(syscall.EACCES, err)
	case slices.Contains(badKeys, code):
		hint, because = "AWS does not know these credentials: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the region", errors.Join(syscall.EACCES, err)
	case slices.Contains(expired, code):
		hint, because = "the AWS credentials have expired: renew the session", errors.Join(syscall.EACCES, err)
	case slices.Contains(skewed, code):
		hint = "AWS refuses the signature's time: set this machine's clock"
	case errors.As(err, &dns):
		hint = fmt.Sprintf("there is no host %s: check the region and AWS_ENDPOINT_URL", dns.Name)
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		hint = "the endpoint cannot be reached: check the network, the region and AWS_ENDPOINT_URL"
	default:
		return errs.New(kind, "%s: %w", doing, err)
	}
	return &errs.Error{Kind: kind, Msg: fmt.Sprintf("%s: %s (%s)", doing, hint, cause(err)), Err: because}
}

var (
	denied  = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "AllAccessDisabled", "KmsAccessDenied"}
	badKeys = []string{
		"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch",
		"InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken", "AuthFailure",
	}
	expired = []string{"ExpiredToken", "ExpiredTokenException"}
	skewed  = []string{"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
)

// Code is the service's name for a failure, without its namespace; "" when the failure is not a service's.
func Code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	code := api.ErrorCode()
	return code[strings.LastIndexAny(code, "#.")+1:]
}

// Denied says whether a right is missing.
func Denied(err error) bool {
	code := Code(err)
	if slices.Contains(denied, code) {
		return true
	}
	var response *smithyhttp.ResponseError // a HEAD has no body and no code
	return (code == "" || code == "Forbidden") && errors.As(err, &response) && response.HTTPStatusCode() == 403
}

// noCredentials: the SDK has no type for it.
func noCredentials(err error) bool {
	text := err.Error()
	return strings.Contains(text, "get credentials") || strings.Contains(text, "get identity") ||
		strings.Contains(text, "failed to retrieve credentials")
}

// action is the IAM action of the operation that failed. Rights are not given for batches but for what is in them, and S3 names
// a few otherwise.
func action(err error) string {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return "for it"
	}
	name, service := strings.TrimSuffix(op.OperationName, "Batch"), strings.ToLower(strings.ReplaceAll(op.ServiceID, " ", ""))
	if renamed, ok := renamed[service+":"+name]; ok {
		return renamed
	}
	if service == "cloudwatchlogs" {
		service = "logs"
	}
	return service + ":" + name
}

var renamed = map[string]string{
	"s3:HeadObject":              "s3:GetObject",
	"s3:HeadBucket":              "s3:ListBucket",
	"s3:ListObjectsV2":           "s3:ListBucket",
	"s3:DeleteObjects":           "s3:DeleteObject",
	"s3:CreateMultipartUpload":   "s3:PutObject",
	"s3:UploadPart":              "s3:PutObject",
	"s3:CompleteMultipartUpload": "s3:PutObject",
	"s3:PutBucketEncryption":     "s3:PutEncryptionConfiguration",
	"s3:PutPublicAccessBlock":    "s3:PutBucketPublicAccessBlock",
	"lambda:Invoke":              "lambda:InvokeFunction",
}

// cause is a failure's innermost words: the service's message or the network's, without the SDK's layers.
func cause(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return strings.TrimSuffix(fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage()), ": ")
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return network.Error()
	}
	var op *smithy.OperationError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

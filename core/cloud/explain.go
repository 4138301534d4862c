package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"numpywren/core/errs"
)

// Explain classifies a failure of AWS's SDK: it gets a kind, and words that say what to change. doing is what failed, such as
// "queue jobs-0 in eu-west-1: send". What has a kind already, and nil, stay as they are. The services' own failures (no such
// queue) are for the callers to recognise before. A right that is missing has the errno EACCES, as it has in a file system, and
// what may pass has EAGAIN or ETIMEDOUT.
func Explain(err error, doing string) error {
	var known *errs.Error
	var op *smithy.OperationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &op) && errors.As(op, &known): // one of ours in the SDK's layers
		return fmt.Errorf("%s: %w", doing, known)
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return errs.New(errs.Cancelled, "%s: %w", doing, err)
	}
	words, errno := advice(err)
	if errno != 0 {
		err = errors.Join(errno, err)
	}
	return &errs.Error{Kind: errs.OS, Msg: doing + ": " + words, Err: err}
}

// advice says what failed and what to change, and the errno that it would have in a file system, if any.
func advice(err error) (words string, errno syscall.Errno) {
	code, because := Code(err), cause(err)
	off, dated := skew(err)
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case slices.Contains(skewed, code), dated && off.Abs() > trustedSkew && slices.Contains(badKeys, code):
		// S3 names the clock; SQS and others say that the signature is not valid, which is made with the time.
		return fmt.Sprintf("this machine's clock is %s: set it (%s)", offBy(off, dated), because), 0
	case Denied(err):
		return fmt.Sprintf("the right %s is missing (%s)", action(err), because), syscall.EACCES
	case slices.Contains(badKeys, code):
		return fmt.Sprintf("the AWS credentials are not valid (%s): log in again, or correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", because), syscall.EACCES
	case slices.Contains(expired, code):
		return fmt.Sprintf("the AWS credentials have expired (%s): log in again", because), syscall.EACCES
	case slices.Contains(throttled, code):
		return fmt.Sprintf("the service asks to slow down (%s), and still did at the last attempt: use fewer workers, or try again later", because), syscall.EAGAIN
	case code != "" || Status(err) != 0:
		return because, 0
	case isCertificate(err):
		return fmt.Sprintf("the certificate of %s is not trusted (%s): set AWS_CA_BUNDLE to the file of its authority's", endpoint(err), because), 0
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host %s (%s): check the region, and the endpoint's URL (AWS_ENDPOINT_URL) if one is set", dns.Name, because), 0
	case errors.As(err, &timeout) && timeout.Timeout():
		errno = syscall.ETIMEDOUT
	case !sent(err):
		return outer(err), 0
	}
	return fmt.Sprintf("%s cannot be reached (%s): check the network, the region, and the endpoint's URL (AWS_ENDPOINT_URL) if one is set", endpoint(err), because), errno
}

var (
	denied  = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "AllAccessDisabled", "KmsAccessDenied"}
	badKeys = []string{
		"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch",
		"InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken", "AuthFailure", "InvalidToken",
	}
	expired   = []string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
	skewed    = []string{"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
	throttled = []string{"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestThrottled", "RequestLimitExceeded"}
)

// trustedSkew is less than services allow, and more than an answer takes.
const trustedSkew = 5 * time.Minute

// skew is how far this machine's clock is ahead of the service's, by the date of its answer.
func skew(err error) (time.Duration, bool) {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return 0, false
	}
	at, failed := http.ParseTime(response.Response.Header.Get("Date"))
	return time.Since(at).Round(time.Second), failed == nil
}

// offBy is a clock's error in words.
func offBy(ahead time.Duration, known bool) string {
	switch {
	case !known || ahead.Abs() <= trustedSkew: // what answers is not what refuses
		return "too far off"
	case ahead > 0:
		return fmt.Sprintf("%v ahead of the service's", ahead)
	}
	return fmt.Sprintf("%v behind the service's", -ahead)
}

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
	return (code == "" || code == "Forbidden") && Status(err) == http.StatusForbidden // a HEAD has no body and no code
}

// Status is that of the answer which a failure is; 0 when there was none.
func Status(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return 0
	}
	return response.HTTPStatusCode()
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
	"s3:HeadObject":                      "s3:GetObject",
	"s3:HeadBucket":                      "s3:ListBucket",
	"s3:ListObjectsV2":                   "s3:ListBucket",
	"s3:DeleteObjects":                   "s3:DeleteObject",
	"s3:CreateMultipartUpload":           "s3:PutObject",
	"s3:UploadPart":                      "s3:PutObject",
	"s3:CompleteMultipartUpload":         "s3:PutObject",
	"s3:PutBucketEncryption":             "s3:PutEncryptionConfiguration",
	"s3:PutPublicAccessBlock":            "s3:PutBucketPublicAccessBlock",
	"s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
	"s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"lambda:Invoke":                      "lambda:InvokeFunction",
}

// sent says whether a request was on its way when it failed.
func sent(err error) bool {
	var request *url.Error
	var network net.Error
	return errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)
}

// endpoint is where a request was sent.
func endpoint(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		if at, failed := url.Parse(request.URL); failed == nil {
			return at.Scheme + "://" + at.Host
		}
	}
	return "the endpoint"
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// outer are the words of a failure that no server has seen: all of them but for the operation, which is the caller's to name.
func outer(err error) string {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// cause is a failure's innermost words: the service's message or the network's, without the SDK's layers.
func cause(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return strings.TrimSuffix(fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage()), ": ")
	}
	if status := Status(err); status != 0 {
		return fmt.Sprintf("HTTP status %d", status)
	}
	for {
		if _, names := err.(*net.OpError); names {
			return err.Error() // it says which address
		}
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			inner = joined.Unwrap()[0]
		}
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

// actions are the rights that operations need, as policies name them.
var actions = map[string]string{
	"GetObject":               "s3:GetObject",
	"HeadObject":              "s3:GetObject",
	"PutObject":               "s3:PutObject",
	"CreateMultipartUpload":   "s3:PutObject",
	"UploadPart":              "s3:PutObject",
	"CompleteMultipartUpload": "s3:PutObject",
	"DeleteObject":            "s3:DeleteObject",
	"DeleteObjects":           "s3:DeleteObject",
	"ListObjectsV2":           "s3:ListBucket",
}

// failure gives an error about an object its kind, and the words that a user can act on. It keeps those of contexts.
func (d *driver) failure(operation, key string, err error) error {
	var known *errs.Error
	var api smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &known):
		return fmt.Errorf("%s: %w", d.where(key), known)
	case isMismatch(err):
		return says(errs.OS, err, "%s is damaged, or was on its way: %v", d.where(key), err)
	case errors.As(err, &api):
		return d.refused(operation, key, api.ErrorCode(), api.ErrorMessage(), err)
	}
	return d.unreachable(key, err)
}

// says is an error with a text of ours and S3's in the chain.
func says(kind errs.Kind, cause error, format string, args ...any) error {
	return &errs.Error{Kind: kind, Msg: fmt.Sprintf(format, args...), Err: cause}
}

// refused is the error that an answer of the service is.
func (d *driver) refused(operation, key, code, message string, err error) error {
	where := d.where(key)
	switch code {
	case "NoSuchKey", "NotFound", "NoSuchUpload":
		return fmt.Errorf("%s: %w", where, blob.ErrNotExist)
	case "NoSuchBucket":
		return says(errs.NotFound, err, "there is no bucket %q (%s): create it, or correct its name", d.bucket, d.endpoint)
	case "PreconditionFailed":
		if operation == "GetObject" {
			return fmt.Errorf("%s: %w", where, blob.ErrReplaced)
		}
		return fmt.Errorf("%s: %w", where, blob.ErrExists)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently", "BadRequest":
		if region := rightRegion(message, err); region != "" {
			return says(errs.Value, err, "the bucket %q is in the region %q, not %q: set AWS_REGION=%s, or give region=%q",
				d.bucket, region, d.region, region, region)
		}
	case "AccessDenied", "Forbidden", "AllAccessDisabled":
		return d.denied(operation, key, message, err)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "ExpiredTokenException":
		return says(errs.OS, errors.Join(syscall.EACCES, err), "the AWS credentials are not valid (%s: %s): log in again, or correct "+
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", code, message)
	case "RequestTimeTooSkewed":
		return says(errs.OS, err, "this machine's clock is off by more than 15 minutes, so %s refuses its requests: set the clock",
			d.endpoint)
	case "InvalidBucketName", "KeyTooLongError":
		return says(errs.Value, err, "%s: %s: %s", where, code, message)
	case "SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded":
		return says(errs.OS, errors.Join(syscall.EAGAIN, err), "%s: the service asks to slow down (%s), and still did after %d "+
			"attempts: use fewer workers, or try again later", where, code, attempts)
	}
	return says(errs.OS, err, "%s: %s fails: %s: %s", where, operation, code, message)
}

// denied names the right that is missing. Without the one to list, S3 tells of objects that do not exist in the same way.
func (d *driver) denied(operation, key, message string, err error) error {
	action, resource := actions[operation], "arn:aws:s3:::"+d.bucket
	if action == "" {
		action = "s3:" + operation
	}
	if operation != "ListObjectsV2" {
		resource += "/" + d.prefix + key
	}
	hint := ""
	if action == "s3:GetObject" {
		hint = fmt.Sprintf(" (or, where no such object exists, s3:ListBucket on arn:aws:s3:::%s)", d.bucket)
	}
	if message != "" {
		message = " (" + message + ")"
	}
	lack := "lack"
	if operation == "HeadObject" { // whose answers have no text: the code that says so is not to be had
		lack = "are not valid, or lack"
	}
	return says(errs.OS, errors.Join(syscall.EACCES, err), "access denied%s: the credentials in use %s the right %s on %s%s",
		message, lack, action, resource, hint)
}

// regionIn finds the region in what S3 says to those who asked in another.
var regionIn = regexp.MustCompile(`(?:expecting|for the) ['"]?([a-z]{2}(?:-[a-z]+)+-[0-9]+)['"]?`)

func rightRegion(message string, err error) string {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		if region := response.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return region
		}
	}
	if found := regionIn.FindStringSubmatch(message); found != nil {
		return found[1]
	}
	return ""
}

// unreachable is the error of a request that got no answer, or none that can be understood.
func (d *driver) unreachable(key string, err error) error {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		switch status := response.HTTPStatusCode(); status {
		case http.StatusMovedPermanently, http.StatusBadRequest:
			if region := rightRegion("", err); region != "" {
				return d.refused("", key, "PermanentRedirect", "", err)
			}
		default:
			if status >= 300 {
				return says(errs.OS, err, "%s: %s answers with HTTP status %d", d.where(key), d.endpoint, status)
			}
		}
	}
	if isCertificate(err) {
		return says(errs.OS, err, "the certificate of %s is not trusted (%v): set AWS_CA_BUNDLE to the file of its authority's",
			d.endpoint, rootCause(err))
	}
	cause := err
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		cause = errors.Join(syscall.ETIMEDOUT, err)
	}
	return says(errs.OS, cause, "%s: %s cannot be reached (%v): check the network, and the endpoint's URL if one is set",
		d.where(key), d.endpoint, rootCause(err))
}

// rootCause is the innermost error that says something.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			inner = joined.Unwrap()[0]
		}
		if inner == nil {
			return err
		}
		if _, named := err.(*net.OpError); named {
			return err // it says which address
		}
		err = inner
	}
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// isMismatch recognises what the library says of a body that is not as its checksum.
func isMismatch(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// retryable decides what the library would get wrong: an answer that breaks off can be asked for again, a certificate does not get
// better.
func retryable(err error) aws.Ternary {
	switch {
	case isCertificate(err):
		return aws.FalseTernary
	case errors.Is(err, io.ErrUnexpectedEOF):
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

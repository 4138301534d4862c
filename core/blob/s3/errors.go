package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"numpywren/core/blob"
	"numpywren/core/cloud"
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
	case errors.As(err, &known): // of credentials, say, for which another service was asked
		return cloud.Explain(err, d.where(key))
	case isMismatch(err):
		return says(errs.OS, err, "%s is damaged, or was on its way: %v", d.where(key), err)
	case errors.As(err, &api):
		return d.refused(operation, key, api.ErrorCode(), api.ErrorMessage(), err)
	}
	if status := cloud.Status(err); status == http.StatusMovedPermanently || status == http.StatusBadRequest {
		return d.refused(operation, key, "PermanentRedirect", "", err)
	}
	return cloud.Explain(err, d.where(key))
}

// says is an error with a text of ours and S3's in the chain.
func says(kind errs.Kind, cause error, format string, args ...any) error {
	return &errs.Error{Kind: kind, Msg: fmt.Sprintf(format, args...), Err: cause}
}

// refused is the error that an answer of the service is: those that only S3 gives have words here.
func (d *driver) refused(operation, key, code, message string, err error) error {
	where := d.where(key)
	switch code {
	case "NoSuchKey", "NotFound", "NoSuchUpload":
		return fmt.Errorf("%s: %w", where, blob.ErrNotExist)
	case "NoSuchBucket":
		return says(errs.NotFound, err, "there is no bucket %q (%s): create it, or correct its name", d.bucket, d.endpoint)
	case "PreconditionFailed":
		if operation == "GetObject" {
			return d.replaced(key)
		}
		return fmt.Errorf("%s: %w", where, blob.ErrExists)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently", "BadRequest":
		if region := rightRegion(message, err); region != "" {
			return says(errs.Value, err, "the bucket %q is in the region %q, not %q: set AWS_REGION=%s, or give region=%q",
				d.bucket, region, d.region, region, region)
		}
	case "InvalidBucketName", "KeyTooLongError":
		return says(errs.Value, err, "%s: %s: %s", where, code, message)
	}
	if cloud.Denied(err) {
		return d.denied(operation, key, message, err)
	}
	return cloud.Explain(err, where+": "+operation)
}

// replaced is the error about an object whose version that was being read is no more.
func (d *driver) replaced(key string) error {
	return fmt.Errorf("%s: %w", d.where(key), blob.ErrReplaced)
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
	return says(errs.OS, errors.Join(syscall.EACCES, err), "access denied%s: the credentials in use lack the right %s on %s%s",
		message, action, resource, hint)
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

// isMismatch recognises what the library says of a body that is not as its checksum.
func isMismatch(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

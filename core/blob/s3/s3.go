// Package s3 keeps objects in Amazon's S3, or in what speaks its protocol. It is a driver of package blob: core opens it, nothing
// else does.
//
// Large objects are read in ranges and written in parts, several at once. Their buffers come from one pool of the process and take
// at most 64 MiB, however many Stores and transfers there are. What is written carries its CRC32C, which the service checks; what
// is read whole is checked against it. Ranges cannot be checked so. Requests that fail in transit, or that S3 asks to repeat, are
// repeated with growing, jittered pauses; when it asks to slow down, all requests of a Store do.
package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithy "github.com/aws/smithy-go"

	"numpywren/core/blob"
	"numpywren/core/cloud"
	"numpywren/core/errs"
)

// Options are what the environment may leave out. AWS's own variables, files and roles are honoured: AWS_REGION, AWS_PROFILE,
// AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE and so on.
type Options struct {
	Region   string
	Endpoint string // the URL of another service than Amazon's; buckets are then in the path, not in the host's name
}

// driver is a folder of a bucket.
type driver struct {
	blob.Meter
	client   *s3.Client
	bucket   string
	prefix   string // "" or ends in a slash
	region   string
	endpoint string // for messages
}

// Open makes a Store of s3://bucket/prefix. It sends no request: Store.Check tells whether the bucket is there and may be read.
func Open(ctx context.Context, url string, options Options) (*blob.Store, error) {
	d, err := Driver(ctx, url, options)
	if err != nil {
		return nil, err
	}
	return blob.New(d), nil
}

// Driver is the driver of Open, for those who put something before it.
func Driver(ctx context.Context, url string, options Options) (blob.Driver, error) {
	bucket, prefix, err := Parse(url)
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	d := &driver{bucket: bucket, prefix: prefix}
	if err := d.connect(ctx, options); err != nil {
		return nil, err
	}
	return d, nil
}

// Parse takes s3://bucket/key apart; a slash at the end is dropped, and the key may be empty.
func Parse(url string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || !bucketName(bucket) {
		return "", "", errs.New(errs.Value, "%q is no S3 URL: want s3://bucket or s3://bucket/prefix, the bucket's name being 3 to 63 "+
			"small letters, digits, dots and hyphens", url)
	}
	key = strings.TrimSuffix(key, "/")
	for part := range strings.SplitSeq(key, "/") {
		if key != "" && (part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\\")) {
			return "", "", errs.New(errs.Value, "%q is no S3 URL that can be used: the parts of its path must not be empty, '.', '..', nor "+
				"hold a backslash or NUL", url)
		}
	}
	return bucket, key, nil
}

func bucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Trim(name, ".-") != name {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// where is the URL of an object, for messages.
func (d *driver) where(key string) string { return "s3://" + d.bucket + "/" + d.prefix + key }

// name is the object's key in the bucket.
func (d *driver) name(key string) *string { return aws.String(d.prefix + key) }

// checksum is a CRC32C as S3 writes it.
func checksum(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

func (d *driver) Stat(ctx context.Context, key string) (blob.Attr, error) {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.bucket, Key: d.name(key)})
	if err != nil {
		return blob.Attr{}, d.refusal(ctx, key, err)
	}
	return blob.Attr{Size: aws.ToInt64(out.ContentLength), Version: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified)}, nil
}

// refusal is the error of a HEAD. Its answers have no body that could say why something is refused: the same is asked in another way
// then.
func (d *driver) refusal(ctx context.Context, key string, err error) error {
	if status := cloud.Status(err); status == http.StatusForbidden || status == http.StatusBadRequest {
		out, found := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.bucket, Key: d.name(key), Range: aws.String("bytes=0-0")})
		if found == nil {
			_ = out.Body.Close()
		} else if cloud.Status(found) == status {
			return d.failure("GetObject", key, found)
		}
	}
	return d.failure("HeadObject", key, err)
}

func (d *driver) Delete(ctx context.Context, key string) error {
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.bucket, Key: d.name(key)})
	if err = d.failure("DeleteObject", key, err); errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	return err
}

// DeleteBatch is blob.BatchDeleter's.
func (d *driver) DeleteBatch(ctx context.Context, keys []string) error {
	objects := make([]types.ObjectIdentifier, len(keys))
	for k, key := range keys {
		objects[k].Key = d.name(key)
	}
	out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &d.bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return d.failure("DeleteObjects", "", err)
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			key := strings.TrimPrefix(aws.ToString(e.Key), d.prefix)
			return d.failure("DeleteObjects", key, &smithy.GenericAPIError{Code: code, Message: aws.ToString(e.Message)})
		}
	}
	return nil
}

func (d *driver) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for object, err := range d.Scan(ctx, prefix) {
			if !yield(object.Key, err) {
				return
			}
		}
	}
}

// Folders is blob.Folderer's.
func (d *driver) Folders(ctx context.Context, folder string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		input := &s3.ListObjectsV2Input{Bucket: &d.bucket, Prefix: d.name(folder), Delimiter: aws.String("/")}
		for pages := s3.NewListObjectsV2Paginator(d.client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", d.failure("ListObjectsV2", folder, err))
				return
			}
			for _, common := range page.CommonPrefixes {
				name := strings.TrimPrefix(aws.ToString(common.Prefix), d.prefix+folder)
				if !yield(strings.TrimSuffix(name, "/"), nil) {
					return
				}
			}
		}
	}
}

// Scan is blob.Scanner's.
func (d *driver) Scan(ctx context.Context, prefix string) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(d.client, &s3.ListObjectsV2Input{Bucket: &d.bucket, Prefix: d.name(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(blob.Object{}, d.failure("ListObjectsV2", prefix, err))
				return
			}
			for _, object := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(object.Key), d.prefix)
				if key == "" || strings.HasSuffix(key, "/") {
					continue // what consoles make to show a folder
				}
				attr := blob.Attr{Size: aws.ToInt64(object.Size), Version: aws.ToString(object.ETag), Modified: aws.ToTime(object.LastModified)}
				if !yield(blob.Object{Key: key, Attr: attr}, nil) {
					return
				}
			}
		}
	}
}

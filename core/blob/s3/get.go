package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"numpywren/core/blob"
	"numpywren/core/cloud"
)

func (d *driver) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	out, err := d.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &d.bucket, Key: d.name(key), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		cancel()
		return nil, d.failure("GetObject", key, err)
	}
	size := aws.ToInt64(out.ContentLength)
	r := &reader{d: d, ctx: ctx, cancel: cancel, key: key, version: aws.ToString(out.ETag), end: size}
	if out.ChecksumType != types.ChecksumTypeComposite {
		r.want = aws.ToString(out.ChecksumCRC32C)
	}
	r.enter(out.Body, size)
	return r, nil
}

func (d *driver) GetRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	if length == 0 {
		_, err := d.Stat(ctx, key)
		return io.NopCloser(strings.NewReader("")), err
	}
	ctx, cancel := context.WithCancel(ctx)
	first, total, version, err := d.open(ctx, key, offset, offset+piece(length), version)
	if errors.Is(err, errBeyond) {
		cancel()
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reader{d: d, ctx: ctx, cancel: cancel, key: key, version: version, pos: offset, end: min(total, offset+length)}
	r.enter(first, min(total, offset+piece(length)))
	return r, nil
}

// errBeyond is about a range that begins where the object has ended.
var errBeyond = errors.New("the range begins after the end")

// open asks for the bytes from..to of a version of an object; "" is any. It tells the object's size and version.
func (d *driver) open(ctx context.Context, key string, from, to int64, version string) (io.ReadCloser, int64, string, error) {
	in := &s3.GetObjectInput{Bucket: &d.bucket, Key: d.name(key), Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))}
	if version != "" {
		in.IfMatch = &version
	}
	out, err := d.client.GetObject(ctx, in)
	if hasCode(err, "InvalidRange") {
		if version != "" {
			return nil, 0, "", d.replaced(key) // by a shorter one
		}
		return nil, 0, "", errBeyond
	}
	if err != nil {
		return nil, 0, "", d.failure("GetObject", key, err)
	}
	_, size, _ := strings.Cut(aws.ToString(out.ContentRange), "/")
	total, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		_ = out.Body.Close()
		return nil, 0, "", d.noRange(key)
	}
	return out.Body, total, aws.ToString(out.ETag), nil
}

// Bodies that break off are asked for again from where they did, so often without a byte in between.
const resumptions = 8

// again waits before a body that broke off for the n-th time is asked for again, or gives the error when that is enough.
func (d *driver) again(ctx context.Context, key string, n int, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if n > resumptions {
		return d.failure("GetObject", key, err)
	}
	d.Retries.Add(1)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(cloud.Pause(n, err)):
		return nil
	}
}

// partSize is how large the pieces are in which large objects are read.
var partSize = blob.PartSize(0)

// piece is how much of the bytes that are left one request reads: a part, or all when that is not much more.
func piece(left int64) int64 {
	if left < partSize+partSize/2 {
		return left
	}
	return partSize
}

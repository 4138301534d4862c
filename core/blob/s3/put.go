package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

const (
	// singlePut is the largest object that one request writes: it holds a tile of 8 MiB in its coding.
	singlePut = 9 << 20
	// directParts is how many parts of one Write go out at once from the caller's memory.
	directParts  = 4
	abortTimeout = 3 * time.Second
)

// unsigned leaves the body out of the signature, which is over its CRC32C instead: SHA-256 takes more time than a fast network.
var unsigned = s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)

// unlessExists is the condition of a creation.
func unlessExists(opts blob.PutOptions) *string {
	if opts.IfNoneMatch {
		return aws.String("*")
	}
	return nil
}

func (d *driver) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if size > singlePut {
		return d.putParts(ctx, key, size, write, opts)
	}
	b, err := writePool.take(ctx, size)
	if err != nil {
		return err
	}
	defer b.release()
	if err := write(b); err != nil {
		return err
	}
	_, err = d.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &d.bucket, Key: d.name(key), Body: &body{buffer: b}, ContentLength: &b.length,
		ChecksumCRC32C: aws.String(checksum(b.sum(0))), IfNoneMatch: unlessExists(opts),
	}, unsigned)
	return d.failure("PutObject", key, err)
}

// putParts writes a large object in parts, which S3 puts together at the end: until then there is nothing under the key.
func (d *driver) putParts(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	begun, err := d.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &d.bucket, Key: d.name(key),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
	})
	if err != nil {
		return d.failure("CreateMultipartUpload", key, err)
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u := &upload{d: d, ctx: inner, cancel: cancel, key: key, id: begun.UploadId, partSize: blob.PartSize(size)}
	err = write(u)
	if err == nil {
		err = u.flush()
	}
	if err != nil {
		cancel(err) // what is on its way is for nothing
	}
	u.sending.Wait()
	if u.current != nil {
		u.current.release()
	}
	if cause := context.Cause(inner); cause != nil {
		err = cause // of a part that failed the writer only saw the consequences
	}
	if err == nil {
		err = u.complete(size, opts)
	}
	if err != nil {
		u.abort()
	}
	return err
}

// upload is an object on its way. One goroutine writes to it.
type upload struct {
	d        *driver
	ctx      context.Context // ends with the first part that fails
	cancel   context.CancelCauseFunc
	key      string
	id       *string
	partSize int64
	current  *buffer // the part that is being filled
	crc      uint32  // of all parts so far
	number   int32   // of the last part that was begun
	sending  sync.WaitGroup

	mu    sync.Mutex
	parts []types.CompletedPart
}

// Write gathers parts. Bytes that make a part by themselves go out from p, and Write waits for them.
func (u *upload) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := context.Cause(u.ctx); err != nil {
			return written, err
		}
		rest := p[written:]
		if u.current == nil && int64(len(rest)) >= u.partSize {
			u.direct(rest)
			return len(p), context.Cause(u.ctx)
		}
		if u.current == nil {
			b, err := writePool.take(u.ctx, min(u.partSize, poolBytes))
			if err != nil {
				return written, context.Cause(u.ctx)
			}
			u.current = b
		}
		n, err := u.current.Write(rest[:min(int64(len(rest)), u.partSize-u.current.length)])
		written += n
		if err != nil {
			return written, errs.New(errs.Unsupported, "%s is too large to be written in small pieces: %d bytes a part",
				u.d.where(u.key), u.partSize)
		}
		if u.current.length == u.partSize {
			if err := u.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// flush sends the part that is being filled, and does not wait for it.
func (u *upload) flush() error {
	b := u.current
	if b == nil {
		return nil
	}
	u.current = nil
	u.crc = b.sum(u.crc)
	part := b.sum(0)
	u.number++
	number := u.number
	u.sending.Go(func() {
		defer b.release()
		u.send(number, &body{buffer: b}, b.length, part)
	})
	return nil
}

// direct sends the bytes of p as parts and waits for them.
func (u *upload) direct(p []byte) {
	u.crc = crc32.Update(u.crc, castagnoli, p)
	permits := make(chan struct{}, directParts)
	var all sync.WaitGroup
	for len(p) > 0 {
		n := u.partSize
		if int64(len(p)) < 2*u.partSize {
			n = int64(len(p))
		}
		part := p[:n]
		p = p[n:]
		u.number++
		number := u.number
		permits <- struct{}{}
		all.Go(func() {
			defer func() { <-permits }()
			u.send(number, bytes.NewReader(part), n, crc32.Checksum(part, castagnoli))
		})
	}
	all.Wait()
}

// send uploads one part; a failure ends the upload.
func (u *upload) send(number int32, content io.ReadSeeker, length int64, crc uint32) {
	defer func() {
		if p := recover(); p != nil {
			u.cancel(errs.New(errs.Internal, "internal error: %v\n%s", p, debug.Stack()))
		}
	}()
	sum := aws.String(checksum(crc))
	out, err := u.d.client.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket: &u.d.bucket, Key: u.d.name(u.key), UploadId: u.id, PartNumber: &number, Body: content, ContentLength: &length,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumCRC32C: sum,
	}, unsigned)
	if err != nil {
		u.cancel(u.d.failure("UploadPart", u.key, err))
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumCRC32C: sum})
}

// complete makes the object of its parts.
func (u *upload) complete(size int64, opts blob.PutOptions) error {
	slices.SortFunc(u.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	sum := checksum(u.crc)
	_, err := u.d.client.CompleteMultipartUpload(u.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.d.bucket, Key: u.d.name(u.key), UploadId: u.id, MpuObjectSize: &size, IfNoneMatch: unlessExists(opts),
		ChecksumCRC32C: &sum, ChecksumType: types.ChecksumTypeFullObject,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	if hasCode(err, "NoSuchUpload") && u.completed(sum) {
		return nil
	}
	return u.d.failure("CompleteMultipartUpload", u.key, err)
}

// completed says whether the object is there already: the answer to an earlier attempt was lost, and the upload is no more.
func (u *upload) completed(sum string) bool {
	out, err := u.d.client.HeadObject(u.ctx, &s3.HeadObjectInput{
		Bucket: &u.d.bucket, Key: u.d.name(u.key), ChecksumMode: types.ChecksumModeEnabled,
	})
	return err == nil && aws.ToString(out.ChecksumCRC32C) == sum
}

// abort has S3 drop the parts, which cost money and are nowhere listed.
func (u *upload) abort() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	_, _ = u.d.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &u.d.bucket, Key: u.d.name(u.key), UploadId: u.id,
	})
}

// damaged is the error about an object whose checksum is not that of its bytes.
func (d *driver) damaged(key, got, want string) error {
	return errs.New(errs.OS, "%s is damaged, or was on its way: its CRC32C is %s instead of %s", d.where(key), got, want)
}

var errNoRange = errors.New("the server ignores the Range header")

func (d *driver) noRange(key string) error {
	return fmt.Errorf("%s: %w", d.where(key), errNoRange)
}

package deploy

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/queue/sqs"
)

// bucket is the deployment's, or one that was there before: that one is left as it is.
type bucket struct{ *session }

func (b *bucket) look(ctx context.Context) (string, string, error) {
	exists, err := b.bucketExists(ctx)
	if err != nil {
		return "", "", err
	}
	if exists {
		return line(keep, "bucket %s", b.bucket)
	}
	return line(create, "bucket %s in %s, encrypted, without public access", b.bucket, b.region)
}

func (s *session) bucketExists(ctx context.Context) (bool, error) {
	_, err := s.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	switch code := cloud.Code(err); {
	case err == nil:
		return true, nil
	case code == "NotFound" || code == "NoSuchBucket":
		return false, nil
	case code == "PermanentRedirect" || code == "MovedPermanently":
		return false, errs.New(errs.Value, "bucket %s is in another region than %s: pass region=, or another bucket", s.bucket, s.region)
	case cloud.Denied(err):
		return false, errs.New(errs.OS, "bucket %s: the right s3:ListBucket is missing, or the bucket is somebody else's: %w", s.bucket, err)
	default:
		return false, cloud.Explain(err, "bucket "+s.bucket+": cannot look")
	}
}

func (b *bucket) apply(ctx context.Context) error {
	in := &s3.CreateBucketInput{Bucket: &b.bucket}
	if b.region != "us-east-1" { // which S3 wants not to be named
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(b.region)}
	}
	_, err := b.s3.CreateBucket(ctx, in)
	var ours *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &ours) {
		return cloud.Explain(err, "bucket "+b.bucket+": cannot create it")
	}
	// The mark by which Delete knows that the bucket was made here.
	_, err = b.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &b.bucket, Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String(tag), Value: &b.Name}},
	}})
	if err != nil {
		return cloud.Explain(err, "bucket "+b.bucket+": cannot tag it")
	}
	_, err = b.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &b.bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
	}})
	if err != nil && !lacks(err) {
		return cloud.Explain(err, "bucket "+b.bucket+": cannot block public access")
	}
	_, err = b.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &b.bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}},
	}})
	if err != nil && !lacks(err) {
		return cloud.Explain(err, "bucket "+b.bucket+": cannot set its encryption")
	}
	b.made = true
	return nil
}

// lacks: servers other than S3 may not have these settings. S3 never says so.
func lacks(err error) bool {
	code := cloud.Code(err)
	return code == "NotImplemented" || code == "MethodNotAllowed"
}

// removeBucket removes the objects below the prefix, if asked for, and the bucket if it was made by Apply and is empty then.
func (s *session) removeBucket(ctx context.Context, contents bool, tell func(string)) error {
	exists, err := s.bucketExists(ctx)
	if err != nil || !exists {
		return err
	}
	if !contents {
		tell("keep bucket " + s.bucket + ": its contents were not asked for")
		return nil
	}
	if err := s.removeObjects(ctx); err != nil {
		return err
	}
	tell("delete objects of s3://" + strings.TrimSuffix(s.bucket+"/"+s.prefix, "/"))
	if !s.madeBucket(ctx) {
		tell("keep bucket " + s.bucket + ": it was not made by this deployment")
		return nil
	}
	_, err = s.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &s.bucket})
	if cloud.Code(err) == "BucketNotEmpty" {
		tell("keep bucket " + s.bucket + ": it has other objects")
		return nil
	}
	if err != nil {
		return cloud.Explain(err, "bucket "+s.bucket+": cannot delete it")
	}
	tell("delete bucket " + s.bucket)
	return nil
}

func (s *session) madeBucket(ctx context.Context) bool {
	out, err := s.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &s.bucket})
	if err != nil {
		return false
	}
	for _, t := range out.TagSet {
		if aws.ToString(t.Key) == tag && aws.ToString(t.Value) == s.Name {
			return true
		}
	}
	return false
}

func (s *session) removeObjects(ctx context.Context) error {
	doing := "bucket " + s.bucket + ": cannot delete its objects"
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.key(""))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return cloud.Explain(err, doing)
		}
		ids := make([]types.ObjectIdentifier, len(page.Contents))
		for i := range page.Contents {
			ids[i].Key = page.Contents[i].Key
		}
		if len(ids) == 0 {
			continue
		}
		out, err := s.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}})
		if err != nil {
			return cloud.Explain(err, doing)
		}
		if len(out.Errors) > 0 {
			e := out.Errors[0]
			return errs.New(errs.OS, "%s: %s: %s: %s", doing, aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
		}
	}
	return nil
}

// queues are the deployment's queues.
type queues struct{ *session }

func (q *queues) look(ctx context.Context) (string, string, error) {
	infos, err := sqs.Inspect(ctx, q.queues())
	if err != nil {
		return "", "", err
	}
	all, lines := keep, []string{}
	for _, i := range infos {
		verb := keep
		switch {
		case !i.Exists:
			verb = create
		case !i.Current:
			verb = update
		}
		if verb != keep {
			all = verb
		}
		lines = append(lines, verb+" queue "+i.Name)
	}
	return all, strings.Join(lines, "\n"), nil
}

func (q *queues) apply(ctx context.Context) error {
	made, err := sqs.Create(ctx, q.queues())
	if err != nil {
		return err
	}
	return made.Close()
}

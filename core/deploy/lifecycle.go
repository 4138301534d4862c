package deploy

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"numpywren/core/cloud"
)

// lifecycle is the rule of a bucket that Apply made by which S3 removes the parts of uploads that were never completed: those of
// workers that were killed. Parts cost money, are no objects, and no list shows them. Other rules of the bucket stay as they are.
type lifecycle struct {
	*session
	have *s3.GetBucketLifecycleConfigurationOutput
}

const (
	ruleID      = "numpywren-abandoned-uploads"
	uploadsDays = 7 // longer than any upload takes
)

func (l *lifecycle) look(ctx context.Context) (string, string, error) {
	const what = "rule of bucket %s: parts of abandoned uploads go after %d days"
	exists, err := l.bucketExists(ctx)
	if err != nil {
		return "", "", err
	}
	if l.made || !exists { // this moment, or, in a plan, not yet
		l.have = &s3.GetBucketLifecycleConfigurationOutput{}
		return line(create, what, l.bucket, uploadsDays)
	}
	if !l.madeBucket(ctx) {
		return keep, "", nil
	}
	l.have, err = l.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &l.bucket})
	switch {
	case cloud.Code(err) == "NoSuchLifecycleConfiguration":
		l.have = &s3.GetBucketLifecycleConfigurationOutput{}
	case err != nil && lacks(err):
		return keep, "", nil
	case err != nil:
		return "", "", cloud.Explain(err, "bucket "+l.bucket+": cannot read its rules")
	}
	i := slices.IndexFunc(l.have.Rules, isOurs)
	switch {
	case i < 0:
		return line(create, what, l.bucket, uploadsDays)
	case !isCurrent(&l.have.Rules[i]):
		return line(update, what, l.bucket, uploadsDays)
	}
	return line(keep, what, l.bucket, uploadsDays)
}

func isOurs(r types.LifecycleRule) bool { return aws.ToString(r.ID) == ruleID }

func isCurrent(r *types.LifecycleRule) bool {
	abort := r.AbortIncompleteMultipartUpload
	return r.Status == types.ExpirationStatusEnabled && abort != nil && aws.ToInt32(abort.DaysAfterInitiation) == uploadsDays
}

func (l *lifecycle) apply(ctx context.Context) error {
	rule := types.LifecycleRule{
		ID: aws.String(ruleID), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(uploadsDays)},
	}
	// S3 takes all the rules of a bucket at once, and what goes for all of them.
	_, err := l.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket:                             &l.bucket,
		LifecycleConfiguration:             &types.BucketLifecycleConfiguration{Rules: append(slices.DeleteFunc(slices.Clone(l.have.Rules), isOurs), rule)},
		TransitionDefaultMinimumObjectSize: l.have.TransitionDefaultMinimumObjectSize,
	})
	if err != nil && !lacks(err) {
		return cloud.Explain(err, "bucket "+l.bucket+": cannot set its rules")
	}
	return nil
}

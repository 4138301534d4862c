package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/invoke"
	"numpywren/core/queue/sqs"
)

// Check does one of everything that a job needs, with the rights of who calls, and tells a line for each thing: "ok bucket b:
// put an object", or "failed …" with what is missing. It goes on after a failure, and fails if anything did.
func Check(ctx context.Context, d Deployment, tell func(line string)) error {
	s, err := connect(ctx, d)
	if err != nil {
		return err
	}
	tell(fmt.Sprintf("ok account %s, region %s", s.account, s.region))
	failed := 0
	report := func(what string, err error) bool {
		if err != nil {
			failed++
			tell(fmt.Sprintf("failed %s: %v", what, err))
			return false
		}
		tell("ok " + what)
		return true
	}
	s.checkStorage(ctx, report)
	report("queues "+s.Name+": find, count, send, receive, delete", sqs.Probe(ctx, s.queues()))
	s.checkFunction(ctx, report)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed > 0 {
		return errs.New(errs.OS, "deployment %s: %d checks failed; `numpywren deploy --name %s` makes what is not there", s.Name, failed, s.Name)
	}
	return nil
}

// checkStorage puts an object, and a second time only if there is none, reads, lists and deletes it.
func (s *session) checkStorage(ctx context.Context, report func(string, error) bool) {
	where := "bucket " + s.bucket + ": "
	key, body := s.key("check/"+rand.Text()), []byte("numpywren")
	put := func() error {
		_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body), IfNoneMatch: aws.String("*")})
		return err
	}
	if !report(where+"put an object", cloud.Explain(put(), key)) {
		return
	}
	err := put()
	switch code := cloud.Code(err); {
	case err == nil:
		err = errs.New(errs.OS, "a second put with If-None-Match: * went through: this server is not fit for jobs")
	case code == "PreconditionFailed" || code == "ConditionalRequestConflict":
		err = nil
	}
	report(where+"put an object only if there is none", cloud.Explain(err, key))
	report(where+"get an object", s.checkGet(ctx, key, body))
	report(where+"list objects", s.checkList(ctx, key))
	_, err = s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	report(where+"delete an object", cloud.Explain(err, key))
}

func (s *session) checkGet(ctx context.Context, key string, want []byte) error {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return cloud.Explain(err, key)
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err == nil && !bytes.Equal(got, want) {
		return errs.New(errs.OS, "%s: other bytes were read than written", key)
	}
	return cloud.Explain(err, key)
}

func (s *session) checkList(ctx context.Context, key string) error {
	out, err := s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &key})
	if err == nil && len(out.Contents) != 1 {
		return errs.New(errs.OS, "%s: it was put and is not listed", key)
	}
	return cloud.Explain(err, key)
}

// checkFunction reads the function's settings and asks the worker for its version.
func (s *session) checkFunction(ctx context.Context, report func(string, error) bool) {
	where := "function " + s.Function + ": "
	_, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &s.Function})
	if missing(err) {
		err = errs.New(errs.NotFound, "there is no function %s in %s", s.Function, s.region)
	}
	if !report(where+"read its settings", s.explain(err, "read its settings")) {
		return
	}
	version, err := s.ping(ctx)
	if report(where+"invoke it", err) && s.Version != "" {
		if version != s.Version {
			err = errs.New(errs.Value, "the worker has version %s and this is %s: `numpywren deploy --name %s` updates it", version, s.Version, s.Name)
		}
		report(where+"version "+version, err)
	}
}

// ping asks the worker for its version.
func (s *session) ping(ctx context.Context) (version string, err error) {
	f, err := invoke.Open(ctx, s.Function, s.region)
	if err != nil {
		return "", err
	}
	return f.Version(ctx)
}

// Delete removes what Apply made; what is not there is no error. The objects of the storage are removed only with contents, and
// the bucket only then, if Apply made it and nothing else is in it.
func Delete(ctx context.Context, d Deployment, contents, dryRun bool, tell func(line string)) error {
	s, err := connect(ctx, d)
	if err != nil {
		return err
	}
	if dryRun {
		return s.planDelete(ctx, contents, tell)
	}
	if err := s.removeFunction(ctx, tell); err != nil {
		return err
	}
	gone, err := s.removeRole(ctx)
	if err != nil {
		return err
	}
	if gone {
		tell("delete role " + s.Role)
	}
	infos, err := sqs.Inspect(ctx, s.queues())
	if err != nil {
		return err
	}
	if err := sqs.Delete(ctx, s.queues()); err != nil {
		return err
	}
	for _, i := range infos {
		if i.Exists {
			tell("delete queue " + i.Name)
		}
	}
	return s.removeBucket(ctx, contents, tell)
}

// planDelete tells what Delete would remove.
func (s *session) planDelete(ctx context.Context, contents bool, tell func(string)) error {
	sources, err := s.listSources(ctx)
	if err != nil {
		return err
	}
	for queue := range sources {
		tell("delete event source " + queue)
	}
	for _, p := range []struct {
		part
		name string
	}{{&function{session: s}, "function " + s.Function}, {&role{session: s}, "role " + s.Role}} {
		verb, _, err := p.look(ctx)
		if err != nil {
			return err
		}
		if verb != create {
			tell("delete " + p.name)
		}
	}
	infos, err := sqs.Inspect(ctx, s.queues())
	if err != nil {
		return err
	}
	for _, i := range infos {
		if i.Exists {
			tell("delete queue " + i.Name)
		}
	}
	exists, err := s.bucketExists(ctx)
	if err != nil || !exists {
		return err
	}
	if !contents {
		tell("keep bucket " + s.bucket + ": its contents were not asked for")
		return nil
	}
	tell("delete objects of s3://" + strings.TrimSuffix(s.bucket+"/"+s.prefix, "/"))
	if s.madeBucket(ctx) {
		tell("delete bucket " + s.bucket + ", if it has no other objects")
	}
	return nil
}

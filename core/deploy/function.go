package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/queue/sqs"
)

const (
	roleTime   = time.Minute     // until Lambda knows a new role
	roleRest   = 3 * time.Second // between attempts
	activeTime = 5 * time.Minute // until a function's change is done
)

func (s *session) roleARN() string { return s.arn("iam", "", s.account, "role/"+s.Role) }

func (s *session) queueARNs() []string {
	arns := make([]string, 0, sqs.Bands+1)
	for b := range sqs.Bands {
		arns = append(arns, s.arn("sqs", s.region, s.account, sqs.QueueName(s.Name, b)))
	}
	return append(arns, s.arn("sqs", s.region, s.account, sqs.DeadName(s.Name)))
}

// function is the worker on Lambda.
type function struct {
	*session
	code                  []byte
	missing, stale, other bool // other: the configuration differs
}

func (f *function) look(ctx context.Context) (string, string, error) {
	out, err := f.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &f.Function})
	if missing(err) {
		f.missing = true
		return line(create, "function %s: %s, %d MB, %.1f MB of code", f.Function, f.Arch, f.Memory, float64(len(f.code))/1e6)
	}
	if err != nil {
		return "", "", f.explain(err, "look")
	}
	c := out.Configuration
	f.stale = aws.ToString(c.CodeSha256) != checksum(f.code) || !slices.Equal(c.Architectures, f.architectures())
	differs := f.differs(c)
	f.other = len(differs) > 0
	if f.stale {
		differs = append(differs, "code")
	}
	if len(differs) == 0 {
		return line(keep, "function %s", f.Function)
	}
	return line(update, "function %s: its %s", f.Function, strings.Join(differs, ", "))
}

// differs names what of the configuration is not as wanted.
func (f *function) differs(c *types.FunctionConfiguration) (names []string) {
	var variables map[string]string
	if c.Environment != nil {
		variables = c.Environment.Variables
	}
	var layers []string
	for _, l := range c.Layers {
		layers = append(layers, aws.ToString(l.Arn))
	}
	for _, is := range []struct {
		name string
		same bool
	}{
		{"memory", aws.ToInt32(c.MemorySize) == int32(f.Memory)},
		{"time-out", aws.ToInt32(c.Timeout) == timeout},
		{"runtime", c.Runtime == types.RuntimeProvidedal2023},
		{"role", aws.ToString(c.Role) == f.roleARN()},
		{"environment", maps.Equal(variables, f.environment())},
		{"layers", slices.Equal(layers, f.Layers)},
	} {
		if !is.same {
			names = append(names, is.name)
		}
	}
	return names
}

func (f *function) architectures() []types.Architecture {
	return []types.Architecture{types.Architecture(f.Arch)}
}

func (s *session) explain(err error, doing string) error {
	return cloud.Explain(err, fmt.Sprintf("function %s in %s: cannot %s", s.Function, s.region, doing))
}

func (f *function) apply(ctx context.Context) error {
	if f.missing {
		return f.create(ctx)
	}
	if f.other {
		_, err := f.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &f.Function, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String(f.roleARN()),
			MemorySize: aws.Int32(int32(f.Memory)), Timeout: aws.Int32(timeout), Layers: f.Layers,
			Environment: &types.Environment{Variables: f.environment()},
		})
		if err != nil {
			return f.explain(err, "change its configuration")
		}
		if err := f.settled(ctx); err != nil {
			return err
		}
	}
	if f.stale {
		_, err := f.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &f.Function, ZipFile: f.code, Architectures: f.architectures()})
		if err != nil {
			return f.explain(err, "change its code")
		}
	}
	return f.settled(ctx)
}

// create waits until Lambda knows the role, which takes seconds after it was made.
func (f *function) create(ctx context.Context) error {
	end := time.Now().Add(roleTime)
	for {
		_, err := f.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
			FunctionName: &f.Function, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String(f.roleARN()),
			MemorySize: aws.Int32(int32(f.Memory)), Timeout: aws.Int32(timeout), Layers: f.Layers, Architectures: f.architectures(),
			Code: &types.FunctionCode{ZipFile: f.code}, Environment: &types.Environment{Variables: f.environment()},
			Description: aws.String("A worker of numpywren's deployment " + f.Name), Tags: map[string]string{tag: f.Name},
		})
		var bad *types.InvalidParameterValueException
		if !errors.As(err, &bad) || !strings.Contains(bad.ErrorMessage(), "role") || time.Now().After(end) {
			if err != nil {
				return f.explain(err, "create it")
			}
			return f.settled(ctx)
		}
		select {
		case <-time.After(roleRest):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settled waits until the function's last change is done.
func (f *function) settled(ctx context.Context) error {
	in := &lambda.GetFunctionInput{FunctionName: &f.Function}
	if err := lambda.NewFunctionActiveV2Waiter(f.lambda).Wait(ctx, in, activeTime); err != nil {
		return f.explain(err, "wait until it is active")
	}
	if err := lambda.NewFunctionUpdatedV2Waiter(f.lambda).Wait(ctx, in, activeTime); err != nil {
		return f.explain(err, "wait until it is updated")
	}
	return nil
}

// removeFunction removes the event sources and the function.
func (s *session) removeFunction(ctx context.Context, tell func(string)) error {
	sources, err := s.listSources(ctx)
	if err != nil {
		return err
	}
	for queue, uuid := range sources {
		if _, err := s.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &uuid}); err != nil && !missing(err) {
			return s.explain(err, "delete its event source "+queue)
		}
		tell("delete event source " + queue)
	}
	_, err = s.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &s.Function})
	if missing(err) {
		return nil
	}
	if err != nil {
		return s.explain(err, "delete it")
	}
	tell("delete function " + s.Function)
	return nil
}

// recursion is the setting that lets a function feed the queue that it is fed from: else Lambda stops it after 16 rounds.
type recursion struct{ *session }

func (r *recursion) look(ctx context.Context) (string, string, error) {
	out, err := r.lambda.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: &r.Function})
	switch {
	case missing(err): // the function is not there yet
		return line(update, "function %s: it may call itself", r.Function)
	case unknownPath(err):
		return keep, "skip function " + r.Function + ": this endpoint has no recursion setting", nil
	case err != nil:
		return "", "", r.explain(err, "read its recursion setting")
	case out.RecursiveLoop == types.RecursiveLoopAllow:
		return line(keep, "function %s: it may call itself", r.Function)
	}
	return line(update, "function %s: it may call itself", r.Function)
}

// unknownPath: not Lambda, which always has a code, but a server that does not know the request.
func unknownPath(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == 404 && !missing(err)
}

func (r *recursion) apply(ctx context.Context) error {
	_, err := r.lambda.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: &r.Function, RecursiveLoop: types.RecursiveLoopAllow})
	return r.explain(err, "allow that it calls itself")
}

// source is an event source: Lambda receives from a queue and calls the function with up to ten messages.
type source struct {
	*session
	queue string
	uuid  string
}

func (s *session) sources() (parts []part) {
	for b := range sqs.Bands {
		parts = append(parts, &source{session: s, queue: sqs.QueueName(s.Name, b)})
	}
	return parts
}

// listSources gives the function's event sources by the names of the deployment's queues.
func (s *session) listSources(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	pages := lambda.NewListEventSourceMappingsPaginator(s.lambda, &lambda.ListEventSourceMappingsInput{FunctionName: &s.Function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if missing(err) {
			return found, nil
		}
		if err != nil {
			return nil, s.explain(err, "list its event sources")
		}
		for _, m := range page.EventSourceMappings {
			arn := aws.ToString(m.EventSourceArn)
			if name := arn[strings.LastIndexByte(arn, ':')+1:]; strings.HasPrefix(name, s.Name+"-") {
				found[name] = aws.ToString(m.UUID)
			}
		}
	}
	return found, nil
}

func (e *source) look(ctx context.Context) (string, string, error) {
	found, err := e.listSources(ctx)
	if err != nil {
		return "", "", err
	}
	e.uuid = found[e.queue]
	switch {
	case e.EventSource && e.uuid == "":
		return line(create, "event source %s", e.queue)
	case e.EventSource:
		return line(keep, "event source %s", e.queue)
	case e.uuid != "":
		return line("delete", "event source %s", e.queue)
	}
	return keep, "", nil
}

func (e *source) apply(ctx context.Context) error {
	if !e.EventSource {
		_, err := e.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &e.uuid})
		return e.explain(err, "delete its event source "+e.queue)
	}
	infos, err := sqs.Inspect(ctx, e.queues())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(infos, func(i sqs.Info) bool { return i.Name == e.queue && i.Exists })
	if i < 0 {
		return errs.New(errs.NotFound, "there is no queue %s for the function's event source", e.queue)
	}
	in := &lambda.CreateEventSourceMappingInput{
		FunctionName: &e.Function, EventSourceArn: &infos[i].ARN, BatchSize: aws.Int32(10),
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		Tags:                  map[string]string{tag: e.Name},
	}
	if e.Concurrency > 0 {
		in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(int32(e.Concurrency))}
	}
	_, err = e.lambda.CreateEventSourceMapping(ctx, in)
	return e.explain(err, "create its event source "+e.queue)
}

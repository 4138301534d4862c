// Package invoke starts workers: it invokes a deployment's Lambda function. Package core calls it; package deploy makes functions.
package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"numpywren/core/cloud"
	"numpywren/core/errs"
)

// Function is a Lambda function whose code is ours. It is safe for concurrent use.
type Function struct {
	name   string
	client *lambda.Client
}

const (
	// callTime bounds one call, whatever the network does. A container that starts takes some seconds of it.
	callTime = 30 * time.Second
	// attempts are few: when the account has no room for more workers, there is none for a while.
	attempts = 4
)

// Open makes a Function, without a request. Credentials, region and endpoint are as AWS's tools find them; a region that is not
// empty goes before.
func Open(ctx context.Context, name, region string) (*Function, error) {
	if name == "" {
		return nil, errs.New(errs.Value, "function must not be empty")
	}
	cfg, err := cloud.Load(ctx, cloud.Options{Region: region, Patience: callTime, Attempts: attempts})
	if err != nil {
		return nil, err
	}
	return &Function{name, lambda.NewFromConfig(cfg)}, nil
}

// Work starts a worker, which works until there is nothing to do or its time runs out, and does not wait for it. That the account
// has no room for more workers now is no failure: there are others.
func (f *Function) Work(ctx context.Context) error {
	_, err := f.call(ctx, `{"work": {}}`, types.InvocationTypeEvent)
	var busy *types.TooManyRequestsException
	if errors.As(err, &busy) {
		return nil
	}
	return err
}

// Version asks the function which version it is.
func (f *Function) Version(ctx context.Context) (string, error) {
	out, err := f.call(ctx, `{"ping": {}}`, types.InvocationTypeRequestResponse)
	if err != nil {
		return "", err
	}
	var answer struct {
		Version string `json:"version"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(out.Payload, &answer); err != nil || answer.Version == "" {
		return "", errs.New(errs.OS, "the function %s is no worker of ours: it answers %.200s%s", f.name, out.Payload, answer.Message)
	}
	return answer.Version, nil
}

func (f *Function) call(ctx context.Context, payload string, how types.InvocationType) (*lambda.InvokeOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(f.name), InvocationType: how, Payload: []byte(payload)})
	if err == nil {
		return out, nil
	}
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, errs.New(errs.NotFound, "there is no Lambda function %s: numpywren deploy makes it, or name another with function=", f.name)
	}
	return nil, cloud.Explain(err, "function "+f.name+": invoke")
}

// Package cloud is what everything of ours that talks to AWS shares: how a client is configured, when a request is tried again, and
// what failures are called. The drivers of blob and queue and the packages invoke and deploy call it. It knows no service.
package cloud

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"numpywren/core/errs"
)

// Options are what the clients of services differ in.
type Options struct {
	Region   string // empty: as AWS's tools find it
	Anywhere bool   // a region is not demanded here: a server of one's own may have none, and only the client knows its endpoint

	Attempts int           // at a request, once the endpoint has answered; 0: 8, with pauses of 6 seconds in all
	Adaptive bool          // when the service asks one request to slow down, all of the client's do
	Again    []string      // codes of failures that may go well the next time, beside those that the SDK knows
	Retried  func()        // called before each attempt but the first; may be nil
	Patience time.Duration // for the very first answer; 0: 4 s
}

const (
	defaultAttempts = 8
	defaultPatience = 4 * time.Second
)

// ErrNoRegion is Load's without a region, and that of callers who had it go on Anywhere and cannot.
var ErrNoRegion = errs.New(errs.Value, "no AWS region is known: pass region=, or set AWS_REGION or the region of the profile")

// Load is the configuration of clients: credentials, region, endpoints and certificates from where AWS's own tools take them
// (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SQS, AWS_CA_BUNDLE, ~/.aws, the role of the
// machine). A region that is not empty goes before those. No request is made.
func Load(ctx context.Context, o Options) (aws.Config, error) {
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(transport())}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return cfg, errs.New(errs.Value, "the AWS configuration cannot be read: %w", err)
	}
	if cfg.Region == "" && !o.Anywhere {
		return cfg, ErrNoRegion
	}
	answered := &atomic.Bool{}
	cfg.Credentials = &credentials{cfg.Credentials}
	cfg.HTTPClient = &patient{cfg.HTTPClient, answered, o.Patience}
	cfg.Retryer = func() aws.Retryer { return newRetryer(o, answered) }
	// A clock that is off is told to the user instead: what is old enough to be deleted is found by it too.
	cfg.DisableClockSkewCorrection = true
	return cfg, nil
}

// CheckEndpoint says whether requests can be sent to an endpoint of the service, which is Amazon's own when it is nil. Only a
// client knows it, of all the variables and files that may name it.
func CheckEndpoint(service string, endpoint *string) error {
	if endpoint == nil || strings.HasPrefix(*endpoint, "http://") || strings.HasPrefix(*endpoint, "https://") {
		return nil
	}
	return errs.New(errs.Value, "the %s endpoint %q is no URL: want http://… or https://…", service, *endpoint)
}

// credentials mark their failures, which otherwise are those of whatever was asked last.
type credentials struct{ from aws.CredentialsProvider }

func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.from.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &errs.Error{Kind: errs.OS, Err: err, Msg: "no AWS credentials were found: set AWS_ACCESS_KEY_ID and " +
			"AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run `aws configure`, or give the machine a role (" + cause(err) + ")"}
	}
	return found, err
}

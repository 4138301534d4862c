// Package cloud is what everything of ours that talks to AWS shares: how a client is configured, and what its failures are
// called. The drivers of blob and queue and package deploy call it. It knows no service.
package cloud

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"numpywren/core/errs"
)

const (
	// dialTimeout is short, so that an address where nobody answers is an error within seconds (the SDK's own is 30 s).
	dialTimeout = 3 * time.Second
	// headerTimeout is longer than the longest long poll, and than a server thinks before it answers.
	headerTimeout = 60 * time.Second
	attempts      = 4
	maxBackoff    = 5 * time.Second
	connections   = 128 // idle ones that are kept for a host: pipelined workers have that many requests in flight
)

// Load is the configuration of clients: credentials, region and endpoints from where AWS's own tools take them
// (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SQS, ~/.aws, the role of the machine). A region
// that is not empty goes before those. No request is made.
func Load(ctx context.Context, region string) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, connections
			t.ResponseHeaderTimeout = headerTimeout
		})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff })
		}),
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, errs.New(errs.Value, "AWS's settings cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errs.New(errs.Value, "no AWS region is known: pass region=, or set AWS_REGION or the region of the profile")
	}
	return cfg, nil
}

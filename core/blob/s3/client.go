package s3

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

const (
	connectTimeout = 3 * time.Second
	silenceTimeout = 30 * time.Second // without a byte of an answer
	idleConns      = 256
	// A server that was there and is away for some seconds is waited for: the pauses between so many attempts are 15 seconds, on
	// average. One that never answered is not.
	attempts      = 12
	firstAttempts = 3
	firstAnswer   = 4 * time.Second
	longestPause  = 5 * time.Second
	firstPause    = 100 * time.Millisecond // at most, before the second attempt; the library's 2 s is longer than most tasks
	throttlePause = time.Second            // the same, when the service asks to slow down
)

// connect makes the client.
func (d *driver) connect(ctx context.Context, options Options) error {
	transport := awshttp.NewBuildableClient().
		WithDialerOptions(func(dialer *net.Dialer) { dialer.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConns, idleConns
			t.TLSHandshakeTimeout = 2 * connectTimeout
			// One connection a transfer: streams of HTTP/2 would share one's window, and its fate.
			t.ForceAttemptHTTP2 = false
			t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
			t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
		}).WithReadTimeout(silenceTimeout)
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(transport),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if options.Region != "" {
		load = append(load, config.WithRegion(options.Region))
	}
	if options.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(options.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return errs.New(errs.Value, "the AWS configuration cannot be read: %w", err)
	}
	cfg.Credentials = &credentials{cfg.Credentials}
	answered := &atomic.Bool{}
	d.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		if options.Endpoint != "" {
			o.BaseEndpoint = &options.Endpoint
		}
		if o.BaseEndpoint != nil {
			o.UsePathStyle, d.endpoint = true, *o.BaseEndpoint
			if o.Region == "" {
				o.Region = "us-east-1" // what such servers expect who have none
			}
		}
		o.HTTPClient = &counting{o.HTTPClient, &d.Meter, answered}
		o.Retryer = newRetryer(&d.Meter, answered)
		o.DisableLogOutputChecksumValidationSkipped = true
		d.region = o.Region
	})
	if d.region == "" {
		return errs.New(errs.Value, "no AWS region is set, and s3://%s needs one: set AWS_REGION, or give region=", d.bucket)
	}
	if d.endpoint == "" {
		d.endpoint = "S3 in " + d.region
	} else if !strings.HasPrefix(d.endpoint, "http://") && !strings.HasPrefix(d.endpoint, "https://") {
		return errs.New(errs.Value, "the S3 endpoint %q is no URL: want http://… or https://…", d.endpoint)
	}
	return nil
}

// credentials mark their failures, which otherwise are those of whatever was asked last.
type credentials struct{ from aws.CredentialsProvider }

func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.from.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &errs.Error{Kind: errs.OS, Err: err, Msg: "no AWS credentials were found: set AWS_ACCESS_KEY_ID and " +
			"AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run `aws configure`, or give the machine a role"}
	}
	return found, err
}

// retryer repeats what can be repeated. Until the endpoint has answered once it gives up soon, since its address may be wrong.
type retryer struct {
	aws.RetryerV2
	meter    *blob.Meter
	answered *atomic.Bool
}

// retryCodes are what S3 says that may go well the next time, beside what the library knows.
var retryCodes = map[string]struct{}{
	"ConditionalRequestConflict":  {}, // two create an object at the same time
	"InternalError":               {},
	"ServiceUnavailable":          {},
	"BadDigest":                   {}, // damaged on its way
	"XAmzContentChecksumMismatch": {},
}

func newRetryer(meter *blob.Meter, answered *atomic.Bool) aws.Retryer {
	standard := func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.Backoff = attempts, longestPause, retry.BackoffDelayerFunc(pause)
		// No quota of retries: attempts have a bound, and a server that restarts fails everybody's requests for a while.
		o.RateLimiter = ratelimit.None
		ours := []retry.IsErrorRetryable{retry.NoRetryCanceledError{}, retry.IsErrorRetryableFunc(retryable),
			retry.RetryableErrorCode{Codes: retryCodes}}
		o.Retryables = append(ours, o.Retryables...)
	}
	return &retryer{retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, standard)
	}), meter, answered}
}

// pause is how long to wait after an attempt, the first being 1, that failed with err: twice as long each time, by chance less.
func pause(attempt int, err error) (time.Duration, error) {
	most := firstPause
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
		most = throttlePause
	}
	for ; attempt > 1 && most < longestPause; attempt-- {
		most *= 2
	}
	return rand.N(min(most, longestPause)), nil
}

func (r *retryer) MaxAttempts() int {
	if !r.answered.Load() {
		return firstAttempts
	}
	return r.RetryerV2.MaxAttempts()
}

func (r *retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	r.meter.Retries.Add(1)
	return r.RetryerV2.GetRetryToken(ctx, err)
}

// counting is an HTTP client that counts requests, as they are paid for, and the bytes of bodies.
type counting struct {
	client   s3.HTTPClient
	meter    *blob.Meter
	answered *atomic.Bool
}

func (c *counting) Do(request *http.Request) (*http.Response, error) {
	c.count(request)
	if !c.answered.Load() && request.ContentLength < partSize/8 {
		return c.first(request)
	}
	response, err := c.client.Do(request)
	if err == nil {
		c.answered.Store(true)
		response.Body = c.meter.Reading(response.Body)
	}
	return response, err
}

// first sends a request to an endpoint that has not answered yet, and may be none: it does not wait long.
func (c *counting) first(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	impatient := time.AfterFunc(firstAnswer, cancel)
	response, err := c.client.Do(request.WithContext(ctx))
	if !impatient.Stop() && request.Context().Err() == nil {
		err = silence{}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	c.answered.Store(true)
	body := c.meter.Reading(response.Body)
	response.Body = &closing{body, cancel}
	return response, nil
}

// closing is a body whose context ends when it is closed.
type closing struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *closing) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// silence is a host's that takes connections and does not answer.
type silence struct{}

func (silence) Error() string { return fmt.Sprintf("no answer within %v", firstAnswer) }
func (silence) Timeout() bool { return true }

func (c *counting) count(request *http.Request) {
	query := request.URL.Query()
	switch {
	case request.Method == http.MethodHead:
		c.meter.Heads.Add(1)
	case request.Method == http.MethodDelete, query.Has("delete"):
		c.meter.Deletes.Add(1)
	case request.Method == http.MethodGet && query.Has("list-type"):
		c.meter.Lists.Add(1)
	case request.Method == http.MethodGet:
		c.meter.Gets.Add(1)
	default:
		c.meter.Puts.Add(1)
	}
	c.meter.BytesOut.Add(max(0, request.ContentLength))
}

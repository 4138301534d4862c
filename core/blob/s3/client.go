package s3

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"numpywren/core/blob"
	"numpywren/core/cloud"
)

// attempts are many: a server that was there and is away for some seconds is waited for. The pauses between them are 15 seconds, on
// average.
const attempts = 12

// againCodes are what S3 says that may go well the next time, beside what the SDK knows.
var againCodes = []string{
	"ConditionalRequestConflict", // two create an object at the same time
	"InternalError", "ServiceUnavailable",
	"BadDigest", "XAmzContentChecksumMismatch", // damaged on its way
	"ExistingObjectIsDirectory", // versitygw: the last object of the same folder is deleted meanwhile, and the folder with it
}

// connect makes the client.
func (d *driver) connect(ctx context.Context, options Options) error {
	cfg, err := cloud.Load(ctx, cloud.Options{
		Region: options.Region, Anywhere: true, Attempts: attempts, Adaptive: true, Again: againCodes,
		Retried: func() { d.Meter.Retries.Add(1) },
	})
	if err != nil {
		return err
	}
	d.client = Client(cfg, func(o *s3.Options) {
		if options.Endpoint != "" {
			o.BaseEndpoint = &options.Endpoint
		}
		o.HTTPClient = &counting{o.HTTPClient, &d.Meter}
	})
	o := d.client.Options()
	if err := cloud.CheckEndpoint("S3", o.BaseEndpoint); err != nil {
		return err
	}
	if d.region = o.Region; d.region == "" {
		return fmt.Errorf("s3://%s: %w", d.bucket, cloud.ErrNoRegion)
	}
	if d.endpoint = aws.ToString(o.BaseEndpoint); d.endpoint == "" {
		d.endpoint = "S3 in " + d.region
	}
	return nil
}

// Client is one of the SDK's for S3, or for what speaks its protocol; change sets what is particular to the caller.
func Client(cfg aws.Config, change ...func(*s3.Options)) *s3.Client {
	cfg.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // those that are wanted are asked for
	elsewhere := func(o *s3.Options) {
		o.DisableLogOutputChecksumValidationSkipped = true
		if o.BaseEndpoint == nil {
			return
		}
		o.UsePathStyle = true // a server of one's own has no host for each bucket
		if o.Region == "" {
			o.Region = "us-east-1" // what such servers expect who have none
		}
	}
	return s3.NewFromConfig(cfg, append(change, elsewhere)...)
}

// counting is an HTTP client that counts requests, as they are paid for, and the bytes of bodies.
type counting struct {
	client s3.HTTPClient
	meter  *blob.Meter
}

func (c *counting) Do(request *http.Request) (*http.Response, error) {
	c.count(request)
	response, err := c.client.Do(request)
	if err == nil {
		response.Body = c.meter.Reading(response.Body)
	}
	return response, err
}

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

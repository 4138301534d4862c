package s3_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	amazon "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/blob/s3"
)

var ctx = context.Background()

// endpoint is where a real server listens; the Makefile starts them. The test is skipped where there is none.
func endpoint(t *testing.T, server string) string {
	t.Helper()
	variable := "NUMPYWREN_TEST_" + strings.ToUpper(server)
	url := os.Getenv(variable)
	if url == "" {
		t.Skipf("no %s: python tools/servers.py run %s -- go test ./core/blob/s3", variable, server)
	}
	return url
}

var buckets atomic.Int64

// bucket makes a new bucket and gives its URL.
func bucket(t testing.TB, endpoint string) string {
	t.Helper()
	name := fmt.Sprintf("test-%d-%d", time.Now().UnixNano(), buckets.Add(1))
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint))
	require.NoError(t, err)
	client := amazon.NewFromConfig(cfg, func(o *amazon.Options) { o.UsePathStyle = true })
	_, err = client.CreateBucket(ctx, &amazon.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return "s3://" + name
}

// suite runs the conformance suite on a server. Both keep objects in folders, and refuse a put into a folder that a delete has
// just emptied, which S3, having no folders, never does: hence not the test that provokes it.
func suite(t *testing.T, server string) {
	at := endpoint(t, server)
	url := bucket(t, at)
	folders := 0
	blobtest.Run(t, func(t *testing.T) blob.Driver {
		folders++ // a folder for each test: the first is the bucket itself
		place := url
		if folders > 1 {
			place = fmt.Sprintf("%s/tests/%d", url, folders)
		}
		d, err := s3.Driver(ctx, place, s3.Options{Endpoint: at})
		require.NoError(t, err)
		t.Cleanup(func() {
			s := blob.New(d)
			require.NoError(t, s.DeleteAll(ctx, s.List(ctx, "")))
		})
		return d
	}, "Again")
}

func TestVersityGW(t *testing.T) { suite(t, "versitygw") }

func TestMinIO(t *testing.T) { suite(t, "minio") }

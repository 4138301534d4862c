package cloud

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// connectTimeout is short, so that an address where nobody answers is an error within seconds (the SDK's own is 30 s).
	connectTimeout = 3 * time.Second
	// silenceTimeout, without a byte of an answer, is longer than the longest long poll.
	silenceTimeout = 30 * time.Second
	idleConns      = 256 // that are kept for a host: pipelined workers have that many requests in flight
	smallRequest   = 1 << 20
)

// transport is how requests travel.
func transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConns, idleConns
			t.TLSHandshakeTimeout = 2 * connectTimeout
			t.DialContext = heard(t.DialContext)
			// One connection a transfer: streams of HTTP/2 would share one's window, and its fate.
			t.ForceAttemptHTTP2 = false
			t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
			t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
		}).WithReadTimeout(silenceTimeout)
}

// patient is a client that does not wait long for an endpoint which has not answered yet, and may be none. Large requests are: they
// take a while to send.
type patient struct {
	aws.HTTPClient
	answered *atomic.Bool
	patience time.Duration
}

func (p *patient) Do(request *http.Request) (*http.Response, error) {
	// The SDK leaves it out, and net/http then sends a large body without waiting for the server to ask for it: a refusal that comes
	// before is lost when the server closes the connection on the rest of the body.
	request.Proto, request.ProtoMajor, request.ProtoMinor = "HTTP/1.1", 1, 1
	if !p.answered.Load() && request.ContentLength < smallRequest {
		return p.first(request)
	}
	response, err := p.HTTPClient.Do(request)
	if err == nil {
		p.answered.Store(true)
	}
	return response, err
}

func (p *patient) first(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	impatient := time.AfterFunc(p.patience, cancel)
	response, err := p.HTTPClient.Do(request.WithContext(ctx))
	if !impatient.Stop() && request.Context().Err() == nil {
		err = &url.Error{Op: request.Method, URL: request.URL.String(), Err: silence{p.patience}}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	p.answered.Store(true)
	response.Body = &closing{response.Body, cancel}
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
type silence struct{ patience time.Duration }

func (s silence) Error() string { return fmt.Sprintf("no answer within %v", s.patience) }
func (silence) Timeout() bool   { return true }

package cloud

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	firstAttempts = 3
	longestPause  = 5 * time.Second
	firstPause    = 100 * time.Millisecond // at most, before the second attempt; the SDK's 2 s is longer than most tasks
	throttlePause = time.Second            // the same, when the service asks to slow down
)

// retryer repeats what can be repeated. Until the endpoint has answered once it gives up soon, since its address may be wrong.
type retryer struct {
	aws.RetryerV2
	answered *atomic.Bool
	retried  func()
}

func newRetryer(options Options, answered *atomic.Bool) aws.Retryer {
	codes := map[string]struct{}{}
	for _, code := range options.Again {
		codes[code] = struct{}{}
	}
	standard := func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.Backoff = options.Attempts, longestPause, retry.BackoffDelayerFunc(delay)
		// No quota of retries: attempts have a bound, and a server that restarts fails everybody's requests for a while.
		o.RateLimiter = ratelimit.None
		ours := []retry.IsErrorRetryable{retry.NoRetryCanceledError{}, retry.IsErrorRetryableFunc(retryable), retry.RetryableErrorCode{Codes: codes}}
		o.Retryables = append(ours, o.Retryables...)
	}
	r := &retryer{answered: answered, retried: options.Retried}
	if options.Adaptive {
		r.RetryerV2 = retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) { o.StandardOptions = append(o.StandardOptions, standard) })
	} else {
		r.RetryerV2 = retry.NewStandard(standard)
	}
	return r
}

func delay(attempt int, err error) (time.Duration, error) { return Pause(attempt, err), nil }

// Pause is how long to wait after an attempt, the first being 1, that failed with err: twice as long each time, by chance less.
func Pause(attempt int, err error) time.Duration {
	most := firstPause
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
		most = throttlePause
	}
	for ; attempt > 1 && most < longestPause; attempt-- {
		most *= 2
	}
	return rand.N(min(most, longestPause))
}

func (r *retryer) MaxAttempts() int {
	if !r.answered.Load() {
		return firstAttempts
	}
	return r.RetryerV2.MaxAttempts()
}

func (r *retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if r.retried != nil {
		r.retried()
	}
	return r.RetryerV2.GetRetryToken(ctx, err)
}

// retryable decides what the SDK would get wrong: an answer that breaks off can be asked for again, a certificate does not get
// better.
func retryable(err error) aws.Ternary {
	switch {
	case isCertificate(err):
		return aws.FalseTernary
	case errors.Is(err, io.ErrUnexpectedEOF):
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

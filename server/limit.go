package server

import (
	"context"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/time/rate"

	"guichet.dev/guichet/conversation"
)

const (
	// burstSeconds is how many seconds' worth of requests may come at once.
	burstSeconds = 10
	// strangersPerSecond is how many requests without a good token or session one address may make.
	strangersPerSecond = 5
	// maxBuckets is from how many callers on those that are at rest are forgotten.
	maxBuckets = 10_000
)

// limiter lets each caller make so many requests in a second, in this process.
type limiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   map[string]*rate.Limiter
}

// newLimiter returns a limiter; nil, which lets everything pass, for no limit.
func newLimiter(perSecond int) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{perSecond: rate.Limit(perSecond), burst: perSecond * burstSeconds, buckets: map[string]*rate.Limiter{}}
}

// allowance is what a caller has left.
type allowance struct {
	ok               bool
	limit, remaining int
	reset            time.Duration // until everything is there again
	retry            time.Duration // until one more is
}

func (l *limiter) take(caller string, now time.Time) allowance {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, known := l.buckets[caller]
	if !known {
		l.forget(now)
		bucket = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets[caller] = bucket
	}
	a := allowance{ok: bucket.AllowN(now, 1), limit: l.burst}
	left := bucket.TokensAt(now)
	a.remaining = max(0, int(left))
	a.reset = l.until(float64(l.burst) - left)
	a.retry = l.until(1 - left)
	return a
}

// until returns how long a number of requests takes to be there again.
func (l *limiter) until(missing float64) time.Duration {
	return time.Duration(max(0, missing) / float64(l.perSecond) * float64(time.Second))
}

// forget drops the callers that have everything left, if there are many: they begin as they would go on.
func (l *limiter) forget(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for caller, bucket := range l.buckets {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, caller)
		}
	}
}

// limited counts a request of a known caller.
func (s *Server) limited(ctx huma.Context, next func(huma.Context)) {
	who := actor(ctx.Context())
	if s.admitted(ctx, s.limits, string(who.Kind)+" "+who.ID) {
		next(ctx)
	}
}

// admitted counts a request, says so in the headers (draft-ietf-httpapi-ratelimit-headers-07), and answers 429 if it was one
// too many.
func (s *Server) admitted(ctx huma.Context, l *limiter, who string) bool {
	if l == nil {
		return true
	}
	a := l.take(who, time.Now())
	ctx.SetHeader("RateLimit-Limit", strconv.Itoa(a.limit))
	ctx.SetHeader("RateLimit-Remaining", strconv.Itoa(a.remaining))
	ctx.SetHeader("RateLimit-Reset", seconds(a.reset))
	if a.ok {
		return true
	}
	ctx.SetHeader("Retry-After", seconds(a.retry))
	s.refuse(ctx, tooMany(ctx.Context(), a.retry))
	return false
}

func tooMany(ctx context.Context, retry time.Duration) *Problem {
	p := newProblem(ctx, http.StatusTooManyRequests, conversation.CodeRateLimited, "too many requests; try again in "+seconds(retry)+" s")
	p.Details = map[string]any{"retry_after_seconds": int(math.Ceil(retry.Seconds()))}
	return p
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// host returns the address without its port.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

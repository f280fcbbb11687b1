package elb

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// firstPoll is how often a target is asked that is not known to be healthy.
const firstPoll = 150 * time.Millisecond

// tally counts a target's answers by its group's thresholds.
type tally struct {
	check    HealthCheck
	interval time.Duration
	state    string
	last     time.Time // when a failure was counted, or the counting began
	good     int
	bad      int
}

// add takes an answer and says whether there is news of the state.
func (c *tally) add(now time.Time, good bool) (news bool) {
	if good {
		c.good++
		c.bad = 0
		if c.good < c.check.Healthy || c.state == Healthy {
			return false
		}
		c.state = Healthy
		return true
	}
	c.good = 0
	// Failures count once an interval, however often we look.
	if now.Sub(c.last) < c.interval {
		return false
	}
	c.last = now
	if c.bad++; c.bad < c.check.Unhealthy {
		return false
	}
	c.state = Unhealthy
	return true
}

func (b *Balancer) checkHealth(ctx context.Context, t *Target, check HealthCheck, tell func(state, reason string)) {
	interval := max(time.Duration(float64(check.Interval)/b.speed), firstPoll)
	count := tally{check: check, interval: interval, state: Initial, last: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		reason := b.probe(ctx, t, check)
		if ctx.Err() != nil {
			return
		}
		if count.add(time.Now(), reason == "") && b.set(t, count.state, reason) {
			tell(count.state, reason)
		}
		if reason == "" && count.state == Healthy {
			timer.Reset(interval)
		} else {
			timer.Reset(firstPoll)
		}
	}
}

// set notes a target's state, unless it is on its way out.
func (b *Balancer) set(t *Target, state, reason string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.State == Draining {
		return false
	}
	t.State, t.Reason = state, reason
	return true
}

// probe asks a target once; "" is a good answer.
func (b *Balancer) probe(ctx context.Context, t *Target, check HealthCheck) string {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	address := t.Address
	if check.Port != "" && check.Port != "traffic-port" {
		host, _, _ := strings.Cut(address, ":")
		address = host + ":" + check.Port
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+check.Path, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	res, err := b.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "Request timed out"
		}
		return "Health checks failed: no connection"
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	if !Matches(check.Matcher, res.StatusCode) {
		return fmt.Sprintf("Health checks failed with these codes: [%d]", res.StatusCode)
	}
	return ""
}

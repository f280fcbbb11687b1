package elb

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstPoll   = 150 * time.Millisecond
	routesFresh = time.Second
	maxDrain    = 5 * time.Second
)

// The states of a target.
const (
	Initial   = "initial"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Draining  = "draining"
)

// Target is one address behind a target group.
type Target struct {
	Group, ID, Address string
	State, Reason      string

	inFlight atomic.Int64
	cancel   context.CancelFunc
}

// Balancer keeps targets and serves what load balancers forward to them.
type Balancer struct {
	moto    Caller
	speed   float64
	log     *slog.Logger
	regions func() []string
	client  *http.Client
	proxy   *httputil.ReverseProxy

	mu       sync.Mutex
	targets  []*Target
	next     int
	routes   []route
	routesAt time.Time
}

// New makes a Balancer. Speed is how many times faster than stated the
// intervals of health checks pass; regions are those to look for load balancers.
func New(moto Caller, speed float64, regions func() []string, log *slog.Logger) *Balancer {
	b := &Balancer{
		moto: moto, speed: speed, log: log, regions: regions,
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	b.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 10 * time.Second},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			fail(w, http.StatusBadGateway, "Bad Gateway")
		},
	}
	return b
}

// Register adds a target and checks it until it is deregistered. Changed is
// called with Healthy or Unhealthy and the reason whenever that changes.
func (b *Balancer) Register(group, id, address string, check HealthCheck, changed func(state, reason string)) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Target{Group: group, ID: id, Address: address, State: Initial, Reason: "Elb.RegistrationInProgress", cancel: cancel}
	b.mu.Lock()
	b.targets = append(b.targets, t)
	b.mu.Unlock()
	go b.watch(ctx, t, check, changed)
}

// Deregister sends no new requests to a target and waits, for a while, for
// those under way.
func (b *Balancer) Deregister(group, id string) {
	b.mu.Lock()
	i := slices.IndexFunc(b.targets, func(t *Target) bool { return t.Group == group && t.ID == id })
	if i < 0 {
		b.mu.Unlock()
		return
	}
	t := b.targets[i]
	t.State, t.Reason = Draining, "Target.DeregistrationInProgress"
	b.mu.Unlock()
	t.cancel()
	deadline := time.NewTimer(maxDrain)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting && t.inFlight.Load() > 0; {
		select {
		case <-tick.C:
		case <-deadline.C:
			waiting = false
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = slices.DeleteFunc(b.targets, func(other *Target) bool { return other == t })
}

// State is what Targets tells of one target.
type State struct {
	ID, Address, State, Reason string
}

// Targets lists a group's targets; known is false for a group without any.
func (b *Balancer) Targets(group string) (states []State, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		if t.Group == group {
			states = append(states, State{t.ID, t.Address, t.State, t.Reason})
		}
	}
	return states, len(states) > 0
}

func (b *Balancer) watch(ctx context.Context, t *Target, check HealthCheck, changed func(state, reason string)) {
	interval := max(time.Duration(float64(check.Interval)/b.speed), firstPoll)
	good, bad := 0, 0
	last := time.Now()
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
		state := ""
		if reason == "" {
			good++
			bad = 0
			if good >= check.Healthy {
				state = Healthy
			}
		} else {
			good = 0
			// Failures count once an interval, however often we look.
			if now := time.Now(); now.Sub(last) >= interval {
				bad++
				last = now
			}
			if bad >= check.Unhealthy {
				state = Unhealthy
			}
		}
		wait := firstPoll
		if b.set(t, state, reason) {
			changed(state, reason)
		}
		if state == Healthy {
			wait = interval
		}
		timer.Reset(wait)
	}
}

// set notes a target's state and says whether it changed.
func (b *Balancer) set(t *Target, state, reason string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state == "" || t.State == state || t.State == Draining {
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

// ServeHTTP forwards a request as the load balancer it is addressed to.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	group, err := b.route(r)
	if err != nil {
		b.log.Debug("no route", "host", r.Host, "error", err)
		fail(w, http.StatusServiceUnavailable, "Service Temporarily Unavailable")
		return
	}
	t := b.pick(group)
	if t == nil {
		fail(w, http.StatusServiceUnavailable, "Service Temporarily Unavailable")
		return
	}
	defer t.inFlight.Add(-1)
	r.URL.Host = t.Address
	b.proxy.ServeHTTP(w, r)
}

func (b *Balancer) route(r *http.Request) (group string, err error) {
	b.mu.Lock()
	routes, fresh := b.routes, time.Since(b.routesAt) < routesFresh
	b.mu.Unlock()
	if !fresh {
		routes = nil
		for _, region := range b.regions() {
			found, err := readRoutes(r.Context(), b.moto, region)
			if err != nil {
				return "", err
			}
			routes = append(routes, found...)
		}
		b.mu.Lock()
		b.routes, b.routesAt = routes, time.Now()
		b.mu.Unlock()
	}
	chosen, err := choose(routes, r.Host)
	return chosen.Group, err
}

// pick takes a healthy target in turn and counts the request as under way.
func (b *Balancer) pick(group string) *Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	var healthy []*Target
	for _, t := range b.targets {
		if t.Group == group && t.State == Healthy {
			healthy = append(healthy, t)
		}
	}
	if len(healthy) == 0 {
		return nil
	}
	b.next++
	t := healthy[b.next%len(healthy)]
	t.inFlight.Add(1)
	return t
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Server", "awselb/2.0")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n</body>\r\n</html>\r\n", status, text, status, text)
}

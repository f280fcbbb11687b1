package elb

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	dnsName = "web-1.eu-central-1.elb.amazonaws.com"
	group   = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/0"
)

// oneBalancer is a load balancer that forwards to group.
var oneBalancer = fakeMoto{
	"DescribeLoadBalancers": `<R><DescribeLoadBalancersResult><LoadBalancers>
		<member><LoadBalancerArn>a</LoadBalancerArn><LoadBalancerName>web</LoadBalancerName><DNSName>` + dnsName + `</DNSName></member>
		</LoadBalancers></DescribeLoadBalancersResult></R>`,
	"DescribeListeners": `<R><DescribeListenersResult><Listeners><member><DefaultActions>
		<member><Type>redirect</Type></member>
		<member><Type>forward</Type><ForwardConfig><TargetGroups><member><TargetGroupArn>` + group + `</TargetGroupArn></member></TargetGroups></ForwardConfig></member>
		</DefaultActions></member></Listeners></DescribeListenersResult></R>`,
}

// serve starts a server and gives its address; without a handler, that of one
// that is gone.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if handler == nil {
		server.Close()
	}
	return strings.TrimPrefix(server.URL, "http://")
}

func newBalancer(t *testing.T, moto fakeMoto) *Balancer {
	t.Helper()
	return New(moto, 1000, func() []string { return []string{"eu-central-1"} }, slog.New(slog.DiscardHandler))
}

type news struct{ state, reason string }

// register registers a target and gives what is told of it.
func register(t *testing.T, b *Balancer, id, address string) <-chan news {
	t.Helper()
	told := make(chan news, 100)
	check := HealthCheck{Path: "/healthz", Healthy: 1, Unhealthy: 2, Timeout: 5 * time.Second, Interval: time.Second}
	b.Register(group, id, address, check.withDefaults(), func(state, reason string) { told <- news{state, reason} })
	t.Cleanup(func() { b.Deregister(group, id) })
	return told
}

func wait(t *testing.T, told <-chan news, state string) news {
	t.Helper()
	select {
	case n := <-told:
		if n.state != state {
			t.Fatalf("the target became %s (%s), want %s", n.state, n.reason, state)
		}
		return n
	case <-time.After(20 * time.Second):
		t.Fatalf("the target did not become %s", state)
	}
	return news{}
}

func ask(b *Balancer, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/x?y=z", nil)
	r.Host = host
	answer := httptest.NewRecorder()
	b.ServeHTTP(answer, r)
	return answer
}

func TestForward(t *testing.T) {
	t.Parallel()
	b := newBalancer(t, oneBalancer)
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, name, " ", r.Host, r.URL, r.Header.Get("X-Forwarded-Proto"))
		}
	}
	if got := ask(b, dnsName); got.Code != http.StatusServiceUnavailable {
		t.Errorf("without targets: %d", got.Code)
	}
	wait(t, register(t, b, "one", serve(t, answer("one"))), Healthy)
	wait(t, register(t, b, "two", serve(t, answer("two"))), Healthy)
	seen := map[string]int{}
	for range 4 {
		seen[ask(b, dnsName).Body.String()]++
	}
	if seen["one "+dnsName+"/x?y=zhttp"] != 2 || seen["two "+dnsName+"/x?y=zhttp"] != 2 {
		t.Errorf("four requests were answered by %v", seen)
	}
	for host, want := range map[string]int{
		strings.ToUpper(dnsName) + ":80": 200, "localhost:8000": 200, "other-1.eu-central-1.elb.amazonaws.com": 503,
	} {
		if got := ask(b, host); got.Code != want {
			t.Errorf("%s: got %d, want %d", host, got.Code, want)
		}
	}
	states, known := b.Targets(group)
	if len(states) != 2 || !known || states[0].State != Healthy || states[0].Address == "" {
		t.Errorf("the targets are %+v", states)
	}
	if _, known := b.Targets("other"); known {
		t.Error("a group without targets is known")
	}
}

func TestNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, moto := range map[string]fakeMoto{
		"none":          {"DescribeLoadBalancers": "<R/>"},
		"moto is down":  {},
		"no listeners":  {"DescribeLoadBalancers": oneBalancer["DescribeLoadBalancers"]},
		"garbage":       {"DescribeLoadBalancers": "<"},
		"more garbage":  {"DescribeLoadBalancers": oneBalancer["DescribeLoadBalancers"], "DescribeListeners": "<"},
		"only redirect": {"DescribeLoadBalancers": oneBalancer["DescribeLoadBalancers"], "DescribeListeners": "<R/>"},
	} {
		if got := ask(newBalancer(t, moto), "localhost"); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "503 Service Temporarily Unavailable") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
}

func TestUnhealthyTarget(t *testing.T) {
	t.Parallel()
	b := newBalancer(t, oneBalancer)
	var sick atomic.Bool
	sick.Store(true)
	told := register(t, b, "one", serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	if n := wait(t, told, Unhealthy); n.reason != "Health checks failed with these codes: [500]" {
		t.Errorf("the reason is %q", n.reason)
	}
	wait(t, told, Unhealthy) // told again, for those who overlooked it at first
	if got := ask(b, dnsName); got.Code != http.StatusServiceUnavailable {
		t.Errorf("with an unhealthy target: %d", got.Code)
	}
	sick.Store(false)
	for n := range told {
		if n.state == Healthy {
			break
		}
	}
	if got := ask(b, dnsName); got.Code != http.StatusOK {
		t.Errorf("with a target that is well again: %d", got.Code)
	}
}

func TestTargetThatDies(t *testing.T) {
	t.Parallel()
	b := newBalancer(t, oneBalancer)
	server := httptest.NewServer(http.NotFoundHandler())
	told := make(chan news, 10)
	b.Register(group, "one", strings.TrimPrefix(server.URL, "http://"),
		HealthCheck{Path: "/", Matcher: "404", Healthy: 1, Unhealthy: 2, Timeout: time.Second, Interval: time.Hour},
		func(state, reason string) { told <- news{state, reason} })
	defer b.Deregister(group, "one")
	wait(t, told, Healthy)
	server.Close()
	if got := ask(b, dnsName); got.Code != http.StatusBadGateway {
		t.Errorf("got %d", got.Code)
	}
}

func TestDraining(t *testing.T) {
	t.Parallel()
	b := newBalancer(t, oneBalancer)
	arrived, finish := make(chan struct{}), make(chan struct{})
	wait(t, register(t, b, "one", serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "finished")
	})), Healthy)
	slow := make(chan *httptest.ResponseRecorder)
	go func() { slow <- ask(b, dnsName) }()
	<-arrived
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		b.Deregister(group, "one")
	}()
	for states, _ := b.Targets(group); states[0].State != Draining; states, _ = b.Targets(group) {
		time.Sleep(time.Millisecond)
	}
	if got := ask(b, dnsName); got.Code != http.StatusServiceUnavailable {
		t.Errorf("while draining a new request got %d", got.Code)
	}
	select {
	case <-gone:
		t.Error("the target was gone while a request was under way")
	default:
	}
	close(finish)
	if got := <-slow; got.Code != http.StatusOK || got.Body.String() != "finished" {
		t.Errorf("the request under way got %d %q", got.Code, got.Body)
	}
	<-gone
	if _, known := b.Targets(group); known {
		t.Error("the target is still there")
	}
	b.Deregister(group, "one") // a second time does nothing
}

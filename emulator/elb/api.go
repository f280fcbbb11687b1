// Package elb is the load balancer: it keeps the targets that tasks register,
// checks their health and sends requests to the healthy ones.
package elb

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

const routesFresh = time.Second

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
	splits   map[string]*split
	next     int
	routes   []route
	routesAt time.Time
}

// New makes a Balancer. Speed is how many times faster than stated the
// intervals of health checks pass; regions are those to look for load balancers.
func New(moto Caller, speed float64, regions func() []string, log *slog.Logger) *Balancer {
	b := &Balancer{
		moto: moto, speed: speed, log: log, regions: regions, splits: map[string]*split{},
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

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Server", "awselb/2.0")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n</body>\r\n</html>\r\n", status, text, status, text)
}

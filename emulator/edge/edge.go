// Package edge is the one address of the emulated AWS: it hands each request to
// the part that really does what is asked, and everything else to moto.
package edge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecr"
	"sensor-backend/emulator/ecs"
	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
	"sensor-backend/emulator/iam/access"
	"sensor-backend/emulator/lambda"
	"sensor-backend/emulator/quotas"
	"sensor-backend/emulator/s3events"
)

// maxBody bounds the bodies that are read whole: JSON and form operations.
const maxBody = 16 << 20

const (
	ecrTarget = "AmazonEC2ContainerRegistry_V20150921"
	ecsTarget = "AmazonEC2ContainerServiceV20141113"
)

// Edge routes requests.
type Edge struct {
	// moto is set once moto was tested.
	moto atomic.Pointer[state]
	// tested is closed once moto is known to serve, or not to.
	tested chan struct{}
	once   sync.Once
	parts  Parts
	proxy  *httputil.ReverseProxy
	log    *slog.Logger

	mu       sync.Mutex
	prepared map[string]bool
}

// Parts are what an Edge routes to.
type Parts struct {
	// Moto is the address of the moto server.
	Moto string
	// Registry serves ECR's images.
	Registry *ecr.Registry
	// ECS schedules services and runs their tasks.
	ECS *ecs.Controller
	// Lambda runs functions.
	Lambda *lambda.Service
	// Events tells functions of changes in buckets.
	Events *s3events.Notifier
	// Balancer serves what load balancers forward.
	Balancer *elb.Balancer
	// Faults go wrong on demand.
	Faults *faults.Set
	// Access decides who may do what.
	Access *access.Access
	// Regions are told of each request's.
	Regions *awsapi.Regions
	// Prepare is called once for each region before its first request.
	Prepare func(ctx context.Context, region string) error
	// Healthy says whether moto answers.
	Healthy func(context.Context) bool
	// Log takes what goes wrong.
	Log *slog.Logger
}

// New makes an Edge of its parts.
func New(parts Parts) (*Edge, error) {
	target, err := url.Parse(parts.Moto)
	if err != nil {
		return nil, fmt.Errorf("read moto's address %q: %w", parts.Moto, err)
	}
	e := &Edge{parts: parts, log: parts.Log, prepared: map[string]bool{}, tested: make(chan struct{})}
	e.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			// moto tells virtual-hosted buckets and services apart by the host.
			r.Out.Host = r.In.Host
		},
		// moto's server closes connections as it likes, and a request whose
		// body was sent cannot be sent again.
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			e.log.Warn("passing a request to moto", "method", r.Method, "path", r.URL.Path, "error", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return e, nil
}

// ServeHTTP routes one request.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope, signed := awsapi.ReadScope(r)
	switch {
	case isBalancerHost(r.Host):
		e.parts.Balancer.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/_emulator/"):
		e.control(w, r)
	case !signed && (r.URL.Path == "/v2" || strings.HasPrefix(r.URL.Path, "/v2/")):
		if e.parts.Access.AdmitToRegistry(w, r) {
			e.parts.Registry.ServeHTTP(w, r)
		}
	default:
		if err := e.fit(r.Context()); err != nil {
			awsapi.WriteError(w, err)
			return
		}
		if err := e.enter(r.Context(), scope.Region); err != nil {
			awsapi.WriteError(w, err)
			return
		}
		admitted, answer, done := e.parts.Access.Admit(w, r)
		if admitted == nil {
			return
		}
		e.api(answer, admitted, scope)
		done()
	}
}

// isBalancerHost says whether a host is a load balancer's DNS name.
func isBalancerHost(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return strings.HasSuffix(name, ".elb.amazonaws.com")
}

// enter makes a region ready that is asked for the first time.
func (e *Edge) enter(ctx context.Context, region string) error {
	if region == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.prepared[region] {
		return nil
	}
	if err := e.parts.Prepare(ctx, region); err != nil {
		return err
	}
	e.prepared[region] = true
	e.parts.Regions.Add(region)
	return nil
}

func (e *Edge) api(w http.ResponseWriter, r *http.Request, scope awsapi.Scope) {
	service, operation, ok := awsapi.JSONOperation(r)
	if !ok {
		operation = lambda.Operation(r)
	}
	if err := e.parts.Faults.Throttled(scope.Service, operation); err != nil {
		awsapi.WriteError(w, err)
		return
	}
	if scope.Service == "lambda" {
		if name, invokes := lambda.Route(r, regionOf(r)); invokes {
			e.parts.Lambda.ServeInvoke(w, r, name)
			return
		}
		if quotas.ServeLambda(w, r) {
			return
		}
	}
	if scope.Service == "s3" {
		if change, changes := s3events.ReadChange(r); changes {
			e.change(w, r, change)
			return
		}
	}
	switch {
	case ok && service == ecrTarget:
		e.ecr(w, r, operation)
	case ok && service == ecsTarget && ecs.Handles(operation):
		e.ecs(w, r, operation)
	case ok && service == quotas.Target:
		e.quotas(w, r, operation)
	default:
		e.proxy.ServeHTTP(w, r)
	}
}

// change passes a request to S3 on and tells of what it did.
func (e *Edge) change(w http.ResponseWriter, r *http.Request, change s3events.Change) {
	region := regionOf(r)
	answer := &statusWriter{ResponseWriter: w}
	e.proxy.ServeHTTP(answer, r)
	if answer.status >= 200 && answer.status < 300 {
		// Whoever made the object may be gone before the event is sent.
		e.parts.Events.Changed(context.WithoutCancel(r.Context()), region, change, answer.Header())
	}
}

func (e *Edge) quotas(w http.ResponseWriter, r *http.Request, operation string) {
	body, err := readBody(r)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	out, err := quotas.Call(operation, body)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	awsapi.WriteJSON(w, out)
}

func (e *Edge) ecs(w http.ResponseWriter, r *http.Request, operation string) {
	body, err := readBody(r)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	out, err := e.parts.ECS.Call(r.Context(), regionOf(r), operation, body)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	awsapi.WriteJSON(w, out)
}

func (e *Edge) ecr(w http.ResponseWriter, r *http.Request, operation string) {
	region := regionOf(r)
	if operation == "DeleteRepository" {
		e.deleteRepository(w, r)
		return
	}
	if !ecr.Handles(operation) {
		e.proxy.ServeHTTP(w, r)
		return
	}
	body, err := readBody(r)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	out, err := e.parts.Registry.Call(r.Context(), region, r.Host, operation, body)
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	awsapi.WriteJSON(w, out)
}

func (e *Edge) deleteRepository(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err == nil {
		err = e.parts.Registry.BeforeDelete(body)
	}
	if err != nil {
		awsapi.WriteError(w, err)
		return
	}
	answer := &statusWriter{ResponseWriter: w}
	e.proxy.ServeHTTP(answer, r)
	if answer.status == http.StatusOK {
		e.parts.Registry.AfterDelete(body)
	}
}

func regionOf(r *http.Request) string {
	if scope, ok := awsapi.ReadScope(r); ok && scope.Region != "" {
		return scope.Region
	}
	return awsapi.DefaultRegion
}

// readBody reads a request's body whole and puts it back for a proxy.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, awsapi.Errorf("InvalidRequest", "reading the body: %v", err)
	}
	if len(body) > maxBody {
		return nil, &awsapi.Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException", Message: "the body is over 16 MiB"}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return body, nil
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the response controller reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

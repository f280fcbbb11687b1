// Package access says who a request is from and whether it may do what it asks
// for: it hands out the keys of roles, reads the account's policies, decides by
// emulator/iam, refuses in AWS's words, and keeps a record. Start with Admit.
//
// The keys it has handed out are roles' sessions. Every other key is the
// account's administrator, who may do everything.
package access

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// Moto keeps roles, policies and resources.
type Moto interface {
	// JSON calls an operation of a JSON 1.1 service.
	JSON(ctx context.Context, region, target string, in, out any) error
	// REST calls an operation of a REST service.
	REST(ctx context.Context, method, service, region, path string, in, out any) error
	// Get reads a path of a REST service as it is.
	Get(ctx context.Context, service, region, path string) ([]byte, error)
	// Form calls an operation of a query service.
	Form(ctx context.Context, service, region string, values url.Values) ([]byte, error)
}

// Access decides about requests.
type Access struct {
	moto    Moto
	clock   func() time.Time
	log     *slog.Logger
	reader  *calls.Reader
	store   *store
	issuer  *issuer
	record  *record
	profile *profile

	mu       sync.Mutex
	sessions map[string]*Session // by access key
	logins   map[string]login    // to the registry, by password
	tasks    map[string]provided // by task id
}

// New makes an Access of an account without sessions.
func New(moto Moto, clock func() time.Time, log *slog.Logger) (*Access, error) {
	a := &Access{
		moto: moto, clock: clock, log: log, store: newStore(moto), issuer: &issuer{clock: clock},
		record: newRecord(), profile: &profile{}, sessions: map[string]*Session{}, logins: map[string]login{}, tasks: map[string]provided{},
	}
	reader, err := calls.NewReader(facts{a})
	if err != nil {
		return nil, err
	}
	a.reader = reader
	return a, nil
}

// Admit decides about a request before it is carried out. It gives the request to
// carry out and the writer for its answer; if it has answered itself, because it
// refuses or because the request is STS's, the request is nil. Close is to be
// called when the request was carried out.
func (a *Access) Admit(w http.ResponseWriter, r *http.Request) (admitted *http.Request, answer http.ResponseWriter, done func()) {
	done = func() {}
	body := bodyOf(r)
	scope, signed := awsapi.ReadScope(r)
	if !signed {
		return a.admitUnsigned(w, r, body), w, done
	}
	session, problem := a.whose(r)
	if problem != nil {
		a.refuse(w, r, *problem)
		return nil, w, done
	}
	if scope.Service == "sts" {
		if a.serveSTS(w, r, session, body) {
			return nil, w, done
		}
		return r, w, done
	}
	if limit := a.profile.refuses(r, scope.Service, body); limit != nil {
		a.refuse(w, r, *limit)
		return nil, w, done
	}
	var call calls.Call
	hides := false
	if session != nil {
		call, hides, problem = a.judge(r.Context(), r, session, body)
	}
	if problem == nil && scope.Service == "s3" {
		problem = a.validateNotification(r, body)
	}
	if problem != nil {
		a.refuse(w, r, *problem)
		return nil, w, done
	}
	if session == nil {
		return r, w, a.forgetAfter(r, body, scope.Service)
	}
	switch {
	case hides:
		w = &withoutEnvironment{ResponseWriter: w}
	case readsObject(call):
		w = &unlisted{ResponseWriter: w, access: a, request: r, session: session, call: call}
	}
	forget := a.forgetAfter(r, body, scope.Service)
	return r.WithContext(withSession(r.Context(), session)), w, func() {
		forget()
		if hidden, ok := w.(*withoutEnvironment); ok {
			hidden.flush()
		}
	}
}

// judge decides about a session's request, and records it.
func (a *Access) judge(ctx context.Context, r *http.Request, session *Session, body calls.Body) (call calls.Call, hides bool, _ *problem) {
	call, err := a.reader.Read(ctx, r, body)
	if err != nil {
		return call, false, internal(err)
	}
	if len(call.Checks) == 0 {
		a.record.unknown(session, call)
		return call, false, unknown(call, r)
	}
	for _, check := range call.Checks {
		request, decision, err := a.decide(ctx, session, r, call.Region, check)
		if err != nil {
			return call, false, internal(err)
		}
		a.record.add(session, call, request, decision)
		if decision.Allowed {
			continue
		}
		if check.Hides {
			hides = true
			continue
		}
		return call, false, denied(call.Service, request, decision)
	}
	return call, hides, a.link(ctx, call)
}

// link makes the service-linked role that an operation was found to lack.
func (a *Access) link(ctx context.Context, call calls.Call) *problem {
	for _, check := range call.Checks {
		if check.Action != "iam:CreateServiceLinkedRole" || call.Service == "iam" {
			continue
		}
		service := check.Context["iam:awsservicename"]
		if _, err := a.store.ask(ctx, "CreateServiceLinkedRole", "AWSServiceName", service[0]); err != nil {
			return internal(err)
		}
		a.store.forget("iam")
	}
	return nil
}

// decide evaluates one check of a session's request; r is nil where the session
// acts by itself.
func (a *Access) decide(ctx context.Context, session *Session, r *http.Request, region string, check calls.Check) (iam.Request, iam.Decision, error) {
	request := iam.Request{Principal: session.principal(), Action: check.Action, Resource: check.Resource}
	role, err := a.store.role(ctx, session.Role)
	if err != nil {
		return request, iam.Decision{}, err
	}
	policies := iam.Policies{Identity: role.identity, Boundary: role.boundary, Session: session.policies}
	if policies.Resource, err = a.store.resourcePolicy(ctx, check.Resource); err != nil {
		return request, iam.Decision{}, err
	}
	request.ResourceDecides = policies.Resource != nil && policies.Resource.Kind == iam.TrustPolicy || isKey(check.Resource)
	context := a.newSituation(ctx, session, r, region, check)
	request.Context = context
	decision := iam.Evaluate(request, policies)
	return request, decision, context.failed
}

// ServiceMay says whether a service may act on a resource for itself, which the
// resource's policy decides. Source is the ARN of what it acts for.
func (a *Access) ServiceMay(ctx context.Context, service, action, resource, source string) error {
	policy, err := a.store.resourcePolicy(ctx, resource)
	if err != nil {
		return err
	}
	values := iam.Values{}
	values.Set("aws:SourceAccount", awsapi.DefaultAccount)
	values.Set("aws:SourceOwner", awsapi.DefaultAccount)
	values.Set("aws:SourceArn", source)
	values.Set("aws:PrincipalIsAWSService", "true")
	values.Set("aws:PrincipalServiceName", service)
	request := iam.Request{Principal: iam.Principal{Service: service, ARN: service}, Action: action, Resource: resource, Context: values}
	decision := iam.Evaluate(request, iam.Policies{Resource: policy})
	if decision.Allowed {
		return nil
	}
	return &awsapi.Error{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: iam.Sentence(request, decision)}
}

// forgetAfter drops what is kept of a service once a request was carried out that
// may change it.
func (a *Access) forgetAfter(r *http.Request, body calls.Body, service string) func() {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return func() {}
	}
	if service == "s3" && isObject(r) {
		return func() {}
	}
	if _, operation, ok := awsapi.JSONOperation(r); ok || service == "iam" {
		if service == "iam" {
			if call, err := a.reader.Identify(r, body); err == nil {
				operation = call.Operation
			}
		}
		if keepsPolicies(operation) {
			return func() {}
		}
	}
	return func() { a.store.forget(service) }
}

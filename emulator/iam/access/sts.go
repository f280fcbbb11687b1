package access

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// administrator is who moto says that any key is.
var administrator = iam.Principal{ARN: "arn:aws:sts::" + awsapi.DefaultAccount + ":user/moto", Account: awsapi.DefaultAccount}

// serveSTS answers what hands out keys and says whose they are; false leaves the
// request to moto.
func (a *Access) serveSTS(w http.ResponseWriter, r *http.Request, session *Session, body calls.Body) bool {
	form, err := formOf(r, body)
	if err != nil {
		a.refuse(w, r, problem{kind: other, code: "MalformedQueryString", status: http.StatusBadRequest, message: err.Error()})
		return true
	}
	var p *problem
	switch action := form.Get("Action"); {
	case action == "GetCallerIdentity" && session != nil:
		// No policy can deny this.
		writeXML(w, http.StatusOK, callerIdentity{
			XMLNS: stsNamespace, ARN: session.ARN(), UserID: session.userID(), Account: awsapi.DefaultAccount, RequestID: uuid.NewString(),
		})
	case action == "AssumeRole":
		p = a.assumeRole(r.Context(), w, session, form)
	case action == "AssumeRoleWithWebIdentity":
		p = a.assumeWithWebIdentity(r.Context(), w, form)
	case session != nil:
		p = unknown(calls.Call{Service: "sts", Operation: action}, r)
		a.record.unknown(session, calls.Call{Service: "sts", Operation: action})
	default:
		return false
	}
	if p != nil {
		a.refuse(w, r, *p)
	}
	return true
}

// admitUnsigned lets through what needs no signature.
func (a *Access) admitUnsigned(w http.ResponseWriter, r *http.Request, body calls.Body) *http.Request {
	if r.Method == http.MethodPost && r.URL.Path == "/" {
		form, err := formOf(r, body)
		if err == nil && form.Get("Action") == "AssumeRoleWithWebIdentity" {
			if p := a.assumeWithWebIdentity(r.Context(), w, form); p != nil {
				a.refuse(w, r, *p)
			}
			return nil
		}
	}
	// Moto's own addresses are no operations of AWS.
	if strings.HasPrefix(r.URL.Path, "/moto-api") || strings.HasPrefix(r.URL.Path, "/_moto/") {
		return r
	}
	a.refuse(w, r, problem{kind: missingToken, message: "Request is missing Authentication Token"})
	return nil
}

func formOf(r *http.Request, body calls.Body) (url.Values, error) {
	if r.Method != http.MethodPost {
		return r.URL.Query(), nil
	}
	raw, err := body()
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(raw))
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func invalid(format string, args ...any) *problem {
	return &problem{kind: other, code: "ValidationError", status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// assumeRole answers AssumeRole for a session or, if it is nil, the administrator.
func (a *Access) assumeRole(ctx context.Context, w http.ResponseWriter, session *Session, form url.Values) *problem {
	arn, name := form.Get("RoleArn"), form.Get("RoleSessionName")
	if !sessionName.MatchString(name) {
		return invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	}
	values := iam.Values{}
	values.Set("sts:RoleSessionName", name)
	if id := form.Get("ExternalId"); id != "" {
		values.Set("sts:ExternalId", id)
	}
	request := iam.Request{Principal: administrator, Action: "sts:AssumeRole", Resource: arn, ResourceDecides: true, Context: values}
	role, err := a.store.role(ctx, arn)
	if notThere(err) {
		if session != nil {
			request.Principal = session.principal()
		}
		return &problem{message: "User: " + request.Principal.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + arn}
	}
	if err != nil {
		return internal(err)
	}
	policies := iam.Policies{Identity: everything(), Resource: role.trust}
	if session != nil {
		own, err := a.store.role(ctx, session.Role)
		if err != nil {
			return internal(err)
		}
		request.Principal = session.principal()
		request.Context = a.newSituation(ctx, session, nil, awsapi.DefaultRegion, calls.Check{Action: request.Action, Resource: arn, Context: values})
		policies.Identity, policies.Boundary, policies.Session = own.identity, own.boundary, session.policies
	}
	decision := iam.Evaluate(request, policies)
	if session != nil {
		a.record.add(session, calls.Call{Service: "sts", Operation: "AssumeRole"}, request, decision)
	}
	if !decision.Allowed {
		return denied("sts", request, decision)
	}
	limit := role.maxSession
	if session != nil {
		// A role that leads to another does so for an hour.
		limit = min(limit, time.Hour)
	}
	life, p := duration(form, limit)
	if p != nil {
		return p
	}
	limits, p := a.sessionPolicies(ctx, form)
	if p != nil {
		return p
	}
	writeCredentials(w, "AssumeRole", a.open(role, name, life, limits), "", "")
	return nil
}

// everything is what the administrator may do.
func everything() []iam.Policy {
	p, err := iam.Parse(iam.IdentityPolicy, "administrator", []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		return nil
	}
	return []iam.Policy{p}
}

// duration is how long a session lasts.
func duration(form url.Values, limit time.Duration) (time.Duration, *problem) {
	const shortest = 900
	text := form.Get("DurationSeconds")
	if text == "" {
		return time.Hour, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < shortest {
		return 0, invalid("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to %d", text, shortest)
	}
	life := time.Duration(seconds) * time.Second
	if life > limit {
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return life, nil
}

// sessionPolicies are the policies that a session is limited by.
func (a *Access) sessionPolicies(ctx context.Context, form url.Values) ([]iam.Policy, *problem) {
	var all []iam.Policy
	malformed := func(err error) *problem {
		return &problem{kind: other, code: "MalformedPolicyDocument", status: http.StatusBadRequest, message: err.Error()}
	}
	if document := form.Get("Policy"); document != "" {
		p, err := iam.Parse(iam.SessionPolicy, "session policy", []byte(document))
		if err != nil {
			return nil, malformed(err)
		}
		all = append(all, p)
	}
	for i := 1; form.Has(fmt.Sprintf("PolicyArns.member.%d.arn", i)); i++ {
		p, err := a.store.managed(ctx, iam.SessionPolicy, form.Get(fmt.Sprintf("PolicyArns.member.%d.arn", i)))
		if err != nil {
			return nil, malformed(err)
		}
		all = append(all, p)
	}
	return all, nil
}

// assumeWithWebIdentity answers AssumeRoleWithWebIdentity, which is not signed: the
// token says who asks.
func (a *Access) assumeWithWebIdentity(ctx context.Context, w http.ResponseWriter, form url.Values) *problem {
	arn, name := form.Get("RoleArn"), form.Get("RoleSessionName")
	if !sessionName.MatchString(name) {
		return invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	}
	claims, err := a.issuer.verify(form.Get("WebIdentityToken"))
	switch {
	case errors.Is(err, errExpired):
		return &problem{kind: other, code: "ExpiredTokenException", status: http.StatusBadRequest, message: err.Error()}
	case err != nil:
		return invalidIdentity("%s", err)
	}
	provider, err := a.store.provider(ctx, issuerHost)
	if err != nil {
		return internal(err)
	}
	if provider == nil {
		return invalidIdentity("No OpenIDConnect provider found in your account for https://%s", issuerHost)
	}
	known := false
	for _, client := range provider.clients {
		known = known || client == claims["aud"]
	}
	if !known {
		return invalidIdentity("Incorrect token audience")
	}
	role, err := a.store.role(ctx, arn)
	refusal := &problem{message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	if notThere(err) {
		return refusal
	}
	if err != nil {
		return internal(err)
	}
	values := iam.Values{}
	values.Set("sts:RoleSessionName", name)
	for claim, value := range claims {
		values.Set(issuerHost+":"+claim, value)
	}
	request := iam.Request{
		Principal: iam.Principal{Federated: provider.arn, ARN: claims["sub"]}, Action: "sts:AssumeRoleWithWebIdentity", Resource: arn,
		ResourceDecides: true, Context: values,
	}
	decision := iam.Evaluate(request, iam.Policies{Resource: role.trust})
	a.record.trust(arn, claims["sub"], request, decision)
	if !decision.Allowed {
		return refusal
	}
	life, p := duration(form, role.maxSession)
	if p != nil {
		return p
	}
	limits, p := a.sessionPolicies(ctx, form)
	if p != nil {
		return p
	}
	writeCredentials(w, "AssumeRoleWithWebIdentity", a.open(role, name, life, limits), provider.arn, claims["sub"])
	return nil
}

func invalidIdentity(format string, args ...any) *problem {
	return &problem{kind: other, code: "InvalidIdentityToken", status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type callerIdentity struct {
	XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
	XMLNS     string   `xml:"xmlns,attr"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

// assumed is the answer to what opens a session.
type assumed struct {
	XMLName   xml.Name
	XMLNS     string `xml:"xmlns,attr"`
	Result    assumedResult
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

type assumedResult struct {
	XMLName    xml.Name
	ARN        string `xml:"AssumedRoleUser>Arn"`
	ID         string `xml:"AssumedRoleUser>AssumedRoleId"`
	AccessKey  string `xml:"Credentials>AccessKeyId"`
	Secret     string `xml:"Credentials>SecretAccessKey"`
	Token      string `xml:"Credentials>SessionToken"`
	Expiration string `xml:"Credentials>Expiration"`
	Provider   string `xml:"Provider,omitempty"`
	Subject    string `xml:"SubjectFromWebIdentityToken,omitempty"`
}

func writeCredentials(w http.ResponseWriter, operation string, s *Session, provider, subject string) {
	writeXML(w, http.StatusOK, assumed{
		XMLName: xml.Name{Local: operation + "Response"}, XMLNS: stsNamespace, RequestID: uuid.NewString(),
		Result: assumedResult{
			XMLName: xml.Name{Local: operation + "Result"}, ARN: s.ARN(), ID: s.userID(), AccessKey: s.AccessKey, Secret: s.Secret, Token: s.Token,
			Expiration: s.Expires.UTC().Format(time.RFC3339), Provider: provider, Subject: subject,
		},
	})
}

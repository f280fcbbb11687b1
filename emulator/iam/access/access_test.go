package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/emulator/awsapi"
)

const (
	roleARN     = "arn:aws:iam::123456789012:role/deploy"
	providerARN = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
	keyARN      = "arn:aws:kms:eu-central-1:123456789012:key/1"
	functionARN = "arn:aws:lambda:eu-central-1:123456789012:function:f:PROD"
	trustGitHub = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"` + providerARN + `"},"Condition":{"StringEquals":{
			"token.actions.githubusercontent.com:aud":"sts.amazonaws.com",
			"token.actions.githubusercontent.com:sub":["repo:acme/sensors:environment:dev","repo:acme@11/sensors@22:environment:dev"]}}},
		{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}},
		{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ecs:eu-central-1:123456789012:*"}}}]}`
)

// account is a Moto with one role, one key and what else the tests name.
type account struct {
	mu       sync.Mutex
	inline   string // the role's policy
	boundary string // document; empty is none
	trust    string
	buckets  map[string]string // policies
	clients  []string          // of the identity provider; nil is no provider
	asked    int
}

var errNone = &awsapi.Error{Status: http.StatusNotFound, Code: "NoSuchEntity", Message: "none"}

func (m *account) Form(_ context.Context, service, _ string, v url.Values) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if service != "iam" {
		return nil, errNone
	}
	answer := func(result string) ([]byte, error) {
		return fmt.Appendf(nil, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", v.Get("Action"), result), nil
	}
	escape := func(document string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(url.PathEscape(document)))
		return b.String()
	}
	switch v.Get("Action") {
	case "GetRole":
		if v.Get("RoleName") != "deploy" {
			return nil, errNone
		}
		limit := ""
		if m.boundary != "" {
			limit = "<PermissionsBoundary><PermissionsBoundaryArn>arn:aws:iam::123456789012:policy/limit</PermissionsBoundaryArn></PermissionsBoundary>"
		}
		return answer("<Role><Arn>" + roleARN + "</Arn><RoleId>AROA1</RoleId><MaxSessionDuration>7200</MaxSessionDuration><AssumeRolePolicyDocument>" + escape(m.trust) + "</AssumeRolePolicyDocument>" + limit + "</Role>")
	case "ListRolePolicies":
		return answer("<PolicyNames><member>own</member></PolicyNames>")
	case "GetRolePolicy":
		return answer("<PolicyDocument>" + escape(m.inline) + "</PolicyDocument>")
	case "ListAttachedRolePolicies":
		return answer("")
	case "CreateServiceLinkedRole":
		return answer("")
	case "GetPolicy":
		return answer("<Policy><DefaultVersionId>v1</DefaultVersionId></Policy>")
	case "GetPolicyVersion":
		return answer("<PolicyVersion><Document>" + escape(m.boundary) + "</Document></PolicyVersion>")
	case "GetOpenIDConnectProvider":
		if m.clients == nil {
			return nil, errNone
		}
		return answer("<ClientIDList><member>" + strings.Join(m.clients, "</member><member>") + "</member></ClientIDList>")
	case "ListRoles":
		if v.Get("PathPrefix") != "/" {
			return answer("<Roles/>")
		}
		return answer("<Roles><member><Arn>" + roleARN + "</Arn></member></Roles>")
	}
	return nil, errNone
}

func (m *account) JSON(_ context.Context, _, target string, _, out any) error {
	var text string
	switch target {
	case "TrentService.DescribeKey":
		text = `{"KeyMetadata":{"Arn":"` + keyARN + `","KeyManager":"CUSTOMER"}}`
	case "TrentService.GetKeyPolicy":
		text = `{"Policy":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\",\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:root\"}}}"}`
	case "TrentService.ListResourceTags":
		text = `{"Tags":[{"TagKey":"Project","TagValue":"sensor"}]}`
	case "TrentService.ListAliases":
		text = `{"Aliases":[{"AliasName":"alias/mine","TargetKeyId":"1"}]}`
	case "DynamoDB_20120810.DescribeTable":
		text = `{"Table":{"KeySchema":[{"AttributeName":"LockID","KeyType":"HASH"}]}}`
	default:
		return errNone
	}
	return json.Unmarshal([]byte(text), out)
}

func (m *account) REST(_ context.Context, _, _, _, path string, _, out any) error {
	switch path {
	case "/2015-03-31/functions/f/policy?Qualifier=PROD":
		return json.Unmarshal([]byte(`{"Policy":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"`+functionARN+`\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Condition\":{\"ArnLike\":{\"AWS:SourceArn\":\"arn:aws:s3:::mine\"}}}}"}`), out)
	case "/2015-03-31/functions/f/configuration":
		return json.Unmarshal([]byte(`{"KMSKeyArn":"`+keyARN+`"}`), out)
	}
	return errNone
}

func (m *account) Get(_ context.Context, _, _, path string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bucket, what, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	if policy := m.buckets[bucket]; what == "policy" && policy != "" {
		return []byte(policy), nil
	}
	return nil, errNone
}

// world is an Access with a clock that can be set.
type world struct {
	*Access
	account *account
	now     time.Time
}

// signer is the key of all worlds: making one takes long.
var signer = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newWorld(t *testing.T, policy string) *world {
	t.Helper()
	w := &world{now: time.Unix(1_800_000_000, 0), account: &account{inline: policy, trust: trustGitHub, clients: []string{"sts.amazonaws.com"}, buckets: map[string]string{}}}
	var err error
	if w.Access, err = New(w.account, func() time.Time { return w.now }, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	w.issuer.once.Do(func() { w.issuer.key, w.issuer.failed = signer() })
	return w
}

// allow makes a policy of statements `ACTIONS on RESOURCE`.
func allow(actions, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Action":["` + strings.ReplaceAll(actions, ",", `","`) + `"],"Resource":"` + resource + `"}]}`
}

// keys are a session's.
type keys struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
}

func (k keys) request(service, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.AccessKeyID+"/20260101/eu-central-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	if k.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", k.SessionToken)
	}
	return r
}

func (k keys) json(service, target, body string) *http.Request {
	r := k.request(service, http.MethodPost, "/", body)
	r.Header.Set("X-Amz-Target", target)
	return r
}

// do admits a request; passed says whether it may be carried out.
func (w *world) do(r *http.Request) (passed bool, answer *httptest.ResponseRecorder) {
	answer = httptest.NewRecorder()
	admitted, _, done := w.Admit(answer, r)
	if admitted != nil {
		done()
	}
	return admitted != nil, answer
}

// token is a web identity.
func (w *world) token(t *testing.T, query string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/_emulator/oidc/token?"+query, nil))
	var out struct{ Value string }
	if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil || out.Value == "" {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return out.Value
}

func (w *world) assumeWith(token string, more ...string) *httptest.ResponseRecorder {
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {roleARN}, "RoleSessionName": {"ci"}, "WebIdentityToken": {token}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	_, answer := w.do(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode())))
	return answer
}

const dev = "repository=acme/sensors&environment=dev&audience=sts.amazonaws.com"

// session takes the role.
func (w *world) session(t *testing.T, more ...string) keys {
	t.Helper()
	answer := w.assumeWith(w.token(t, dev), more...)
	var out struct {
		Keys keys `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(answer.Body.Bytes(), &out); err != nil || !strings.HasPrefix(out.Keys.AccessKeyID, "ASIA") {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return out.Keys
}

func TestAdministratorMayEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*", "*"))
	for _, r := range []*http.Request{
		keys{AccessKeyID: "test"}.json("ecs", "AmazonEC2ContainerServiceV20141113.NobodyKnows", "{}"),
		keys{AccessKeyID: "ASIAUNKNOWN", SessionToken: "x"}.request("s3", http.MethodPut, "/b/k", "body"),
		keys{AccessKeyID: "test"}.request("sts", http.MethodPost, "/", "Action=GetCallerIdentity"),
	} {
		if passed, answer := w.do(r); !passed {
			t.Errorf("%s %s: %d %s", r.Method, r.URL, answer.Code, answer.Body)
		}
	}
	if w.account.asked != 0 {
		t.Errorf("it asked moto %d times", w.account.asked)
	}
}

func TestAdmittedBodyStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("dynamodb:*", "*"))
	r := w.session(t).json("dynamodb", "DynamoDB_20120810.Scan", `{"TableName":"t"}`)
	admitted, _, _ := w.Admit(httptest.NewRecorder(), r)
	if admitted == nil {
		t.Fatal("refused")
	}
	body, err := io.ReadAll(admitted.Body)
	if err != nil || string(body) != `{"TableName":"t"}` || admitted.ContentLength != int64(len(body)) {
		t.Errorf("%s, %v, length %d", body, err, admitted.ContentLength)
	}
}

// TestRefusals has each protocol's own form.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("xray:*", "*"))
	k := w.session(t)
	const who = "User: arn:aws:sts::123456789012:assumed-role/deploy/ci is not authorized to perform: "
	because := func(action string) string {
		return " because no identity-based policy allows the " + action + " action"
	}
	for _, tt := range []struct {
		name    string
		request *http.Request
		status  int
		says    []string
	}{
		{"JSON", k.json("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", "{}"), 400, []string{`"__type":"AccessDeniedException"`, who + "ecs:ListClusters on resource: *" + because("ecs:ListClusters")}},
		{"REST", k.request("lambda", http.MethodGet, "/2015-03-31/functions/f/policy", ""), 403, []string{`"__type":"AccessDeniedException"`, who + "lambda:GetPolicy on resource: arn:aws:lambda:eu-central-1:123456789012:function:f" + because("lambda:GetPolicy")}},
		{"query", k.request("elasticloadbalancing", http.MethodPost, "/", "Action=DescribeLoadBalancers"), 403, []string{"<Code>AccessDenied</Code>", who + "elasticloadbalancing:DescribeLoadBalancers"}},
		{"SNS", k.request("sns", http.MethodPost, "/", "Action=ListTopics"), 403, []string{"<Code>AuthorizationError</Code>"}},
		{"EC2", k.request("ec2", http.MethodPost, "/", "Action=CreateVpc"), 403, []string{"<Response><Errors><Error><Code>UnauthorizedOperation</Code>", "You are not authorized to perform this operation. " + who + "ec2:CreateVpc on resource: arn:aws:ec2:eu-central-1:123456789012:vpc/*"}},
		{"S3", k.request("s3", http.MethodGet, "/b/k", ""), 403, []string{"<Error><Code>AccessDenied</Code>", "s3:GetObject on resource: &#34;arn:aws:s3:::b/k&#34;" + because("s3:GetObject")}},
		{"S3 without a body", k.request("s3", http.MethodHead, "/b", ""), 403, nil},
		{"SQS", k.json("sqs", "AmazonSQS.ListQueues", "{}"), 400, []string{"AccessDeniedException"}},
		{"unknown", k.json("ecs", "AmazonEC2ContainerServiceV20141113.CreateWonder", "{}"), 400, []string{"AccessDeniedException", "does not know which permission ecs:CreateWonder needs", "operations.txt"}},
		{"unknown address", k.request("lambda", http.MethodPut, "/2031-01-01/wonders", ""), 403, []string{"PUT /2031-01-01/wonders of lambda"}},
		{"unknown of STS", k.request("sts", http.MethodPost, "/", "Action=GetFederationToken"), 403, []string{"sts:GetFederationToken"}},
	} {
		passed, answer := w.do(tt.request)
		if passed || answer.Code != tt.status {
			t.Errorf("%s: passed %v, %d", tt.name, passed, answer.Code)
		}
		for _, says := range tt.says {
			if !strings.Contains(answer.Body.String(), says) {
				t.Errorf("%s: %s lacks %s", tt.name, answer.Body, says)
			}
		}
	}
	if passed, answer := w.do(k.request("xray", http.MethodPost, "/TraceSegments", "{}")); !passed {
		t.Errorf("what is allowed is refused: %s", answer.Body)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*", "*"))
	k := w.session(t)
	wrong := k
	wrong.SessionToken = "x"
	none := k.request("s3", http.MethodGet, "/b/k", "")
	none.Header.Set("Authorization", strings.ReplaceAll(none.Header.Get("Authorization"), ", Signature=0", ""))
	for name, tt := range map[string]struct {
		request *http.Request
		code    string
	}{
		"another token": {wrong.request("s3", http.MethodGet, "/b/k", ""), "InvalidToken"},
		"no signature":  {none, "AuthorizationHeaderMalformed"},
		"unsigned":      {httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=ListRoles")), "MissingAuthenticationToken"},
	} {
		if passed, answer := w.do(tt.request); passed || !strings.Contains(answer.Body.String(), tt.code) {
			t.Errorf("%s: %v, %s", name, passed, answer.Body)
		}
	}
	// A presigned address is signed as well.
	query := url.Values{"X-Amz-Credential": {k.AccessKeyID + "/20260101/eu-central-1/s3/aws4_request"}, "X-Amz-Security-Token": {k.SessionToken}, "X-Amz-Signature": {"0"}}
	if passed, answer := w.do(httptest.NewRequest(http.MethodGet, "/b/k?"+query.Encode(), nil)); !passed {
		t.Errorf("presigned: %s", answer.Body)
	}
	w.now = w.now.Add(time.Hour)
	for name, tt := range map[string]struct {
		request *http.Request
		code    string
	}{
		"S3":    {k.request("s3", http.MethodGet, "/b/k", ""), "<Code>ExpiredToken</Code>"},
		"JSON":  {k.json("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", "{}"), "ExpiredTokenException"},
		"query": {k.request("sns", http.MethodPost, "/", "Action=ListTopics"), "<Code>ExpiredToken</Code>"},
		"EC2":   {k.request("ec2", http.MethodPost, "/", "Action=DescribeVpcs"), "<Code>RequestExpired</Code>"},
	} {
		if passed, answer := w.do(tt.request); passed || !strings.Contains(answer.Body.String(), tt.code) {
			t.Errorf("expired, %s: %v, %s", name, passed, answer.Body)
		}
	}
}

func TestWebIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, query, code string }{
		{"by name", dev, ""},
		{"by ids", dev + "&owner_id=11&repository_id=22", ""},
		{"other ids", dev + "&owner_id=11&repository_id=23", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"another environment", "repository=acme/sensors&environment=prod&audience=sts.amazonaws.com", "AccessDenied"},
		{"another repository", "repository=acme/sensors2&environment=dev&audience=sts.amazonaws.com", "AccessDenied"},
		{"a branch", "repository=acme/sensors&ref=refs/heads/main&audience=sts.amazonaws.com", "AccessDenied"},
		{"a pull request", "repository=acme/sensors&pull_request=true&audience=sts.amazonaws.com", "AccessDenied"},
		{"another audience", "repository=acme/sensors&environment=dev&audience=other", "Incorrect token audience"},
		{"no audience", "repository=acme/sensors&environment=dev", "InvalidIdentityToken"},
	} {
		w := newWorld(t, allow("s3:*", "*"))
		answer := w.assumeWith(w.token(t, tt.query))
		if body := answer.Body.String(); tt.code == "" && answer.Code != http.StatusOK || !strings.Contains(body, tt.code) {
			t.Errorf("%s: %d %s", tt.name, answer.Code, body)
		}
	}
	w := newWorld(t, allow("s3:*", "*"))
	token := w.token(t, dev)
	other := &issuer{clock: func() time.Time { return w.now }}
	foreign, err := other.token(job{repository: "acme/sensors", environment: "dev", audience: "sts.amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		before func()
		token  string
		more   []string
		code   string
	}{
		{"of another key", func() {}, foreign, nil, "InvalidIdentityToken"},
		{"no token", func() {}, "x", nil, "InvalidIdentityToken"},
		{"another role", func() {}, token, []string{"RoleArn", roleARN + "2"}, "AccessDenied"},
		{"a bad name", func() {}, token, []string{"RoleSessionName", "a b"}, "ValidationError"},
		{"too short", func() {}, token, []string{"DurationSeconds", "60"}, "ValidationError"},
		{"too long", func() {}, token, []string{"DurationSeconds", "7201"}, "exceeds the MaxSessionDuration"},
		{"a bad session policy", func() {}, token, []string{"Policy", "{}"}, "MalformedPolicyDocument"},
		{"as long as may be", func() {}, token, []string{"DurationSeconds", "7200"}, "SubjectFromWebIdentityToken>repo:acme/sensors:environment:dev<"},
		{"expired", func() { w.now = w.now.Add(tokenLife) }, token, nil, "ExpiredTokenException"},
		{"no provider", func() { w.account.clients = nil; w.store.forget("iam") }, "", nil, "No OpenIDConnect provider"},
	} {
		tt.before()
		if tt.token == "" {
			tt.token = w.token(t, dev)
		}
		if answer := w.assumeWith(tt.token, tt.more...); !strings.Contains(answer.Body.String(), tt.code) {
			t.Errorf("%s: %d %s", tt.name, answer.Code, answer.Body)
		}
	}
	for _, query := range []string{"", "repository=a", "repository=a/b", dev + "&owner_id=1"} {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/_emulator/oidc/token?"+query, nil))
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%q: %d %s", query, answer.Code, answer.Body)
		}
	}
}

func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*", "*"))
	_, answer := w.do(w.session(t).request("sts", http.MethodPost, "/", "Action=GetCallerIdentity"))
	for _, says := range []string{"<Arn>arn:aws:sts::123456789012:assumed-role/deploy/ci</Arn>", "<UserId>AROA1:ci</UserId>", "<Account>123456789012</Account>"} {
		if !strings.Contains(answer.Body.String(), says) {
			t.Errorf("%s lacks %s", answer.Body, says)
		}
	}
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	ask := func(w *world, k keys, more string) string {
		_, answer := w.do(k.request("sts", http.MethodPost, "/", "Action=AssumeRole&RoleSessionName=two&RoleArn="+roleARN+more))
		return answer.Body.String()
	}
	w := newWorld(t, allow("s3:*", "*"))
	if got := ask(w, keys{AccessKeyID: "test"}, ""); !strings.Contains(got, "assumed-role/deploy/two") {
		t.Errorf("the administrator: %s", got)
	}
	if got := ask(w, w.session(t), ""); !strings.Contains(got, "not authorized to perform: sts:AssumeRole on resource: "+roleARN+" because no identity-based policy") {
		t.Errorf("without the right: %s", got)
	}
	w = newWorld(t, allow("sts:AssumeRole", "*"))
	if got := ask(w, w.session(t), ""); !strings.Contains(got, "assumed-role/deploy/two") {
		t.Errorf("with the right: %s", got)
	}
	if got := ask(w, w.session(t), "&DurationSeconds=7200"); !strings.Contains(got, "ValidationError") {
		t.Errorf("a role that leads to another for two hours: %s", got)
	}
	if got := ask(w, w.session(t), "2"); !strings.Contains(got, "AccessDenied") {
		t.Errorf("a role that is not there: %s", got)
	}
}

// TestLimits has a boundary, a session policy and resources' policies in force.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*,kms:*", "*"))
	w.account.boundary = allow("s3:Get*,s3:Put*,s3:DeleteBucketPolicy,kms:*", "*")
	w.account.buckets["closed"] = `{"Statement":{"Sid":"No","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::closed/*","Principal":"*"}}`
	limited := w.session(t, "Policy", allow("s3:GetObject", "*"))
	k := w.session(t)
	for _, tt := range []struct {
		name    string
		request *http.Request
		want    string
	}{
		{"in all of them", limited.request("s3", http.MethodGet, "/b/k", ""), ""},
		{"not in the session's", limited.request("s3", http.MethodPut, "/b/k", ""), "because no session policy allows the s3:PutObject action"},
		{"not in the boundary", k.request("s3", http.MethodDelete, "/b/k", ""), "because no permissions boundary allows the s3:DeleteObject action"},
		{"denied by the bucket", k.request("s3", http.MethodGet, "/closed/k", ""), "with an explicit deny in a resource-based policy"},
		{"left to the account by the key", k.json("kms", "TrentService.Decrypt", `{"KeyId":"alias/mine"}`), ""},
	} {
		if passed, answer := w.do(tt.request); passed != (tt.want == "") || !strings.Contains(answer.Body.String(), tt.want) {
			t.Errorf("%s: %v %s", tt.name, passed, answer.Body)
		}
	}
	// What changes a policy is seen at once.
	w.account.mu.Lock()
	delete(w.account.buckets, "closed")
	w.account.mu.Unlock()
	if passed, _ := w.do(k.request("s3", http.MethodGet, "/closed/k", "")); passed {
		t.Error("a policy that nothing was said to change was read again")
	}
	if passed, answer := w.do(keys{AccessKeyID: "test"}.request("s3", http.MethodDelete, "/closed?policy", "")); !passed {
		t.Fatal(answer.Body)
	}
	if passed, answer := w.do(k.request("s3", http.MethodGet, "/closed/k", "")); !passed {
		t.Errorf("the policy is gone: %s", answer.Body)
	}
}

// TestResourceConditions has keys that are looked up for the resource.
func TestResourceConditions(t *testing.T) {
	t.Parallel()
	policy := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}]}`
	}
	decrypt := func(k keys) *http.Request { return k.json("kms", "TrentService.Decrypt", `{"KeyId":"1"}`) }
	item := func(k keys) *http.Request {
		return k.json("dynamodb", "DynamoDB_20120810.PutItem", `{"TableName":"t","Item":{"LockID":{"S":"dev"}}}`)
	}
	change := func(k keys) *http.Request {
		return k.request("iam", http.MethodPost, "/", "Action=PutRolePolicy&RoleName=deploy&PolicyName=x&PolicyDocument=x")
	}
	for _, tt := range []struct {
		condition string
		request   func(keys) *http.Request
		want      bool
	}{
		{`{"StringEquals":{"aws:ResourceTag/project":"sensor"}}`, decrypt, true},
		{`{"StringEquals":{"aws:ResourceTag/Project":"other"}}`, decrypt, false},
		{`{"StringEquals":{"aws:ResourceTag/Missing":"sensor"}}`, decrypt, false},
		{`{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/mine"}}`, decrypt, true},
		{`{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/other"}}`, decrypt, false},
		{`{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["dev"]}}`, item, true},
		{`{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["prod"]}}`, item, false},
		{`{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::123456789012:policy/limit"}}`, change, true},
		{`{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::123456789012:policy/other"}}`, change, false},
		{`{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}`, decrypt, true},
		{`{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`, change, true},
		{`{"StringEquals":{"aws:PrincipalArn":"` + roleARN + `"}}`, decrypt, true},
		{`{"StringEquals":{"aws:userid":"AROA1:ci"}}`, decrypt, true},
		{`{"Bool":{"aws:SecureTransport":"true"}}`, decrypt, true},
		{`{"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}`, decrypt, true},
	} {
		w := newWorld(t, policy(tt.condition))
		w.account.boundary = allow("*", "*")
		if passed, answer := w.do(tt.request(w.session(t))); passed != tt.want {
			t.Errorf("%s: %v %s", tt.condition, passed, answer.Body)
		}
	}
	// A tag that cannot be read is no silent answer.
	w := newWorld(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/a":"b"}}}]}`)
	if passed, answer := w.do(w.session(t).json("sqs", "AmazonSQS.SendMessage", `{"QueueUrl":"http://x/1/q"}`)); passed || !strings.Contains(answer.Body.String(), "cannot read the tags") {
		t.Errorf("unknown tags: %v %s", passed, answer.Body)
	}
	// Nor is a policy that cannot be understood.
	w = newWorld(t, policy(`{"StringEquals":{"aws:SourceVpce":"x"}}`))
	if answer := w.assumeWith(w.token(t, dev)); answer.Code == http.StatusOK || !strings.Contains(answer.Body.String(), "aws:SourceVpce") {
		t.Errorf("unknown key: %d %s", answer.Code, answer.Body)
	}
}

func TestHiddenEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		actions string
		want    string
	}{
		{"lambda:GetFunction,kms:Decrypt", `"A":"b"`},
		{"lambda:GetFunction", `"ErrorCode":"AccessDeniedException"`},
	} {
		w := newWorld(t, allow(tt.actions, "*"))
		recorder := httptest.NewRecorder()
		admitted, answer, done := w.Admit(recorder, w.session(t).request("lambda", http.MethodGet, "/2015-03-31/functions/f", ""))
		if admitted == nil {
			t.Fatalf("%s: %s", tt.actions, recorder.Body)
		}
		_, _ = answer.Write([]byte(`{"Configuration":{"FunctionName":"f","Environment":{"Variables":{"A":"b"}}}}`))
		done()
		if got := recorder.Body.String(); !strings.Contains(got, tt.want) || !strings.Contains(got, `"FunctionName":"f"`) {
			t.Errorf("%s: got %s", tt.actions, got)
		}
	}
}

// TestMissingObjects has what S3 says of an object that is not there.
func TestMissingObjects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		actions, method string
		status          int
		says            string
	}{
		{"s3:GetObject,s3:ListBucket", http.MethodGet, http.StatusNotFound, "NoSuchKey"},
		{"s3:GetObject", http.MethodGet, http.StatusForbidden, "s3:ListBucket on resource: &#34;arn:aws:s3:::b&#34; because no identity-based policy"},
		{"s3:GetObject", http.MethodHead, http.StatusForbidden, ""},
	} {
		w := newWorld(t, allow(tt.actions, "*"))
		recorder := httptest.NewRecorder()
		admitted, answer, done := w.Admit(recorder, w.session(t).request("s3", tt.method, "/b/k", ""))
		if admitted == nil {
			t.Fatalf("%s: %s", tt.actions, recorder.Body)
		}
		answer.Header().Set("Content-Length", "9")
		answer.WriteHeader(http.StatusNotFound)
		if tt.method == http.MethodGet {
			_, _ = answer.Write([]byte("NoSuchKey"))
		}
		done()
		if got := recorder.Body.String(); recorder.Code != tt.status || !strings.Contains(got, tt.says) {
			t.Errorf("%s %s: %d %s", tt.method, tt.actions, recorder.Code, got)
		}
		if recorder.Code == http.StatusForbidden && recorder.Header().Get("Content-Length") == "9" {
			t.Errorf("%s: the length is that of another answer", tt.method)
		}
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("ssm:GetParameters", "*"))
	const task = "arn:aws:ecs:eu-central-1:123456789012:task/c/1"
	if _, err := w.Act(t.Context(), "lambda.amazonaws.com", "eu-central-1", roleARN, "f", functionARN); err == nil {
		t.Error("Lambda takes a role that does not trust it")
	}
	if _, err := w.Act(t.Context(), "ecs-tasks.amazonaws.com", "eu-central-1", roleARN, "1", "arn:aws:ecs:us-east-1:1:task/x"); err == nil {
		t.Error("a task of another account takes the role")
	}
	role, err := w.Act(t.Context(), "ecs-tasks.amazonaws.com", "eu-central-1", roleARN, "1", task)
	if err != nil {
		t.Fatal(err)
	}
	if err := role.May(t.Context(), "ssm:GetParameters", "arn:aws:ssm:eu-central-1:123456789012:parameter/a", nil); err != nil {
		t.Error(err)
	}
	if err := role.May(t.Context(), "logs:PutLogEvents", "*", nil); !awsapi.IsCode(err, "AccessDeniedException") || !strings.Contains(err.Error(), "assumed-role/deploy/1 is not authorized") {
		t.Errorf("got %v", err)
	}
	if err := w.Provide(t.Context(), "eu-central-1", roleARN, "1", task); err != nil {
		t.Fatal(err)
	}
	ask := func() (int, map[string]string) {
		answer := httptest.NewRecorder()
		w.ServeCredentials(t.Context(), answer, "1")
		var out map[string]string
		_ = json.Unmarshal(answer.Body.Bytes(), &out)
		return answer.Code, out
	}
	if code, out := ask(); code != http.StatusOK || out["RoleArn"] != roleARN || w.find(out["AccessKeyId"]) == nil || out["Token"] == "" || out["Expiration"] == "" {
		t.Errorf("got %d %v", code, out)
	}
	_, before := ask()
	w.now = w.now.Add(11*time.Hour + time.Minute)
	if _, after := ask(); after["AccessKeyId"] == before["AccessKeyId"] || after["Expiration"] == before["Expiration"] {
		t.Errorf("keys that end soon are given again: %v", after)
	}
	w.Withdraw("1")
	if code, _ := ask(); code != http.StatusNotFound {
		t.Errorf("a task that is gone gets keys: %d", code)
	}
	for source, want := range map[string]bool{"arn:aws:s3:::mine": true, "arn:aws:s3:::other": false} {
		if err := w.ServiceMay(t.Context(), "s3.amazonaws.com", "lambda:InvokeFunction", functionARN, source); (err == nil) != want {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*", "*"))
	const body = "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>" + functionARN + "</CloudFunction></CloudFunctionConfiguration></NotificationConfiguration>"
	for bucket, want := range map[string]bool{"mine": true, "other": false} {
		passed, answer := w.do(keys{AccessKeyID: "test"}.request("s3", http.MethodPut, "/"+bucket+"?notification", body))
		if passed != want || !want && !strings.Contains(answer.Body.String(), "<Code>InvalidArgument</Code><Message>Unable to validate the following destination configurations</Message>") {
			t.Errorf("%s: %v %s", bucket, passed, answer.Body)
		}
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("ecr:BatchGetImage,ecr:BatchCheckLayerAvailability", "arn:aws:ecr:eu-central-1:123456789012:repository/mine"))
	admitted, _, _ := w.Admit(httptest.NewRecorder(), w.session(t).request("s3", http.MethodGet, "/", ""))
	if admitted != nil {
		t.Fatal("admitted")
	}
	session := w.find(w.session(t).AccessKeyID)
	password := w.RegistryPassword(withSession(t.Context(), session), "eu-central-1")
	for _, tt := range []struct {
		password, method, path string
		want                   bool
	}{
		{password, http.MethodGet, "/v2/", true},
		{password, http.MethodGet, "/v2/mine/manifests/latest", true},
		{password, http.MethodHead, "/v2/mine/blobs/sha256:1", true},
		{password, http.MethodGet, "/v2/mine/blobs/sha256:1", false},
		{password, http.MethodPut, "/v2/mine/manifests/latest", false},
		{password, http.MethodPost, "/v2/mine/blobs/uploads/", false},
		{password, http.MethodGet, "/v2/other/manifests/latest", false},
		{"anything", http.MethodPut, "/v2/mine/manifests/latest", true},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.SetBasicAuth("AWS", tt.password)
		answer := httptest.NewRecorder()
		if got := w.AdmitToRegistry(answer, r); got != tt.want {
			t.Errorf("%s %s: %v %s", tt.method, tt.path, got, answer.Body)
		}
	}
	if w.RegistryPassword(t.Context(), "eu-central-1") != "emulated" {
		t.Error("the administrator has a password of its own")
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:Get*,s3:PutObject,sqs:SendMessage", "*"))
	k := w.session(t)
	w.do(k.request("s3", http.MethodGet, "/b/k", ""))
	w.do(k.request("s3", http.MethodGet, "/b/k", ""))
	w.do(k.request("s3", http.MethodDelete, "/b/k", ""))
	w.do(k.json("ecs", "AmazonEC2ContainerServiceV20141113.CreateWonder", "{}"))
	get := func(path string, into any) {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %s", path, answer.Body)
		}
	}
	var out struct{ Roles []permissions }
	get("/_emulator/iam/permissions", &out)
	if len(out.Roles) != 1 || out.Roles[0].Role != roleARN {
		t.Fatalf("got %+v", out)
	}
	role := out.Roles[0]
	if got := strings.Join(role.Used, " "); got != "s3:GetObject sts:AssumeRoleWithWebIdentity" {
		t.Errorf("used %s", got)
	}
	if len(role.Unused) != 2 || role.Unused[0].Action != "s3:PutObject" || role.Unused[1] != (grant{"own of " + roleARN, "Own", "sqs:SendMessage"}) {
		t.Errorf("unused %+v", role.Unused)
	}
	if len(role.Denied) != 2 || role.Denied[0].Decision != "unknown" || role.Denied[1].Action != "s3:DeleteObject" || role.Denied[1].By != "identity-based policy" {
		t.Errorf("denied %+v", role.Denied)
	}
	var decisions struct{ Decisions []entry }
	get("/_emulator/iam/decisions", &decisions)
	found := false
	for _, e := range decisions.Decisions {
		found = found || e.Action == "s3:GetObject" && e.Count == 2 && e.Sid == "Own" && e.Principal == "arn:aws:sts::123456789012:assumed-role/deploy/ci"
	}
	if !found {
		t.Errorf("got %+v", decisions)
	}
	w.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/_emulator/iam/decisions", nil))
	if get("/_emulator/iam/decisions", &decisions); len(decisions.Decisions) != 0 {
		t.Errorf("after clearing: %+v", decisions)
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("s3:*", "*"))
	admin := keys{AccessKeyID: "test"}
	long := admin.request("s3", http.MethodPut, "/b/"+strings.Repeat("k", 1025), "")
	reserving := func(n int) *http.Request {
		return admin.request("lambda", http.MethodPut, "/2017-10-31/functions/f/concurrency", fmt.Sprintf(`{"ReservedConcurrentExecutions":%d}`, n))
	}
	for _, r := range []*http.Request{long, reserving(1)} {
		if passed, answer := w.do(r); !passed {
			t.Errorf("before: %s", answer.Body)
		}
	}
	set := func(method, target, body string) int {
		answer := httptest.NewRecorder()
		w.ServeAccount(answer, httptest.NewRequest(method, target, strings.NewReader(body)))
		return answer.Code
	}
	if code := set(http.MethodPut, "/_emulator/account?profile=new", ""); code != http.StatusOK || w.profile.get() != newAccount {
		t.Fatal(code)
	}
	if passed, answer := w.do(reserving(0)); !passed {
		t.Errorf("to reserve none: %s", answer.Body)
	}
	for r, code := range map[*http.Request]string{long: "KeyTooLongError", reserving(1): "UnreservedConcurrentExecution below its minimum value of [10]"} {
		if passed, answer := w.do(r); passed || !strings.Contains(answer.Body.String(), code) {
			t.Errorf("%v %s", passed, answer.Body)
		}
	}
	first := func(actions string) string {
		w := newWorld(t, allow(actions, "*"))
		w.ServeAccount(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/_emulator/account?profile=new", nil))
		_, answer := w.do(w.session(t).json("ecs", "AmazonEC2ContainerServiceV20141113.CreateCluster", `{"clusterName":"c"}`))
		return answer.Body.String()
	}
	if got := first("ecs:CreateCluster"); !strings.Contains(got, "iam:CreateServiceLinkedRole on resource: arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS") {
		t.Errorf("the first cluster without the right to make the linked role: %s", got)
	}
	if got := first("ecs:CreateCluster,iam:CreateServiceLinkedRole"); got != "" {
		t.Errorf("with it: %s", got)
	}
	if code := set(http.MethodPut, "/_emulator/account", `{"keyBytes":5}`); code != http.StatusOK || w.profile.get() != (Account{KeyBytes: 5}) {
		t.Errorf("%d %+v", code, w.profile.get())
	}
	if code := set(http.MethodPut, "/_emulator/account", `{"keys":5}`); code != http.StatusBadRequest {
		t.Errorf("an unknown limit is taken: %d", code)
	}
	if code := set(http.MethodDelete, "/_emulator/account", ""); code != http.StatusOK || w.profile.get() != (Account{}) {
		t.Errorf("%d %+v", code, w.profile.get())
	}
}

// BenchmarkAdmit is what a request costs more than without.
func BenchmarkAdmit(b *testing.B) {
	w := &world{now: time.Now(), account: &account{inline: allow("dynamodb:PutItem", "*"), trust: trustGitHub, boundary: allow("*", "*")}}
	var err error
	if w.Access, err = New(w.account, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		b.Fatal(err)
	}
	role, err := w.store.role(b.Context(), roleARN)
	if err != nil {
		b.Fatal(err)
	}
	s := w.open(role, "s", time.Hour, nil)
	k := keys{AccessKeyID: s.AccessKey, SessionToken: s.Token}
	for b.Loop() {
		r := k.json("dynamodb", "DynamoDB_20120810.PutItem", `{"TableName":"t","Item":{"LockID":{"S":"dev"}}}`)
		if passed, answer := w.do(r); !passed {
			b.Fatal(answer.Body)
		}
	}
}

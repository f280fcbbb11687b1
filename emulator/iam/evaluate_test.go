package iam

import (
	"fmt"
	"strings"
	"testing"
)

const (
	account = "123456789012"
	role    = "arn:aws:iam::123456789012:role/r"
	session = "arn:aws:sts::123456789012:assumed-role/r/s"
	object1 = "arn:aws:s3:::b/in/x"
)

// document makes a policy of statements written briefly: `allow ACTIONS on
// RESOURCES`, `deny …`, with `to WHOM` behind it in a resource's policy.
func document(t testing.TB, kind Kind, statements ...string) Policy {
	t.Helper()
	list := func(text string) string { return `["` + strings.ReplaceAll(text, ",", `","`) + `"]` }
	var all []string
	for i, s := range statements {
		words := strings.Fields(s)
		effect := map[string]string{"allow": "Allow", "deny": "Deny"}[words[0]]
		action, resource := "Action", "Resource"
		if rest, not := strings.CutPrefix(words[1], "!"); not {
			action, words[1] = "NotAction", rest
		}
		parts := []string{fmt.Sprintf(`"Sid":"S%d","Effect":%q,%q:%s`, i+1, effect, action, list(words[1]))}
		for words = words[2:]; len(words) >= 2; words = words[2:] {
			switch words[0] {
			case "on":
				if rest, not := strings.CutPrefix(words[1], "!"); not {
					resource, words[1] = "NotResource", rest
				}
				parts = append(parts, fmt.Sprintf(`%q:%s`, resource, list(words[1])))
			case "to":
				who := `"*"`
				if words[1] != "*" {
					kind, name, _ := strings.Cut(words[1], "=")
					who = fmt.Sprintf(`{%q:%s}`, kind, list(name))
				}
				parts = append(parts, `"Principal":`+who)
			case "if":
				operator, rest, _ := strings.Cut(words[1], "(")
				key, value, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "=")
				parts = append(parts, fmt.Sprintf(`"Condition":{%q:{%q:%s}}`, operator, key, list(value)))
			}
		}
		all = append(all, "{"+strings.Join(parts, ",")+"}")
	}
	p, err := Parse(kind, "p", []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(all, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEvaluate has one case a rule of "Policy evaluation logic".
func TestEvaluate(t *testing.T) {
	t.Parallel()
	const (
		yes = "yes"
		// What refuses, by the kinds' own words; "deny" before it is explicit.
		identity, boundary, sessions, resources, trust = "identity-based policy", "permissions boundary", "session policy", "resource-based policy", "role trust policy"
	)
	me := Principal{ARN: session, Role: role, Account: account}
	s3 := Principal{Service: "s3.amazonaws.com", ARN: "s3.amazonaws.com"}
	github := Principal{Federated: "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
	for _, tt := range []struct {
		name                                    string
		who                                     Principal
		action, resource                        string
		identity, boundary, session, resourceOf []string
		resourceAccount                         string
		decides                                 bool
		trust                                   bool
		want                                    string
	}{
		{name: "no policy at all", who: me, want: identity},
		{name: "allowed", who: me, identity: []string{"allow s3:GetObject on *"}, want: yes},
		{name: "action in another case", who: me, identity: []string{"allow S3:getobject on *"}, want: yes},
		{name: "action by wildcard", who: me, identity: []string{"allow s3:Get* on *"}, want: yes},
		{name: "every action", who: me, identity: []string{"allow * on *"}, want: yes},
		{name: "one character", who: me, identity: []string{"allow s3:?etObject on *"}, want: yes},
		{name: "another action", who: me, identity: []string{"allow s3:PutObject on *"}, want: identity},
		{name: "another service", who: me, identity: []string{"allow s4:* on *"}, want: identity},
		{name: "a longer action is another", who: me, identity: []string{"allow s3:GetObjectAcl on *"}, want: identity},
		{name: "resource by name", who: me, identity: []string{"allow s3:* on " + object1}, want: yes},
		{name: "resource by wildcard", who: me, identity: []string{"allow s3:* on arn:aws:s3:::b/in/*"}, want: yes},
		{name: "the bucket is not its objects", who: me, identity: []string{"allow s3:* on arn:aws:s3:::b"}, want: identity},
		{name: "another case of a resource", who: me, identity: []string{"allow s3:* on arn:aws:s3:::B/in/x"}, want: identity},
		{name: "second of two resources", who: me, identity: []string{"allow s3:* on arn:aws:s3:::c," + object1}, want: yes},
		{name: "second statement", who: me, identity: []string{"allow sqs:* on *", "allow s3:* on *"}, want: yes},
		{name: "without resources", who: me, action: "ecr:GetAuthorizationToken", resource: "*", identity: []string{"allow ecr:* on *"}, want: yes},
		{name: "a named resource does not serve an action without", who: me, action: "ecr:GetAuthorizationToken", resource: "*", identity: []string{"allow ecr:* on arn:aws:ecr:r:1:repository/x"}, want: identity},
		{name: "NotAction allows the rest", who: me, identity: []string{"allow !iam:* on *"}, want: yes},
		{name: "NotAction leaves out", who: me, identity: []string{"allow !s3:* on *"}, want: identity},
		{name: "NotResource allows the rest", who: me, identity: []string{"allow s3:* on !arn:aws:s3:::c/*"}, want: yes},
		{name: "NotResource leaves out", who: me, identity: []string{"allow s3:* on !arn:aws:s3:::b/*"}, want: identity},
		{name: "a denial is final", who: me, identity: []string{"allow * on *", "deny s3:GetObject on *"}, want: "deny " + identity},
		{name: "a denial of something else", who: me, identity: []string{"allow * on *", "deny s3:PutObject on *"}, want: yes},
		{name: "a denial elsewhere", who: me, identity: []string{"allow * on *", "deny s3:* on arn:aws:s3:::c/*"}, want: yes},
		{name: "a denial but for", who: me, identity: []string{"allow * on *", "deny !iam:* on *"}, want: "deny " + identity},
		{name: "a denial but for this", who: me, identity: []string{"allow * on *", "deny !s3:* on *"}, want: yes},
		{name: "a denial beside what is named", who: me, identity: []string{"allow * on *", "deny s3:* on !" + object1}, want: yes},
		{name: "condition met", who: me, identity: []string{"allow s3:* on * if StringEquals(aws:RequestedRegion=r)"}, want: yes},
		{name: "condition not met", who: me, identity: []string{"allow s3:* on * if StringEquals(aws:RequestedRegion=q)"}, want: identity},
		{name: "a denial's condition met", who: me, identity: []string{"allow * on *", "deny * on * if StringNotEquals(aws:RequestedRegion=q)"}, want: "deny " + identity},
		{name: "a denial's condition not met", who: me, identity: []string{"allow * on *", "deny * on * if StringNotEquals(aws:RequestedRegion=r)"}, want: yes},
		{name: "variable in a resource", who: me, identity: []string{"allow s3:* on arn:aws:s3:::b/${aws:username}/*"}, want: yes},
		{name: "variable without value", who: me, identity: []string{"allow s3:* on arn:aws:s3:::b/${aws:PrincipalTag/x}/*"}, want: identity},
		{name: "boundary allows", who: me, identity: []string{"allow * on *"}, boundary: []string{"allow s3:* on *"}, want: yes},
		{name: "boundary does not", who: me, identity: []string{"allow * on *"}, boundary: []string{"allow sqs:* on *"}, want: boundary},
		{name: "boundary grants nothing", who: me, boundary: []string{"allow * on *"}, want: identity},
		{name: "boundary denies", who: me, identity: []string{"allow * on *"}, boundary: []string{"allow * on *", "deny s3:* on *"}, want: "deny " + boundary},
		{name: "session policy allows", who: me, identity: []string{"allow * on *"}, session: []string{"allow s3:* on *"}, want: yes},
		{name: "session policy does not", who: me, identity: []string{"allow * on *"}, session: []string{"allow sqs:* on *"}, want: sessions},
		{name: "session policy grants nothing", who: me, session: []string{"allow * on *"}, want: identity},
		{name: "session policy denies", who: me, identity: []string{"allow * on *"}, session: []string{"allow * on *", "deny s3:* on *"}, want: "deny " + sessions},
		{name: "all three", who: me, identity: []string{"allow * on *"}, boundary: []string{"allow s3:* on *"}, session: []string{"allow s3:Get* on *"}, want: yes},
		{name: "identity is told first", who: me, boundary: []string{"allow sqs:* on *"}, session: []string{"allow sqs:* on *"}, want: identity},
		{name: "bucket policy names the role", who: me, resourceOf: []string{"allow s3:* on * to AWS=" + role}, want: yes},
		{name: "role in a bucket policy, limited by the boundary", who: me, boundary: []string{"allow sqs:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + role}, want: boundary},
		{name: "role in a bucket policy, limited by the session policy", who: me, session: []string{"allow sqs:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + role}, want: sessions},
		{name: "session in a bucket policy, not limited by the boundary", who: me, boundary: []string{"allow sqs:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + session}, want: yes},
		{name: "session in a bucket policy, not limited by the session policy", who: me, session: []string{"allow sqs:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + session}, want: yes},
		{name: "session in a bucket policy, denied by the boundary", who: me, boundary: []string{"deny s3:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + session}, want: "deny " + boundary},
		{name: "bucket policy for everybody", who: me, resourceOf: []string{"allow s3:* on * to *"}, want: yes},
		{name: "bucket policy leaves it to the account", who: me, resourceOf: []string{"allow s3:* on * to AWS=" + account}, want: identity},
		{name: "bucket policy names another role", who: me, resourceOf: []string{"allow s3:* on * to AWS=" + role + "2"}, want: identity},
		{name: "bucket policy about other objects", who: me, resourceOf: []string{"allow s3:* on arn:aws:s3:::b/out/* to AWS=" + role}, want: identity},
		{name: "bucket policy denies everybody", who: me, identity: []string{"allow * on *"}, resourceOf: []string{"deny s3:* on * to *"}, want: "deny " + resources},
		{name: "bucket policy denies the account", who: me, identity: []string{"allow * on *"}, resourceOf: []string{"deny s3:* on * to AWS=arn:aws:iam::123456789012:root"}, want: "deny " + resources},
		{name: "bucket policy denies another", who: me, identity: []string{"allow * on *"}, resourceOf: []string{"deny s3:* on * to AWS=" + role + "2"}, want: yes},
		{name: "bucket policy denies plain HTTP", who: me, identity: []string{"allow * on *"}, resourceOf: []string{"deny s3:* on * to * if Bool(aws:SecureTransport=false)"}, want: "deny " + resources},
		{name: "key policy leaves it to the account, which allows", who: me, decides: true, identity: []string{"allow s3:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=arn:aws:iam::123456789012:root"}, want: yes},
		{name: "key policy leaves it to the account, which does not", who: me, decides: true, resourceOf: []string{"allow s3:* on * to AWS=arn:aws:iam::123456789012:root"}, want: identity},
		{name: "key policy does not know the account", who: me, decides: true, identity: []string{"allow * on *"}, resourceOf: []string{"allow s3:* on * to Service=s3.amazonaws.com"}, want: resources},
		{name: "no key policy", who: me, decides: true, identity: []string{"allow * on *"}, want: resources},
		{name: "key policy names the role", who: me, decides: true, resourceOf: []string{"allow s3:* on * to AWS=" + role}, want: yes},
		{name: "trust names the role", who: me, decides: true, trust: true, action: "sts:AssumeRole", resourceOf: []string{"allow sts:AssumeRole to AWS=" + role}, want: yes},
		{name: "trust leaves it to the account", who: me, decides: true, trust: true, action: "sts:AssumeRole", resourceOf: []string{"allow sts:AssumeRole to AWS=" + account}, want: identity},
		{name: "trust knows nobody", who: me, decides: true, trust: true, action: "sts:AssumeRole", identity: []string{"allow * on *"}, resourceOf: []string{"allow sts:AssumeRole to Service=ecs-tasks.amazonaws.com"}, want: trust},
		{name: "trust denies", who: me, decides: true, trust: true, action: "sts:AssumeRole", identity: []string{"allow * on *"}, resourceOf: []string{"allow sts:AssumeRole to AWS=" + role, "deny sts:AssumeRole to *"}, want: "deny " + trust},
		{name: "service is named", who: s3, resourceOf: []string{"allow s3:GetObject on * to Service=s3.amazonaws.com"}, want: yes},
		{name: "another service is named", who: s3, resourceOf: []string{"allow s3:GetObject on * to Service=sns.amazonaws.com"}, want: resources},
		{name: "service without any policy", who: s3, want: resources},
		{name: "service from the right account", who: s3, resourceOf: []string{"allow s3:* on * to Service=s3.amazonaws.com if StringEquals(aws:SourceAccount=123456789012)"}, want: yes},
		{name: "service from another account", who: s3, resourceOf: []string{"allow s3:* on * to Service=s3.amazonaws.com if StringEquals(aws:SourceAccount=210987654321)"}, want: resources},
		{name: "service is denied", who: s3, resourceOf: []string{"allow s3:* on * to Service=s3.amazonaws.com", "deny s3:* on * to *"}, want: "deny " + resources},
		{name: "identity policies are not a service's", who: s3, identity: []string{"allow * on *"}, want: resources},
		{name: "web identity", who: github, trust: true, decides: true, action: "sts:AssumeRoleWithWebIdentity", resourceOf: []string{"allow sts:AssumeRoleWithWebIdentity to Federated=" + github.Federated + " if StringEquals(token.actions.githubusercontent.com:sub=repo:o/n:environment:dev)"}, want: yes},
		{name: "web identity with another subject", who: github, trust: true, decides: true, action: "sts:AssumeRoleWithWebIdentity", resourceOf: []string{"allow sts:AssumeRoleWithWebIdentity to Federated=" + github.Federated + " if StringEquals(token.actions.githubusercontent.com:sub=repo:o/n:environment:prod)"}, want: trust},
		{name: "web identity of another provider", who: github, trust: true, decides: true, action: "sts:AssumeRoleWithWebIdentity", resourceOf: []string{"allow sts:AssumeRoleWithWebIdentity to Federated=arn:aws:iam::123456789012:oidc-provider/other"}, want: trust},
		{name: "AssumeRole is not for a web identity", who: github, trust: true, decides: true, action: "sts:AssumeRoleWithWebIdentity", resourceOf: []string{"allow sts:AssumeRole to Federated=" + github.Federated}, want: trust},
		{name: "another account's bucket, both allow", who: me, resourceAccount: "210987654321", identity: []string{"allow s3:* on *"}, resourceOf: []string{"allow s3:* on * to AWS=" + account}, want: yes},
		{name: "another account's bucket, only it allows", who: me, resourceAccount: "210987654321", resourceOf: []string{"allow s3:* on * to AWS=" + role}, want: identity},
		{name: "another account's bucket, only we allow", who: me, resourceAccount: "210987654321", identity: []string{"allow s3:* on *"}, want: resources},
		{name: "another account's bucket names the session", who: me, resourceAccount: "210987654321", resourceOf: []string{"allow s3:* on * to AWS=" + session}, want: identity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Request{Principal: tt.who, Action: tt.action, Resource: tt.resource, ResourceAccount: tt.resourceAccount, ResourceDecides: tt.decides, Context: testContext()}
			if r.Action == "" {
				r.Action = "s3:GetObject"
			}
			if r.Resource == "" {
				r.Resource = object1
			}
			var p Policies
			if tt.identity != nil {
				p.Identity = []Policy{document(t, IdentityPolicy, tt.identity...)}
			}
			if tt.boundary != nil {
				b := document(t, PermissionsBoundary, tt.boundary...)
				p.Boundary = &b
			}
			if tt.session != nil {
				p.Session = []Policy{document(t, SessionPolicy, tt.session...)}
			}
			if tt.resourceOf != nil {
				kind := ResourcePolicy
				if tt.trust {
					kind = TrustPolicy
				}
				o := document(t, kind, tt.resourceOf...)
				p.Resource = &o
			}
			d := Evaluate(r, p)
			got := yes
			if !d.Allowed {
				got = d.Kind.String()
				if d.Explicit {
					got = "deny " + got
				}
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if (d.Allowed || d.Explicit) && (d.Policy != "p" || d.Sid == "") {
				t.Errorf("decided by %+v without a name", d)
			}
		})
	}
}

func testContext() Values {
	c := Values{}
	c.Set("aws:RequestedRegion", "r")
	c.Set("aws:SecureTransport", "false")
	c.Set("aws:SourceAccount", account)
	c.Set("aws:username", "in")
	c.Set("token.actions.githubusercontent.com:sub", "repo:o/n:environment:dev")
	return c
}

func TestSentence(t *testing.T) {
	t.Parallel()
	r := Request{Principal: Principal{ARN: session}, Action: "s3:GetObject", Resource: object1}
	const begin = "User: " + session + " is not authorized to perform: s3:GetObject on resource: " + object1
	for _, tt := range []struct {
		decision Decision
		want     string
	}{
		{Decision{Kind: IdentityPolicy}, " because no identity-based policy allows the s3:GetObject action"},
		{Decision{Kind: PermissionsBoundary}, " because no permissions boundary allows the s3:GetObject action"},
		{Decision{Kind: SessionPolicy}, " because no session policy allows the s3:GetObject action"},
		{Decision{Kind: ResourcePolicy}, " because no resource-based policy allows the s3:GetObject action"},
		{Decision{Kind: TrustPolicy}, " because no role trust policy allows the s3:GetObject action"},
		{Decision{Kind: IdentityPolicy, Explicit: true}, " with an explicit deny in an identity-based policy"},
		{Decision{Kind: PermissionsBoundary, Explicit: true}, " with an explicit deny in a permissions boundary"},
		{Decision{Kind: SessionPolicy, Explicit: true}, " with an explicit deny in a session policy"},
		{Decision{Kind: ResourcePolicy, Explicit: true}, " with an explicit deny in a resource-based policy"},
		{Decision{Kind: TrustPolicy, Explicit: true}, " with an explicit deny in the role trust policy"},
	} {
		if got := Sentence(r, tt.decision); got != begin+tt.want {
			t.Errorf("got %s", got)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	var statements []string
	for i := range 40 {
		statements = append(statements, fmt.Sprintf("allow ecs:A%d*,ecs:B%d,sqs:C%d* on arn:aws:ecs:r:1:service/a-%d/*,arn:aws:ecs:r:1:task/*-%d/x if StringLike(aws:RequestedRegion=eu-*)", i, i, i, i, i))
	}
	statements = append(statements, "allow s3:Get* on arn:aws:s3:::b/in/*")
	boundary := document(b, PermissionsBoundary, "allow s3:*,sqs:* on *", "deny !iam:* on * if StringNotEquals(aws:RequestedRegion=r)")
	p := Policies{Identity: []Policy{document(b, IdentityPolicy, statements...)}, Boundary: &boundary}
	r := Request{Principal: Principal{ARN: session, Role: role, Account: account}, Action: "s3:GetObject", Resource: object1, Context: testContext()}
	for b.Loop() {
		if d := Evaluate(r, p); !d.Allowed {
			b.Fatal(d)
		}
	}
}

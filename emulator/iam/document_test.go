package iam

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = `"Effect":"Allow","Action":"s3:*","Resource":"*"`
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[{` + s + `}]}` }
	for _, tt := range []struct {
		name, document, says string
		kind                 Kind
	}{
		{"nothing", ``, "not JSON", IdentityPolicy},
		{"a list", `[]`, "not an object", IdentityPolicy},
		{"text behind", statement(good) + `x`, "something follows", IdentityPolicy},
		{"two documents", statement(good) + statement(good), "something follows", IdentityPolicy},
		{"no statement", `{"Version":"2012-10-17"}`, "no Statement", IdentityPolicy},
		{"empty statements", `{"Statement":[]}`, "empty", IdentityPolicy},
		{"unknown version", `{"Version":"2012-10-18","Statement":{` + good + `}}`, "2012-10-18", IdentityPolicy},
		{"unknown element", `{"Versions":"2012-10-17","Statement":{` + good + `}}`, `"Versions"`, IdentityPolicy},
		{"unknown element of a statement", statement(good + `,"Resources":"*"`), "Resources", IdentityPolicy},
		{"an element twice", statement(good + `,"Action":"sqs:*"`), "twice", IdentityPolicy},
		{"effect in lower case", statement(`"Effect":"allow","Action":"s3:*","Resource":"*"`), "neither Allow nor Deny", IdentityPolicy},
		{"no effect", statement(`"Action":"s3:*","Resource":"*"`), "no Effect", IdentityPolicy},
		{"no action", statement(`"Effect":"Allow","Resource":"*"`), "neither Action nor NotAction", IdentityPolicy},
		{"both actions", statement(good + `,"NotAction":"s3:*"`), "both Action", IdentityPolicy},
		{"no resource", statement(`"Effect":"Allow","Action":"s3:*"`), "neither Resource", IdentityPolicy},
		{"both resources", statement(good + `,"NotResource":"*"`), "both Resource", IdentityPolicy},
		{"action without service", statement(`"Effect":"Allow","Action":"GetObject","Resource":"*"`), "not an action", IdentityPolicy},
		{"action of a number", statement(`"Effect":"Allow","Action":1,"Resource":"*"`), "not a text", IdentityPolicy},
		{"resource without ARN", statement(`"Effect":"Allow","Action":"s3:*","Resource":"bucket"`), "not an ARN", IdentityPolicy},
		{"resource of a short ARN", statement(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"`), "not an ARN", IdentityPolicy},
		{"principal in an identity policy", statement(good + `,"Principal":"*"`), "only the policy of a resource", IdentityPolicy},
		{"principal in a boundary", statement(good + `,"Principal":"*"`), "only the policy of a resource", PermissionsBoundary},
		{"no principal", statement(good), "neither Principal", ResourcePolicy},
		{"unknown kind of principal", statement(good + `,"Principal":{"Google":"x"}`), "Google", ResourcePolicy},
		{"principal of a pattern", statement(good + `,"Principal":{"AWS":"arn:aws:iam::123456789012:role/*"}`), "neither an ARN nor an account", ResourcePolicy},
		{"principal of a word", statement(good + `,"Principal":"me"`), "not a principal", ResourcePolicy},
		{"allow but for", statement(good + `,"NotPrincipal":{"AWS":"123456789012"}`), "NotPrincipal", ResourcePolicy},
		{"resource in a trust policy", statement(good + `,"Principal":"*"`), "no Resource", TrustPolicy},
		{"unknown operator", statement(good + `,"Condition":{"StringIs":{"aws:SourceArn":"x"}}`), "StringIs", IdentityPolicy},
		{"unknown key", statement(good + `,"Condition":{"StringEquals":{"aws:Nothing":"x"}}`), "aws:Nothing", IdentityPolicy},
		{"no value", statement(good + `,"Condition":{"StringEquals":{"aws:SourceArn":[]}}`), "empty", IdentityPolicy},
		{"null value", statement(good + `,"Condition":{"StringEquals":{"aws:SourceArn":null}}`), "not a value", IdentityPolicy},
		{"condition of a list", statement(good + `,"Condition":[]`), "not an object", IdentityPolicy},
	} {
		if _, err := Parse(tt.kind, "mine", []byte(tt.document)); err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "mine") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestParseTakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document string
		kind           Kind
	}{
		{"one statement without a list", `{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`, IdentityPolicy},
		{"no version", `{"Statement":{"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}}`, IdentityPolicy},
		{"values of several types", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10,"20"]}}}}`, IdentityPolicy},
		{"principals of all kinds", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":["123456789012","*"],"Service":"s3.amazonaws.com","Federated":"x"}}}`, ResourcePolicy},
		{"denial but for", `{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:role/r"}}}`, ResourcePolicy},
		{"trust", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}}`, TrustPolicy},
	} {
		if _, err := Parse(tt.kind, "mine", []byte(tt.document)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	t.Parallel()
	p, err := Parse(ResourcePolicy, "p", []byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"},
		{"Effect":"Deny","Action":"s3:*","Resource":"*","NotPrincipal":{"AWS":"`+role+`"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]bool{role: true, role + "2": false} {
		r := Request{Principal: Principal{ARN: session, Role: who, Account: account}, Action: "s3:GetObject", Resource: object1, Context: Values{}}
		if d := Evaluate(r, Policies{Resource: &p}); d.Allowed != want {
			t.Errorf("%s: got %+v", who, d)
		}
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	p, err := Parse(IdentityPolicy, "p", []byte(`{"Statement":[
		{"Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"*"},
		{"Effect":"Deny","Action":"sqs:*","Resource":"*"},
		{"Sid":"Rest","Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Grant{{"p", "statement 1", "s3:Get*"}, {"p", "statement 1", "s3:PutObject"}, {"p", "Rest", "!iam:*"}}
	got := p.Grants()
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, tt := range []struct {
		grant  Grant
		action string
		want   bool
	}{
		{want[0], "s3:GetObject", true}, {want[0], "S3:getobject", true}, {want[0], "s3:PutObject", false},
		{want[2], "s3:GetObject", true}, {want[2], "iam:GetRole", false},
	} {
		if got := tt.grant.Covers(tt.action); got != tt.want {
			t.Errorf("%v of %s: got %v", tt.grant, tt.action, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, uint8(0))
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":["a:*"],"NotResource":["arn:aws:s3:::${aws:username}"],"Principal":{"AWS":"*"},"Condition":{"ForAllValues:StringLike":{"aws:TagKeys":["*"]}}}}`, uint8(3))
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		p, err := Parse(Kind(kind%5), "p", []byte(text))
		if err != nil {
			if len(p.statements) > 0 {
				t.Error("a refused policy has statements")
			}
			return
		}
		if len(p.statements) == 0 {
			t.Error("a policy without statements is taken")
		}
		policies := Policies{Resource: &p}
		if p.Kind < ResourcePolicy {
			policies = Policies{Identity: []Policy{p}}
		}
		r := Request{Principal: Principal{ARN: session, Role: role, Account: account}, Action: "s3:GetObject", Resource: object1, Context: testContext()}
		Evaluate(r, policies)
	})
}

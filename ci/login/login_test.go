package login

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// issuer is an STS whose credentials last an hour.
type issuer struct {
	tokens []string
	names  []string
	err    error
}

func (i *issuer) AssumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput, _ ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if i.err != nil {
		return nil, i.err
	}
	i.tokens, i.names = append(i.tokens, *in.WebIdentityToken), append(i.names, *in.RoleSessionName)
	return &sts.AssumeRoleWithWebIdentityOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String("arn:aws:sts::111122223333:assumed-role/deploy/x")},
		Credentials: &types.Credentials{
			AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("secret"), SessionToken: aws.String("token"),
			Expiration: aws.Time(time.Now().Add(time.Duration(*in.DurationSeconds) * time.Second)),
		},
	}, nil
}

// counted gives another token each time.
type counted struct{ n int }

func (c *counted) GetIdentityToken() ([]byte, error) {
	c.n++
	return []byte(strings.Repeat("t", c.n)), nil
}

// TestRoleRefreshes runs for three hours on tokens of an hour: each set of
// credentials is replaced before it ends, with a token of its own.
func TestRoleRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &issuer{}
		credentials := Role(api, "arn:aws:iam::111122223333:role/deploy", "run 1/é", &counted{})
		for range 18 {
			got, err := credentials.Retrieve(t.Context())
			if err != nil || !got.CanExpire || time.Until(got.Expires) <= 0 {
				t.Fatalf("%+v, %v", got.Expires, err)
			}
			time.Sleep(10 * time.Minute)
		}
		if len(api.tokens) != 4 || api.tokens[3] != "tttt" || api.names[0] != "run-1-" {
			t.Errorf("tokens %v, names %v", api.tokens, api.names)
		}
		api.err = errors.New("denied")
		time.Sleep(time.Hour)
		if _, err := credentials.Retrieve(t.Context()); !errors.Is(err, api.err) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCheckRole(t *testing.T) {
	t.Parallel()
	for arn, ok := range map[string]bool{
		"arn:aws:iam::111122223333:role/deploy": true, "arn:aws-us-gov:iam::111122223333:role/path/to/deploy": true,
		"": false, "deploy": false, "arn:aws:iam::1:role/deploy": false, "arn:aws:iam::111122223333:user/ada": false,
		"arn:aws:iam::111122223333:role/a b": false,
	} {
		if err := CheckRole(arn); (err == nil) != ok {
			t.Errorf("%q: %v", arn, err)
		}
	}
}

func TestSessionName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "pipeline", "a": "pipeline", "ada@x.org": "ada@x.org", "a b\n$(c)": "a-b-c-", strings.Repeat("x", 90): strings.Repeat("x", 64)} {
		if got := SessionName(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestJobToken(t *testing.T) {
	t.Parallel()
	const bearer = "bearer-secret"
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
		err    string
	}{
		"a token":       {200, `{"count":1,"value":"a.b.c"}`, "a.b.c", ""},
		"no permission": {403, `{"message":"bearer-secret"}`, "", "id-token: write"},
		"no token":      {200, `{}`, "", "holds none"},
		"no JSON":       {200, `<html>`, "", "holds none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+bearer || r.URL.Query().Get("audience") != "sts.amazonaws.com" || r.URL.Query().Get("api") != "2" {
					t.Errorf("asked %s with %s", r.URL, r.Header.Get("Authorization"))
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			got, err := JobToken{URL: server.URL + "/token?api=2", Bearer: bearer}.GetIdentityToken()
			if string(got) != c.want || (err != nil) != (c.err != "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), bearer)) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for _, address := range []string{"", "http://example.com/?secret=x", "https://127.0.0.1:1/?secret=x", "::"} {
		if _, err := (JobToken{URL: address, Bearer: bearer, HTTP: &http.Client{Timeout: time.Second}}).GetIdentityToken(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestFixedToken(t *testing.T) {
	t.Parallel()
	if got, err := FixedToken("a.b.c").GetIdentityToken(); string(got) != "a.b.c" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

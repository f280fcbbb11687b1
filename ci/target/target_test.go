package target

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckEnvironment(t *testing.T) {
	t.Parallel()
	for _, name := range Environments() {
		if err := CheckEnvironment(name); err != nil {
			t.Error(err)
		}
	}
	err := CheckEnvironment("production")
	if err == nil || !strings.Contains(err.Error(), `"production": choose from dev, staging, prod`) {
		t.Errorf("got %v", err)
	}
}

func TestCheckRegion(t *testing.T) {
	t.Parallel()
	tests := []struct{ code, err string }{
		{"eu-central-1", ""},
		{"us-gov-west-1", ""},
		{"eu-middle-1", "in eu there are eu-central-1"},
		{"moon-1", "give a region code"},
		{"", "give a region code"},
		{"EU-CENTRAL-1", "did you mean --aws-region eu-central-1?"},
		{"eu-centarl-1", "did you mean --aws-region eu-central-1?"},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			err := CheckRegion(tt.code)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

const (
	id     = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func TestParseCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		id, secret, token string
		ok                bool
		err               string
	}{
		{"none", "", "", "", false, ""},
		{"blank is none", "\n", " ", "", false, ""},
		{"long-lived", id, secret, "", true, ""},
		{"a newline at the end", id + "\n", secret + "\n", "", true, ""},
		{"temporary", "ASIAIOSFODNN7EXAMPLE", secret, "token", true, ""},
		{"no id", "", secret, "", false, "--aws-access-key-id as well"},
		{"only a token", "", "", "token", false, "--aws-access-key-id as well"},
		{"no secret", id, "", "", false, "--aws-secret-access-key as well"},
		{"swapped", secret, id, "", false, "not swapped"},
		{"cut short", id, "wJalr", "", false, "copied whole"},
		{"temporary without its token", "ASIAIOSFODNN7EXAMPLE", secret, "", false, "--aws-session-token as well"},
		{"broken token", id, secret, "to ken", false, "white space inside"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := ParseCredentials(tt.id, tt.secret, tt.token)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if ok != tt.ok {
				t.Errorf("ok %v, want %v", ok, tt.ok)
			}
			if ok && got.AccessKeyID != strings.TrimSpace(tt.id) {
				t.Errorf("id %q", got.AccessKeyID)
			}
			if err != nil {
				for _, value := range []string{tt.id, tt.secret, tt.token} {
					if len(value) > 6 && strings.Contains(err.Error(), value) {
						t.Errorf("the error gives a value away: %v", err)
					}
				}
			}
		})
	}
}

func TestCredentialsStayHidden(t *testing.T) {
	t.Parallel()
	c := Credentials{id, secret, "token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, id) || strings.Contains(text, secret) {
			t.Errorf("%s gives %s", verb, text)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	f.Add(id, secret, "")
	f.Add("", secret, "x")
	f.Fuzz(func(t *testing.T, keyID, secretKey, token string) {
		c, ok, err := ParseCredentials(keyID, secretKey, token)
		if ok && err != nil {
			t.Error("both valid and wrong")
		}
		if ok && (c.AccessKeyID == "" || c.SecretAccessKey == "") {
			t.Error("accepted half a credential")
		}
	})
}

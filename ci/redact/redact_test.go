package redact

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// planted are secrets of the kinds that a run is given.
func planted() []string {
	return []string{
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		`p"ass<w>&ord\1` + "\t",
		"correct horse battery staple",
		"Grüße-an-alle-☃",
		"https://chat.example/hooks/abcdef0123456789?x=1",
		"********",
		"***---***",
	}
}

// written are the ways in which a program may write a secret.
func written(secret string) map[string]string {
	once, _ := json.Marshal(secret)
	twice, _ := json.Marshal(string(once))
	return map[string]string{
		"as it is":           secret,
		"query":              url.QueryEscape(secret),
		"path":               url.PathEscape(secret),
		"json":               string(once),
		"json in json":       string(twice),
		"%q":                 strconv.Quote(secret),
		"%+q":                strconv.QuoteToASCII(secret),
		"html":               html.EscapeString(secret),
		"base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 of user:":    base64.StdEncoding.EncodeToString([]byte("AWS:" + secret)),
		"base64 of header":   base64.StdEncoding.EncodeToString([]byte("ab" + secret + "and more")),
		"base64 for URLs":    base64.URLEncoding.EncodeToString([]byte("a" + secret)),
		"raw base64":         base64.RawURLEncoding.EncodeToString([]byte(secret + "!")),
		"in a JSON's string": fmt.Sprintf(`{"error":%s}`, once),
	}
}

func TestKnownSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range planted() {
		r := New(secret, "short")
		for how, text := range written(secret) {
			got := r.Text("it said " + text + " and ended; short")
			if !strings.HasPrefix(got, "it said ") || !strings.HasSuffix(got, " and ended; short") {
				t.Errorf("%q, %s: %q", secret, how, got)
			}
			if holds(got, secret) {
				t.Errorf("%q, %s: survives in %q", secret, how, got)
			}
		}
	}
}

// holds searches for any eight bytes of a secret, as text and, where base64 is
// found, in what it decodes to.
func holds(text, secret string) bool {
	found := func(in string) bool {
		for i := 0; i+Shortest <= len(secret); i++ {
			if piece := secret[i : i+Shortest]; strings.Trim(piece, "*-") != "" && strings.Contains(in, piece) {
				return true
			}
		}
		return false
	}
	if found(text) {
		return true
	}
	for word := range strings.FieldsSeq(text) {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if raw, err := e.DecodeString(strings.TrimRight(word, "=")); err == nil && found(string(raw)) {
				return true
			}
		}
	}
	return false
}

func TestPartsOfSecrets(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN THING-----\nMHcCAQEEIAbcdefghijklmnop\nqrstuvwxyz0123456789\n-----END THING-----\n"
	r := New("https://chat.example/hooks/T000/B000/secret", "postgres://app:s3cr3t-pass@db:5432/x", key)
	for text, want := range map[string]string{
		"POST /hooks/T000/B000/secret: 404":             "POST /***: 404",
		"dial tcp: lookup chat.example: no such host":   "dial tcp: lookup chat.example: no such host",
		"password s3cr3t-pass is wrong":                 "password *** is wrong",
		"line 2: MHcCAQEEIAbcdefghijklmnop":             "line 2: ***",
		"\\tqrstuvwxyz0123456789\\n-----END THING-----": "\\t***\\n-----END THING-----",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----" // gitleaks:allow made up
	// Built of pieces, so that no scanner takes the test for a leak.
	tests := []struct{ text, want string }{
		{"key AKIA" + "IOSFODNN7EXAMPLE is not valid", "key *** is not valid"},
		{"ASIA" + "IOSFODNN7EXAMPLE", "***"},
		{`aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"`, `aws_secret_access_key = "***"`}, // gitleaks:allow made up
		{`{"SessionToken":"IQoJb3JpZ2luX2VjEJr//////////wEa"}`, `{"SessionToken":"***"}`},             // gitleaks:allow made up
		{"ghp_" + strings.Repeat("a1", 18) + " and github_pat_" + strings.Repeat("b2", 20), "*** and ***"},
		{"xoxb-" + "123456789012-abcdefGHIJKL.", "***."},
		{"Post \"https://hooks.slack.com/services/T00/B00/" + "XXXXXXXX\": timeout", "Post \"https://hooks.slack.com/***\": timeout"},
		{"Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"},
		{"authorization: Basic QVdTOnBhc3M=", "authorization: Basic ***"},
		{`"Authorization":["Bearer 0123456789abcdef0"]`, `"Authorization":["Bearer ***"]`},
		{"the bearer 0123456789abcdef is gone", "the bearer *** is gone"},
		{"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln", "***"},
		{"before\n" + key + "\nafter", "before\n***\nafter"},
		{`"` + strings.ReplaceAll(key, "\n", `\n`) + `"`, `"***"`},
		{"cut: -----BEGIN PRIVATE KEY-----\nMHcC", "cut: ***"},
		{"postgres://app:hunter2@db:5432/sensors?sslmode=disable", "postgres://app:***@db:5432/sensors?sslmode=disable"},
		{"host=db PGPASSWORD=hunter2 password=x&y=z", "host=db PGPASSWORD=*** password=***&y=z"},
		{"two http://a:b1@c http://d:e2@f", "two http://a:***@c http://d:***@f"},
	}
	var r Redactor
	for _, tt := range tests {
		got := r.Text(tt.text)
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
		if again := r.Text(got); again != got {
			t.Errorf("%q: the second time %q", got, again)
		}
	}
}

func TestTextWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := New(planted()...)
	for _, text := range []string{
		"",
		"deploy to ecs service sensor-prod/api: rolled back\nnext: look at the log",
		"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567 sha256:" + strings.Repeat("1f", 32),
		"111122223333.dkr.ecr.eu-central-1.amazonaws.com/sensor-prod-api@sha256:" + strings.Repeat("0", 64),
		"arn:aws:sts::111122223333:assumed-role/deploy/run-1",
		"the bearer authentication-scheme is basic authentication",
		"http://localhost:4566/bucket/key@1 https://user@host/ ssh://git@example.com:22/x",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"AKIA short, ghp_short, xoxb-, password: none, password policy",
		"\xff\xfe no UTF-8 \x00",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	r := New("sup3rsecret")
	if r.Error(nil) != nil {
		t.Error("no error became one")
	}
	harmless := errors.New("nothing to hide")
	if got := r.Error(harmless); !errors.Is(got, harmless) {
		t.Errorf("got %v", got)
	}
	inner := errors.New("token sup3rsecret expired")
	got := r.Error(fmt.Errorf("log in: %w", inner))
	if got.Error() != "log in: token *** expired" || errors.Unwrap(got) != nil {
		t.Errorf("got %v, wrapping %v", got, errors.Unwrap(got))
	}
}

func TestLearnWhileInUse(t *testing.T) {
	t.Parallel()
	var r Redactor
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			r.Learn(fmt.Sprintf("secret-%04d", i))
		}
	}()
	for range 50 {
		_ = r.Text("secret-0049")
	}
	<-done
	if got := r.Text("secret-0049"); got != Mask {
		t.Errorf("got %q", got)
	}
}

func FuzzText(f *testing.F) {
	for _, secret := range planted() {
		f.Add(secret, "before ", " after")
	}
	f.Add("ab***cdef", "ab", "cdef")
	f.Add("password=***", "password=x", "")
	f.Add("0123456789", "Bearer 01234", "56789")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		secret = strings.TrimSpace(secret)
		if len(secret) < Shortest {
			return
		}
		r := New(secret)
		for how, text := range written(secret) {
			got := r.Text(before + text + after)
			for also, form := range written(secret) {
				// What surrounds the secret is not part of these.
				if also == "base64 of user:" || also == "base64 of header" || also == "base64 for URLs" || also == "raw base64" || also == "base64" {
					continue
				}
				if strings.Contains(got, form) {
					t.Errorf("%q, %s, survives as %s in %q", secret, how, also, got)
				}
			}
			for _, form := range base64Forms(secret) {
				if strings.Contains(got, form) {
					t.Errorf("%q, %s, survives as base64 in %q", secret, how, got)
				}
			}
			if again := r.Text(got); strings.Contains(again, secret) {
				t.Errorf("%q survives the second time", secret)
			}
		}
		// A text that holds no form of it, and nothing shaped like a credential,
		// is left alone.
		text := before + after
		if shapeless(text) != text {
			return
		}
		for _, form := range formsOf(secret) {
			if strings.Contains(text, form) {
				return
			}
		}
		if got := r.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestValue(t *testing.T) {
	t.Parallel()
	type name string
	type inner struct {
		Text  string
		Names []name
	}
	type outer struct {
		inner
		Inner  *inner
		None   *inner
		List   [1]inner
		Map    map[string]inner
		Number int
		hidden string
	}
	const secret = "sup3rsecret"
	dirty := inner{Text: "a " + secret, Names: []name{secret, "b"}}
	got := outer{inner: dirty, Inner: &dirty, List: [1]inner{dirty}, Map: map[string]inner{"x": dirty}, Number: 7, hidden: "c"}
	New(secret).Value(&got)
	if text := fmt.Sprintf("%+v %+v", got, got.Inner); strings.Contains(text, secret) || strings.Count(text, "***") < 8 {
		t.Error(text)
	}
	if got.Number != 7 || got.hidden != "c" {
		t.Errorf("got %+v", got)
	}
}

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const (
	commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
	token  = "t0ken-0123456789" // gitleaks:allow made up
	// path is the part of a webhook's address that is secret.
	path = "/services/T000/B000/s3cr3t-path"
)

// deployed is a deploy to an account, of which ECS failed.
func deployed(t testing.TB) record.Record {
	t.Helper()
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	decision, err := trigger.Decide(trigger.Event{Name: trigger.Push, Ref: "refs/heads/main", SHA: commit})
	if err != nil {
		t.Fatal(err)
	}
	r := record.Record{
		Schema: record.Schema, ID: "20260102T030405Z-0a1b2c3d4e5f-01020304", Kind: record.Run, Commit: commit, Branch: "main",
		Event: trigger.Push, Ref: "refs/heads/main", Decision: decision, Started: started, Ended: started.Add(time.Minute),
		Target: record.Target{Environment: "prod", Account: "111122223333", Region: "eu-central-1"},
	}
	r.SetStages([]pipeline.Result{
		{Stage: "lambda", Outcome: pipeline.Passed, Started: started, Elapsed: time.Second},
		{Stage: "ecs", Outcome: pipeline.Failed, Started: started, Elapsed: time.Second, Err: errors.New("rolled back")},
	})
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// all are a sender of each kind that sends to an address.
func all(address string) []Sender {
	return []Sender{
		SlackWebhook{Address: address + path},
		SlackChannel{Token: token, Channel: "#deploys", API: address},
		GitHub{Token: token, Repository: "ada/sensors", API: address},
	}
}

func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

// hang waits until the sender gives up, which a server sees once it has read the
// request.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// TestBadReceivers has every sender meet every way in which a receiver can be
// bad: it comes back in time, says why, and quotes no secret.
func TestBadReceivers(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect is followed with %v", r.Header)
	})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	answer := func(code int, header, text string) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		})
	}
	quoting := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"message":"you sent %s to %s \u001b[31m"}`, r.Header.Get("Authorization"), r.URL)
	})
	stuck := serve(t, func(_ http.ResponseWriter, r *http.Request) { hang(r) })
	dripping := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_ = http.NewResponseController(w).Flush()
		hang(r)
	})
	tests := []struct{ name, address, want string }{
		{"gone", gone.URL, "it cannot be reached: dial tcp"},
		{"slow", stuck, "no answer within 2s"},
		{"slow in the middle", dripping, "no answer within 2s"},
		{"broken", answer(500, "", "<html>\noops"), "it answers 500 Internal Server Error: <html>"},
		{"silent", answer(502, "", ""), "it answers 502 Bad Gateway"},
		{"busy for long", answer(429, "3600", ""), "it answers 429 Too Many Requests and wants no message for 1h0m0s"},
		{"busy until a day", answer(429, "Fri, 01 Jan 2100 00:00:00 GMT", ""), "wants no message for"},
		{"busy for good", answer(429, "0", ""), "it answers 429 Too Many Requests and wants no message for 0s"},
		{"busy, no time given", answer(429, "", ""), "it answers 429 Too Many Requests"},
		{"moved", answer(307, "", ""), "it answers 307 Temporary Redirect, and a redirect is not followed"},
		{"quoting", quoting, "it answers 403 Forbidden: you sent "},
		{"long", answer(400, "", strings.Repeat("word ", 1000)), "word …"},
		{"no address", "", "its address is malformed"},
		{"control character", "http://localhost\x7f", "its address is malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, got := range All(t.Context(), all(tt.address), deployed(t), 2*time.Second) {
				if got.Err == nil || !strings.Contains(got.Err.Error(), tt.want) {
					t.Errorf("%s: got %v, want %q", got.Name, got, tt.want)
					continue
				}
				if line := got.String(); strings.Contains(line, token) || strings.Contains(line, "s3cr3t-path") || strings.ContainsAny(line, "\n\x1b") || len(line) > 400 {
					t.Errorf("unfit line %q", line)
				}
			}
		})
	}
}

func TestBusyOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	what, err := SlackWebhook{Address: address + path}.Send(t.Context(), deployed(t))
	if err != nil || what != "posted" || calls.Load() != 2 {
		t.Errorf("got %q, %v after %d calls", what, err, calls.Load())
	}
}

// message is what a fake chat takes down.
type message struct {
	Path, Auth string
	Body       map[string]any
}

// journal keeps what a fake receiver got.
type journal struct {
	mutex sync.Mutex
	got   []message
}

func (j *journal) note(t *testing.T, r *http.Request) int {
	t.Helper()
	m := message{Path: r.Method + " " + r.URL.Path, Auth: r.Header.Get("Authorization")}
	if err := json.NewDecoder(r.Body).Decode(&m.Body); err != nil {
		t.Error(err)
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.got = append(j.got, m)
	return len(j.got)
}

func TestSlackWebhook(t *testing.T) {
	t.Parallel()
	var j journal
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) { j.note(t, r) })
	hook := SlackWebhook{Address: address + path}
	if _, err := hook.Send(t.Context(), deployed(t)); err != nil {
		t.Fatal(err)
	}
	if err := hook.Post(t.Context(), "a <!channel> `text`"); err != nil {
		t.Fatal(err)
	}
	if j.got[0].Path != "POST "+path || j.got[0].Auth != "" || j.got[0].Body["blocks"] == nil {
		t.Errorf("got %+v", j.got[0])
	}
	if text := fmt.Sprint(j.got[0].Body["text"]); !strings.HasPrefix(text, "✗ Deploy of main") || !strings.Contains(text, "STAGE") {
		t.Errorf("text %q", text)
	}
	if text := j.got[1].Body["text"]; text != "```\na ‹!channel> 'text'\n```" {
		t.Errorf("text %q", text)
	}
}

func TestSlackChannel(t *testing.T) {
	t.Parallel()
	var j journal
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"ok":true,"ts":"1700000000.%06d"}`, j.note(t, r))
	})
	channel := SlackChannel{Token: token, Channel: "C01", API: address + "/api/"}
	what, err := channel.Send(t.Context(), deployed(t))
	if err != nil || what != "posted, with 2 replies" {
		t.Fatalf("got %q, %v", what, err)
	}
	for i, m := range j.got {
		if m.Path != "POST /api/chat.postMessage" || m.Auth != "Bearer "+token || m.Body["channel"] != "C01" {
			t.Errorf("got %+v", m)
		}
		want := any("1700000000.000001")
		if i == 0 {
			want = nil
		}
		if m.Body["thread_ts"] != want {
			t.Errorf("message %d is in thread %v, want %v", i, m.Body["thread_ts"], want)
		}
	}
	if text := fmt.Sprint(j.got[2].Body["text"]); text != "ecs failed" {
		t.Errorf("the failed stage's reply is %q", text)
	}
}

func TestSlackRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, first, then, want string }{
		{"token", `{"ok":false,"error":"invalid_auth"}`, "", "it refuses: invalid_auth"},
		{"quoting", `{"ok":false,"error":"no such token ` + token + `"}`, "", "it refuses: no such token ***"},
		{"not Slack", "ok", "", "its answer is not Slack's"},
		{"no name", `{"ok":true}`, "", "does not name the message"},
		{"reply", `{"ok":true,"ts":"1.2"}`, `{"ok":false,"error":"ratelimited"}`, "the message is posted and 0 of its 2 replies: it refuses: ratelimited"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				text := tt.then
				if calls.Add(1) == 1 {
					text = tt.first
				}
				_, _ = io.WriteString(w, text)
			})
			_, err := SlackChannel{Token: token, Channel: "C01", API: address}.Send(t.Context(), deployed(t))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	var j journal
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		j.note(t, r)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":42}`)
	})
	hub := GitHub{Token: token, Repository: "ada/sensors", API: address + "/api/v3/"}
	what, err := hub.Send(t.Context(), deployed(t))
	if err != nil || what != "deployment 42, failure" {
		t.Fatalf("got %q, %v", what, err)
	}
	if m := j.got[0]; m.Path != "POST /api/v3/repos/ada/sensors/deployments" || m.Auth != "Bearer "+token || m.Body["ref"] != commit || m.Body["environment"] != "prod" {
		t.Errorf("got %+v", m)
	}
	if m := j.got[1]; m.Path != "POST /api/v3/repos/ada/sensors/deployments/42/statuses" || m.Body["state"] != "failure" {
		t.Errorf("got %+v", m)
	}
	r := deployed(t)
	r.Target.Emulated = true
	if what, err := hub.Send(t.Context(), r); err != nil || !strings.HasPrefix(what, "nothing to send") || len(j.got) != 2 {
		t.Errorf("got %q, %v after %d calls", what, err, len(j.got))
	}
}

func TestGitHubRefusals(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"message":"Conflict"}`: "its answer does not name it", `<html>`: "its answer does not name it", `{"id":7}`: "deployment 7 is made and has no status: it answers 404 Not Found: gone",
	} {
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/statuses") {
				w.WriteHeader(http.StatusNotFound)
				answer = `{"message":"gone"}`
			}
			_, _ = io.WriteString(w, answer)
		})
		_, err := GitHub{Token: token, Repository: "ada/sensors", API: address}.Send(t.Context(), deployed(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestCheckRepository(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"ada/sensors": true, "a-b/c.d_e": true, "ada/.github": true, "": false, "ada": false, "ada/": false, "ada/..": false, "ada/.": false,
		"../ada": false, "ada/sensors/x": false, "ada/a b": false, "ada/$(id)": false, "ada/x\n": false, "ada/" + strings.Repeat("x", 200): false,
	} {
		if err := CheckRepository(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// topic is a fake SNS.
type topic struct {
	in  *sns.PublishInput
	err error
}

func (f *topic) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	f.in = in
	return &sns.PublishOutput{MessageId: aws.String("m-1")}, f.err
}

func TestSNS(t *testing.T) {
	t.Parallel()
	is := func(arn string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return arn, err }
	}
	const arn = "arn:aws:sns:eu-central-1:111122223333:sensor-prod-alarms"
	tests := []struct {
		name       string
		api        topic
		topic      func(context.Context) (string, error)
		what, fail string
	}{
		{"published", topic{}, is(arn, nil), "published as m-1", ""},
		{"no topic", topic{}, is("", nil), "nobody to notify: the infrastructure has no topic", ""},
		{"no outputs", topic{}, is("", errors.New("no outputs yet")), "", "find the topic: no outputs yet"},
		{"refused", topic{err: errors.New("AuthorizationError")}, is(arn, nil), "", "publish to " + arn + ": AuthorizationError"},
	}
	for _, tt := range tests {
		what, err := SNS{API: &tt.api, Topic: tt.topic}.Send(t.Context(), deployed(t))
		if what != tt.what || (err == nil) != (tt.fail == "") || err != nil && err.Error() != tt.fail {
			t.Errorf("%s: got %q, %v", tt.name, what, err)
		}
		if tt.name == "published" {
			in := tt.api.in
			if *in.TopicArn != arn || len(*in.Subject) > 99 || *in.MessageAttributes["outcome"].StringValue != "failed" || *in.MessageAttributes["environment"].StringValue != "prod" {
				t.Errorf("got %+v", in)
			}
		}
	}
}

// fake is a sender of which a test decides what it does.
type fake struct {
	name string
	send func(ctx context.Context) (string, error)
}

func (f fake) Name() string { return f.name }

func (f fake) Send(ctx context.Context, _ record.Record) (string, error) { return f.send(ctx) }

func TestAll(t *testing.T) {
	t.Parallel()
	together := make(chan struct{})
	release := make(chan struct{})
	defer close(release)
	sent := All(t.Context(), []Sender{
		fake{"a", func(context.Context) (string, error) { together <- struct{}{}; return "posted", nil }},
		fake{"b", func(context.Context) (string, error) { <-together; return "", errors.New("it is closed") }},
		fake{"c", func(context.Context) (string, error) { panic(token) }},
		fake{"d", func(context.Context) (string, error) { <-release; return "too late", nil }},
	}, record.Record{}, 500*time.Millisecond)
	const want = "a: posted; b: NOT notified: it is closed; c: NOT notified: the sender panicked; d: NOT notified: no answer within 500ms"
	if got := Summary(sent); got != want {
		t.Errorf("got %q", got)
	}
	if err := Err(sent); err == nil || strings.Contains(err.Error(), "a:") || strings.Count(err.Error(), "NOT notified") != 3 {
		t.Errorf("got %v", err)
	}
	if err := Err(sent[:1]); err != nil {
		t.Errorf("got %v", err)
	}
}

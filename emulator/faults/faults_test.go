package faults

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       []Fault
		err        string
	}{
		{"one", `{"kind":"task-crash","service":"web","exitCode":3}`, []Fault{{Kind: TaskCrash, Service: "web", ExitCode: 3}}, ""},
		{"several", `{"faults":[{"kind":"task-hang","times":2},{"kind":"throttle","operation":"ecs:UpdateService"}]}`,
			[]Fault{{Kind: TaskHang, Times: 2}, {Kind: Throttle, Operation: "ecs:UpdateService"}}, ""},
		{"none", `{}`, nil, ""},
		{"an empty list", `{"faults":[]}`, []Fault{}, ""},
		{"no JSON", `task-crash`, nil, "read the faults"},
		{"nothing", ``, nil, "read the faults"},
		{"a list", `[]`, nil, "read the faults"},
		{"two values", `{"kind":"task-hang"} {"kind":"task-hang"}`, nil, "more than one JSON value"},
		{"both", `{"kind":"task-hang","faults":[{"kind":"task-hang"}]}`, nil, "not both"},
		{"misspelt", `{"kind":"task-crash","exit_code":3}`, nil, `unknown field "exit_code"`},
		{"unknown kind", `{"kind":"fire"}`, nil, `fault 1: kind "fire" is none of task-crash, task-hang`},
		{"without a kind", `{"faults":[{"kind":"task-hang"},{}]}`, nil, `fault 2: kind ""`},
		{"throttle what", `{"kind":"throttle"}`, nil, "needs an operation, such as ecs:UpdateService"},
		{"severity", `{"kind":"scan-finding","severity":"BAD"}`, nil, `severity "BAD" is none of CRITICAL, HIGH`},
		{"negative", `{"kind":"task-hang","times":-1}`, nil, "not negative"},
		{"exit code", `{"kind":"task-crash","exitCode":256}`, nil, "exitCode is 0 to 255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(c.body))
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, %v; want %+v, %s", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"faults":[{"kind":"throttle","operation":"x","times":3}]}`))
	f.Add([]byte(`{"kind":"task-crash","delayMillis":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := Parse(body)
		if err != nil {
			return
		}
		raw, err := json.Marshal(map[string]any{"faults": parsed})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(raw); err != nil || len(again) != len(parsed) {
			t.Errorf("%s became %s, and then %v, %v", body, raw, again, err)
		}
	})
}

func TestForTask(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add(
		Fault{Kind: TaskCrash, Service: "web", Times: 2, DelayMillis: 5},
		Fault{Kind: TaskHang, Image: "@sha256:bad"},
		Fault{Kind: TaskLateStart, DelayMillis: 7, Service: "late"},
	)
	for i, c := range []struct {
		service, image string
		want           Task
	}{
		{"web", "api:v1", Task{Crash: true, ExitCode: 1, CrashAfter: 5 * time.Millisecond}},
		{"other", "api:v1", Task{}},
		{"web", "api@sha256:bad", Task{Crash: true, ExitCode: 1, CrashAfter: 5 * time.Millisecond, Hang: true}},
		{"web", "api:v1", Task{}},
		{"late", "api:v1", Task{Late: 7 * time.Millisecond}},
	} {
		if got := s.ForTask(c.service, []string{"sidecar", c.image}); got != c.want {
			t.Errorf("task %d of %s: got %+v, want %+v", i, c.service, got, c.want)
		}
	}
	if list := s.List(); list[0].Happened != 2 || list[1].Happened != 1 || list[2].Happened != 1 {
		t.Errorf("they happened %+v", list)
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add(Fault{Kind: Throttle, Operation: "ecs:UpdateService", Times: 3}, Fault{Kind: Throttle, Operation: "PutObject", Code: "SlowDown"})
	if err := s.Throttled("ecs", "DescribeServices"); err != nil {
		t.Errorf("another operation: %v", err)
	}
	if err := s.Throttled("s3", "PutObject"); err == nil || err.Code != "SlowDown" {
		t.Errorf("with its own code: %v", err)
	}
	var refused atomic.Int32
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if err := s.Throttled("ecs", "UpdateService"); err != nil && err.Code == "ThrottlingException" {
				refused.Add(1)
			}
		})
	}
	callers.Wait()
	if refused.Load() != 3 {
		t.Errorf("%d of 20 were refused, want 3", refused.Load())
	}
}

func TestScanFindings(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add(Fault{Kind: ScanFinding, Repository: "api", Tag: "v1"}, Fault{Kind: ScanFinding, Digest: "sha256:0", Severity: "LOW"})
	for _, c := range []struct {
		repository, digest string
		tags               []string
		want               string
	}{
		{"api", "sha256:1", []string{"latest", "v1"}, "CRITICAL"},
		{"api", "sha256:0", []string{"v1"}, "CRITICAL LOW"},
		{"api", "sha256:1", nil, ""},
		{"web", "sha256:0", []string{"v1"}, "LOW"},
	} {
		var got []string
		for _, f := range s.ScanFindings(c.repository, c.digest, c.tags) {
			got = append(got, f.Severity)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s %v has %v, want %s", c.repository, c.digest, c.tags, got, c.want)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	var s Set
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"add", http.MethodPost, "/", `{"kind":"task-hang"}`, 200, "1"},
		{"add with a name", http.MethodPost, "/", `{"kind":"task-hang","id":"mine","happened":9}`, 200, "1 mine"},
		{"list", http.MethodGet, "/", "", 200, "1 mine"},
		{"refuse", http.MethodPut, "/", `{"kind":"x"}`, 400, "1 mine"},
		{"refuse what is too long", http.MethodPut, "/", strings.Repeat(" ", 2<<20), 400, "1 mine"},
		{"clear one", http.MethodDelete, "/?id=1", "", 200, "mine"},
		{"replace", http.MethodPut, "/", `{"faults":[{"kind":"task-hang"},{"kind":"task-crash"}]}`, 200, "3 4"},
		{"clear all", http.MethodDelete, "/", "", 200, ""},
		{"another method", http.MethodPatch, "/", "", 405, ""},
	} {
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		var ids []string
		for _, f := range s.List() {
			ids = append(ids, f.ID)
			if f.Happened != 0 {
				t.Errorf("%s: a new fault has happened %d times", c.name, f.Happened)
			}
		}
		if got := strings.Join(ids, " "); answer.Code != c.status || got != c.want {
			t.Errorf("%s: got %d and the faults %q, want %d and %q", c.name, answer.Code, got, c.status, c.want)
		}
	}
}

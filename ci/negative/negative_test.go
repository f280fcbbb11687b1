package negative_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dagger/sensor-backend/negative"
)

// server answers /readyz, and everything else as it is told to.
func server(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", answer)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		// want is in the findings; empty if there are to be none.
		want string
	}{
		{"refuses everything", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "{}") }, ""},
		{"is switched off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			refuse(w, 503, "{}")
		}, ""},
		{"takes everything", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 202, "{}") }, "JSON that ends early: answers 202"},
		{"breaks", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "{}") }, "NaN: answers 500"},
		{"sends elsewhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://attacker.example")
			refuse(w, 302, "")
		}, "forged address: answers 302"},
		{"shows a stack", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "goroutine 7 [running]:") }, `"goroutine "`},
		{"shows the database", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "ERROR (SQLSTATE 22021)") }, `"SQLSTATE"`},
		{"shows a file", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "passwd") {
				refuse(w, 404, "root:x:0:0:root")
				return
			}
			refuse(w, 404, "")
		}, "path out of the bucket: the answer shows its inside"},
		{"repeats a script", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, r.URL.Query().Get("sensor_id"))
		}, "script in a query: the answer repeats a script"},
		{"guesses types", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, "lacks X-Content-Type-Options"},
		{"lets other pages read", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			refuse(w, 400, "{}")
		}, "page of another origin: the answer lets pages of https://attacker.example read it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := negative.Run(t.Context(), http.DefaultClient, server(t, tt.answer))
			if err != nil {
				t.Fatal(err)
			}
			if report.Checked < 30 {
				t.Errorf("%d cases were tried, want at least 30", report.Checked)
			}
			err = report.Err()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("findings for a good API: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("want %q among the findings, got %v", tt.want, err)
			}
		})
	}
}

func TestRunNotReady(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if report, err := negative.Run(t.Context(), http.DefaultClient, s.URL); err == nil {
		t.Errorf("an API that is not ready was judged: %v", report)
	}
}

// TestRunDies sees that an API which does not survive is a finding.
func TestRunDies(t *testing.T) {
	t.Parallel()
	alive := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !alive:
			refuse(w, 502, "")
		case r.URL.Path == "/v1/sensors":
			alive = false
			refuse(w, 400, "")
		case r.URL.Path == "/readyz":
		default:
			refuse(w, 400, "")
		}
	}))
	defer s.Close()
	report, err := negative.Run(t.Context(), http.DefaultClient, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "after all of them: /readyz answers 502") {
		t.Errorf("an API that died is not a finding: %v", err)
	}
}

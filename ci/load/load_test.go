package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/sensor-backend/load"
)

func TestParsePlan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		rate      int
		last, p99 string
		errors    float64
		want      string
	}{
		{"good", 50, "10s", "250ms", 0.5, ""},
		{"no rate", 0, "10s", "250ms", 0, "rate 0"},
		{"too much", 1001, "10s", "250ms", 0, "rate 1001"},
		{"too short", 1, "10ms", "250ms", 0, `time "10ms"`},
		{"too long", 1, "11m", "250ms", 0, `time "11m"`},
		{"no time", 1, "soon", "250ms", 0, `time "soon"`},
		{"no budget", 1, "1s", "0", 0, `p99 "0"`},
		{"no share", 1, "1s", "1s", 101, "errors 101"},
		{"negative share", 1, "1s", "1s", -1, "errors -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan, err := load.ParsePlan(tt.rate, tt.last, tt.p99, tt.errors)
			if tt.want == "" {
				if want := (load.Plan{Rate: 50, Time: 10 * time.Second, P99: 250 * time.Millisecond, Errors: 0.005}); err != nil || plan != want {
					t.Errorf("got %+v, %v", plan, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error about %q, got %v", tt.want, err)
			}
		})
	}
}

// counter is an API that counts what comes.
type counter struct {
	mu       sync.Mutex
	readings map[string]int
	gets     int
	answer   int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodGet {
		c.gets++
	} else {
		var posted struct {
			Readings []struct {
				Timestamp string `json:"timestamp"`
			} `json:"readings"`
		}
		if err := json.NewDecoder(r.Body).Decode(&posted); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, one := range posted.Readings {
			c.readings[one.Timestamp]++
		}
	}
	w.WriteHeader(c.answer)
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer int
		failed int
		want   string
	}{
		{"good", http.StatusOK, 0, ""},
		{"overloaded", http.StatusTooManyRequests, 40, "100.00 % of the requests failed, the budget is 0.00 %: 429"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := &counter{answer: tt.answer, readings: map[string]int{}}
			s := httptest.NewServer(api)
			defer s.Close()
			report, err := load.Run(t.Context(), s.Client(), s.URL, "load-test", load.Plan{Rate: 40, Time: time.Second, P99: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if report.Requests != 40 || report.Failed != tt.failed {
				t.Errorf("want 40 requests, %d failed: %s", tt.failed, report)
			}
			if len(api.readings) != 100 || api.gets != 30 {
				t.Errorf("%d readings and %d queries came, want 100 different ones and 30", len(api.readings), api.gets)
			}
			err = report.Err()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	report := load.Report{Plan: load.Plan{P99: 50 * time.Millisecond}, Requests: 10, P99: 51 * time.Millisecond}
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "p99 is 51ms, the budget 50ms") {
		t.Errorf("a p99 above its budget holds: %v", err)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer s.Close()
	if _, err := load.Run(ctx, s.Client(), s.URL, "load-test", load.Plan{Rate: 1000, Time: 10 * time.Minute}); !errors.Is(err, context.Canceled) {
		t.Errorf("want it to stop as canceled, got %v", err)
	}
}

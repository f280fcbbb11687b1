package edge

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	answers := true
	e := &Edge{parts: Parts{Healthy: func(context.Context) bool { return answers }}, tested: make(chan struct{})}
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		e.control(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_emulator/health", nil))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		before func()
		code   int
		says   string
	}{
		{func() {}, http.StatusServiceUnavailable, "not tested yet"},
		{func() { e.Unfit(errors.New("moto 5.9.1 does not serve")) }, http.StatusInternalServerError, "moto 5.9.1 does not serve"},
		{func() { e.Ready("5.2.4") }, http.StatusOK, `"moto":"5.2.4"`},
		{func() { answers = false }, http.StatusServiceUnavailable, "does not answer"},
	} {
		c.before()
		if code, body := ask(); code != c.code || !strings.Contains(strings.ReplaceAll(body, " ", ""), strings.ReplaceAll(c.says, " ", "")) {
			t.Errorf("%d %s, want %d with %q", code, body, c.code, c.says)
		}
	}
}

// TestWaitsForTheSelfTest holds a request until moto has passed its test.
func TestWaitsForTheSelfTest(t *testing.T) {
	t.Parallel()
	e := &Edge{tested: make(chan struct{})}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.fit(canceled); err == nil || !strings.Contains(err.Error(), "still testing") {
		t.Errorf("before the test: %v", err)
	}
	waits := make(chan error, 1)
	go func() { waits <- e.fit(t.Context()) }()
	select {
	case err := <-waits:
		t.Fatalf("a request did not wait: %v", err)
	default:
	}
	e.Ready("5.2.4")
	if err := <-waits; err != nil {
		t.Errorf("behind the test: %v", err)
	}
	e.Unfit(errors.New("moto 5.9.1 does not serve"))
	if err := e.fit(t.Context()); err == nil || !strings.Contains(err.Error(), "moto 5.9.1 does not serve") {
		t.Errorf("unfit: %v", err)
	}
}

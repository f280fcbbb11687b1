package moto

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestReady(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{http.StatusOK: true, http.StatusCreated: true, http.StatusInternalServerError: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moto-api/data.json" {
				// As moto does when a resource has no JSON form.
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.WriteHeader(status)
		}))
		if got := NewClient(server.URL).Ready(t.Context()); got != want {
			t.Errorf("with status %d: ready %v", status, got)
		}
		server.Close()
	}
	if NewClient("http://127.0.0.1:1").Ready(t.Context()) {
		t.Error("nobody is ready")
	}
}

package main

import (
	"net/http"
	"strings"
	"testing"

	"sensor-backend/services/internal/pgtest"
	"sensor-backend/services/internal/replay"
)

// TestReplay sends what people really send to an API with a database, and wants
// every answer to be right; and to one that answers nothing, and wants that told.
func TestReplay(t *testing.T) {
	t.Parallel()
	r := start(t, config{databaseURL: pgtest.URL(t)})
	r.until(t, "/readyz", http.StatusOK)
	var out strings.Builder
	wrong, err := replay.Run(t.Context(), &out, replay.Options{Address: r.url, Load: !testing.Short()})
	if err != nil || wrong > 0 || !strings.Contains(out.String(), "right  post: value and Value\n") {
		t.Errorf("%d wrong, %v:\n%s", wrong, err, out.String())
	}
	r.end(t)
	off := start(t, config{})
	out.Reset()
	if wrong, err := replay.Run(t.Context(), &out, replay.Options{Address: off.url}); err != nil || wrong == 0 || !strings.Contains(out.String(), "wrong  post: a reading: answered 501") {
		t.Errorf("without a database %d wrong, %v:\n%s", wrong, err, out.String())
	}
	off.end(t)
	if _, err := replay.Run(t.Context(), &out, replay.Options{Address: off.url}); err == nil {
		t.Error("a stopped API is tried")
	}
}

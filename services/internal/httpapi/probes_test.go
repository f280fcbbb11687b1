package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/warehouse"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	down := &fakeWarehouse{err: fmt.Errorf("%w: no such host db.internal", warehouse.ErrUnavailable)}
	tests := map[string]struct {
		cfg     httpapi.Config
		drain   bool
		healthz int
		readyz  int
	}{
		"warehouse up":   {httpapi.Config{Warehouse: &fakeWarehouse{}}, false, 200, 200},
		"warehouse down": {httpapi.Config{Warehouse: down}, false, 200, 503},
		"read only":      {httpapi.Config{Warehouse: &fakeWarehouse{err: warehouse.ErrReadOnly}}, false, 200, 503},
		"warehouse off":  {httpapi.Config{}, false, 200, 200},
		"draining":       {httpapi.Config{Warehouse: &fakeWarehouse{}}, true, 200, 503},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newAPI(test.cfg)
			if test.drain {
				api.Drain()
			}
			if got := get(t, api, "/healthz"); got.status != test.healthz {
				t.Errorf("healthz: %d, want %d", got.status, test.healthz)
			}
			got := get(t, api, "/readyz")
			if got.status != test.readyz {
				t.Errorf("readyz: %d, want %d", got.status, test.readyz)
			}
			if test.readyz == http.StatusServiceUnavailable {
				wantProblem(t, got, http.StatusServiceUnavailable)
				if got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var v map[string]string
	get(t, newAPI(httpapi.Config{}), "/version").decode(t, &v)
	if v["version"] != "1.2" || v["commit"] != "abc" || v["image_digest"] != "sha256:0" {
		t.Errorf("got %v", v)
	}
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	secret := errors.New("password=hunter2")
	tests := map[string]struct {
		api    *httpapi.API
		method string
		target string
		status int
	}{
		"unknown path":   {newAPI(httpapi.Config{}), http.MethodGet, "/nope", http.StatusNotFound},
		"wrong method":   {newAPI(httpapi.Config{}), http.MethodDelete, "/v1/readings", http.StatusMethodNotAllowed},
		"too slow":       {newAPI(httpapi.Config{Warehouse: &fakeWarehouse{err: context.DeadlineExceeded}}), http.MethodGet, "/v1/readings?sensor_id=a", http.StatusServiceUnavailable},
		"internal error": {newAPI(httpapi.Config{Warehouse: &fakeWarehouse{err: secret}}), http.MethodGet, "/v1/readings?sensor_id=a", http.StatusInternalServerError},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := wantProblem(t, call(t, test.api, test.method, test.target, nil), test.status)
			if p.Detail == secret.Error() {
				t.Error("the inner error is told to the client")
			}
		})
	}
}

func TestServicesBehindAreDown(t *testing.T) {
	t.Parallel()
	api := newAPI(httpapi.Config{Inbox: failing{}, Catalog: failing{}})
	for target, got := range map[string]answer{
		"POST /v1/readings": post(t, api, `{"readings":[`+good+`]}`),
		"GET /v1/objects":   get(t, api, "/v1/objects"),
		"GET /v1/objects/k": get(t, api, "/v1/objects/k"),
	} {
		p := wantProblem(t, got, http.StatusServiceUnavailable)
		if strings.Contains(p.Detail, "10.0.0.7") {
			t.Errorf("%s tells the inner error: %s", target, p.Detail)
		}
	}
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{panics: true}})
	got := post(t, api, `{"readings":[{"sensor_id":"a","metric":"m","timestamp":"2026-03-01T12:00:00Z","value":1}]}`)
	wantProblem(t, got, http.StatusInternalServerError)
}

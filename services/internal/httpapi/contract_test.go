package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/warehouse"
)

// TestContract holds requests and answers to the document that the API serves.
// An answer whose status the document does not have is a failure too.
func TestContract(t *testing.T) {
	t.Parallel()
	full, _ := filled(t)
	const file = "incoming/boiler 7/day 1+2.csv"
	files := newAPI(httpapi.Config{Catalog: fakeCatalog{file: {Key: file, SensorID: "boiler 7", Metrics: []string{"value"}, Status: catalog.Processed, FirstTime: now, LastTime: now, ProcessedAt: now}}})
	down := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{err: warehouse.ErrUnavailable}})
	keys, err := httpapi.ParseKeys(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	locked := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}, Keys: keys})

	router := contract(t, get(t, full, "/openapi.json").body)
	const series = "sensor_id=machine+1&metric=temperature"
	tests := []struct {
		name   string
		api    http.Handler
		target string // GET
		body   string // POST /v1/readings
		header http.Header
		status int
	}{
		{name: "health", api: full, target: "/healthz", status: 200},
		{name: "ready", api: full, target: "/readyz", status: 200},
		{name: "not ready", api: down, target: "/readyz", status: 503},
		{name: "version", api: full, target: "/version", status: 200},
		{name: "metrics", api: full, target: "/metrics", status: 200},
		{name: "document", api: full, target: "/openapi.json", status: 200},
		{name: "readings", api: full, target: "/v1/readings?" + series + "&limit=5&order=desc&from=2026-01-01T00:00:00Z", status: 200},
		{name: "readings as CSV", api: full, target: "/v1/readings?" + series + "&format=csv", status: 200},
		{name: "no readings", api: full, target: "/v1/readings?sensor_id=unknown", status: 200},
		{name: "readings, down", api: down, target: "/v1/readings?sensor_id=a", status: 503},
		{name: "buckets", api: full, target: "/v1/buckets?" + series + "&bucket=1h", status: 200},
		{name: "buckets, too many", api: full, target: "/v1/buckets?" + series + "&bucket=1s", status: 400},
		{name: "sensors", api: full, target: "/v1/sensors?limit=1&prefix=m", status: 200},
		{name: "anomalies", api: full, target: "/v1/anomalies?" + series, status: 200},
		{name: "objects", api: files, target: "/v1/objects", status: 200},
		{name: "object", api: files, target: "/v1/objects/" + url.PathEscape(file), status: 200},
		{name: "no object", api: files, target: "/v1/objects/none", status: 404},
		{name: "objects, off", api: full, target: "/v1/objects", status: 501},
		{name: "post", api: full, body: `{"readings":[` + good + `]}`, status: 202},
		{name: "post, some bad", api: full, body: `{"readings":[` + good + `,{"sensor_id":"a","metric":"m","timestamp":"never","value":1}]}`, status: 207},
		{name: "post, all bad", api: full, body: `{"readings":[{"sensor_id":"a","metric":"m","timestamp":"never","value":1}]}`, status: 422},
		{name: "post without a key", api: locked, body: `{"readings":[` + good + `]}`, status: 401},
		{name: "post, down", api: down, body: `{"readings":[` + good + `]}`, status: 503},
		{name: "post once", api: full, body: `{"readings":[` + good + `]}`, header: http.Header{"Idempotency-Key": {"k"}}, status: 202},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method := http.MethodGet
			if test.body != "" {
				method, test.target = http.MethodPost, "/v1/readings"
			}
			req := httptest.NewRequestWithContext(t.Context(), method, test.target, strings.NewReader(test.body))
			for name, values := range test.header {
				req.Header[name] = values
			}
			if test.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			rec := httptest.NewRecorder()
			test.api.ServeHTTP(rec, req)
			if rec.Code != test.status {
				t.Fatalf("status %d, want %d: %s", rec.Code, test.status, rec.Body)
			}
			router.check(t, req, test.body, rec)
		})
	}
}

type contractRouter struct {
	*gorillamux.Router
	options *openapi3filter.Options
}

func contract(t *testing.T, document string) contractRouter {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	concrete, ok := router.(*gorillamux.Router)
	if !ok {
		t.Fatalf("the router is a %T", router)
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	return contractRouter{concrete, options}
}

// check holds the request, unless it was to be refused, and the answer to the
// document.
func (c contractRouter) check(t *testing.T, req *http.Request, body string, rec *httptest.ResponseRecorder) {
	t.Helper()
	req.Body = io.NopCloser(strings.NewReader(body))
	route, params, err := c.FindRoute(req)
	if err != nil {
		t.Fatalf("the document has no %s %s: %v", req.Method, req.URL.Path, err)
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: c.options}
	if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil && rec.Code < 300 {
		t.Errorf("a request that is served is not in the document: %v", err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: c.options}
	out.SetBodyBytes(rec.Body.Bytes())
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		t.Errorf("the answer is not in the document: %v", err)
	}
}

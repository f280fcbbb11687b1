package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/warehouse"
)

// TestHead wants every GET to answer HEAD with the same status and type, and
// without a body.
func TestHead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}, Catalog: fakeCatalog{}}))
	t.Cleanup(server.Close)
	for _, path := range []string{
		"/", "/app.js", "/chart.js", "/theme.js", "/ticks.js", "/view.js", "/app.css", "/healthz", "/readyz", "/version", "/metrics", "/openapi.json",
		"/v1/readings?sensor_id=a", "/v1/readings?sensor_id=a&format=csv", "/v1/buckets?sensor_id=a&metric=m&bucket=1h",
		"/v1/sensors", "/v1/anomalies?sensor_id=a&metric=m", "/v1/objects", "/v1/objects/none", "/v1/readings", "/v1/readings?sensor_id=%",
	} {
		answers := map[string]*http.Response{}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			answers[method] = res
		}
		get, head := answers[http.MethodGet], answers[http.MethodHead]
		if get.StatusCode != head.StatusCode || get.Header.Get("Content-Type") != head.Header.Get("Content-Type") {
			t.Errorf("%s: GET %s %s, HEAD %s %s", path, get.Status, get.Header.Get("Content-Type"), head.Status, head.Header.Get("Content-Type"))
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}})
	for accept, csv := range map[string]bool{
		"":                                       false,
		"*/*":                                    false,
		"text/csv":                               true,
		"Text/CSV":                               true,
		"text/*":                                 true,
		"text/csv, */*;q=0.1":                    true,
		"text/csv, */*":                          true,
		"text/csv;q=0":                           false,
		"text/csv;q=0, */*":                      false,
		"text/csv;q=0.5, application/json":       false,
		"text/csv;q=0.5, application/json;q=0.4": true,
		"text/csv, application/json":             false,
		"application/json;q=0.9, text/csv;q=1.0": true,
		"text/html, application/xhtml+xml, */*;q=.8": false,
		"text/csv;q=2":              false,
		"text/csv;q=nan":            false,
		"application/json;q=0, */*": true,
		"image/png":                 false,
		"text/csv;header=present":   true,
		"*/*;q=0":                   false,
		";;":                        false,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/readings?sensor_id=a", nil)
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, req)
		if got := strings.HasPrefix(rec.Header().Get("Content-Type"), "text/csv"); got != csv || rec.Code != http.StatusOK {
			t.Errorf("%q: %d %s", accept, rec.Code, rec.Header().Get("Content-Type"))
		}
	}
}

// TestBodiesAsOthersSendThem has what differs from how one would write it, and
// means the same.
func TestBodiesAsOthersSendThem(t *testing.T) {
	t.Parallel()
	body := []byte(`{"readings":[` + good + `]}`)
	zeros := string(pack(t, body)) + strings.Repeat("\x00", 512)
	for name, test := range map[string]struct {
		header http.Header
		body   string
		status int
	}{
		"GZIP":            {http.Header{"Content-Encoding": {"GZIP"}}, string(pack(t, body)), 202},
		"x-gzip":          {http.Header{"Content-Encoding": {"x-gzip"}}, string(pack(t, body)), 202},
		"X-GZip ":         {http.Header{"Content-Encoding": {" X-GZip "}}, string(pack(t, body)), 202},
		"Identity":        {http.Header{"Content-Encoding": {"Identity"}}, string(body), 202},
		"zeros behind":    {http.Header{"Content-Encoding": {"gzip"}}, zeros, 202},
		"rest behind":     {http.Header{"Content-Encoding": {"gzip"}}, zeros + "x", 400},
		"gzip, identity":  {http.Header{"Content-Encoding": {"gzip, identity"}}, string(pack(t, body)), 202},
		"two headers":     {http.Header{"Content-Encoding": {"identity", "gzip"}}, string(pack(t, body)), 202},
		"gzip twice":      {http.Header{"Content-Encoding": {"gzip", "gzip"}}, string(pack(t, pack(t, body))), 415},
		"deflate":         {http.Header{"Content-Encoding": {"deflate"}}, string(body), 415},
		"gzip, unpacked":  {http.Header{"Content-Encoding": {"gzip"}}, string(body), 400},
		"packed, no word": {http.Header{}, string(pack(t, body)), 400},
		"marks of lines":  {http.Header{"Content-Type": {"application/x-ndjson"}}, good + "\n\ufeff" + good + "\n", 202},
		"two in a line":   {http.Header{"Content-Type": {"application/x-ndjson"}}, good + good + "\n", 422},
		"two bodies":      {http.Header{}, string(body) + string(body), 400},
		"trailing comma":  {http.Header{}, strings.Replace(string(body), "]", ",]", 1), 400},
		"a comment":       {http.Header{}, string(body) + " // end", 400},
		"a list":          {http.Header{}, "[" + good + "]", 400},
		"UTF-16":          {http.Header{}, "\xff\xfe{\x00}\x00", 400},
		"too deep":        {http.Header{}, `{"x":` + strings.Repeat("[", 20_000), 400},
		"gzip, gzip":      {http.Header{"Content-Encoding": {"gzip, gzip"}}, string(body), 415},
		"BOM":             {http.Header{}, "\ufeff" + string(body), 202},
		"BOM, lines":      {http.Header{"Content-Type": {"application/x-ndjson"}}, "\ufeff" + good, 202},
		"BOM, packed":     {http.Header{"Content-Encoding": {"gzip"}}, string(pack(t, []byte("\ufeff"+string(body)))), 202},
		"type in capital": {http.Header{"Content-Type": {"Application/JSON; Charset=UTF-8"}}, string(body), 202},
	} {
		got := send(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), test.header, []byte(test.body))
		if got.status != test.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// TestNamesAreExact wants no reading of a batch whose meaning is open.
func TestNamesAreExact(t *testing.T) {
	t.Parallel()
	twice := strings.Replace(good, `"value":1`, `"value":21.5,"value":99`, 1)
	inexact := strings.Replace(good, `"value":1`, `"value":21.5,"Value":99`, 1)
	for body, want := range map[string]int{
		`{"readings":[` + twice + `]}`:                                                             422,
		`{"readings":[` + inexact + `]}`:                                                           202,
		`{"readings":[` + strings.Replace(good, "value", "Value", 1) + `]}`:                        422,
		`{"readings":[` + strings.Replace(good, "sensor_id", "id", 1) + `]}`:                       422,
		`{"Readings":[` + good + `]}`:                                                              422,
		`{"readings":[` + good + `],"Readings":[` + good + `]}`:                                    202,
		`{"readings":[` + good + `],"readings":[` + good + `]}`:                                    400,
		`{"readings":[],"readings":[` + good + `]}`:                                                400,
		`{"a":1,"a":2,"readings":[` + good + `]}`:                                                  400,
		`{"a":{"b":1,"b":2},"readings":[` + good + `]}`:                                            400,
		`{"readings":[` + good + `,` + twice + `]}`:                                                207,
		`{"readings":[` + strings.Replace(good, `"a"`, `"kühler"`, 1) + `]}`:                       422,
		`{"readings":[` + strings.Replace(good, `:1}`, `:`+strings.Repeat("1", 770)+`}`, 1) + `]}`: 422,
		`{"readings":[` + strings.Replace(good, `Z`, `+15:00`, 1) + `]}`:                           422,
	} {
		w := &fakeWarehouse{}
		got := post(t, newAPI(httpapi.Config{Warehouse: w}), body)
		if got.status != want {
			t.Errorf("%.200s: %d %s, want %d", body, got.status, got.body, want)
		}
		for _, r := range w.inserted {
			if r.Value == 99 {
				t.Errorf("%s stored %v", body, r.Value)
			}
		}
	}
	if got := post(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), `{"readings":[ä]}`); !strings.Contains(got.body, "'ä'") {
		t.Errorf("got %s", got.body)
	}
}

// FuzzQuery wants a query that is answered to have been taken whole: each of its
// parameters known, once, and what the warehouse was asked for.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"sensor_id=a", "sensor_id=a&metric=humidity%", "sensor_id=a&metric=m&from=2026-03-01T00:00:00Z", "sensor_id=a;metric=m",
		"sensor_id=a&metric=m&metric=n", "sensor_id=a&m%65tric=m", "sensor_id=a&&limit=3&", "sensor_id=a&cursor=2026-03-01T00:00:00Z,m", "=&sensor_id=a", "sensor_id=a%00",
	} {
		f.Add(query)
	}
	var asked *warehouse.Query
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{pages: func(q warehouse.Query) (warehouse.Page, error) {
		asked = &q
		return warehouse.Page{}, nil
	}}})
	f.Fuzz(func(t *testing.T, query string) {
		target, err := url.Parse("/v1/readings")
		if err != nil {
			t.Fatal(err)
		}
		target.RawQuery = query
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/readings", nil)
		req.URL = target
		asked = nil
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, req)
		if rec.Code != http.StatusOK && rec.Code != http.StatusBadRequest || !utf8.Valid(rec.Body.Bytes()) {
			t.Fatalf("%q: %d %s", query, rec.Code, rec.Body)
		}
		if rec.Code != http.StatusOK {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || asked == nil && req.Method == http.MethodGet {
			t.Fatalf("%q was answered: %v", query, err)
		}
		for name, all := range values {
			if len(all) != 1 {
				t.Fatalf("%q was answered, and %s stands there %d times", query, name, len(all))
			}
			switch name {
			case "sensor_id", "metric", "from", "to", "order", "limit", "cursor", "format":
			default:
				t.Fatalf("%q was answered without %s", query, name)
			}
		}
		if asked.SensorID != values.Get("sensor_id") || asked.Metric != values.Get("metric") ||
			asked.From.IsZero() != (values.Get("from") == "") || asked.To.IsZero() != (values.Get("to") == "") || (asked.After == nil) != (values.Get("cursor") == "") {
			t.Fatalf("%q asked for %+v", query, asked)
		}
	})
}

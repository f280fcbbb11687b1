package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/httpapi"
)

func TestQueryRefusesBadParameters(t *testing.T) {
	t.Parallel()
	api := newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}, Catalog: fakeCatalog{}})
	tests := map[string]string{ // target: the parameter named
		"/v1/readings":                                                               "sensor_id",
		"/v1/readings?sensor_id=a/b":                                                 "sensor_id",
		"/v1/readings?sensor_id=a&metric=a+b":                                        "metric",
		"/v1/readings?sensor_id=a&from=yesterday":                                    "from",
		"/v1/readings?sensor_id=a&to=1":                                              "to",
		"/v1/readings?sensor_id=a&limit=0":                                           "limit",
		"/v1/readings?sensor_id=a&limit=1001":                                        "limit",
		"/v1/readings?sensor_id=a&limit=many":                                        "limit",
		"/v1/readings?sensor_id=a&cursor=nonsense!":                                  "cursor",
		"/v1/readings?sensor_id=a&cursor=e30":                                        "cursor",
		"/v1/readings?sensor_id=a&order=up":                                          "order",
		"/v1/readings?sensor_id=a&format=xml":                                        "format",
		"/v1/sensors?prefix=a/b":                                                     "prefix",
		"/v1/sensors?cursor=YS9i":                                                    "cursor",
		"/v1/buckets?sensor_id=a&bucket=1h":                                          "metric",
		"/v1/buckets?sensor_id=a&metric=m":                                           "bucket",
		"/v1/buckets?sensor_id=a&metric=m&bucket=1ms":                                "bucket",
		"/v1/buckets?sensor_id=a&metric=m&bucket=1s":                                 "bucket",
		"/v1/buckets?sensor_id=a&metric=m&bucket=1h&from=2026-03-03T00:00:00Z":       "from",
		"/v1/anomalies?metric=m":                                                     "sensor_id",
		"/v1/objects?limit=-1":                                                       "limit",
		"/v1/objects?sensor_id=a/b":                                                  "sensor_id",
		"/v1/objects?cursor=*":                                                       "cursor",
		"/v1/readings?sensor_id=a&from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z": "to",

		// What would be passed over.
		"/v1/readings?sensor_id=a&metric=humidity%":                 "metric",
		"/v1/readings?sensor_id=a&metric=humidity%zz":               "metric",
		"/v1/readings?sensor_id=a&metri%63%=m":                      "metri%63%",
		"/v1/readings?sensor_id=a&metrik=m":                         "metrik",
		"/v1/readings?sensor_id=a&Metric=m":                         "Metric",
		"/v1/readings?sensor_id=a&metric=m&metric=n":                "metric",
		"/v1/readings?sensor_id=a&sensor_id=b":                      "sensor_id",
		"/v1/readings?sensor_id=a&metric=":                          "metric",
		"/v1/readings?sensor_id=a&metric":                           "metric",
		"/v1/readings?sensor_id=a&from=":                            "from",
		"/v1/readings?sensor_id=a;metric=m":                         "sensor_id",
		"/v1/readings?sensor_id=a&from=2026-03-01T00:00:00%2B15:00": "from",
		"/v1/sensors?sensor_id=a":                                   "sensor_id",
		"/v1/sensors?prefix=%":                                      "prefix",
		"/v1/buckets?sensor_id=a&metric=m&bucket=1h&limit=3":        "limit",
		"/v1/anomalies?sensor_id=a&metric=m&threshold=3":            "threshold",
		"/v1/objects?metric=m":                                      "metric",
		"/v1/objects?sensor_id=%":                                   "sensor_id",
		"/v1/objects/incoming/a/b.csv?verbose=1":                    "verbose",
	}
	for target, field := range tests {
		p := wantProblem(t, get(t, api, target), http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Index != nil {
			t.Errorf("%s: %+v, want one of %s", target, p.Errors, field)
		}
	}
}

func TestQueryWithWarehouseOff(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/v1/readings?sensor_id=a", "/v1/sensors", "/v1/buckets", "/v1/anomalies"} {
		got := get(t, newAPI(httpapi.Config{}), target)
		if got.header.Get("Retry-After") != "" {
			t.Errorf("%s: trying again does not help", target)
		}
		p := wantProblem(t, got, http.StatusNotImplemented)
		if !strings.Contains(p.Detail, "the warehouse is off") {
			t.Errorf("%s: detail %q", target, p.Detail)
		}
	}
}

func TestQueryWithoutMatches(t *testing.T) {
	t.Parallel()
	got := get(t, newAPI(httpapi.Config{Warehouse: &fakeWarehouse{}}), "/v1/readings?sensor_id=a")
	if got.status != http.StatusOK || got.body != `{"readings":[]}`+"\n" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	const key = "incoming/boiler 7/day 1+2%.csv"
	api := newAPI(httpapi.Config{Catalog: fakeCatalog{key: {Key: key, SensorID: "boiler 7", Status: catalog.Processed, Rows: 3}}})

	t.Run("get", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{(&url.URL{Path: "/v1/objects/" + key}).EscapedPath(), "/v1/objects/" + url.PathEscape(key)} {
			var o catalog.Object
			got := get(t, api, path)
			got.decode(t, &o)
			if got.status != http.StatusOK || o.Key != key || o.Rows != 3 {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	})
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, get(t, api, "/v1/objects/incoming/other.csv"), http.StatusNotFound)
	})
	t.Run("list and go on", func(t *testing.T) {
		t.Parallel()
		var page struct {
			Objects    []catalog.Object
			NextCursor string `json:"next_cursor"`
		}
		get(t, api, "/v1/objects?sensor_id=boiler+7").decode(t, &page)
		if len(page.Objects) != 1 || page.Objects[0].Key != key || page.NextCursor == "" {
			t.Fatalf("first page %+v", page)
		}
		got := get(t, api, "/v1/objects?cursor="+page.NextCursor)
		if got.body != `{"objects":[]}`+"\n" {
			t.Errorf("last page %s", got.body)
		}
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		off := newAPI(httpapi.Config{})
		wantProblem(t, get(t, off, "/v1/objects"), http.StatusNotImplemented)
		wantProblem(t, get(t, off, "/v1/objects/incoming/a/b.csv"), http.StatusNotImplemented)
	})
}

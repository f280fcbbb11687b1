package replay

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// requests are single requests.
func requests() []trial {
	var all []trial
	all = append(all, posts()...)
	all = append(all, queries()...)
	return append(all, speech()...)
}

// posts are batches of one reading, each of a sensor of its own, by whose values
// it is seen what was stored.
func posts() []trial {
	one := func(name string, status int, values []float64, body func(a *api, sensor string) (string, map[string]string)) trial {
		return trial{"post: " + name, func(ctx context.Context, a *api) error {
			sensor := a.sensor + "-" + strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
					return r
				}
				return '.'
			}, strings.ToLower(name)) + "0"
			text, header := body(a, sensor)
			got, err := a.post(ctx, text, header)
			if err != nil {
				return err
			}
			if err := got.is(status, ""); err != nil {
				return err
			}
			stored, err := a.stored(ctx, sensor)
			if err == nil && !slices.Equal(stored, values) {
				err = fmt.Errorf("stored %v, want %v", stored, values)
			}
			return err
		}}
	}
	list := func(a *api, sensor, value string) string { return `{"readings":[` + a.reading(sensor, 0, value) + `]}` }
	changed := func(name string, status int, values []float64, old, replacement string) trial {
		return one(name, status, values, func(a *api, sensor string) (string, map[string]string) {
			return strings.Replace(list(a, sensor, "21.5"), old, replacement, 1), nil
		})
	}
	value := []float64{21.5}
	return []trial{
		changed("a reading", 202, value, "", ""),
		changed("value and Value", 202, value, `21.5`, `21.5,"Value":99`),
		changed("value twice", 422, nil, `21.5`, `21.5,"value":99`),
		changed("Value alone", 422, nil, `"value"`, `"Value"`),
		changed("sensorId", 422, nil, `"sensor_id"`, `"sensorId"`),
		changed("sensor null", 422, nil, `"metric"`, `"sensor_id":null,"metric"`),
		changed("readings twice", 400, nil, `{"readings"`, `{"readings":[],"readings"`),
		changed("Readings", 422, nil, `"readings"`, `"Readings"`),
		changed("770 digits", 422, nil, `21.5`, "0."+strings.Repeat("1", 770)),
		changed("offset of 15 hours", 422, nil, `Z"`, `+15:00"`),
		changed("offset of 14 hours", 202, value, `Z"`, `+14:00"`),
		one("BOM", 202, value, func(a *api, s string) (string, map[string]string) { return "\ufeff" + list(a, s, "21.5"), nil }),
		one("GZIP", 202, value, func(a *api, s string) (string, map[string]string) {
			return pack(list(a, s, "21.5")), map[string]string{"Content-Encoding": "GZIP"}
		}),
		one("x-gzip", 202, value, func(a *api, s string) (string, map[string]string) {
			return pack(list(a, s, "21.5")), map[string]string{"Content-Encoding": "x-gzip"}
		}),
		one("zeros behind gzip", 202, value, func(a *api, s string) (string, map[string]string) {
			return pack(list(a, s, "21.5")) + strings.Repeat("\x00", 512), map[string]string{"Content-Encoding": "gzip"}
		}),
		one("something behind gzip", 400, nil, func(a *api, s string) (string, map[string]string) {
			return pack(list(a, s, "21.5")) + "x", map[string]string{"Content-Encoding": "gzip"}
		}),
		{"post: an umlaut is quoted whole", func(ctx context.Context, a *api) error {
			got, err := a.post(ctx, list(a, "kühler", "1"), nil)
			if err != nil {
				return err
			}
			return got.is(422, "'ü'")
		}},
		{"post: a year ahead", func(ctx context.Context, a *api) error {
			got, err := a.post(ctx, strings.Replace(list(a, a.sensor, "1"), a.now.Format("2006-"), fmt.Sprintf("%d-", a.now.Year()+2), 1), nil)
			if err != nil {
				return err
			}
			return got.is(422, "in the future")
		}},
	}
}

// queries are what would be passed over, each with the name of the parameter that
// has to be told.
func queries() []trial {
	lost := [][2]string{
		{"/v1/readings?sensor_id=a&metric=humidity%", "metric"},
		{"/v1/readings?sensor_id=a&metric=humidity%zz", "metric"},
		{"/v1/readings?sensor_id=a&metrik=humidity", "metrik"},
		{"/v1/readings?sensor_id=a&Metric=humidity", "Metric"},
		{"/v1/readings?sensor_id=a&metric=", "metric"},
		{"/v1/readings?sensor_id=a&metric=m&metric=n", "metric"},
		{"/v1/readings?sensor_id=a;metric=m", "sensor_id"},
		{"/v1/readings?sensor_id=a&from=2026-03-01T00:00:00%2B15:00", "from"},
		{"/v1/sensors?limit=3&page=2", "page"},
		{"/v1/buckets?sensor_id=a&metric=m&bucket=1h&limit=3", "limit"},
		{"/v1/anomalies?sensor_id=a&metric=m&threshold=3", "threshold"},
		{"/v1/objects?metric=m", "metric"},
	}
	all := make([]trial, 0, len(lost))
	for _, q := range lost {
		all = append(all, trial{"query: " + q[0], func(ctx context.Context, a *api) error {
			got, err := a.get(ctx, q[0])
			if err != nil {
				return err
			}
			return got.is(http.StatusBadRequest, `"field":"`+q[1]+`"`)
		}})
	}
	return all
}

// speech is HTTP as others speak it.
func speech() []trial {
	var all []trial
	for _, path := range []string{"/", "/healthz", "/readyz", "/version", "/metrics", "/openapi.json", "/v1/readings?sensor_id=a", "/v1/readings?sensor_id=a&format=csv", "/v1/sensors"} {
		all = append(all, trial{"HEAD " + path, func(ctx context.Context, a *api) error {
			got, err := a.send(ctx, http.MethodHead, path, nil, nil)
			if err != nil {
				return err
			}
			return got.is(http.StatusOK, "")
		}})
	}
	for accept, csv := range map[string]bool{"text/csv": true, "text/csv;q=0, */*": false, "text/csv;q=0.1, application/json": false, "application/json;q=0.1, text/csv": true, "*/*": false} {
		all = append(all, trial{"Accept: " + accept, func(ctx context.Context, a *api) error {
			got, err := a.send(ctx, http.MethodGet, "/v1/readings?sensor_id=a", map[string]string{"Accept": accept}, nil)
			if err == nil && strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") != csv {
				err = fmt.Errorf("answered %s", got.header.Get("Content-Type"))
			}
			return err
		}})
	}
	slices.SortFunc(all, func(x, y trial) int { return strings.Compare(x.name, y.name) })
	return append(all,
		trial{"off: 501 without Retry-After, or on", func(ctx context.Context, a *api) error {
			got, err := a.get(ctx, "/v1/objects")
			if err == nil && (got.status != http.StatusOK && got.status != http.StatusNotImplemented || got.header.Get("Retry-After") != "") {
				err = fmt.Errorf("answered %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
			}
			return err
		}},
		trial{"stream: the last line is a cursor", func(ctx context.Context, a *api) error {
			sensor := a.sensor + "-stream"
			got, err := a.post(ctx, `{"readings":[`+a.reading(sensor, 0, "1")+`,`+a.reading(sensor, 1, "2")+`,`+a.reading(sensor, 2, "3")+`]}`, nil)
			if err == nil {
				err = got.is(http.StatusAccepted, "")
			}
			if err != nil {
				return err
			}
			got, err = a.get(ctx, "/v1/readings?sensor_id="+sensor+"&format=csv&cursor="+a.now.Add(time.Second).Format(time.RFC3339)+",temperature")
			if err == nil && strings.Count(got.body, "\n") != 2 {
				err = fmt.Errorf("answered %q, want one reading", got.body)
			}
			return err
		}},
	)
}

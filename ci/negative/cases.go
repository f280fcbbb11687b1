package negative

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	script  = "<script>alert(1)</script>"
	foreign = "https://attacker.example"

	// bomb is how many bytes a small compressed body unfolds to.
	bomb = 256 << 20
	// nested is how deep a document goes.
	nested = 100_000
)

// cases lists the hostile requests.
func cases() []hostile {
	asJSON := map[string]string{"Content-Type": "application/json"}
	post := func(name, body string) hostile {
		return hostile{name: name, method: http.MethodPost, path: "/v1/readings", header: asJSON, body: text(body)}
	}
	get := func(name, path string) hostile { return hostile{name: name, method: http.MethodGet, path: path} }
	one := func(sensor, timestamp, value string) string {
		return `{"readings":[{"sensor_id":"` + sensor + `","metric":"temperature","timestamp":"` + timestamp + `","value":` + value + `}]}`
	}
	const now = "2026-01-02T03:04:05Z"
	query := func(key, value string) string {
		return "/v1/readings?sensor_id=negative&metric=temperature&" + key + "=" + url.QueryEscape(value)
	}
	refused := []hostile{
		get("unknown path", "/v1/secrets"),
		{name: "method that is not served", method: http.MethodDelete, path: "/v1/readings"},
		{name: "TRACE, which would show headers", method: http.MethodTrace, path: "/v1/readings"},

		post("empty body", ""),
		post("text that is not JSON", "readings=1"),
		post("JSON that ends early", `{"readings":[{"sensor_id":"a"`),
		post("two documents", `{"readings":[]}{"readings":[]}`),
		post("wrong types", `{"readings":"many"}`),
		post("null", "null"),
		post("deep nesting", strings.Repeat("[", nested)+strings.Repeat("]", nested)),
		post("NaN", one("negative", now, "NaN")),
		post("number beyond a double", one("negative", now, "1e999")),
		post("year beyond the calendar", one("negative", "+999999-01-01T00:00:00Z", "1")),
		post("timestamp without a zone", one("negative", "2026-01-02T03:04:05", "1")),
		post("NUL in a name", one(`a\u0000b`, now, "1")),
		post("name of 100 kB", one(strings.Repeat("a", 100_000), now, "1")),
		post("text that is not UTF-8", one("\xff\xfe", now, "1")),
		post("SQL in a name", one(`x'); DROP TABLE readings;--`, now, "1")),
		{
			name: "wrong content type", method: http.MethodPost, path: "/v1/readings",
			header: map[string]string{"Content-Type": "application/xml"}, body: text("<readings/>"),
		},
		{
			name: "XML with an outside entity", method: http.MethodPost, path: "/v1/readings",
			header: map[string]string{"Content-Type": "text/xml"},
			body:   text(`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>`),
		},
		{
			name: "gzip that is none", method: http.MethodPost, path: "/v1/readings",
			header: map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, body: text("{}"),
		},
		{
			name: "compressed body that unfolds to 256 MB", method: http.MethodPost, path: "/v1/readings",
			header: map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, body: unfolding,
		},
		{
			name: "idempotency key of 10 kB", method: http.MethodPost, path: "/v1/readings",
			header: map[string]string{"Content-Type": "application/json", "Idempotency-Key": strings.Repeat("k", 10_000)},
			body:   text(one("negative", now, "1")),
		},

		get("cursor that was never given", query("cursor", "AAAA")),
		get("negative limit", query("limit", "-1")),
		get("limit beyond 64 bits", query("limit", "99999999999999999999")),
		get("time that is none", query("from", "yesterday'--")),
		get("NUL in a query", query("sensor_id", "a\x00b")),
		get("query that is not UTF-8", "/v1/readings?sensor_id=%ff%fe&metric=temperature"),
		get("broken escape", "/v1/readings?sensor_id=%zz"),
		get("path out of the bucket", "/v1/objects/..%2f..%2f..%2fetc%2fpasswd"),
		get("path out of the bucket, escaped twice", "/v1/objects/%252e%252e%252fetc%252fpasswd"),
	}
	odd := []hostile{
		get("SQL in a query", "/v1/readings?metric=temperature&sensor_id="+url.QueryEscape("' OR '1'='1")),
		get("script in a query", "/v1/readings?metric=temperature&sensor_id="+url.QueryEscape(script)),
		get("script in a path", "/v1/objects/"+url.PathEscape(script)),
		{name: "page of another origin", method: http.MethodGet, path: "/v1/sensors", header: map[string]string{"Origin": foreign}},
		{name: "preflight of another origin", method: http.MethodOptions, path: "/v1/readings", header: map[string]string{
			"Origin": foreign, "Access-Control-Request-Method": "POST",
		}},
		{name: "forged address", method: http.MethodGet, path: "/healthz", header: map[string]string{"X-Forwarded-Host": "attacker.example", "X-Original-URL": "/metrics"}},
	}
	for i := range odd {
		odd[i].harmless = true
	}
	return slices.Concat(refused, odd)
}

func text(s string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(s) }
}

// unfolding is a small compressed document of one very long name: one compressed
// megabyte, again and again, since a gzip file is a series of members (RFC 1952,
// section 2.2).
func unfolding() io.Reader {
	megabyte := compressed(bytes.Repeat([]byte("a"), 1<<20))
	document := compressed([]byte(`{"readings":[{"sensor_id":"`))
	return bytes.NewReader(append(document, bytes.Repeat(megabyte, bomb>>20)...))
}

func compressed(content []byte) []byte {
	var packed bytes.Buffer
	// A bytes.Buffer cannot fail.
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(content)
	_ = w.Close()
	return packed.Bytes()
}

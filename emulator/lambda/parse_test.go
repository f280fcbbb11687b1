package lambda

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	tests := map[string]Name{
		"f":                         {"here", "f", ""},
		"f:PROD":                    {"here", "f", "PROD"},
		"123456789012:function:f":   {"here", "f", ""},
		"123456789012:function:f:2": {"here", "f", "2"},
		"arn:aws:lambda:there:123456789012:function:f":   {"there", "f", ""},
		"arn:aws:lambda:there:123456789012:function:f:2": {"there", "f", "2"},
	}
	for text, want := range tests {
		if got, err := ParseName(text, "here"); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a:b:c", "arn:aws:s3:::bucket", "arn:aws:lambda:there:123456789012:function"} {
		if got, err := ParseName(text, "here"); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("arn:aws:lambda:there:123456789012:function:f:2")
	f.Fuzz(func(t *testing.T, text string) {
		if name, err := ParseName(text, "here"); err == nil && name.Function == "" {
			t.Errorf("%q names no function", text)
		}
	})
}

func TestRoute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, path string
		want         Name
		ok           bool
	}{
		{http.MethodPost, "/2015-03-31/functions/f/invocations", Name{"here", "f", ""}, true},
		{http.MethodPost, "/2015-03-31/functions/f/invocations?Qualifier=PROD", Name{"here", "f", "PROD"}, true},
		{http.MethodPost, "/2015-03-31/functions/arn%3Aaws%3Alambda%3Athere%3A123456789012%3Afunction%3Af%3A2/invocations", Name{"there", "f", "2"}, true},
		{http.MethodGet, "/2015-03-31/functions/f/invocations", Name{}, false},
		{http.MethodPost, "/2015-03-31/functions/f/versions", Name{}, false},
		{http.MethodPost, "/bucket/invocations", Name{}, false},
	}
	for _, tt := range tests {
		got, ok := Route(httptest.NewRequest(tt.method, tt.path, nil), "here")
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s %s: got %+v, %v", tt.method, tt.path, got, ok)
		}
	}
}

func TestOperation(t *testing.T) {
	t.Parallel()
	tests := []struct{ method, path, want string }{
		{http.MethodPost, "/2015-03-31/functions/f/invocations", "Invoke"},
		{http.MethodPut, "/2015-03-31/functions/f/code", "UpdateFunctionCode"},
		{http.MethodPut, "/2015-03-31/functions/f/aliases/PROD", "UpdateAlias"},
		{http.MethodGet, "/2015-03-31/functions/f/aliases/PROD", "GetAlias"},
		{http.MethodPut, "/bucket/code", ""},
	}
	for _, tt := range tests {
		if got := Operation(httptest.NewRequest(tt.method, tt.path, nil)); got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.method, tt.path, got, tt.want)
		}
	}
}

func TestUnpackStaysInside(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	if err := unpack(zipOf(t, "../../outside", "/absolute", "dir/inside"), filepath.Join(base, "code")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"outside", "absolute", "dir/inside"} {
		if _, err := os.Stat(filepath.Join(base, "code", name)); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
		t.Errorf("something lies outside: %v %v", entries, err)
	}
	if err := unpack([]byte("PK"), base); err == nil || !strings.Contains(err.Error(), "read the zip") {
		t.Errorf("no zip: %v", err)
	}
}

func zipOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, name := range names {
		entry, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

package plan

import (
	"strings"
	"testing"
)

func TestReadTest(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, err string }{
		{"a plan", `{"type":"test_run"}
noise
{"type":"test_plan","test_plan":{"resource_changes":[{"address":"a.b","mode":"managed","type":"a","change":{"actions":["create"],"after":{}}}]}}`, ""},
		{"no plan", `{"type":"test_summary"}`, "-json -verbose"},
		{"a failed test", `{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Invalid value","detail":"region must be"}}`, "Invalid value: region must be"},
		{"a warning alone", `{"type":"diagnostic","diagnostic":{"severity":"warning","summary":"old"}}`, "printed no plan"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := ReadTest(strings.NewReader(tt.text))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("got %v, want %q", err, tt.err)
			}
			if err == nil && len(p.Changes) != 1 {
				t.Errorf("got %d changes", len(p.Changes))
			}
		})
	}
}

package terraform

import (
	"maps"
	"strings"
	"testing"
)

func TestParseOutputs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Outputs
		err        string
	}{
		{"text", `{"a":{"sensitive":false,"type":"string","value":"x"}}`, Outputs{"a": "x"}, ""},
		{"a secret stays out", `{"a":{"value":"x"},"b":{"sensitive":true,"value":"y"}}`, Outputs{"a": "x"}, ""},
		{"a number is not a text", `{"a":{"value":1},"b":{"value":"y"}}`, Outputs{"b": "y"}, ""},
		{"never applied", `{}`, nil, "run apply first"},
		{"not JSON", `Warning`, nil, "read terraform's outputs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseOutputs(tt.text)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	out := Outputs{"a": "x", "empty": ""}
	if err := out.Need("a"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"b", "empty"} {
		if err := out.Need("a", name); err == nil || !strings.Contains(err.Error(), "output "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseOutputs(f *testing.F) {
	f.Add(`{"a":{"value":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if out, err := ParseOutputs(text); err == nil && out == nil {
			t.Error("neither outputs nor an error")
		}
	})
}

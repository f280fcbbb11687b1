package plan

import (
	"strings"
	"testing"
)

func TestReadStanding(t *testing.T) {
	t.Parallel()
	const state = `"prior_state":{"values":{"outputs":{"url":{"sensitive":false,"value":"http://a","type":"string"},"word":{"sensitive":true,"value":"s3cr3t"}}}}`
	for text, applyable := range map[string]bool{
		`{"applyable":false,` + state + `}`: false,
		`{"applyable":true,` + state + `}`:  true,
		`{` + state + `}`:                   true,
	} {
		got, err := ReadStanding(strings.NewReader(text))
		if err != nil || got.Applyable != applyable || len(got.Outputs) != 1 || got.Outputs["url"].Value != "http://a" {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := ReadStanding(strings.NewReader(`{"applyable":"s3cr3t`)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadStanding(f *testing.F) {
	f.Add(`{"applyable":false,"prior_state":{"values":{"outputs":{"a":{"value":1}}}}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ReadStanding(strings.NewReader(text))
		for name, output := range got.Outputs {
			if err != nil || output.Sensitive {
				t.Errorf("%q gives the output %q of %q", text, name, output.Value)
			}
		}
	})
}

package licences

import (
	"slices"
	"strings"
	"testing"
)

const bill = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
 {"type":"library","name":"stdlib","version":"go1.26.8"},
 {"type":"library","name":"sensor-backend/services","version":""},
 {"type":"library","name":"example.org/good","version":"v1.0.0","licenses":[{"license":{"id":"MIT"}}]},
 {"type":"library","name":"example.org/choice","version":"v1.0.0","licenses":[{"expression":"GPL-3.0-only OR MIT"}]},
 {"type":"library","name":"example.org/both","version":"v1.0.0","licenses":[{"expression":"MIT AND GPL-3.0-only"}]},
 {"type":"library","name":"example.org/copyleft","version":"v1.0.0","licenses":[{"license":{"id":"AGPL-3.0-only"}},{"license":{"id":"MIT"}}]},
 {"type":"library","name":"example.org/named","version":"v1.0.0","licenses":[{"license":{"name":"ask the author"}}]},
 {"type":"library","name":"example.org/notice","version":"v1.0.0","licenses":[{"license":{"name":"sha256:00"}},{"license":{"id":"MIT"}}]},
 {"type":"library","name":"example.org/unread","version":"v1.0.0","licenses":[{"license":{"name":"sha256:00"}}]},
 {"type":"library","name":"example.org/none","version":"v2.0.0"},
 {"type":"file","name":"/api"}]}`

func TestJudge(t *testing.T) {
	t.Parallel()
	b, err := Parse(bill)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range b.Judge(Permissive()) {
		name, _, _ := strings.Cut(o.Message, " ")
		got = append(got, o.Rule+" "+name)
	}
	want := []string{
		RuleRefused + " example.org/both", RuleRefused + " example.org/copyleft", RuleRefused + " example.org/named",
		RuleUnknown + " example.org/unread", RuleUnknown + " example.org/none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(b.Components) != 10 {
		t.Errorf("%d components, want 10: the file is none", len(b.Components))
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"spdxVersion":"SPDX-2.3"}`, `{"bomFormat":"CycloneDX","components":3}`} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "not CycloneDX JSON") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if b, err := Parse(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`); err != nil || len(b.Components) != 0 {
		t.Errorf("an empty bill: %v, %v", b, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(bill)
	f.Fuzz(func(_ *testing.T, text string) {
		if b, err := Parse(text); err == nil {
			b.Judge(Permissive())
		}
	})
}

package coverage

import (
	"strings"
	"testing"
)

const profile = `mode: atomic
m/a/x.go:1.1,2.2 3 1
m/a/x.go:3.1,4.2 1 0
m/b/y.go:1.1,2.2 4 0
m/b/y.go:1.1,2.2 4 7
`

func TestParse(t *testing.T) {
	t.Parallel()
	r, err := Parse(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	if r.Total != (Tally{8, 7}) {
		t.Errorf("total %+v", r.Total)
	}
	if r.Packages["m/a"] != (Tally{4, 3}) || r.Packages["m/b"] != (Tally{4, 4}) {
		t.Errorf("packages %+v", r.Packages)
	}
	want := "" +
		"m/a     75.0 %  3 of 4 statements\n" +
		"m/b    100.0 %  4 of 4 statements\n" +
		"total   87.5 %  7 of 8 statements\n"
	if got := r.Table(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"x", "m/a.go:1.1,2.2 3", "m/a.go:1.1,2.2 x 1", "m/a.go:1.1,2.2 -1 1", "m/a.go:1.1,2.2 1 -1", "nocolon 1 1"} {
		if _, err := Parse(strings.NewReader("mode: set\n" + line + "\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestNothingToCover(t *testing.T) {
	t.Parallel()
	r, err := Parse(strings.NewReader("mode: set\n"))
	if err != nil || r.Total.Percent() != 0 {
		t.Errorf("%v, %v", r.Total.Percent(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(profile)
	f.Add("m/a.go:1.1,2.2 99999999999 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		if p := r.Total.Percent(); p < 0 || p > 100 {
			t.Errorf("%v %%", p)
		}
	})
}

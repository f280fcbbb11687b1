package text

import (
	"strings"
	"testing"
)

func TestFirstLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "one": "one", "\n one\ntwo\n": "one"} {
		if got := FirstLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("x\n", most+5)
	tests := []struct{ name, output, want string }{
		{"only what failed", "ok  \tm/a\t0.1s\n--- FAIL: TestX\n    x_test.go:3: boom\nFAIL\tm/b\n", "--- FAIL: TestX\n    x_test.go:3: boom\nFAIL\tm/b"},
		{"no noise", "?   \tm/c\t[no test files]\n\tm/d\t\tcoverage: 0.0% of statements\n\nerror\n", "error"},
		{"a screen at most", many, "(5 lines before)\n" + strings.TrimSuffix(strings.Repeat("x\n", most), "\n")},
		{"what it died of, above its stacks", "start\npanic: boom\n" + many, "(1 lines before)\npanic: boom\n" + strings.Repeat("x\n", most-1) + "(6 lines after)"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Excerpt(tt.output); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLast(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"a":                          "a",
		"a|b|c|d":                    "b|c|d",
		"a|panic: b|c":               "a|panic: b|c",
		"panic: a|b|c|d|e":           "panic: a|b|c",
		"a|fatal error: b|c|d|e":     "fatal error: b|c|d",
		"panic: a|panic: b|c|d":      "panic: a|panic: b|c",
		"a|it does not panic: b|c|d": "it does not panic: b|c|d",
	} {
		if got := strings.Join(Last(strings.Split(lines, "|"), 3), "|"); got != want {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
	if got := Last(nil, 3); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

package follow

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func hook(kind, addr string) string {
	return `{"type":"` + kind + `","hook":{"resource":{"addr":"` + addr + `"}}}`
}

func TestStatus(t *testing.T) {
	plan := `{"type":"change_summary","changes":{"add":2,"change":1,"remove":0,"operation":"plan"}}`
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"nothing yet", nil, ""},
		{"not Terraform's", []string{"Initializing", "[1]", `{"type":3}`}, ""},
		{"a plan reads", []string{hook("refresh_start", "a.b"), hook("refresh_complete", "a.b"), hook("refresh_complete", "a.c")}, "2 resources compared with the world"},
		{"planned", []string{hook("refresh_complete", "a.b"), plan}, "3 resources to change"},
		{"one begun", []string{plan, hook("apply_start", "aws_lb.api")}, "0 of 3 resources, aws_lb.api 40 s"},
		{"the slowest first", []string{plan, hook("apply_start", "z.z"), hook("apply_start", "a.a")}, "0 of 3 resources, z.z 40 s"},
		{"one done", []string{plan, hook("apply_start", "a.a"), hook("apply_complete", "a.a")}, "1 of 3 resources"},
		{"one failed", []string{plan, hook("apply_start", "a.a"), hook("apply_complete", "a.a"), hook("apply_start", "b.b"), hook("apply_errored", "b.b")}, "1 of 3 resources"},
		{"an apply's own summary", []string{plan, hook("apply_start", "a.a"), hook("apply_complete", "a.a"), `{"type":"change_summary","changes":{"add":1,"operation":"apply"}}`}, "1 of 3 resources"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			var r Run
			for i, line := range c.lines {
				r.Line([]byte(line), start.Add(time.Duration(i)*time.Millisecond))
			}
			if got := r.Status(start.Add(40 * time.Second)); got != c.want {
				t.Errorf("status %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(hook("apply_start", "a.b")))
	f.Add([]byte(`{"type":"change_summary","changes":{"operation":"plan"}}`))
	f.Fuzz(func(_ *testing.T, line []byte) {
		var r Run
		r.Line(line, time.Now())
		r.Status(time.Now())
	})
}

func TestCommand(t *testing.T) {
	var out, errOut, shown bytes.Buffer
	script := `echo '{"type":"change_summary","changes":{"add":2,"operation":"plan"}}'; echo oops >&2
printf '{"type":"apply_start","hook":'; sleep 0.2; echo '{"resource":{"addr":"a.b"}}}'; sleep 0.3; exit 7`
	code, err := Command(t.Context(), []string{"sh", "-ec", script}, &out, &errOut, &shown, 10*time.Millisecond)
	if err != nil || code != 7 {
		t.Fatalf("it ended with %d, %v; want 7", code, err)
	}
	if !strings.Contains(out.String(), `"operation":"plan"`) || errOut.String() != "oops\n" {
		t.Errorf("what it wrote is lost: %q, %q", out.String(), errOut.String())
	}
	for _, want := range []string{" infra: 2 resources to change\n", " infra: 0 of 2 resources, a.b 0 s\n"} {
		if strings.Count(shown.String(), want) != 1 {
			t.Errorf("it shows %q, want %q once", shown.String(), want)
		}
	}
	if _, err := Command(t.Context(), nil, &out, &errOut, &shown, time.Second); err == nil {
		t.Error("nothing was run")
	}
	if _, err := Command(t.Context(), []string{"no such program"}, &out, &errOut, &shown, time.Second); err == nil {
		t.Error("a program that does not exist ran")
	}
}

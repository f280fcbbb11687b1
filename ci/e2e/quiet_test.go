//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestQuiet counts what a deploy shows where nobody sits before a terminal: a few
// lines, all of the pipeline's own, and each that says how far it is with its time.
func TestQuiet(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./bootstrap", "step", "a deploy", "dagger", "call", "deploy", "--stages=build,infra")
	cmd.Dir = repository(t)
	cmd.Env = append(os.Environ(), "GOWORK=") // the bootstrap is in the workspace
	var report, shown bytes.Buffer
	cmd.Stdout, cmd.Stderr = &report, &shown
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, tail(shown.String()))
	}
	const most = 150
	lines := strings.Split(strings.TrimSpace(shown.String()), "\n")
	if n := len(lines) + strings.Count(report.String(), "\n"); n > most {
		t.Errorf("%d lines, want at most %d", n, most)
	}
	ours := regexp.MustCompile(`^\d\d:\d\d:\d\d [a-z][\w .-]*: |^(==>|<==) a deploy`)
	counted := regexp.MustCompile(`infra: \d+ of \d+ resources`)
	counts := 0
	for _, line := range lines {
		if !ours.MatchString(line) {
			t.Errorf("a line that is not the pipeline's: %q", line)
		}
		if counted.MatchString(line) {
			counts++
		}
	}
	if counts < 3 || !strings.Contains(report.String(), "STAGE") {
		t.Errorf("%d lines count resources:\n%s%s", counts, shown.String(), report.String())
	}
}

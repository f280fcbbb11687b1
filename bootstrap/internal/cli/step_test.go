package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeDagger puts a script named dagger first on the PATH.
func fakeDagger(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	const mode = 0o755
	if err := os.WriteFile(filepath.Join(dir, "dagger"), []byte("#!/bin/sh\n"+script), mode); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestStepShowsThePipelinesLines(t *testing.T) {
	fakeDagger(t, `[ "$DAGGER_PROGRESS" = plain ] || exit 9
echo "7   : ┆ [1.2s] | 19:23:34 build: starting" >&2
echo "7   : ┆ [1.2s] | PostgreSQL init process complete" >&2
printf "the report"
`)
	app, out, errOut := newApp(t, dockerAndDagger())
	if err := app.Run(t.Context(), []string{"step", "a deploy", "dagger", "call", "deploy"}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "the report\n" {
		t.Errorf("standard output is %q", got)
	}
	shown := errOut.String()
	if !strings.HasPrefix(shown, "==> a deploy\n19:23:34 build: starting\n<== a deploy: ") || strings.Contains(shown, "PostgreSQL") {
		t.Errorf("it shows\n%s", shown)
	}
	log, err := os.ReadFile(filepath.Join(app.Cache.Logs(), "step-a-deploy.log"))
	if err != nil || !strings.Contains(string(log), "PostgreSQL init") {
		t.Errorf("the log is %q, %v", log, err)
	}
}

// TestStepHasNoColours wants none where nobody looks on, of a client that asks
// NO_COLOR and of one that does not.
func TestStepHasNoColours(t *testing.T) {
	fakeDagger(t, `printf '\033[1m7   : \033[0m┆ [1.2s] | \033[32m19:23:34 build: starting\033[0m\n' >&2
[ -n "$NO_COLOR" ] || printf '\033[32m'
printf 'the report'
printf '\033[31mError: \033[0mred\n' >&2
exit 1
`)
	app, out, errOut := newApp(t, dockerAndDagger())
	if err := app.Run(t.Context(), []string{"step", "a deploy", "dagger", "call", "deploy"}); err == nil {
		t.Fatal("a failing step passed")
	}
	for _, shown := range []string{out.String(), errOut.String()} {
		if strings.Contains(shown, "\x1b") {
			t.Errorf("it shows colours: %q", shown)
		}
	}
	if !strings.Contains(errOut.String(), "19:23:34 build: starting\n") || !strings.Contains(errOut.String(), "Error: red") {
		t.Errorf("it shows %q", errOut.String())
	}
}

func TestStepFails(t *testing.T) {
	fakeDagger(t, `echo "Error: the tests failed [traceparent:0-0]" >&2; exit 7`)
	app, _, errOut := newApp(t, dockerAndDagger())
	var failed *stepError
	if err := app.Run(t.Context(), []string{"step", "test", "dagger", "call", "test"}); !errors.As(err, &failed) || failed.code != 7 {
		t.Fatalf("a failing step ended with %v, want exit status 7", err)
	}
	if shown := errOut.String(); !strings.Contains(shown, "Error: the tests failed\n\nAll of the output: ") || strings.Contains(shown, "<==") {
		t.Errorf("it shows\n%s", shown)
	}
}

func TestStepOfAnotherProgram(t *testing.T) {
	app, out, errOut := newApp(t, dockerAndDagger())
	if err := app.Run(t.Context(), []string{"step", "x", "sh", "-c", "echo in full; echo and this >&2"}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "in full\n" || !strings.Contains(errOut.String(), "and this\n") {
		t.Errorf("it shows %q and %q", out.String(), errOut.String())
	}
	if err := app.Run(t.Context(), []string{"step", "x", "no-such-program"}); err == nil || !strings.Contains(err.Error(), "not on the PATH") {
		t.Errorf("a program that does not exist: %v", err)
	}
	if err := app.Run(t.Context(), []string{"step", "x"}); !errors.Is(err, errUsage) {
		t.Errorf("a step without a program: %v, want the usage", err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseStages(t *testing.T) {
	t.Parallel()
	const printed = `On the emulated AWS
STAGE    OUTCOME     START    SECONDS   RESULT
test     ✓ passed    +0.2     48.1      coverage 81.0 %
build    ✗ failed    +48.3    31.6
ecs      – skipped   -        -         build did not pass
stage infra passed .52
stage lambda failed 7
stage of nothing
main passed +1 2
`
	want := []stage{{"test", "passed", 48.1}, {"build", "failed", 31.6}, {"infra", "passed", 0.52}, {"lambda", "failed", 7}}
	if got := parseStages(printed); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzParseStages(f *testing.F) {
	f.Add("stage test passed 1.5\n")
	f.Add("test ✓ passed +0.0 1.5 x\n")
	f.Fuzz(func(t *testing.T, printed string) {
		for _, s := range parseStages(printed) {
			if s.Name == "" || s.Seconds < 0 || !strings.Contains(printed, s.Name) {
				t.Errorf("%q gives %+v", printed, s)
			}
		}
	})
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	run := func(pipeline string, total, test float64, failed string) measurement {
		return measurement{Row: "api", Pipeline: pipeline, Total: total, Stages: []stage{{"test", "passed", test}}, Failed: failed}
	}
	got := table([]measurement{
		run(ours, 10, 4, ""), run(ours, 20, 6, ""), run(ours, 1000, 1, "no disk"), run(classic, 60, 10, ""),
	})
	for _, want := range []string{"ours       2      15.0    5.0", "classic    1      60.0    10.0", "ratio             0.25    0.50   -"} {
		if !strings.Contains(got, want) {
			t.Errorf("the table does not hold %q:\n%s", want, got)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	if rows, err := choose("docs,api"); err != nil || len(rows) != 2 || rows[1].name != "api" {
		t.Errorf("%v, %v", rows, err)
	}
	if rows, err := choose(""); err != nil || len(rows) != len(allRows()) {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := choose("docs,what"); err == nil || !strings.Contains(err.Error(), `"what"`) {
		t.Error(err)
	}
}

// TestRowsChangeWhatIsThere wants the files that rows change to be in the repository.
func TestRowsChangeWhatIsThere(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../README.md"); err != nil {
		t.Skip("the repository is not around this module")
	}
	for _, r := range allRows() {
		if r.file == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", r.file))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		place := filepath.Join(dir, r.file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o750), os.WriteFile(place, text, 0o600), r.change(dir, 3)); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(place)
		if err != nil || !strings.HasPrefix(string(after), string(text)) || !strings.Contains(string(after[len(text):]), "3") {
			t.Errorf("%s: %q, %v", r.name, after[len(text):], err)
		}
	}
	if err := allRows()[1].change(t.TempDir(), 1); err == nil {
		t.Error("a file that is not there was changed")
	}
}

// TestMeasureTakesTurns wants both pipelines measured in each row, in turn first.
func TestMeasureTakesTurns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := []pipeline{
		{name: ours, dir: dir, command: []string{"echo", "stage test passed 1"}},
		{name: classic, dir: dir, command: []string{"sh", "-c", "echo stage test failed 2; exit 1"}},
	}
	var kept strings.Builder
	measured, err := measure(t.Context(), all, []row{{name: "nothing"}}, 2, json.NewEncoder(&kept))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range measured {
		order = append(order, m.Row+" "+m.Pipeline)
		if (m.Failed != "") != (m.Pipeline == classic) || len(m.Stages) != 1 {
			t.Errorf("%+v", m)
		}
	}
	if got, want := strings.Join(order, ", "), "empty AWS ours, empty AWS classic, nothing classic, nothing ours, nothing ours, nothing classic"; got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
	if n := strings.Count(kept.String(), "\n"); n != len(measured) {
		t.Errorf("%d of %d were kept", n, len(measured))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := measure(ctx, all, nil, 1, json.NewEncoder(&kept)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestTools(t *testing.T) {
	t.Parallel()
	err := tools(func(name string) (string, error) {
		if name == "jq" || name == "zip" {
			return "", exec.ErrNotFound
		}
		return "/usr/bin/" + name, nil
	})
	if err == nil || !strings.Contains(err.Error(), "jq, zip;") {
		t.Error(err)
	}
}

// TestScriptEndsAtTheFirstCommandThatFails runs the script's own stages with other
// commands: bash goes on after an error where it is called in a condition.
func TestScriptEndsAtTheFirstCommandThatFails(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("classic/deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, stages, ok := strings.Cut(string(script), "# Runs a stage unless one before it failed.")
	if !ok {
		t.Fatal("the script has no function that runs a stage")
	}
	out := t.TempDir()
	begin := "set -euo pipefail\nout=" + out + " failed=0 sha=0a1b\ntest_services() { true; }\nbuild_and_push() { true; }\n" +
		"provision() { false; touch $out/went-on; }\ndeploy_lambda() { touch $out/deployed; }\ndeploy_ecs() { touch $out/deployed; }\n"
	run := exec.CommandContext(t.Context(), "bash", "-c", begin+"#"+stages)
	printed, err := run.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	var outcomes []string
	for _, s := range parseStages(string(printed)) {
		outcomes = append(outcomes, s.Name+" "+s.Outcome)
	}
	if got := strings.Join(outcomes, ", "); got != "test passed, build passed, infra failed" {
		t.Errorf("the script says %q", printed)
	}
	for _, name := range []string{"went-on", "deployed"} {
		if _, err := os.Stat(filepath.Join(out, name)); err == nil {
			t.Errorf("%s after a failed apply", name)
		}
	}
}

// TestRowsChangeFilesThatAreThere notices when one has moved.
func TestRowsChangeFilesThatAreThere(t *testing.T) {
	t.Parallel()
	for _, r := range allRows() {
		if r.file == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", r.file)); err != nil {
			t.Errorf("row %s: %v", r.name, err)
		}
	}
}

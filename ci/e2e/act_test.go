//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dagger/sensor-backend/record"
)

// actVersion is the program that runs GitHub workflows here, on this machine and
// without containers of its own.
const actVersion = "github.com/nektos/act@v0.2.89"

// act installs the program once for all tests.
func act(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sensor-backend", "tools", strings.ReplaceAll(filepath.Base(actVersion), "@", "-"))
	program := filepath.Join(dir, "act")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	install := exec.CommandContext(t.Context(), "go", "install", actVersion)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install act: %v\n%s", err, out)
	}
	return program
}

// TestWorkflows runs the deploy workflow for each kind of event, as GitHub would
// and on an emulated AWS, and compares the stages that ran with what explain
// says.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event, branch string
		inputs              []string
		explain             []string
		ran                 []string
	}{
		{"push to main", "push", "main", nil, nil, []string{"test", "check", "build", "infra", "lambda", "ecs", "smoke", "notify"}},
		{"push to develop", "push", "develop", nil, nil, []string{"test", "check", "build", "notify"}},
		{"pull request", "pull_request", "topic$(touch pwned)`id`'\"", nil, nil, []string{"test", "check", "notify"}},
		{
			"dispatch", "workflow_dispatch", "main", []string{"--input", "stages=check", "--input", "environment=staging"},
			[]string{"--stages=check", "--environment=staging"}, []string{"check", "notify"},
		},
	}
	program := act(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clone := cloned(t, tt.branch)
			head := git(t, clone, "rev-parse", "HEAD")
			ref := "refs/heads/" + tt.branch
			payload := map[string]any{"ref": ref, "before": strings.Repeat("0", 40), "repository": map[string]any{"default_branch": "main"}}
			if tt.event == "pull_request" {
				ref = "refs/pull/7/merge"
				side := func(branch string) map[string]any {
					return map[string]any{"ref": branch, "sha": head, "repo": map[string]any{"fork": false}}
				}
				payload = map[string]any{"number": 7, "pull_request": map[string]any{"number": 7, "head": side(tt.branch), "base": side("main")}}
			}
			kept := runAct(t, program, clone, tt.event, payload, tt.inputs...)

			explained := append([]string{"explain", "--event=" + tt.event, "--ref=" + ref, "--sha=" + head, "--target=emulated"}, tt.explain...)
			table := succeeds(t, explained...)
			var ran []string
			for _, stage := range kept.Stages {
				ran = append(ran, stage.Name)
				if !strings.Contains(table, "\n"+stage.Name+" ") || !rowSaysYes(table, stage.Name) {
					t.Errorf("%s ran, and explain says\n%s", stage.Name, table)
				}
				if stage.Outcome != "passed" {
					t.Errorf("%s: %s: %s", stage.Name, stage.Outcome, stage.Reason)
				}
			}
			if !slices.Equal(ran, tt.ran) {
				t.Errorf("%v ran, want %v", ran, tt.ran)
			}
			if _, err := os.Stat(filepath.Join(clone, "pwned")); err == nil {
				t.Error("the branch's name was run as a command")
			}
		})
	}
}

// rowSaysYes reads a stage's row of what explain prints.
func rowSaysYes(table, stage string) bool {
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == stage && fields[1] == "yes" {
			return true
		}
	}
	return false
}

// cloned is a clone of the repository that stands on a branch.
func cloned(t *testing.T, branch string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, "", "clone", "--quiet", "--no-hardlinks", repository(t), dir)
	git(t, dir, "checkout", "--quiet", "-B", branch)
	git(t, dir, "remote", "set-url", "origin", "https://github.com/sensors/sensor-backend.git")
	return dir
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// standIn is an action that does nothing here: dagger is on the machine, and
// there is no GitHub and no Codecov to send to.
const standIn = "name: stand-in\ndescription: does nothing\ninputs: {%s}\nruns:\n  using: composite\n  steps:\n    - shell: bash\n      run: %s\n"

// runAct runs the deploy workflow for an event and returns the record that its
// report holds.
func runAct(t *testing.T, program, clone, event string, payload map[string]any, more ...string) record.Record {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	args := []string{
		event, "--platform", "ubuntu-latest=-self-hosted", "--workflows", filepath.Join(clone, ".github", "workflows", "deploy.yml"),
		"--var", "TARGET=emulated", "--eventpath", filepath.Join(dir, "event.json"), "--actor", "ada",
		"--env", "PATH=" + os.Getenv("PATH"), "--env", "OUT=" + out,
		"--env", "_EXPERIMENTAL_DAGGER_RUNNER_HOST=" + os.Getenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST"),
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{filepath.Join(dir, "event.json"): string(raw)}
	for _, uses := range actions(t) {
		run := "true"
		if strings.HasPrefix(uses, "actions/upload-artifact@") {
			run = `cp -r report "$OUT"`
		}
		name, _, _ := strings.Cut(uses, "@")
		action := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.Mkdir(action, 0o755); err != nil {
			t.Fatal(err)
		}
		files[filepath.Join(action, "action.yml")] = strings.Replace(strings.Replace(standIn, "%s", "", 1), "%s", run, 1)
		args = append(args, "--local-repository", uses+"="+action)
	}
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, more...)...)
	cmd.Dir = clone
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	failed := cmd.Run()
	kept, err := os.ReadFile(filepath.Join(out, "record.json"))
	if err != nil {
		t.Fatalf("no record: %v; act ended with %v:\n%s", err, failed, tail(log.String()))
	}
	r, err := record.Decode(kept)
	if err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Errorf("act ended with %v:\n%s", failed, tail(log.String()))
	}
	return r
}

// actions lists what the deploy workflow uses besides the checkout, which act
// does itself.
func actions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, job := range workflows(t)["deploy.yml"].Jobs {
		for _, step := range job.Steps {
			if step.Uses != "" && !strings.HasPrefix(step.Uses, "actions/checkout@") && !slices.Contains(all, step.Uses) {
				all = append(all, step.Uses)
			}
		}
	}
	return all
}

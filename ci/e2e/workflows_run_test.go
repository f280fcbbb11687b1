//go:build e2e

package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// act runs GitHub workflows without GitHub, here on the machine itself.
const act = "github.com/nektos/act@v0.2.89"

// TestWorkflowsRun has act run deploy.yml for the four events that matter, each in
// a checkout of its own against a fresh emulated AWS. Every job must end well, and
// the stages that ran must be those that explain tells for the event.
func TestWorkflowsRun(t *testing.T) {
	t.Parallel()
	actions := standIns(t)
	owned := filepath.Join(t.TempDir(), "owned")
	tests := []struct {
		name, event string
		// ref is what the event is of, payload what GitHub would send besides.
		ref     string
		payload map[string]any
		// explain are the arguments that ask for the same on a laptop.
		explain []string
	}{
		{
			"push to main", "push", "refs/heads/main", nil, nil,
		},
		{
			"push to develop", "push", "refs/heads/develop", nil, nil,
		},
		{
			"pull request", "pull_request", "refs/pull/7/merge",
			map[string]any{"number": 7, "pull_request": map[string]any{"number": 7, "head": map[string]any{"ref": "$(touch " + owned + ")", "repo": map[string]any{"fork": true}}}},
			[]string{"--fork"},
		},
		{
			"dispatch", "workflow_dispatch", "refs/heads/main",
			map[string]any{"inputs": map[string]any{"stages": "build", "environment": "staging"}},
			[]string{"--stages=build", "--environment=staging"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkout := newCheckout(t, nil)
			run(t, checkout.dir, nil, "git", "checkout", "--quiet", "-B", path.Base(tt.ref))
			payload := map[string]any{"ref": tt.ref, "repository": map[string]any{"default_branch": "main"}}
			maps.Copy(payload, tt.payload)

			artifacts := checkout.act(t, tt.event, payload, actions)

			explained := run(t, checkout.dir, nil, "dagger", slices.Concat([]string{
				"--progress=plain", "call", "explain", "--target=emulated", "--event=" + tt.event, "--ref=" + tt.ref, "--sha=" + checkout.sha,
			}, tt.explain)...)
			want := explainedStages(explained)
			if got := ranStages(t, artifacts, checkout.sha); !slices.Equal(got, want) {
				t.Errorf("ran %v; explain says %v:\n%s", got, want, explained)
			}
			checkUploaded(t, artifacts, slices.Contains(want, "check") && !slices.Contains(tt.explain, "--fork"))
			if _, err := os.Stat(owned); err == nil {
				t.Error("the name of a branch was run as a command")
			}
		})
	}
}

// act runs deploy.yml for an event on this machine, in a copy of the checkout, and
// returns the directory with what was uploaded.
func (c checkout) act(t *testing.T, event string, payload map[string]any, actions []string) (artifacts string) {
	t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	artifacts = t.TempDir()
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat([]string{
		"run", act, event, "--workflows=.github/workflows/deploy.yml", "--platform=ubuntu-latest=-self-hosted",
		"--eventpath=" + file, "--var=TARGET=emulated", "--actor=ada", "--env=E2E_ARTIFACTS=" + artifacts,
	}, actions)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("act %s: %v\n%s", event, err, tail(string(output)))
	}
	t.Log(tail(string(output)))
	return artifacts
}

// ranStages lists what the report that the workflow uploaded says has run, and
// wants all of it passed.
func ranStages(t *testing.T, artifacts, sha string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(artifacts, "report-1", "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Stages []struct{ Name, Outcome string }
		Commit string
		By     struct{ Actor string }
	}
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	var ran []string
	for _, stage := range record.Stages {
		ran = append(ran, stage.Name)
		if stage.Outcome != "passed" {
			t.Errorf("stage %s: %s", stage.Name, stage.Outcome)
		}
	}
	if record.Commit != sha || record.By.Actor != "ada" {
		t.Errorf("the record is of commit %s by %q, want %s by ada", record.Commit, record.By.Actor, sha)
	}
	return ran
}

// checkUploaded wants the findings uploaded if they should be, as SARIF.
func checkUploaded(t *testing.T, artifacts string, wanted bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(artifacts, "uploaded.sarif"))
	if (err == nil) != wanted {
		t.Errorf("the findings are uploaded: %t, want %t", err == nil, wanted)
	}
	if err == nil {
		if err := follows(schemaOfSARIF(t), text); err != nil {
			t.Error(err)
		}
	}
}

// explainedStages lists the stages that explain marks with yes.
func explainedStages(text string) []string {
	_, table, _ := strings.Cut(text, "STAGE")
	var runs []string
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "yes" {
			runs = append(runs, fields[0])
		}
	}
	return runs
}

// standIn takes the place of an action: what most of them do is done here already,
// or needs GitHub. The checkout is act's, dagger is on the PATH; what is uploaded
// goes to a directory, and what is downloaded comes from there.
const standIn = `name: stand-in
description: keeps what it is given
inputs:
  name: { required: false }
  path: { required: false }
  sarif_file: { required: false }
runs:
  using: composite
  steps:
    - env:
        NAME: ${{ inputs.name }}
        PLACE: ${{ inputs.path }}
        FINDINGS: ${{ inputs.sarif_file }}
      run: COMMAND
      shell: bash
`

// standInCommand is what the stand-in of an action does.
func standInCommand(action string) string {
	switch action {
	case "actions/upload-artifact":
		return `cp -R "$PLACE" "$E2E_ARTIFACTS/$NAME"`
	case "actions/download-artifact":
		return `rm -rf "$PLACE" && cp -R "$E2E_ARTIFACTS/$NAME" "$PLACE"`
	case "github/codeql-action/upload-sarif":
		return `cp "$FINDINGS" "$E2E_ARTIFACTS/uploaded.sarif"`
	}
	return "true"
}

// standIns are act's arguments that put a stand-in in place of every action that
// deploy.yml uses.
func standIns(t *testing.T) []string {
	t.Helper()
	var args []string
	for _, job := range workflows(t)["deploy.yml"].Jobs {
		for _, step := range job.Steps {
			if step.Uses == "" {
				continue
			}
			action, version, _ := strings.Cut(step.Uses, "@")
			parts := strings.SplitN(action, "/", 3)
			dir := t.TempDir()
			place := filepath.Join(append([]string{dir}, parts[2:]...)...)
			if err := os.MkdirAll(place, 0o750); err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(standIn, "COMMAND", standInCommand(action), 1)
			if err := os.WriteFile(filepath.Join(place, "action.yml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--local-repository=https://github.com/"+parts[0]+"/"+parts[1]+"@"+version+"="+dir)
		}
	}
	return args
}

//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is the part of a GitHub workflow that the tests look at.
type workflow struct {
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Timeout     int               `yaml:"timeout-minutes"`
		Permissions map[string]string `yaml:"permissions"`
		Steps       []struct {
			Uses string         `yaml:"uses"`
			With map[string]any `yaml:"with"`
			Run  string         `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository(t), ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	all := map[string]workflow{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = w
	}
	return all
}

var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)

// TestWorkflowsOnlyCall holds the workflows to what they are for: one call of
// the pipeline a job, no decisions, pinned actions, least permissions.
func TestWorkflowsOnlyCall(t *testing.T) {
	t.Parallel()
	for name, w := range workflows(t) {
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: its permissions are %v, want to read the contents alone", name, w.Permissions)
		}
		for _, event := range []string{"pull_request_target", "workflow_run"} {
			if _, ok := w.On[event]; ok {
				t.Errorf("%s: %s gives a stranger's code this repository's secrets", name, event)
			}
		}
		for job, j := range w.Jobs {
			if j.Timeout == 0 {
				t.Errorf("%s, %s: no timeout", name, job)
			}
			for permission, access := range j.Permissions {
				if !mayHave(job, permission+" "+access) {
					t.Errorf("%s, %s: permission %s: %s", name, job, permission, access)
				}
			}
			calls := 0
			for _, step := range j.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s, %s: %s is not pinned by its commit", name, job, step.Uses)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s, %s: the checkout leaves a token where every later step can read it", name, job)
				}
				if step.Run == "" {
					continue
				}
				calls += strings.Count(step.Run, "dagger ")
				if lines := strings.Count(strings.TrimSpace(step.Run), "\n") + 1; lines > 1 {
					t.Errorf("%s, %s: a step of %d lines: decisions belong in Go\n%s", name, job, lines, step.Run)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s, %s: an expression in a command lets a branch's name run: pass it by the environment\n%s", name, job, step.Run)
				}
				for _, word := range []string{"if ", "&&", "||", "; ", "for "} {
					if strings.Contains(step.Run, word) {
						t.Errorf("%s, %s: %q in a command: decisions belong in Go\n%s", name, job, word, step.Run)
					}
				}
			}
			if want := callsOf(job); calls != want {
				t.Errorf("%s, %s: %d calls of dagger, want %d", name, job, calls, want)
			}
		}
	}
}

// mayHave reports whether a job may have a permission: what writes to GitHub has a job
// of its own.
func mayHave(job, permission string) bool {
	switch permission {
	case "contents read":
		return true
	case "id-token write":
		return job != "comment" && job != "findings"
	case "pull-requests write":
		return job == "comment"
	case "security-events write", "actions read":
		return job == "findings"
	}
	return false
}

// callsOf is how many calls of dagger a job has: one, and none where an action uploads
// what another job's call left.
func callsOf(job string) int {
	if job == "findings" {
		return 0
	}
	return 1
}

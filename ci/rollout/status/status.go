// Package status says what an environment runs, and where its two halves or
// its records disagree.
package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Service is what the ECS half runs.
type Service struct {
	// Name is the service's, TaskDefinition its family:revision.
	Name, TaskDefinition string
	// Image is by digest, Tags are the registry's names for it.
	Image string
	Tags  []string
	// Others are what its other containers run, each NAME: IMAGE.
	Others []string
	// Commit is the newest one that was deployed with it, if that is recorded.
	Commit string
	// Since is when its deployment began.
	Since time.Time
	// Desired and Running are numbers of tasks.
	Desired, Running int
	// Settled is false as long as no deployment completed.
	Settled bool
	// Coming is the family:revision that a deployment under way puts in
	// TaskDefinition's place; empty if there is none.
	Coming string
}

// Function is what the Lambda half runs.
type Function struct {
	// Name, Alias and Version say where the alias points.
	Name, Alias, Version string
	// CodeSHA256 is the zip's hash.
	CodeSHA256 string
	// Commit is the newest one that was deployed with it, if that is recorded.
	Commit string
	// Since is when the version was made.
	Since time.Time
	// Weights are the shares of other versions.
	Weights map[string]float64
}

// Report is the state of an environment, or of a service or function on its own: the
// half without a name is not there.
type Report struct {
	// Target is which environment of which AWS.
	Target   string
	Service  Service
	Function Function
}

// String is the report in lines.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Target)
	if s := r.Service; s.Name != "" {
		fmt.Fprintf(&b, "ecs     %s: %s, %d of %d tasks, since %s\n", s.Name, cmp.Or(s.TaskDefinition, "nothing"), s.Running, s.Desired, when(s.Since))
		fmt.Fprintf(&b, "        image %s", cmp.Or(s.Image, "unknown"))
		if len(s.Tags) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(s.Tags, ", "))
		}
		fmt.Fprintf(&b, ", commit %s\n", cmp.Or(s.Commit, "not recorded"))
		for _, other := range s.Others {
			fmt.Fprintf(&b, "        %s\n", other)
		}
	}
	if f := r.Function; f.Name != "" {
		fmt.Fprintf(&b, "lambda  %s: alias %s at version %s, since %s\n", f.Name, f.Alias, cmp.Or(f.Version, "none"), when(f.Since))
		fmt.Fprintf(&b, "        code %s, commit %s\n", cmp.Or(f.CodeSHA256, "unknown"), cmp.Or(f.Commit, "not recorded"))
	}
	drift := r.Drift()
	if len(drift) == 0 {
		drift = []string{"none"}
	}
	b.WriteString("drift   " + strings.Join(drift, "\n        "))
	return b.String()
}

// Drift lists where things are not as one deploy would leave them.
func (r Report) Drift() []string {
	s, f := r.Service, r.Function
	all := make([]string, 0, 4+len(f.Weights))
	if s.Commit != "" && f.Commit != "" && s.Commit != f.Commit {
		all = append(all, fmt.Sprintf("the halves run different commits: ecs %s, lambda %s", s.Commit, f.Commit))
	}
	switch {
	case s.Name == "":
	case !s.Settled:
		all = append(all, "ecs: the deployment has not completed")
	case s.Coming != "":
		all = append(all, fmt.Sprintf("ecs: a deployment of %s is under way", s.Coming))
	case s.Running != s.Desired:
		all = append(all, fmt.Sprintf("ecs: %d tasks run, %d are wanted", s.Running, s.Desired))
	}
	if s.Image != "" && !strings.Contains(s.Image, "@sha256:") {
		all = append(all, "ecs: the image is named by a tag, which may move")
	}
	for _, v := range slices.Sorted(maps.Keys(f.Weights)) {
		all = append(all, fmt.Sprintf("lambda: version %s has %.0f %% of the traffic, a canary or a move under way, or left over", v, 100*f.Weights[v]))
	}
	return all
}

func when(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format(time.RFC3339)
}

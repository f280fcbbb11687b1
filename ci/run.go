package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/text"
)

// The AWS a run may work on.
const (
	targetAccount  = "account"
	targetEmulated = "emulated"
)

// Explain says what run would do for an event, stage by stage, and why.
//
// It runs nothing and needs no AWS.
func (m *SensorBackend) Explain(
	ctx context.Context,
	// Event: push, pull_request, merge_group, release, schedule or workflow_dispatch (GITHUB_EVENT_NAME).
	event string,
	// Full reference, such as refs/heads/main (GITHUB_REF).
	ref string,
	// Commit, 40 hex digits (GITHUB_SHA).
	sha string,
	// Commit before a push, or the base of a pull request; without it every file counts as changed.
	// +optional
	base string,
	// The commit comes from a fork.
	// +optional
	fork bool,
	// Stages a dispatch asks for, with those they need; by default all.
	// +optional
	stages []string,
	// Environment a dispatch or a schedule asks for.
	// +optional
	environment string,
	// AWS to work on: account, or emulated.
	// +default="account"
	target string,
	// Format: text, or outputs, the lines NAME=VALUE of a GitHub job's outputs.
	// +default="text"
	format string,
	// The repository's .git directory.
	// +defaultPath="/.git"
	history *dagger.Directory,
) (shown string, err error) {
	defer redactResult(&shown, &err)
	facts := readCommit(ctx, history, base, sha)
	e := trigger.Event{
		Name: event, Ref: ref, SHA: sha, Fork: fork, Stages: nonEmpty(stages), Environment: environment,
		Paths: facts.paths, OnMain: facts.onMain,
		// It says what CI does, which has credentials of its own.
		Credentials: target == targetAccount && !fork,
	}
	d, err := m.decide(ctx, &e, target, facts)
	if err != nil {
		return "", err
	}
	switch format {
	case "text":
		return trigger.Explain(e, d), nil
	case "outputs":
		// Names come from a fixed list, so that no line can be smuggled in.
		account := d.Environment != "" && target == targetAccount
		// A fork's token may not write to code scanning.
		findings := slices.Contains(d.Running(), trigger.Check) && !fork
		return fmt.Sprintf("environment=%s\naccount=%t\nfindings=%t\n", d.Environment, account, findings), nil
	}
	return "", text.Unknown("format", format, []string{"text", "outputs"}, "--format")
}

// Run does what CI does for an event; ask the result for its verdict, or its report as files.
//
// It decides on the stages (see explain), runs them with the gates (see check),
// reports and saves a record.
//
// +cache="never"
func (m *SensorBackend) Run(
	ctx context.Context,
	// Event: push, pull_request, merge_group, release, schedule or workflow_dispatch (GITHUB_EVENT_NAME).
	event string,
	// Full reference, such as refs/heads/main (GITHUB_REF).
	ref string,
	// Commit, 40 hex digits (GITHUB_SHA).
	sha string,
	// Commit before a push, or the base of a pull request; without it every file counts as changed.
	// +optional
	base string,
	// The commit comes from a fork.
	// +optional
	fork bool,
	// Stages a dispatch asks for, with those they need; by default all.
	// +optional
	stages []string,
	// Environment a dispatch or a schedule asks for.
	// +optional
	environment string,
	// AWS to work on: account, or emulated. Without credentials a run that works on an account is refused.
	// +default="account"
	target string,
	// Who started it, for the record.
	// +optional
	actor string,
	// Address of the CI's run, for the record.
	// +optional
	url string,
	// Address to post the report to; see notify. An empty one is none, as is an empty token.
	// +optional
	webhook *dagger.Secret,
	// Token of a Slack bot; see notify.
	// +optional
	slackToken *dagger.Secret,
	// Channel that the bot posts to.
	// +optional
	slackChannel string,
	// GitHub token that may write deployments; see notify.
	// +optional
	githubToken *dagger.Secret,
	// GitHub repository, OWNER/NAME.
	// +optional
	githubRepository string,
	// Address of GitHub's API, for GitHub Enterprise Server.
	// +default="https://api.github.com"
	githubAPI string,
	// Key that signs the provenance of what is built; see deploy. An empty one is none.
	// +optional
	signingKey *dagger.Secret,
	// Password of the signing key.
	// +optional
	signingKeyPassword *dagger.Secret,
	// Public key that what is deployed must be signed with; see verify-provenance. An empty one is none.
	// +optional
	publicKey *dagger.Secret,
	// Sensor file for the smoke test; see smoke.
	// +optional
	readings *dagger.File,
	// Gates to leave out; see check.
	// +optional
	off []string,
	// Gates whose findings stop nothing; see check.
	// +optional
	advisory []string,
	// Take a gate that could not look for a failure.
	// +optional
	strict bool,
	// The repository.
	// +defaultPath="/"
	// +ignore=[".git", "**/.terraform", "**/node_modules", "ci/internal/dagger", "ci/dagger.gen.go"]
	source *dagger.Directory,
	// The repository's .git directory.
	// +defaultPath="/.git"
	history *dagger.Directory,
) (*PipelineRun, error) {
	facts := readCommit(ctx, history, base, sha)
	e := trigger.Event{
		Name: event, Ref: ref, SHA: sha, Fork: fork, Stages: nonEmpty(stages), Environment: environment,
		Paths: facts.paths, OnMain: facts.onMain,
	}
	d, err := m.decide(ctx, &e, target, facts)
	if err != nil {
		return nil, err
	}
	if d.Environment != "" && target == targetAccount && !e.Credentials {
		return nil, fmt.Errorf("this run works on environment %s and has no AWS credentials: give them, or --target %s", d.Environment, targetEmulated)
	}
	name, err := gitref.ParseName(ref)
	if err != nil {
		return nil, err
	}
	request := runRequest{
		event: e, decision: d, by: record.By{Actor: actor, URL: url}, committed: facts.committed, readings: readings,
		checks: checkOptions{in: checkInput{source: source}, off: nonEmpty(off), advisory: nonEmpty(advisory), strict: strict},
	}
	if request.scan, err = newScanGate(ctx, "CRITICAL", nil, nil); err != nil {
		return nil, err
	}
	request.senders, err = receivers{
		webhook: webhook, slackToken: slackToken, slackChannel: slackChannel,
		githubToken: githubToken, githubRepository: githubRepository, githubAPI: githubAPI,
	}.senders(ctx)
	if err != nil {
		return nil, err
	}
	if request.signing, err = newSigning(ctx, signingKey, signingKeyPassword, publicKey); err != nil {
		return nil, err
	}
	on := *m
	on.GivenCommit, on.GivenBranch = sha, name.Short
	if d.Environment != "" {
		on.Environment = d.Environment
	}
	request.changed = func(ctx context.Context) string { return on.changedFrom(ctx, history, sha) }
	if ahead := on; event == trigger.PullRequest && !fork && gitref.IsCommit(base) && changesInfra(facts.paths) {
		// What is merged to main is deployed to prod.
		ahead.Environment = "prod"
		request.preview = func(ctx context.Context) (terraform.Summary, error) { return ahead.changeAgainst(ctx, history, base) }
	}
	done, err := on.execute(ctx, request)
	if err != nil {
		return nil, withExitCode(err)
	}
	return newPipelineRun(done)
}

// changesInfra reports whether the configuration is among the changed files, or may be.
func changesInfra(paths []string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, "infra/") })
}

// decide is trigger.Decide for a target. It notes in the event whether there are
// credentials, what the environment runs, and from which branches it is deployed.
func (m *SensorBackend) decide(ctx context.Context, e *trigger.Event, target string, facts commitFacts) (trigger.Decision, error) {
	account, err := m.onAccount(ctx)
	if err != nil {
		return trigger.Decision{}, err
	}
	e.Credentials = e.Credentials || account
	switch {
	case target != targetAccount && target != targetEmulated:
		return trigger.Decision{}, text.Unknown("target", target, []string{targetAccount, targetEmulated}, "--target")
	case target == targetEmulated && account:
		return trigger.Decision{}, errors.New("both AWS credentials and --target emulated are given: leave out one of them")
	}
	first, err := trigger.Decide(*e)
	if err != nil && e.Name != trigger.Dispatch {
		return first, err
	}
	on := *m
	on.Environment = cmp.Or(first.Environment, e.Environment, m.Environment)
	if e.AllowedBranches, err = on.deployBranches(ctx); err != nil {
		return trigger.Decision{}, err
	}
	if account && first.Deploys && e.Name == trigger.Push {
		if e.Deployed, err = on.deployedCommit(ctx); err != nil {
			return trigger.Decision{}, err
		}
		if e.Deployed != "" {
			e.DeployedPaths = facts.since(e.Deployed)
		}
	}
	return trigger.Decide(*e)
}

// deployedCommit is the commit that the environment runs; empty if that is not known.
func (m *SensorBackend) deployedCommit(ctx context.Context) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if c, err = m.as(ctx, c, deploying); err != nil {
		return "", err
	}
	known, err := m.deployments(c).Load(ctx)
	if err != nil || len(known.List) == 0 {
		return "", err
	}
	return known.List[0].Commit, nil
}

// branchesForm is how a variable file names the branches that the environment is
// deployed from, beside main.
var branchesForm = regexp.MustCompile(`(?m)^\s*deploy_branches\s*=\s*\[([^\]]*)\]`)

// deployBranches are the branches, beside main, from which a dispatch may deploy to
// the environment: deploy_branches in its variable file.
func (m *SensorBackend) deployBranches(ctx context.Context) ([]string, error) {
	files, err := m.variableFile(ctx)
	if err != nil || files == "" {
		return nil, err
	}
	raw, err := m.Infra.File(files).Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", files, err)
	}
	found := branchesForm.FindStringSubmatch(raw)
	if found == nil {
		return nil, nil
	}
	var branches []string
	for _, name := range strings.Split(found[1], ",") {
		branches = append(branches, strings.Trim(strings.TrimSpace(name), `"`))
	}
	return nonEmpty(branches), nil
}

// PipelineRun is a run that is over.
type PipelineRun struct {
	// Summary is what a terminal shows of the run.
	Summary string
	// ExitCode is 0 if every stage passed, and otherwise that of the first failure; see deploy.
	ExitCode int
	// Report holds record.json, summary.md, report.html and exit-code; and, if the stages that make them ran, before.json (what ran before the deploy), outputs.json, coverage.out and findings.sarif.
	Report *dagger.Directory
}

func newPipelineRun(f runResult) (*PipelineRun, error) {
	page, err := report.HTML(f.record)
	if err != nil {
		return nil, err
	}
	encoded, err := f.record.Encode()
	if err != nil {
		return nil, err
	}
	code := exitCode(f.failure)
	files := dag.Directory().
		WithNewFile("record.json", string(encoded)).
		WithNewFile("summary.md", report.Markdown(f.record)).
		WithNewFile("report.html", string(page)).
		WithNewFile("exit-code", strconv.Itoa(code)+"\n")
	// What stages made is shown like what they say: without secrets.
	if f.execution.deployed.before != nil {
		files = files.WithNewFile("before.json", secretsGiven.Text(string(f.execution.deployed.before))+"\n")
	}
	if f.execution.provisioned.outputs != nil {
		secretsGiven.Value(&f.execution.provisioned.outputs)
		text, err := json.MarshalIndent(f.execution.provisioned.outputs, "", "  ")
		if err != nil {
			return nil, err
		}
		files = files.WithNewFile("outputs.json", string(text)+"\n")
	}
	if f.execution.tested.profile != nil {
		files = files.WithFile("coverage.out", f.execution.tested.profile)
	}
	if f.execution.checked.findings != nil {
		text, err := sarif(f.execution.checked.findings)
		if err != nil {
			return nil, err
		}
		files = files.WithNewFile("findings.sarif", text)
	}
	return &PipelineRun{Summary: f.report, ExitCode: code, Report: files}, nil
}

// Verdict returns the summary, or fails with it and with the run's exit code.
func (r *PipelineRun) Verdict() (string, error) {
	if r.ExitCode == 0 {
		return r.Summary, nil
	}
	return "", &gqlerror.Error{Message: r.Summary, Extensions: execError(r.ExitCode)}
}

// commitFacts is what git tells about a commit.
type commitFacts struct {
	// committed is when it was committed; zero if that is not known.
	committed time.Time
	// paths are the files it changes against the base; none if that is not known.
	paths []string
	// onMain tells that the branch main holds it.
	onMain bool
	// since lists the files that changed since another commit; none if that is not
	// known.
	since func(commit string) []string
}

// gitOf answers questions to git about a repository, and whether git could.
func gitOf(ctx context.Context, repository *dagger.Container) func(args ...string) (string, bool) {
	return func(args ...string) (string, bool) {
		run := repository.WithExec(append([]string{"git", "-c", "safe.directory=*"}, args...), anyExit)
		if code, err := run.ExitCode(ctx); err != nil || code != 0 {
			return "", false
		}
		out, err := run.Stdout(ctx)
		return out, err == nil
	}
}

// readCommit asks git about a commit and what it changes against base. What git
// cannot tell, as in a shallow clone or for a new branch, stays unknown: then
// everything is taken to have changed.
func readCommit(ctx context.Context, history *dagger.Directory, base, commit string) commitFacts {
	facts := commitFacts{since: func(string) []string { return nil }}
	if !gitref.IsCommit(commit) {
		return facts
	}
	ask := gitOf(ctx, goToolchain().WithDirectory("/repository/.git", history).WithWorkdir("/repository"))
	if out, ok := ask("show", "--no-patch", "--format=%ct", commit); ok {
		if seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64); err == nil {
			facts.committed = time.Unix(seconds, 0).UTC()
		}
	}
	for _, main := range []string{"refs/remotes/origin/main", "refs/heads/main"} {
		if _, ok := ask("merge-base", "--is-ancestor", commit, main); ok {
			facts.onMain = true
		}
	}
	facts.since = func(before string) []string {
		if !gitref.IsCommit(before) || strings.Trim(before, "0") == "" {
			return nil
		}
		out, _ := ask("diff", "--name-only", "--no-renames", "-z", before, commit)
		return nonEmpty(strings.Split(out, "\x00"))
	}
	facts.paths = facts.since(base)
	return facts
}

// maxChanged is how many changed files an error names.
const maxChanged = 3

// changedFrom says in what the services' source differs from a commit; empty if in
// nothing. What cannot be compared counts as changed.
func (m *SensorBackend) changedFrom(ctx context.Context, history *dagger.Directory, commit string) string {
	ask := gitOf(ctx, goToolchain().
		WithDirectory("/repository/services", m.Services).
		WithDirectory("/repository/.git", history).
		WithWorkdir("/repository"))
	changed, compared := ask("diff", "--name-only", "-z", commit, "--", "services")
	added, listed := ask("ls-files", "--others", "--exclude-standard", "-z", "--", "services")
	if !compared || !listed {
		return "it cannot be compared with the commit"
	}
	files := nonEmpty(strings.Split(changed+added, "\x00"))
	if len(files) == 0 {
		return ""
	}
	shown := strings.Join(files[:min(len(files), maxChanged)], ", ")
	if more := len(files) - maxChanged; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return "changed: " + shown
}

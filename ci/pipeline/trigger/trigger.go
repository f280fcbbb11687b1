// Package trigger decides what a run of the pipeline does: which stages, on
// which environment, and why. It is a pure function of the event, so that a
// laptop can ask what CI will do. Start at Decide.
package trigger

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/target"
	"dagger/sensor-backend/text"
)

// The events that are known, by GitHub's names (docs.github.com, "Events that
// trigger workflows"). A tag is a push whose reference is a tag.
const (
	Push        = "push"
	PullRequest = "pull_request"
	MergeGroup  = "merge_group"
	Release     = "release"
	Schedule    = "schedule"
	Dispatch    = "workflow_dispatch"

	// ByHand is a deploy that somebody calls for, on a laptop or in CI: it has
	// neither a reference nor a commit of its own.
	ByHand = "deploy"
)

// Events lists the events that come from GitHub.
func Events() []string {
	return []string{Push, PullRequest, MergeGroup, Release, Schedule, Dispatch}
}

// Event is what made the pipeline start.
type Event struct {
	// Name is the event's, such as push (GITHUB_EVENT_NAME).
	Name string
	// Ref is the full reference, such as refs/heads/main (GITHUB_REF).
	Ref string
	// SHA is the commit, 40 or 64 hex digits (GITHUB_SHA).
	SHA string
	// Fork is true if the commit comes from a fork.
	Fork bool
	// Credentials is true if AWS credentials are given.
	Credentials bool
	// Paths are the files that changed since the previous push or since a pull
	// request's base, from the repository's root with slashes; empty means unknown.
	Paths []string
	// Deployed is the commit that the environment runs, which is the last one that
	// was deployed successfully, and DeployedPaths are the files that changed since
	// then. An empty Deployed means that nothing runs or that it is not known.
	Deployed      string
	DeployedPaths []string
	// OnMain is true if the commit is on the branch main.
	OnMain bool
	// AllowedBranches are the branches, beside main, from which a dispatch may deploy
	// to the environment, as its variable file names them.
	AllowedBranches []string
	// Stages are those asked for by a dispatch or by hand; empty means all.
	Stages []string
	// Environment is the one asked for by a dispatch, a schedule or by hand; empty
	// means dev, and prod for a schedule.
	Environment string
}

// Stage is one stage of a decision.
type Stage struct {
	Name string `json:"name"`
	// Runs reports whether it runs, Why the reason for either.
	Runs bool   `json:"runs"`
	Why  string `json:"why"`
}

// Decision is what a run does.
type Decision struct {
	// Why is the rule that applied, in a sentence.
	Why string `json:"why"`
	// Stages holds every stage of the pipeline in its order.
	Stages []Stage `json:"stages"`
	// Environment is the one that is worked on; empty if no stage works on any.
	Environment string `json:"environment,omitempty"`
	// Deploys is true if something that runs may be changed: infra, lambda or ecs.
	Deploys bool `json:"deploys"`
}

// Running lists the names of the stages that run, in the pipeline's order.
func (d Decision) Running() []string {
	var names []string
	for _, s := range d.Stages {
		if s.Runs {
			names = append(names, s.Name)
		}
	}
	return names
}

// rule is what applies to an event before the exceptions.
type rule struct {
	why         string
	runs        map[string]string
	environment string
	// docs is true if a change of documentation alone is only tested.
	docs bool
}

var (
	releaseForm = regexp.MustCompile(`^v[0-9]`)
)

// Decide says what an event makes the pipeline do. An error names what is wrong
// with the event, and nothing may run then.
//
// A push to main runs all stages on prod, one to develop tests and builds. Other
// branches, pull requests and merge groups are tested. A release tag (v and a
// digit) is tested and built but not deployed: its commit came to prod by
// main, and a tag that someone moves must not change what runs. A dispatch runs
// the stages it names and those they need; it deploys to prod only from main, from
// a release tag on main, or from a branch that the environment allows. A schedule
// detects drift. Whatever comes from a fork is only tested, and refused with
// credentials, as its code could take them. A change of documentation alone is
// only tested; where main is deployed, that is a change since the commit that runs,
// so that a push of documentation does not hide a deploy that failed. Smoke tests
// leave readings behind, so that a real account gets them only when they are
// named. A deploy by hand runs the stages it names and no others: what they need
// exists already. Notify ends every run.
func Decide(e Event) (Decision, error) {
	if e.Name == ByHand {
		r, err := manual(e)
		if err != nil {
			return Decision{}, err
		}
		return r.decision(optIn(e, r)), nil
	}
	ref, err := check(e)
	if err != nil {
		return Decision{}, err
	}
	r, err := ruleFor(e, ref)
	if err != nil {
		return Decision{}, err
	}
	switch since := r.documentation(e); {
	case e.Fork:
		r = rule{why: "the commit comes from a fork, so it is only tested", runs: tested("a fork's code is only tested")}
	case since != "":
		r = rule{why: "only documentation changed " + since + ", so it is only tested", runs: because("documentation's commands are tested", Test)}
	}
	d := r.decision(optIn(e, r))
	if d.Deploys && e.Name == Dispatch {
		if err := checkBranch(e, ref, d.Environment); err != nil {
			return Decision{}, err
		}
	}
	return d, nil
}

// documentation says since when only documentation changed; empty if other things
// did, or if it is not known. A rule that deploys compares with what runs: the push
// before may have failed.
func (r rule) documentation(e Event) string {
	deploys := r.runs[Lambda] != "" || r.runs[ECS] != "" || r.runs[Infra] != ""
	switch {
	case !r.docs:
		return ""
	case deploys && e.Deployed != "" && docsOnly(e.DeployedPaths):
		return "since " + clip(e.Deployed[:min(len(e.Deployed), 12)]) + ", which runs"
	case !deploys && docsOnly(e.Paths):
		return "since the previous push"
	}
	return ""
}

// checkBranch refuses a dispatch that would deploy from a branch or tag from which the
// environment is not deployed.
func checkBranch(e Event, ref gitref.Name, environment string) error {
	switch {
	case ref.Kind == gitref.Branch && (ref.Short == "main" || slices.Contains(e.AllowedBranches, ref.Short)),
		ref.Kind == gitref.Tag && releaseForm.MatchString(ref.Short) && e.OnMain,
		environment != protected && len(e.AllowedBranches) == 0:
		return nil
	}
	from := append([]string{"main", "a release tag on main"}, e.AllowedBranches...)
	return fmt.Errorf("event %s: %s is deployed from %s, and %q is neither: merge it first, or name the branch in the environment's variable file",
		e.Name, environment, clip(strings.Join(from, " or ")), clip(e.Ref))
}

// protected is the environment that is deployed from main alone unless its variable
// file names other branches.
const protected = "prod"

// optIn takes out of a rule the stages that a real account gets only when they
// are named, and says why for each.
func optIn(e Event, r rule) map[string]string {
	skipped := map[string]string{}
	for _, d := range Pipeline() {
		if d.OptIn && e.Credentials && r.runs[d.Name] != "" && !slices.Contains(e.Stages, d.Name) {
			delete(r.runs, d.Name)
			skipped[d.Name] = "leaves test readings behind, so a real account gets it only when it is named"
		}
	}
	return skipped
}

// Named is the decision to run exactly the named stages on an environment.
func Named(stages []string, environment string) Decision {
	return rule{why: "called by hand", runs: because("chosen by hand", stages...), environment: environment}.decision(nil)
}

// manual is the rule for a deploy by hand.
func manual(e Event) (rule, error) {
	if err := checkStages(e.Stages, true); err != nil {
		return rule{}, err
	}
	chosen := e.Stages
	if len(chosen) == 0 {
		chosen = names(func(d Definition) bool { return d.ByDefault && !d.OnEvent })
	}
	return rule{why: "called by hand", runs: because("chosen by hand", chosen...), environment: cmp.Or(e.Environment, "dev")}, nil
}

// dispatched gives, for each stage that a dispatch names and those they need, why
// it runs. A dispatch that names none is what a push to main runs.
func dispatched(chosen []string) (map[string]string, error) {
	if err := checkStages(chosen, false); err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return because("no stages were named, so all run", names(byDefault)...), nil
	}
	why := because("chosen by hand", slices.DeleteFunc(slices.Clone(chosen), func(name string) bool { return name == Notify })...)
	for _, d := range Pipeline() {
		if !slices.Contains(chosen, d.Name) {
			continue
		}
		for _, need := range d.Needs {
			if why[need] == "" {
				why[need] = d.Name + " needs it"
			}
		}
	}
	return why, nil
}

func byDefault(d Definition) bool { return d.ByDefault }

// because gives all stages the same reason to run.
func because(why string, stages ...string) map[string]string {
	runs := map[string]string{}
	for _, name := range stages {
		runs[name] = why
	}
	return runs
}

func (r rule) decision(skipped map[string]string) Decision {
	d := Decision{Why: r.why}
	for _, def := range Pipeline() {
		s := Stage{Name: def.Name, Why: r.runs[def.Name]}
		s.Runs = s.Why != ""
		switch {
		case def.Name == Notify:
			s.Runs, s.Why = true, "every run is reported"
		case skipped[def.Name] != "":
			s.Why = skipped[def.Name]
		case !s.Runs:
			s.Why = r.why
		}
		if s.Runs && def.OnAWS {
			d.Environment = r.environment
		}
		d.Deploys = d.Deploys || s.Runs && def.Deploys
		d.Stages = append(d.Stages, s)
	}
	return d
}

// check refuses an event that makes no sense or must not run.
func check(e Event) (gitref.Name, error) {
	if e.Name == "pull_request_target" {
		return gitref.Name{}, fmt.Errorf("event pull_request_target gives a stranger's pull request this repository's secrets: use pull_request")
	}
	if !slices.Contains(Events(), e.Name) {
		return gitref.Name{}, text.Unknown("event", e.Name, Events(), "--event")
	}
	ref, err := gitref.ParseName(e.Ref)
	switch {
	case err != nil:
		return ref, fmt.Errorf("event %s: %w", e.Name, err)
	case !gitref.IsCommit(e.SHA):
		return ref, fmt.Errorf("event %s: commit %q: give the full 40 hex digits, as git rev-parse HEAD prints them", e.Name, clip(e.SHA))
	case strings.Trim(e.SHA, "0") == "":
		return ref, fmt.Errorf("event %s: %s was deleted: there is no commit to work on", e.Name, clip(e.Ref))
	case e.Fork && e.Credentials:
		return ref, fmt.Errorf("event %s: the commit comes from a fork and AWS credentials are given, which its code could take: run it without credentials", e.Name)
	case len(e.Stages) > 0 && e.Name != Dispatch:
		return ref, fmt.Errorf("event %s: stages are chosen by %s alone: leave them out, the event decides", e.Name, Dispatch)
	case e.Environment != "" && e.Name != Dispatch && e.Name != Schedule:
		return ref, fmt.Errorf("event %s: the environment is chosen by %s or %s alone: leave it out, the branch decides", e.Name, Dispatch, Schedule)
	}
	if e.Environment != "" {
		err = target.CheckEnvironment(clip(e.Environment))
	}
	return ref, err
}

// kinds lists the references with which an event can come.
func kinds(event string) []gitref.Kind {
	switch event {
	case PullRequest:
		return []gitref.Kind{gitref.Pull}
	case Release:
		return []gitref.Kind{gitref.Tag}
	case MergeGroup, Schedule:
		return []gitref.Kind{gitref.Branch}
	default:
		return []gitref.Kind{gitref.Branch, gitref.Tag}
	}
}

func ruleFor(e Event, ref gitref.Name) (rule, error) {
	if possible := kinds(e.Name); !slices.Contains(possible, ref.Kind) {
		return rule{}, fmt.Errorf("event %s cannot come with the reference of a %s, %q: it comes with that of a %s", e.Name, ref.Kind, clip(e.Ref), join(possible))
	}
	switch e.Name {
	case PullRequest:
		return rule{why: "a pull request is only tested", runs: tested("every pull request is tested"), docs: true}, nil
	case MergeGroup:
		return rule{why: "a merge group is only tested: the push to main that follows does the rest", runs: tested("every merge group is tested"), docs: true}, nil
	case Schedule:
		return rule{
			why: "a schedule only detects drift", runs: because("the environment is compared with its configuration", Drift),
			environment: cmp.Or(e.Environment, "prod"),
		}, nil
	case Dispatch:
		runs, err := dispatched(e.Stages)
		return rule{why: "a dispatch runs the chosen stages and what they need", runs: runs, environment: cmp.Or(e.Environment, "dev")}, err
	default:
		return pushed(ref), nil
	}
}

// pushed is the rule for a branch or a tag.
func pushed(ref gitref.Name) rule {
	testAndBuild := func(why string) map[string]string { return because(why, Test, Check, Build) }
	switch {
	case ref.Kind == gitref.Tag && releaseForm.MatchString(ref.Short):
		return rule{why: "a release tag is tested and built; main and dispatches deploy", runs: testAndBuild("every release tag is tested and built"), environment: "dev"}
	case ref.Kind == gitref.Tag:
		return rule{why: "a tag that is not a release (v1.2.3) is only tested", runs: tested("every tag is tested")}
	case ref.Short == "main":
		return rule{why: "main is deployed to prod", runs: because("main is deployed", names(byDefault)...), environment: "prod", docs: true}
	case ref.Short == "develop":
		return rule{why: "develop is tested and built", runs: testAndBuild("develop is tested and built"), environment: "dev", docs: true}
	default:
		return rule{why: "a branch other than main and develop is only tested", runs: tested("every branch is tested"), docs: true}
	}
}

// tested is what is always done: the tests, and the gates on code and artefacts.
func tested(why string) map[string]string { return because(why, Test, Check) }

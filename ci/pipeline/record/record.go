// Package record holds what is saved of one run of the pipeline: what started
// it, what it decided, how each stage ended, what it made and where it was
// deployed. It is JSON with a version of its own; schema.md describes the fields.
// Every report is made from it. Start at Record.
package record

import (
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/trigger"
)

// Schema is the version of the JSON that this package writes. A field that is
// added, renamed or changes its meaning makes a new version.
const Schema = 4

// Kind says what a run was for.
type Kind string

// The kinds of runs.
const (
	// Run went through the pipeline's stages.
	Run Kind = "run"
	// Rollback took an environment back to what ran before.
	Rollback Kind = "rollback"
)

// Record is one run.
type Record struct {
	// Schema is the version of the format.
	Schema int `json:"schema"`
	// ID names the run, see NewID.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Commit is what was worked on, 40 or 64 hex digits; after a rollback, what
	// runs again, empty if that is not known.
	Commit string `json:"commit,omitempty"`
	// Committed is when the commit was made; zero if that is not known.
	Committed time.Time `json:"committed,omitzero"`
	// Left is the commit that a rollback left.
	Left string `json:"left,omitempty"`
	// Branch is the branch's or the tag's short name.
	Branch string `json:"branch,omitempty"`
	// Event and Ref are what started it.
	Event string `json:"event"`
	Ref   string `json:"ref,omitempty"`
	// Decision is which stages were to run, and why.
	Decision trigger.Decision `json:"decision"`
	Target   Target           `json:"target"`
	By       By               `json:"by"`
	// Started and Ended bound the run, in UTC.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Outcome is passed, failed or canceled, as the stages say.
	Outcome pipeline.Outcome `json:"outcome"`
	Stages  []Stage          `json:"stages"`
	// Artefacts are what was built.
	Artefacts []Artefact `json:"artefacts,omitempty"`
	Gates     []Gate     `json:"gates,omitempty"`
	// Plan is what Terraform did; nil if it did not run.
	Plan *Plan `json:"plan,omitempty"`
	// Cost is the estimate's difference; nil if there is none.
	Cost *Cost `json:"cost,omitempty"`
	// Service and Function are the verdicts on the two halves; nil if that half
	// was not deployed.
	Service  *Half `json:"ecs,omitempty"`
	Function *Half `json:"lambda,omitempty"`
}

// Target is where the run worked.
type Target struct {
	// Environment is dev, staging or prod; empty if it worked on none.
	Environment string `json:"environment,omitempty"`
	// Account is the AWS account's number; empty for the emulated AWS.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	// Emulated is true if no account was touched.
	Emulated bool `json:"emulated"`
}

// By is who started the run, and where it ran.
type By struct {
	// Actor is a person's or a role's name.
	Actor string `json:"actor,omitempty"`
	// URL is the address of the CI's run; empty on a laptop.
	URL string `json:"url,omitempty"`
}

// Stage is what became of one stage.
type Stage struct {
	Name    string           `json:"name"`
	Outcome pipeline.Outcome `json:"outcome"`
	// Offset is when it began, in seconds after Record.Started; Seconds is how
	// long it took. Both are 0 for a stage that never began.
	Offset  float64 `json:"offset"`
	Seconds float64 `json:"seconds"`
	// Produced is one line about what it made, Reason why it did not pass.
	Produced string `json:"produced,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Log is what it said while it ran, each line with its time of day.
	Log []string `json:"log,omitempty"`
}

// Artefact is something that was built.
type Artefact struct {
	Name string `json:"name"`
	// Digest is algorithm:hex.
	Digest string `json:"digest"`
	// Size is in bytes; 0 if it is not known.
	Size int64 `json:"size,omitempty"`
}

// Plan counts resources as Terraform does: a replaced one is added and
// destroyed.
type Plan struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Destroyed int `json:"destroyed"`
	// Resources are what it changed by name, in the plan's order.
	Resources []Resource `json:"resources,omitempty"`
}

// Resource is one that a plan changes.
type Resource struct {
	// Action is Terraform's word: create, update, delete, replace, and others that
	// change no resource, such as import or forget.
	Action string `json:"action"`
	// Address is the resource's in the configuration.
	Address string `json:"address"`
}

// Cost is in US dollars a month.
type Cost struct {
	Monthly    float64 `json:"monthly"`
	Difference float64 `json:"difference"`
}

// Half is the verdict on one of the two halves.
type Half struct {
	// Outcome is one of rollout.Outcomes.
	Outcome string `json:"outcome"`
	// OK reports whether that is success.
	OK bool `json:"ok"`
	// Version is the task definition or the Lambda version that was deployed,
	// Previous the one before.
	Version  string `json:"version,omitempty"`
	Previous string `json:"previous,omitempty"`
	// Runs is the one that runs after the run; empty if that is not known.
	Runs    string  `json:"runs,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Reason is AWS's explanation where it gave one, or why nothing was to do, and since
	// which commit the half is unchanged.
	Reason string `json:"reason,omitempty"`
	// Open is true if what was begun may still complete: it is not known how it
	// ends. It is never true with OK.
	Open bool `json:"open,omitempty"`
	// Changed names what was changed, in order and separated by commas.
	Changed string `json:"changed,omitempty"`
}

// Gate is what one gate found.
type Gate struct {
	Name string     `json:"name"`
	Mode gates.Mode `json:"mode"`
	// Verdict is passed, failed or not checked; a gate that is off is not checked.
	Verdict gates.Outcome `json:"verdict"`
	// Reason says why it was not checked, or sums up why it failed.
	Reason string `json:"reason,omitempty"`
	// Findings holds one line each.
	Findings []string `json:"findings,omitempty"`
}

package trigger

import (
	"slices"
	"time"

	"dagger/sensor-backend/text"
)

// The stages' names.
const (
	Test     = "test"
	Check    = "check"
	Build    = "build"
	Infra    = "infra"
	Lambda   = "lambda"
	ECS      = "ecs"
	Smoke    = "smoke"
	Negative = "negative"
	Load     = "load"
	Drift    = "drift"
	Notify   = "notify"
)

// Definition is one stage of the pipeline.
type Definition struct {
	// Name is how reports and arguments call it.
	Name string
	// Needs names the stages that must have passed before it starts.
	Needs []string
	// OnAWS is true if it works on an environment's AWS, and Deploys that it may
	// change what runs there.
	OnAWS, Deploys bool
	// ByDefault is true if it runs where no stages are named.
	ByDefault bool
	// OptIn is true if a real account gets it only when it is named: it leaves
	// test readings behind.
	OptIn bool
	// Limit is how long it may take on an account: credentials that end sooner do
	// not start it. 0 is for a stage that needs none.
	Limit time.Duration
	// OnEvent is true if it takes the whole repository or an event of its own, so
	// that a deploy by hand does not have it.
	OnEvent bool
}

// Pipeline is the table of the stages, in their order: the one place that says
// what a stage is. Drift and notify need no other stage: drift compares what
// exists, notify reports how the others ended, whatever that was.
func Pipeline() []Definition {
	return []Definition{
		{Name: Test, ByDefault: true},
		{Name: Check, ByDefault: true, OnEvent: true},
		{Name: Build, Needs: []string{Test, Check}, OnAWS: true, ByDefault: true, Limit: 10 * time.Minute},
		{Name: Infra, Needs: []string{Test, Check, Build}, OnAWS: true, Deploys: true, ByDefault: true, Limit: 30 * time.Minute},
		{Name: Lambda, Needs: []string{Test, Check, Build, Infra}, OnAWS: true, Deploys: true, ByDefault: true, Limit: 10 * time.Minute},
		{Name: ECS, Needs: []string{Test, Check, Build, Infra}, OnAWS: true, Deploys: true, ByDefault: true, Limit: 25 * time.Minute},
		{Name: Smoke, Needs: []string{Test, Check, Build, Infra, Lambda, ECS}, OnAWS: true, ByDefault: true, OptIn: true, Limit: 5 * time.Minute},
		{Name: Negative, Needs: []string{Test, Check, Build, Infra, Lambda, ECS, Smoke}, OnAWS: true, Limit: 5 * time.Minute},
		// Hostile requests would disturb the measurement.
		{Name: Load, Needs: []string{Test, Check, Build, Infra, Lambda, ECS, Smoke, Negative}, OnAWS: true, Limit: 5 * time.Minute},
		{Name: Drift, OnAWS: true, OnEvent: true, Limit: 15 * time.Minute},
		{Name: Notify},
	}
}

// names lists the stages for which is reports true, in the pipeline's order.
func names(is func(Definition) bool) []string {
	var list []string
	for _, d := range Pipeline() {
		if is(d) {
			list = append(list, d.Name)
		}
	}
	return list
}

// choosable lists the stages that somebody may name: notify ends every run, and
// a deploy by hand does without those of events.
func choosable(byHand bool) []string {
	return names(func(d Definition) bool { return d.Name != Notify && (!byHand || !d.OnEvent) })
}

// checkStages refuses a name that is not among the stages to choose from. Notify
// may be named, and runs in any case.
func checkStages(chosen []string, byHand bool) error {
	from := choosable(byHand)
	for _, name := range chosen {
		if name != Notify && !slices.Contains(from, name) {
			return text.Unknown("stage", name, from, "--stages")
		}
	}
	return nil
}

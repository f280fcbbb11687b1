package trigger

import (
	"fmt"
	"slices"
	"strings"
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

// Stages lists every stage in the pipeline's order.
func Stages() []string {
	return []string{Test, Check, Build, Infra, Lambda, ECS, Smoke, Negative, Load, Drift, Notify}
}

// Needs lists the stages that must have passed before one starts. Drift and
// notify need none: drift compares what is there, notify tells how the others
// ended, however that was.
func Needs(stage string) []string {
	switch stage {
	case Build:
		return []string{Test, Check}
	case Infra:
		return []string{Test, Check, Build}
	case Lambda, ECS:
		return []string{Test, Check, Build, Infra}
	case Smoke:
		return []string{Test, Check, Build, Infra, Lambda, ECS}
	case Negative:
		return []string{Test, Check, Build, Infra, Lambda, ECS, Smoke}
	case Load:
		// Hostile requests would disturb the measurement.
		return []string{Test, Check, Build, Infra, Lambda, ECS, Smoke, Negative}
	default:
		return nil
	}
}

// choosable are the stages that a dispatch can name: drift looks and changes
// nothing, and is a run of its own.
func choosable() []string {
	return slices.DeleteFunc(Stages(), func(s string) bool { return s == Notify })
}

// chosen gives, for each stage of a wish and what those need, why it runs. An
// empty wish is what a push to main runs.
func chosen(wish []string) (map[string]string, error) {
	why := map[string]string{}
	if len(wish) == 0 {
		for _, stage := range []string{Test, Check, Build, Infra, Lambda, ECS, Smoke} {
			why[stage] = "no stages were named, so all run"
		}
		return why, nil
	}
	for _, stage := range wish {
		if stage == Notify {
			continue
		}
		if !slices.Contains(choosable(), stage) {
			return nil, fmt.Errorf("unknown stage %q: choose from %s", clip(stage), strings.Join(choosable(), ", "))
		}
		why[stage] = "chosen by hand"
	}
	for _, stage := range Stages() {
		if why[stage] != "chosen by hand" {
			continue
		}
		for _, need := range Needs(stage) {
			if why[need] == "" {
				why[need] = stage + " needs it"
			}
		}
	}
	return why, nil
}

// ByHand is the decision of somebody who named the stages, and whose own it is
// that what they stand on is there.
func ByHand(stages []string, environment string) Decision {
	r := rule{why: "called by hand", runs: map[string]string{}, environment: environment}
	for _, stage := range stages {
		r.runs[stage] = "chosen by hand"
	}
	return r.decision(nil)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"sensor-backend/plancheck/cost"
	"sensor-backend/plancheck/plan"
	"sensor-backend/plancheck/policy"
)

// planned is the plan of one variable file.
type planned struct {
	// name is the file's: ENVIRONMENT or ENVIRONMENT-REGION.
	name string
	plan plan.Plan
}

func (p planned) environment() string {
	environment, _, _ := strings.Cut(p.name, "-")
	return environment
}

// readPlanned reads NAME=FILE arguments.
func readPlanned(args []string) ([]planned, error) {
	if len(args) == 0 {
		return nil, errors.New("give NAME=FILE, where FILE holds what `terraform test -json -verbose` printed for the variable file NAME")
	}
	var all []planned
	for _, arg := range args {
		name, path, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("%q: give NAME=FILE", arg)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the plan of %s: %w", name, err)
		}
		p, err := plan.ReadTest(file)
		_ = file.Close()
		if err != nil {
			return nil, fmt.Errorf("read the plan of %s: %w", name, err)
		}
		all = append(all, planned{name, p})
	}
	return all, nil
}

// lint judges the plans of all variable files. An exception that excuses
// nothing in any of them is a finding as well: what it was for is gone. So is a
// document that no rule could read.
func lint(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("lint", flag.ContinueOnError)
	exceptionsFile := flags.String("exceptions", "exceptions.json", "file with the exceptions from the policy")
	if err := flags.Parse(args); err != nil {
		return err
	}
	exceptions, err := readExceptions(*exceptionsFile)
	if err != nil {
		return err
	}
	all, err := readPlanned(flags.Args())
	if err != nil {
		return err
	}
	used := map[int]bool{}
	var errs []error
	for _, p := range all {
		verdict, problems, err := judge(ctx, p.plan, exceptions, policy.Where{Environment: p.environment()}, used)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(stdout, "%s: %d resources, %s\n", p.name, len(policy.Resources(p.plan)), verdict)
		for _, hidden := range policy.Hidden(policy.Resources(p.plan)) {
			errs = append(errs, fmt.Errorf("%s: %s is not known in the plan, so that no rule reads it: give what it is made of in tests/mocks, or override it in the test", p.name, hidden))
		}
		for _, problem := range problems {
			errs = append(errs, fmt.Errorf("%s: %s", p.name, problem))
		}
	}
	for i, e := range exceptions {
		// An emulated AWS is not planned here.
		if !used[i] && !e.Emulated {
			errs = append(errs, fmt.Errorf("the exception from %s for %s excuses nothing: delete it", e.Rule, e.Resource))
		}
	}
	return errors.Join(errs...)
}

// change says what one configuration changes against another, and what that costs. Its
// arguments are what `terraform test -json -verbose` printed of the one before, of that
// once more, and of the one after.
func change(_ context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("change", flag.ContinueOnError)
	region := flags.String("region", "us-east-1", "region of the prices")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := readPlanned(flags.Args())
	if err != nil {
		return err
	}
	const want = 3
	if len(all) != want {
		return fmt.Errorf("%d plans: give NAME=FILE three times: before, before once more, after", len(all))
	}
	prices, err := cost.DefaultPrices()
	if err != nil {
		return err
	}
	before, after := all[0].plan, all[2].plan
	messages := changeMessages(plan.Between(before, all[1].plan, after))
	total := func(p plan.Plan) float64 { return cost.Of(policy.Resources(p), *region, cost.Modest(), prices).Total() }
	messages = append(messages, costMessage{Type: "plan_cost", Monthly: total(after), Difference: total(after) - total(before)})
	to := json.NewEncoder(stdout)
	for _, message := range messages {
		if err := to.Encode(message); err != nil {
			return err
		}
	}
	return nil
}

// changeMessages are a plan as Terraform's -json tells one.
func changeMessages(p plan.Plan) []any {
	var messages []any
	for _, c := range p.Changes {
		messages = append(messages, map[string]any{"type": "planned_change", "change": map[string]any{
			"action": c.Change.Actions[0], "resource": map[string]string{"addr": c.Address},
		}})
	}
	n := p.Count()
	return append(messages, map[string]any{"type": "change_summary", "changes": map[string]int{"add": n.Add, "change": n.Change, "remove": n.Destroy}})
}

// price prints the estimate of one variable file.
func price(_ context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	region := flags.String("region", "us-east-1", "region of the prices")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := readPlanned(flags.Args())
	if err != nil {
		return err
	}
	prices, err := cost.DefaultPrices()
	if err != nil {
		return err
	}
	for _, p := range all {
		_, _ = fmt.Fprintf(stdout, "%s\n%s\n", p.name, cost.Of(policy.Resources(p.plan), *region, cost.Modest(), prices).Table())
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"sensor-backend/plancheck/cost"
	"sensor-backend/plancheck/plan"
	"sensor-backend/plancheck/policy"
)

// report writes lines for a person, as a message.
func report(w io.Writer, lines []string) error {
	return json.NewEncoder(w).Encode(map[string]any{"type": "plan_report", "lines": lines})
}

// diagnose writes an error as Terraform writes its own.
func diagnose(w io.Writer, err error) {
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "diagnostic", "diagnostic": map[string]string{"severity": "error", "summary": err.Error()},
	})
}

// check reads a plan and says what it would do, what it costs, and whether it
// may be applied: it must break no rule, and lose no data unless told to.
func check(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	exceptionsFile := flags.String("exceptions", "exceptions.json", "file with the exceptions from the policy")
	environment := flags.String("environment", "dev", "environment the plan is for")
	region := flags.String("region", "us-east-1", "region the plan is for, for its prices")
	emulated := flags.Bool("emulated", false, "the plan is for an emulated AWS")
	loseData := flags.Bool("lose-data", false, "buckets, tables and databases may be destroyed or replaced")
	if err := flags.Parse(args); err != nil {
		return err
	}
	exceptions, err := readExceptions(*exceptionsFile)
	if err != nil {
		return err
	}
	p, err := plan.Read(stdin)
	if err != nil {
		return err
	}
	verdict, problems, err := judge(ctx, p, exceptions, policy.Where{Environment: *environment, Emulated: *emulated}, nil)
	if err != nil {
		return err
	}
	change, err := costChange(p, *region)
	if err != nil {
		return err
	}
	if err := report(stdout, append(p.Lines(), verdict.String(), change.String())); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(change); err != nil {
		return err
	}
	var errs []error
	for _, problem := range problems {
		errs = append(errs, errors.New(problem))
	}
	if lost := p.Losses(); len(lost) > 0 && !*loseData {
		errs = append(errs, fmt.Errorf("the plan would lose data: %s; if that is meant, say so with --lose-data", strings.Join(lost, ", ")))
	}
	if stopped := p.Stops(); len(stopped) > 0 && !*loseData {
		errs = append(errs, fmt.Errorf("the plan would stop what runs: %s; if that is meant, say so with --lose-data", strings.Join(stopped, ", ")))
	}
	if refuse := p.Protected(); len(refuse) > 0 {
		errs = append(errs, fmt.Errorf("the plan would destroy what is protected: %s; nothing is destroyed: apply with deletion_protection = false first",
			strings.Join(refuse, ", ")))
	}
	return errors.Join(errs...)
}

// readExceptions reads a file of exceptions; without the file there are none.
func readExceptions(name string) ([]policy.Exception, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the policy's exceptions: %w", err)
	}
	defer func() { _ = file.Close() }()
	return policy.ReadExceptions(file)
}

// judge evaluates the policy on what the plan leaves behind.
func judge(ctx context.Context, p plan.Plan, exceptions []policy.Exception, where policy.Where, used map[int]bool) (policy.Verdict, []string, error) {
	rules, err := policy.Rules()
	if err != nil {
		return policy.Verdict{}, nil, err
	}
	checker, err := policy.New(ctx)
	if err != nil {
		return policy.Verdict{}, nil, err
	}
	found, err := checker.Check(ctx, policy.Resources(p))
	if err != nil {
		return policy.Verdict{}, nil, err
	}
	verdict := policy.Judge(found, exceptions, where, used)
	return verdict, verdict.Problems(rules), nil
}

// costMessage is the message that tells a plan's cost.
type costMessage struct {
	Type string `json:"type"`
	// Monthly is what the plan leaves behind costs, in US dollars a month;
	// Difference is that against what is deployed.
	Monthly    float64 `json:"monthly"`
	Difference float64 `json:"difference"`
}

func (c costMessage) String() string {
	return fmt.Sprintf("cost: about %.2f US dollars a month, %+.2f against what is deployed (see cost)", c.Monthly, c.Difference)
}

// costChange compares what is deployed with what the plan leaves behind.
func costChange(p plan.Plan, region string) (costMessage, error) {
	prices, err := cost.DefaultPrices()
	if err != nil {
		return costMessage{}, err
	}
	before := cost.Of(policy.Deployed(p), region, cost.Modest(), prices).Total()
	after := cost.Of(policy.Resources(p), region, cost.Modest(), prices).Total()
	return costMessage{Type: "plan_cost", Monthly: after, Difference: after - before}, nil
}

// drift reads a plan and lists what differs between world and configuration.
func drift(_ context.Context, _ []string, stdin io.Reader, stdout io.Writer) error {
	p, err := plan.Read(stdin)
	if err != nil {
		return err
	}
	different := p.Different()
	if err := report(stdout, different); err != nil {
		return err
	}
	if len(different) > 0 {
		return errDifferent
	}
	return nil
}

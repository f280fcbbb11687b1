package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"dagger/sensor-backend/internal/dagger"
)

// ValidateInfra checks the Terraform configuration's format and validity and runs its tests.
//
// It needs no AWS.
func (m *SensorBackend) ValidateInfra(ctx context.Context) (shown string, err error) {
	defer redactResult(&shown, &err)
	run := terraformProviders(m.Infra).
		WithExec([]string{"terraform", "fmt", "-check", "-diff", "-recursive"}, anyExit)
	if _, err := passed(ctx, run, "terraform fmt -check"); err != nil {
		return "", err
	}
	run = run.WithExec([]string{"terraform", "validate", "-no-color"}, anyExit)
	if _, err := passed(ctx, run, "terraform validate"); err != nil {
		return "", err
	}
	run = run.WithExec([]string{"terraform", "test", "-no-color"}, anyExit)
	if _, err := passed(ctx, run, "terraform test"); err != nil {
		return "", err
	}
	return run.Stdout(ctx)
}

// CheckPolicy judges the plans of all variable files in infra/environments by the policy.
//
// They are planned on a mocked AWS. A broken rule without an exception, and an
// exception that excuses nothing, are errors.
func (m *SensorBackend) CheckPolicy(ctx context.Context) (shown string, err error) {
	defer redactResult(&shown, &err)
	files, err := m.Infra.Glob(ctx, "environments/*.tfvars")
	if err != nil {
		return "", fmt.Errorf("look for the variable files: %w", err)
	}
	var script, plans strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".tfvars")
		out := planDir + "/" + name + ".json"
		// The optional warehouse is judged as well.
		script.WriteString(mockedPlan(name, out, "-var=enable_redshift=true"))
		plans.WriteString(" " + name + "=" + out)
	}
	run, err := m.offline(ctx, script.String()+"plancheck lint -exceptions exceptions.json"+plans.String())
	if err != nil {
		return "", err
	}
	if _, err := passed(ctx, run, "the policy on the infrastructure"); err != nil {
		return "", err
	}
	return run.Stdout(ctx)
}

// Cost estimates what this environment costs a month in this region, resource by resource.
//
// Fixed costs and those by usage are separate. The prices come from a dated table;
// AWS is not asked.
func (m *SensorBackend) Cost(ctx context.Context) (shown string, err error) {
	defer redactResult(&shown, &err)
	files, err := m.variableFiles(ctx)
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("there is no variable file for environment %s in infra/environments", m.Environment)
	}
	name := strings.TrimSuffix(path.Base(files[0]), ".tfvars")
	out := planDir + "/" + name + ".json"
	run, err := m.offline(ctx, mockedPlan(name, out, "")+"plancheck cost -region "+m.Region+" "+name+"="+out)
	if err != nil {
		return "", err
	}
	if _, err := passed(ctx, run, "the estimate"); err != nil {
		return "", err
	}
	return run.Stdout(ctx)
}

// mockedPlan plans one variable file with made-up answers instead of AWS.
func mockedPlan(name, out, variables string) string {
	return "terraform test -json -verbose -filter=tests/environments.tftest.hcl -var-file=environments/" + name + ".tfvars " + variables + " >" + out + "\n"
}

// offline runs a script beside Terraform and plancheck, without any AWS.
func (m *SensorBackend) offline(ctx context.Context, script string) (*dagger.Container, error) {
	check, err := plancheck(ctx)
	if err != nil {
		return nil, err
	}
	return terraformProviders(m.Infra).
		WithFile("/usr/local/bin/plancheck", check).
		WithMountedTemp(planDir).
		WithExec([]string{"sh", "-ec", script}, anyExit), nil
}

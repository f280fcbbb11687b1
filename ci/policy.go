package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/text"
)

// ValidateInfra checks the Terraform configuration's format and validity and runs its tests.
//
// It needs no AWS.
func (m *SensorBackend) ValidateInfra(ctx context.Context) (shown string, err error) {
	defer redactResult(&shown, &err)
	var both []string
	for _, stack := range []*dagger.Directory{m.Infra, m.Infra.Directory("setup")} {
		tested, err := validated(ctx, stack)
		if err != nil {
			return "", err
		}
		both = append(both, tested)
	}
	return strings.Join(both, "\n"), nil
}

// validated checks and tests one configuration and returns what the tests print.
func validated(ctx context.Context, stack *dagger.Directory) (string, error) {
	run := terraformProviders(stack).
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
func (m *SensorBackend) CheckPolicy(ctx context.Context) (verdicts string, err error) {
	defer redactResult(&verdicts, &err)
	files, err := m.Infra.Glob(ctx, "environments/*.tfvars")
	if err != nil {
		return "", fmt.Errorf("look for the variable files: %w", err)
	}
	var script, plans strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".tfvars")
		out := planDir + "/" + name + ".json"
		// The optional warehouse is judged as well.
		script.WriteString(mockedPlan(name, "", out, "-var=enable_redshift=true"))
		plans.WriteString(" " + name + "=" + out)
	}
	judged, err := offline(ctx, m.Infra, script.String()+"plancheck lint -exceptions exceptions.json"+plans.String())
	if err != nil {
		return "", err
	}
	setup := planDir + "/setup.json"
	roles, err := offline(ctx, m.Infra.Directory("setup"),
		"terraform test -json -verbose -filter=tests/plan.tftest.hcl >"+setup+"\nplancheck lint -exceptions exceptions.json setup="+setup)
	if err != nil {
		return "", err
	}
	var shown strings.Builder
	for _, run := range []*dagger.Container{judged, roles} {
		if _, err := passed(ctx, run, "the policy on the infrastructure"); err != nil {
			return "", err
		}
		out, err := run.Stdout(ctx)
		if err != nil {
			return "", err
		}
		shown.WriteString(out)
	}
	return shown.String(), nil
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
	run, err := offline(ctx, m.Infra, mockedPlan(name, "", out, "")+"plancheck cost -region "+m.Region+" "+name+"="+out)
	if err != nil {
		return "", err
	}
	if _, err := passed(ctx, run, "the estimate"); err != nil {
		return "", err
	}
	return run.Stdout(ctx)
}

// Preflight says what an account lacks for a deploy: before the first one, and reading only.
//
// It looks at identity and rights, whom the account trusts, service-linked roles,
// quotas against what the configuration wants, state bucket and lock, names that are
// taken, the certificate, and who confirmed to get alarms. Each line is OK, FAILED with
// the command that mends it, or SKIPPED with the reason. A failure is an error. Every
// deploy to an account begins with it.
//
// +cache="never"
func (m *SensorBackend) Preflight(
	ctx context.Context,
	// GitHub repository, OWNER/NAME, whose workflow takes the role to deploy.
	// +optional
	githubRepository string,
	// Number of the repository's owner, for a repository made, renamed or transferred since 2026-07-15.
	// +optional
	githubOwnerID string,
	// Number of the repository; with github-owner-id.
	// +optional
	githubRepositoryID string,
) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		report, ready, err := m.preflight(ctx, c,
			"-github-repository="+githubRepository, "-github-owner-id="+githubOwnerID, "-github-repository-id="+githubRepositoryID)
		if err == nil && !ready {
			err = errors.New("the account is not ready for a deploy:\n" + report)
		}
		return report, err
	})
}

// checkReady refuses to start a run that the account would let fail.
func (m *SensorBackend) checkReady(ctx context.Context, c *cloud) error {
	report, ready, err := m.preflight(ctx, c, "-deploy")
	if err != nil {
		return err
	}
	if !ready {
		return &rollout.Error{
			Outcome: rollout.NotStarted, Subject: "the run", Reason: "the account is not ready for it:\n" + report,
			Next: "do what the report says; dagger call preflight looks again",
		}
	}
	progress("preflight: the account is ready")
	return nil
}

// preflight returns the report on the account, and whether it is ready.
func (m *SensorBackend) preflight(ctx context.Context, c *cloud, flags ...string) (string, bool, error) {
	file, err := m.variableFile(ctx)
	if err != nil {
		return "", false, err
	}
	if file == "" {
		return "", false, fmt.Errorf("there is no variable file for environment %s in infra/environments", m.Environment)
	}
	access, err := c.access(ctx)
	if err != nil {
		return "", false, err
	}
	arch, err := engineArchitecture(ctx)
	if err != nil {
		return "", false, err
	}
	place := m.place(c)
	flags = append(flags, "-state-bucket="+place.Bucket, "-state-key="+place.Key, "-lock-table="+place.Table,
		"-role="+m.roleName(deploying), "-github-environment="+m.Environment)
	if c.emulator != nil {
		flags = append(flags, "-path-style")
	}
	name, out := strings.TrimSuffix(path.Base(file), ".tfvars"), planDir+"/plan.json"
	script := mockedPlan(name, c.account, out, "-var=project_name="+m.Project+" -var=aws_region="+m.Region) + `exec preflight "$@" ` + out
	run := fresh(terraformProviders(m.Infra).
		WithFile("/usr/local/bin/preflight", staticBinary(dag.CurrentModule().Source().Directory("plancheck"), "preflight", arch)).
		WithMountedTemp(planDir).
		With(access)).
		WithExec(append([]string{"sh", "-ec", script, "preflight"}, flags...), anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return "", false, fmt.Errorf("look at the account: %w", err)
	}
	report, err := run.Stdout(ctx)
	if err != nil {
		return "", false, err
	}
	if code == 0 || report != "" {
		return strings.TrimSpace(report), code == 0, nil
	}
	problems, err := run.Stderr(ctx)
	if err != nil {
		return "", false, err
	}
	return "", false, fmt.Errorf("look at the account (exit code %d): %s", code, text.Excerpt(problems))
}

// mockedPlan plans one variable file with made-up answers instead of AWS. The account
// that answers is the one that the file names, or the one given: what it holds of an
// account must be of this one.
func mockedPlan(name, account, out, variables string) string {
	answers := "account=" + account + `
[ -n "$account" ] || account=$(grep -ohE 'arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:' environments/` + name + `.tfvars | grep -oE '[0-9]{12}' | head -n 1)
[ -z "$account" ] || sed -i -E "s/:[0-9]{12}:/:$account:/g; s/\"[0-9]{12}([\".])/\"$account\1/g" tests/mocks/aws.tfmock.hcl
`
	return answers + "terraform test -json -verbose -filter=tests/environments.tftest.hcl -var-file=environments/" + name + ".tfvars " + variables + " >" + out + "\n"
}

// offline runs a script beside Terraform and plancheck, without any AWS.
func offline(ctx context.Context, stack *dagger.Directory, script string) (*dagger.Container, error) {
	check, err := plancheck(ctx)
	if err != nil {
		return nil, err
	}
	return terraformProviders(stack).
		WithFile("/usr/local/bin/plancheck", check).
		WithMountedTemp(planDir).
		WithExec([]string{"sh", "-ec", script}, anyExit), nil
}

// changeAgainst says what the configuration of an environment changes against that of
// another commit, and what that costs. Both are planned on a mocked AWS, so that it takes
// no credentials: what is deployed may differ.
func (m *SensorBackend) changeAgainst(ctx context.Context, history *dagger.Directory, base string) (terraform.Summary, error) {
	before := goToolchain().
		WithDirectory("/repository/.git", history).
		WithWorkdir("/before").
		WithExec([]string{"git", "-c", "safe.directory=*", "--git-dir=/repository/.git", "--work-tree=/before", "checkout", "--force", base, "--", "infra"}).
		Directory("/before/infra")
	file, err := m.variableFile(ctx)
	if err != nil {
		return terraform.Summary{}, err
	}
	if file == "" {
		return terraform.Summary{}, fmt.Errorf("there is no variable file for environment %s in infra/environments", m.Environment)
	}
	name := strings.TrimSuffix(path.Base(file), ".tfvars")
	var script strings.Builder
	compare := []string{"plancheck change -region", m.Region}
	const old, again, now = planDir + "/before.json", planDir + "/again.json", planDir + "/after.json"
	for _, one := range []struct{ dir, out string }{{"/before", old}, {"/before", again}, {infraDir, now}} {
		script.WriteString("cd " + one.dir + "\n" + mockedPlan(name, "", one.out, ""))
		compare = append(compare, name+"="+one.out)
	}
	check, err := plancheck(ctx)
	if err != nil {
		return terraform.Summary{}, err
	}
	run := terraformProviders(m.Infra).
		WithDirectory("/before", terraformProviders(before).Directory(infraDir)).
		WithFile("/usr/local/bin/plancheck", check).
		WithMountedTemp(planDir).
		WithExec([]string{"sh", "-ec", script.String() + strings.Join(compare, " ")}, anyExit)
	if _, err := passed(ctx, run, "the comparison with "+base); err != nil {
		return terraform.Summary{}, err
	}
	printed, err := run.Stdout(ctx)
	if err != nil {
		return terraform.Summary{}, fmt.Errorf("compare with %s: %w", base, err)
	}
	return terraform.ParseLog(strings.NewReader(printed))
}

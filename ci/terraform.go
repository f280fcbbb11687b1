package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/excerpt"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/tfrun"
)

// Plan shows what apply would change, one resource a line, and changes nothing.
//
// +cache="never"
func (m *SensorBackend) Plan(ctx context.Context) (string, error) {
	return m.terraformOnce(ctx, func(tf *terraform) (string, error) {
		summary, err := tf.run(ctx, planOnly)
		if err != nil {
			return "", err
		}
		return strings.Join(append(summary.Changes, "plan: "+summary.String()), "\n"), nil
	})
}

// Apply makes the infrastructure what the configuration says: terraform init, validate, plan, and apply of that very plan. Returns how many resources were added, changed and destroyed.
//
// +cache="never"
func (m *SensorBackend) Apply(ctx context.Context) (string, error) {
	return m.terraformOnce(ctx, func(tf *terraform) (string, error) {
		summary, err := tf.run(ctx, planAndApply)
		return summary.String(), err
	})
}

// Outputs returns the infrastructure's outputs, a JSON object of names and values.
//
// +cache="never"
func (m *SensorBackend) Outputs(ctx context.Context) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return string(text), err
}

// ValidateInfra checks the Terraform configuration's format and validity, without any AWS.
func (m *SensorBackend) ValidateInfra(ctx context.Context) (string, error) {
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

// terraform runs the configuration against one AWS and one environment's state.
type terraform struct {
	base *dagger.Container
}

const (
	infraDir = "/infra"
	// planDir is memory: a plan holds every value in plain text, and what lies
	// in a container's file system stays in the engine's cache.
	planDir = "/run/terraform"
)

// The scripts of one run. Their standard output is Terraform's JSON messages.
const (
	initialize   = `terraform init -input=false -no-color -reconfigure -backend-config=/backend.tfbackend >&2 && terraform validate -no-color >&2 && `
	planOnly     = initialize + `terraform plan -input=false -json -out=` + planDir + `/plan`
	planAndApply = planOnly + ` && terraform apply -input=false -json ` + planDir + `/plan`
	// repositoryOnly makes what the first push needs, before the rest can be
	// applied because it needs the image.
	repositoryOnly = initialize + `terraform apply -input=false -json -auto-approve -target=aws_ecr_repository.api -target=aws_ecr_lifecycle_policy.api`
	printOutputs   = `terraform init -input=false -no-color -reconfigure -backend-config=/backend.tfbackend >&2 && terraform output -json`
)

// terraformProviders has the providers installed and no backend: a layer that
// only a change of the versions renews.
func terraformProviders(source *dagger.Directory) *dagger.Container {
	return dag.Container().
		From(terraformImage).
		WithEnvVariable("TF_IN_AUTOMATION", "1").
		WithEnvVariable("CHECKPOINT_DISABLE", "1").
		WithWorkdir(infraDir).
		WithFile("versions.tf", source.File("versions.tf")).
		WithExec([]string{"terraform", "init", "-backend=false", "-input=false", "-no-color"}).
		WithDirectory(infraDir, source)
}

// terraform prepares runs against the state in c.
func (m *SensorBackend) terraform(ctx context.Context, c *cloud) (*terraform, error) {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return nil, err
	}
	base := terraformProviders(m.Infra).
		WithNewFile("/backend.tfbackend", place.Settings(c.emulator != nil)).
		WithMountedTemp(planDir).
		With(c.reachedBy)
	return &terraform{base: base}, nil
}

// configured is terraform with the configuration's variables set. The image
// may be empty: a first task definition then names the repository's latest.
func (m *SensorBackend) configured(ctx context.Context, c *cloud, image string, zip lambdazip.Archive) (*terraform, error) {
	tf, err := m.terraform(ctx, c)
	if err != nil {
		return nil, err
	}
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	variables := map[string]any{
		"project":       m.Project,
		"environment":   m.Environment,
		"region":        m.Region,
		"api_image":     image,
		"processor_zip": "/package/processor.zip",
		"architecture":  map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[arch],
		"emulated":      c.emulator != nil,
	}
	if c.emulator != nil {
		variables["warehouse_url_parameter"] = warehouseParameter
	}
	text, err := json.Marshal(variables)
	if err != nil {
		return nil, err
	}
	pkg, err := zipFile(zip)
	if err != nil {
		return nil, err
	}
	tf.base = tf.base.
		WithNewFile("pipeline.auto.tfvars.json", string(text)).
		WithFile("/package/processor.zip", pkg)
	return tf, nil
}

// readOutputs reads the outputs from the state, for a call that does not apply.
func (m *SensorBackend) readOutputs(ctx context.Context, c *cloud) (tfrun.Outputs, error) {
	tf, err := m.terraform(ctx, c)
	if err != nil {
		return nil, err
	}
	return tf.outputs(ctx)
}

// terraformOnce connects, configures Terraform and hands it to work.
func (m *SensorBackend) terraformOnce(ctx context.Context, work func(*terraform) (string, error)) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	zip, err := m.processorZip(ctx)
	if err != nil {
		return "", err
	}
	tf, err := m.configured(ctx, c, "", zip)
	if err != nil {
		return "", err
	}
	return work(tf)
}

// run executes one of the scripts and reads what it did. The error carries
// Terraform's own diagnostics.
func (tf *terraform) run(ctx context.Context, script string) (tfrun.Summary, error) {
	run := fresh(tf.base).WithExec([]string{"sh", "-ec", script}, anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return tfrun.Summary{}, fmt.Errorf("run terraform: %w", err)
	}
	stdout, err := run.Stdout(ctx)
	if err != nil {
		return tfrun.Summary{}, fmt.Errorf("run terraform: %w", err)
	}
	summary, err := tfrun.ParseLog(strings.NewReader(stdout))
	if err != nil {
		return summary, err
	}
	if code == 0 && summary.Seen {
		return summary, nil
	}
	if len(summary.Errors) > 0 {
		return summary, errors.New("terraform: " + strings.Join(summary.Errors, "\n"))
	}
	stderr, err := run.Stderr(ctx)
	if err != nil {
		return summary, fmt.Errorf("run terraform: %w", err)
	}
	return summary, fmt.Errorf("terraform failed (exit code %d):\n%s", code, excerpt.Of(stderr+"\n"+stdout))
}

// outputs are the configuration's outputs by name.
func (tf *terraform) outputs(ctx context.Context) (tfrun.Outputs, error) {
	run, err := passed(ctx, fresh(tf.base).WithExec([]string{"sh", "-ec", printOutputs}, anyExit), "terraform output")
	if err != nil {
		return nil, err
	}
	text, err := run.Stdout(ctx)
	if err != nil {
		return nil, fmt.Errorf("read terraform's outputs: %w", err)
	}
	return tfrun.ParseOutputs(text)
}

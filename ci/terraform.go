package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/sensor-backend/excerpt"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/tfrun"
)

// Plan shows what apply would change, by name what would be destroyed or replaced, what it breaks of the policy and what it costs; it changes nothing. The plan is saved: apply it, and exactly it, with apply --plan ID.
//
// +cache="never"
func (m *SensorBackend) Plan(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	return m.terraformOnce(ctx, func(tf *terraform) (string, error) {
		summary, err := tf.run(ctx, planAndSave)
		if err != nil {
			return "", withReport(err, summary)
		}
		return strings.Join(append(summary.Report, "plan: "+summary.String()), "\n"), nil
	})
}

// Apply makes the infrastructure what the configuration says: terraform init, validate, plan, and apply of that very plan, or of one that was saved before. Returns how many resources were added, changed and destroyed.
//
// A plan that breaks the policy (infra/exceptions.json) is refused.
//
// +cache="never"
func (m *SensorBackend) Apply(
	ctx context.Context,
	// Saved plan to apply, by the 16 hex digits that plan printed. One made before the last change of the state is refused. By default a new plan is made and applied.
	// +optional
	plan string,
	// Allow the plan to destroy or replace what holds data: buckets, tables, queues, images, keys, the warehouse.
	// +optional
	loseData bool,
) (shown string, err error) {
	defer clean(&shown, &err)
	if plan != "" && !planID.MatchString(plan) {
		return "", fmt.Errorf("plan %q: give the 16 hex digits that plan printed", plan)
	}
	return m.terraformOnce(ctx, func(tf *terraform) (string, error) {
		script := planAndApply
		if plan != "" {
			tf.base = tf.base.WithEnvVariable("PLAN_ID", plan)
			script = fetchAndApply
		}
		if loseData {
			tf.base = tf.base.WithEnvVariable("PLAN_LOSE_DATA", "--lose-data")
		}
		summary, err := tf.run(ctx, script)
		if err != nil {
			return "", withReport(err, summary)
		}
		return summary.String(), nil
	})
}

// Outputs returns the infrastructure's outputs, a JSON object of names and values.
//
// +cache="never"
func (m *SensorBackend) Outputs(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	return m.deployed(ctx, func(_ *cloud, out tfrun.Outputs) (string, error) {
		text, err := json.MarshalIndent(out, "", "  ")
		return string(text), err
	})
}

// planID is the form of a saved plan's id.
var planID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// withReport puts what was said about the plan before the error.
func withReport(err error, summary tfrun.Summary) error {
	if len(summary.Report) == 0 {
		return err
	}
	return fmt.Errorf("%s\n%w", strings.Join(summary.Report, "\n"), err)
}

// terraform runs the configuration against one AWS and one environment's state.
type terraform struct {
	base *dagger.Container
}

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
		WithNewFile("/backend.tfbackend", place.Settings()).
		WithMountedTemp(planDir).
		WithEnvVariable("PLANS", place.Bucket+"/"+place.Plans).
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
	files, err := m.variableFiles(ctx)
	if err != nil {
		return nil, err
	}
	check, err := plancheck(ctx)
	if err != nil {
		return nil, err
	}
	pkg, err := handOver(processorPackage, zip.Zip)
	if err != nil {
		return nil, err
	}
	where := []string{"--exceptions=exceptions.json", "--environment=" + m.Environment, "--region=" + m.Region}
	if c.emulator != nil {
		where = append(where, "--emulated")
	}
	tf.base = tf.base.
		WithNewFile("/pipeline.tfvars.json", string(text)).
		WithFile("/package/processor.zip", pkg).
		WithFile("/usr/local/bin/plancheck", check).
		WithEnvVariable("PLAN_WHERE", strings.Join(where, " ")).
		WithEnvVariable("PLAN_LOSE_DATA", "").
		// The pipeline's own variables come last and win.
		WithEnvVariable("TF_CLI_ARGS_plan", strings.Join(append(files, "-var-file=/pipeline.tfvars.json"), " "))
	return tf, nil
}

// variableFiles returns the arguments that name the variable file of this
// environment and region: the one of both if there is one, or the
// environment's, or none.
func (m *SensorBackend) variableFiles(ctx context.Context) ([]string, error) {
	there, err := m.Infra.Glob(ctx, "environments/*.tfvars")
	if err != nil {
		return nil, fmt.Errorf("look for the variable files: %w", err)
	}
	for _, name := range []string{m.Environment + "-" + m.Region, m.Environment} {
		if file := "environments/" + name + ".tfvars"; slices.Contains(there, file) {
			return []string{"-var-file=" + file}, nil
		}
	}
	return nil, nil
}

// plancheck is the program that judges plans, for the engine's containers.
func plancheck(ctx context.Context) (*dagger.File, error) {
	arch, err := engineArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	return staticBinary(dag.CurrentModule().Source().Directory("plancheck"), ".", arch, ""), nil
}

// readOutputs reads the outputs from the state, for a call that does not apply.
func (m *SensorBackend) readOutputs(ctx context.Context, c *cloud) (tfrun.Outputs, error) {
	tf, err := m.terraform(ctx, c)
	if err != nil {
		return nil, err
	}
	return tf.outputs(ctx)
}

// deployed connects, reads the outputs of what is deployed and hands both to work.
func (m *SensorBackend) deployed(ctx context.Context, work func(*cloud, tfrun.Outputs) (string, error)) (string, error) {
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	out, err := m.readOutputs(ctx, c)
	if err != nil {
		return "", err
	}
	return work(c, out)
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

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/text"
	"dagger/sensor-backend/tfstate"
)

const (
	infraDir = "/infra"
	// planDir is memory: a plan holds every value in plain text, and what lies
	// in a container's file system stays in the engine's cache.
	planDir  = "/run/terraform"
	planFile = planDir + "/plan"
)

// The scripts of one run, for sh -e. Their standard output is messages in the
// manner of Terraform's -json. No plan is applied that plancheck has not seen;
// its settings come in PLAN_WHERE and PLAN_LOSE_DATA.
const (
	openState = `terraform init -input=false -no-color -reconfigure -backend-config=/backend.tfbackend >&2
`
	initialize = openState + `terraform validate -no-color >&2
`
	makePlan = `terraform plan -input=false -json -out=` + planFile + `
`
	showPlan = `terraform show -json ` + planFile + ` >` + planFile + `.json
`
	checkPlan = showPlan + `plancheck check $PLAN_WHERE $PLAN_LOSE_DATA <` + planFile + `.json
`
	applyPlan = `terraform apply -input=false -json ` + planFile + `
`

	// Losing data is for whoever applies to allow; a plan only shows it.
	planAndSave = initialize + makePlan + showPlan +
		`plancheck check $PLAN_WHERE --lose-data <` + planFile + `.json
plancheck save -place "$PLANS" ` + planFile + `
`
	planAndApply  = initialize + makePlan + checkPlan + applyPlan
	fetchAndApply = initialize + `plancheck fetch -place "$PLANS" "$PLAN_ID" ` + planFile + `
` + checkPlan + applyPlan

	// repositoryOnly makes what the first push needs, before the rest can be
	// applied because it needs the image.
	repositoryOnly = initialize +
		`terraform plan -input=false -json -out=` + planFile + ` -target=aws_ecr_repository.api -target=aws_ecr_lifecycle_policy.api
` + checkPlan + applyPlan

	// findDrift takes no lock: it changes nothing, and must not keep a deploy out.
	findDrift = initialize + `terraform plan -input=false -json -lock=false -out=` + planFile + `
` + showPlan + `plancheck drift <` + planFile + `.json
`
	// Destroying loses data, which is what it is for; what is protected stays.
	destroyAll = initialize + `terraform plan -destroy -input=false -json -out=` + planFile + `
` + showPlan + `plancheck check $PLAN_WHERE --lose-data <` + planFile + `.json
` + applyPlan

	// printOutputs prints nothing: outputs are for this program, and errors for its own.
	printOutputs = `exec >` + outputsFile + ` 2>` + terraformErrors + `
` + openState + `terraform output -json
`

	// What Terraform prints goes to files, which nobody has to read while all is well.
	terraformLog    = reportDir + "/terraform.jsonl"
	terraformErrors = reportDir + "/terraform.err"
	outputsFile     = reportDir + "/outputs.json"
)

// terraformSession runs the configuration against one AWS and one environment's state.
type terraformSession struct {
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
func (m *SensorBackend) terraform(ctx context.Context, c *cloud) (*terraformSession, error) {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return nil, err
	}
	return m.stack(ctx, c, m.Infra, place)
}

// stack prepares runs of a configuration against the state at a place.
func (m *SensorBackend) stack(ctx context.Context, c *cloud, source *dagger.Directory, place tfstate.Place) (*terraformSession, error) {
	access, err := c.access(ctx)
	if err != nil {
		return nil, err
	}
	base := withReportDir(terraformProviders(source)).
		WithNewFile("/backend.tfbackend", place.Settings()).
		WithMountedTemp(planDir).
		WithEnvVariable("PLANS", place.Bucket+"/"+place.Plans).
		With(access)
	return &terraformSession{base: base}, nil
}

// configured is terraform with the configuration's variables set. The image
// may be empty: a first task definition then names the repository's latest.
func (m *SensorBackend) configured(ctx context.Context, c *cloud, image string, zip lambdazip.Archive) (*terraformSession, error) {
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
		// Nobody has made keys to write there, and nothing there is worth one.
		variables["write_keys_parameter"] = ""
	}
	files, err := m.variableFiles(ctx)
	if err != nil {
		return nil, err
	}
	pkg, err := newFile(processorPackage, zip.Zip)
	if err != nil {
		return nil, err
	}
	tf.base = tf.base.WithFile("/package/processor.zip", pkg)
	return tf, tf.configure(ctx, m.where(c), files, variables)
}

// where tells plancheck what a plan is for.
func (m *SensorBackend) where(c *cloud) []string {
	where := []string{"--exceptions=exceptions.json", "--environment=" + m.Environment, "--region=" + m.Region}
	if c.emulator != nil {
		where = append(where, "--emulated")
	}
	return where
}

// configure sets the variables: those of files, and the pipeline's own, which win. Its
// plans are judged by plancheck with the settings given.
func (tf *terraformSession) configure(ctx context.Context, where, files []string, variables map[string]any) error {
	raw, err := json.Marshal(variables)
	if err != nil {
		return err
	}
	check, err := plancheck(ctx)
	if err != nil {
		return err
	}
	tf.base = tf.base.
		WithNewFile("/pipeline.tfvars.json", string(raw)).
		WithFile("/usr/local/bin/plancheck", check).
		WithEnvVariable("PLAN_WHERE", strings.Join(where, " ")).
		WithEnvVariable("PLAN_LOSE_DATA", "").
		WithEnvVariable("TF_CLI_ARGS_plan", strings.Join(append(files, "-var-file=/pipeline.tfvars.json"), " "))
	return nil
}

// variableFiles returns the arguments that name the variable file of this
// environment and region.
func (m *SensorBackend) variableFiles(ctx context.Context) ([]string, error) {
	file, err := m.variableFile(ctx)
	if err != nil || file == "" {
		return nil, err
	}
	return []string{"-var-file=" + file}, nil
}

// variableFile is the variable file of both environment and region if there is one,
// or the environment's; empty if there is none.
func (m *SensorBackend) variableFile(ctx context.Context) (string, error) {
	there, err := m.Infra.Glob(ctx, "environments/*.tfvars")
	if err != nil {
		return "", fmt.Errorf("look for the variable files: %w", err)
	}
	for _, name := range []string{m.Environment + "-" + m.Region, m.Environment} {
		if file := "environments/" + name + ".tfvars"; slices.Contains(there, file) {
			return file, nil
		}
	}
	return "", nil
}

// plancheck is the program that judges plans, for the engine's containers.
func plancheck(ctx context.Context) (*dagger.File, error) {
	arch, err := engineArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	return staticBinary(dag.CurrentModule().Source().Directory("plancheck"), ".", arch), nil
}

// readOutputs reads the outputs from the state, for a call that does not apply.
func (m *SensorBackend) readOutputs(ctx context.Context, c *cloud) (terraform.Outputs, error) {
	tf, err := m.terraform(ctx, c)
	if err != nil {
		return nil, err
	}
	return tf.outputs(ctx)
}

// onTerraform is onCloud for a verb that runs Terraform: it configures it first.
func (m *SensorBackend) onTerraform(ctx context.Context, work func(*terraformSession) (string, error)) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) { return m.withTerraform(ctx, c, work) })
}

// onLockedTerraform is onTerraform for a verb that changes the infrastructure: it
// holds the deploy lock meanwhile.
func (m *SensorBackend) onLockedTerraform(ctx context.Context, work func(*terraformSession) (string, error)) (string, error) {
	return m.onLocked(ctx, func(ctx context.Context, c *cloud) (string, error) { return m.withTerraform(ctx, c, work) })
}

func (m *SensorBackend) withTerraform(ctx context.Context, c *cloud, work func(*terraformSession) (string, error)) (string, error) {
	processor, err := m.processor(ctx)
	if err != nil {
		return "", err
	}
	zip, err := processor.zip(ctx)
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
func (tf *terraformSession) run(ctx context.Context, script string) (terraform.Summary, error) {
	run := fresh(tf.base).WithExec([]string{"plancheck", "run", terraformLog, terraformErrors, "sh", "-ec", script}, anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return terraform.Summary{}, fmt.Errorf("run terraform: %w", err)
	}
	printed, err := run.File(terraformLog).Contents(ctx)
	if err != nil {
		return terraform.Summary{}, fmt.Errorf("read what terraform printed: %w", err)
	}
	summary, err := terraform.ParseLog(strings.NewReader(printed))
	if err != nil {
		return summary, err
	}
	if code == 0 && summary.Seen {
		return summary, nil
	}
	if len(summary.Errors) > 0 {
		return summary, errors.New("terraform: " + strings.Join(summary.Errors, "\n"))
	}
	problems, err := run.File(terraformErrors).Contents(ctx)
	if err != nil {
		return summary, fmt.Errorf("read terraform's errors: %w", err)
	}
	return summary, fmt.Errorf("terraform failed (exit code %d):\n%s", code, text.Excerpt(problems+"\n"+printed))
}

// outputs are the configuration's outputs by name.
func (tf *terraformSession) outputs(ctx context.Context) (terraform.Outputs, error) {
	run := fresh(tf.base).WithExec([]string{"sh", "-ec", printOutputs}, anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return nil, fmt.Errorf("run terraform output: %w", err)
	}
	if code != 0 {
		problems, err := run.File(terraformErrors).Contents(ctx)
		if err != nil {
			return nil, fmt.Errorf("read terraform's errors: %w", err)
		}
		return nil, secretsGiven.Error(fmt.Errorf("terraform output failed (exit code %d):\n%s", code, text.Excerpt(problems)))
	}
	raw, err := run.File(outputsFile).Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read terraform's outputs: %w", err)
	}
	return terraform.ParseOutputs(raw)
}

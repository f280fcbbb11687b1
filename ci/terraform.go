package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// planLock says whether a plan takes Terraform's lock.
	planLock = "PLAN_LOCK"
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
	planAndApply = initialize + makePlan + checkPlan + applyPlan
	// planAndSeal and applySealed are planAndApply in two halves, in one container: what
	// the first leaves there is the backend, opened, the plan, encrypted, and the outputs
	// if there is nothing to apply.
	planAndSeal = initialize + `terraform plan -input=false -json -lock="$PLAN_LOCK" -out=` + planFile + `
` + checkPlan + `plancheck unchanged <` + planFile + `.json >` + outputsFile + `
plancheck seal ` + planFile + ` ` + sealedPlan + `
`
	applySealed = `plancheck open ` + sealedPlan + ` ` + planFile + `
` + applyPlan + `terraform output -json >` + outputsFile + `
`
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
	sealedPlan      = reportDir + "/plan.sealed"
)

// terraformSession runs the configuration against one AWS and one environment's state.
type terraformSession struct {
	base  *dagger.Container
	cloud *cloud
	place tfstate.Place
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

// stack prepares runs of a configuration against a state that is known to be there.
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
	return &terraformSession{base: base, cloud: c, place: place}, nil
}

// configured is terraform with the configuration's variables set. The image
// may be empty: a first task definition then names the repository's latest.
func (m *SensorBackend) configured(ctx context.Context, c *cloud, image string, zip lambdazip.Archive) (*terraformSession, error) {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return nil, err
	}
	return m.configuredAt(ctx, c, place, image, zip)
}

// configuredAt is configured for a state that is known to be there.
func (m *SensorBackend) configuredAt(ctx context.Context, c *cloud, place tfstate.Place, image string, zip lambdazip.Archive) (*terraformSession, error) {
	tf, err := m.stack(ctx, c, m.Infra, place)
	if err != nil {
		return nil, err
	}
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	variables := map[string]any{
		"project_name":  m.Project,
		"environment":   m.Environment,
		"aws_region":    m.Region,
		"api_image":     image,
		"processor_zip": "/package/processor.zip",
		"architecture":  map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[arch],
		"emulated":      c.emulator != nil,
	}
	if c.emulator != nil {
		variables["warehouse_url_parameter"] = warehouseParameter
		// That is a PostgreSQL.
		variables["enable_redshift"] = false
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
		WithEnvVariable(planLock, "true").
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

// onTerraform is onCloud for a verb that plans with Terraform: it configures it first.
func (m *SensorBackend) onTerraform(ctx context.Context, work func(*terraformSession) (string, error)) (string, error) {
	return m.onCloudAs(ctx, planning, func(c *cloud) (string, error) { return m.withTerraform(ctx, c, work) })
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
	_, summary, err := runScript(ctx, tf.base, script)
	return summary, err
}

// runScript is run in a container, which it returns as the script left it.
func runScript(ctx context.Context, in *dagger.Container, script string) (*dagger.Container, terraform.Summary, error) {
	run := fresh(in).WithExec([]string{"plancheck", "run", terraformLog, terraformErrors, "sh", "-ec", script}, anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return nil, terraform.Summary{}, fmt.Errorf("run terraform: %w", err)
	}
	printed, err := run.File(terraformLog).Contents(ctx)
	if err != nil {
		return nil, terraform.Summary{}, fmt.Errorf("read what terraform printed: %w", err)
	}
	summary, err := terraform.ParseLog(strings.NewReader(printed))
	if err != nil {
		return nil, summary, err
	}
	if code == 0 && summary.Seen {
		return run, summary, nil
	}
	if len(summary.Errors) > 0 {
		return nil, summary, errors.New("terraform: " + strings.Join(summary.Errors, "\n"))
	}
	problems, err := run.File(terraformErrors).Contents(ctx)
	if err != nil {
		return nil, summary, fmt.Errorf("read terraform's errors: %w", err)
	}
	return nil, summary, fmt.Errorf("terraform failed (exit code %d):\n%s", code, text.Excerpt(problems+"\n"+printed))
}

// terraformPlan is a plan that was checked and can be applied, in the container in
// which it was made.
type terraformPlan struct {
	session *terraformSession
	in      *dagger.Container
	made    terraform.Moment
	summary terraform.Summary
}

// plan plans with an image for a first task definition. The plan that comes with an
// error has the summary alone.
func (tf *terraformSession) plan(ctx context.Context, image string) (*terraformPlan, error) {
	p := &terraformPlan{session: tf}
	var err error
	if p.made, err = tf.now(ctx, image); err != nil {
		return p, err
	}
	key := make([]byte, 32) // that of AES-256
	if _, err := rand.Read(key); err != nil {
		return p, err
	}
	in := tf.base.WithSecretVariable("PLAN_KEY", dag.SetSecret("plan-key-"+rand.Text(), hex.EncodeToString(key)))
	p.in, p.summary, err = runScript(ctx, in, planAndSeal)
	return p, err
}

// now is the world that Terraform works on at this moment.
func (tf *terraformSession) now(ctx context.Context, image string) (terraform.Moment, error) {
	state, err := tfstate.Version(ctx, tf.cloud.s3(), tf.place)
	if err != nil {
		return terraform.Moment{}, err
	}
	credentials, err := tf.cloud.config.Credentials.Retrieve(ctx)
	if err != nil {
		return terraform.Moment{}, fmt.Errorf("get AWS credentials: %w", err)
	}
	return terraform.Moment{State: state, Image: image, Caller: credentials.AccessKeyID, At: time.Now()}, nil
}

// holds reports whether the plan may be applied now.
func (p *terraformPlan) holds(ctx context.Context, image string) bool {
	now, err := p.session.now(ctx, image)
	return err == nil && p.made.Holds(now)
}

// apply makes the world what the plan says, and returns the outputs. A plan with
// nothing to apply is not applied: its outputs stand.
func (p *terraformPlan) apply(ctx context.Context) (terraform.Summary, terraform.Outputs, error) {
	summary := p.summary
	standing, err := p.in.File(outputsFile).Contents(ctx)
	if err != nil {
		return summary, nil, fmt.Errorf("read terraform's outputs: %w", err)
	}
	if standing == "" {
		after, applied, err := runScript(ctx, p.in, applySealed)
		summary.Add, summary.Change, summary.Remove = applied.Add, applied.Change, applied.Remove
		summary.Warnings = append(summary.Warnings, applied.Warnings...)
		if err != nil {
			return summary, nil, err
		}
		if standing, err = after.File(outputsFile).Contents(ctx); err != nil {
			return summary, nil, fmt.Errorf("read terraform's outputs: %w", err)
		}
	}
	out, err := terraform.ParseOutputs(standing)
	return summary, out, err
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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/scan"
	"dagger/sensor-backend/tfrun"
	"dagger/sensor-backend/trigger"

	"go.opentelemetry.io/otel/codes"
)

// delivery is one run of the pipeline and what its stages hand on. A stage
// writes its part before the stages that need it start.
type delivery struct {
	wish
	m     *SensorBackend
	cloud *cloud

	zip func() (lambdazip.Archive, error)

	// image is the pushed image's reference, and imageSize its weight in bytes;
	// empty and 0 if build did not run.
	image     string
	imageSize int64
	// verdict is what the gate said of the pushed image.
	verdict scan.Result
	// planned is what Terraform did; not Seen if infra did not run.
	planned tfrun.Summary
	// checked is what the gates found, and findings the same as SARIF.
	checked  []gates.Result
	findings *gates.Log
	// profile is the tests' coverage profile; nil if test did not run.
	profile *dagger.File
	// outputs are the infrastructure's; nil if infra did not run.
	outputs tfrun.Outputs
	// id and started name the run and its start.
	id      string
	started time.Time
	// beside holds what is kept beside the record.
	beside []attachment
	// before is what ran before a half was changed, as JSON; nil if none was.
	before []byte
	// verifying guards unverified, why the provenance is refused.
	verifying  sync.Once
	unverified error
	// reading guards read, the outputs that were read from the state.
	reading sync.Mutex
	read    tfrun.Outputs

	function rollout.FunctionResult
	service  rollout.ServiceResult

	// noteBefore records, once for both halves, what runs before they change.
	noteBefore func(out tfrun.Outputs) error
}

// stages lists the chosen stages with what each needs.
func (d *delivery) stages(ctx context.Context, chosen []string) []pipeline.Stage {
	d.zip = sync.OnceValues(func() (lambdazip.Archive, error) { return d.m.processorZip(ctx) })
	var once sync.Once
	var noted error
	d.noteBefore = func(out tfrun.Outputs) error {
		once.Do(func() { noted = d.noteRunning(ctx, out) })
		return noted
	}
	work := map[string]func(context.Context) (string, error){
		stageTest: d.test, stageCheck: d.check, stageBuild: d.build, stageInfra: d.infra, stageLambda: d.lambda,
		stageECS: d.ecs, stageSmoke: d.smoke, stageNegative: d.negative, stageLoad: d.load, stageDrift: d.drift,
	}
	var stages []pipeline.Stage
	for _, name := range trigger.Stages() {
		if slices.Contains(chosen, name) && work[name] != nil {
			stages = append(stages, announced(pipeline.Stage{Name: name, Needs: trigger.Needs(name), Run: work[name]}))
		}
	}
	return stages
}

// noteRunning notes what runs before the halves change, for a rollback and beside
// the run's record.
func (d *delivery) noteRunning(ctx context.Context, out tfrun.Outputs) error {
	before, err := d.m.recordRunning(ctx, d.cloud, out, "")
	if err != nil {
		return err
	}
	if d.before, err = json.MarshalIndent(before, "", "  "); err != nil {
		return err
	}
	d.keepBeside(".before.json", d.before)
	return nil
}

// announced makes a stage say when it starts and how it ends, and a span of its
// own around what it does.
func announced(stage pipeline.Stage) pipeline.Stage {
	run := stage.Run
	stage.Run = func(ctx context.Context) (produced string, err error) {
		ctx, span := Tracer().Start(ctx, stage.Name)
		defer func() {
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}()
		say("%s: starting", stage.Name)
		produced, err = run(ctx)
		if err != nil {
			say("%s: FAILED: %v", stage.Name, err)
			return produced, err
		}
		say("%s: done, %s", stage.Name, produced)
		return produced, nil
	}
	return stage
}

func (d *delivery) test(ctx context.Context) (string, error) {
	var err error
	if d.profile, err = d.m.Coverage(ctx); err != nil {
		return "", err
	}
	report, err := readCoverage(ctx, d.profile)
	return fmt.Sprintf("coverage %.1f %%", report.Total.Percent()), err
}

// check runs the gates.
func (d *delivery) check(ctx context.Context) (string, error) {
	var err error
	d.checked, d.findings, err = d.m.runGates(ctx, gateNames(), d.checks)
	if err != nil {
		return "", err
	}
	return gates.Count(d.checked), gates.Err(d.checked, d.checks.strict)
}

// drift looks for what differs from the configuration.
func (d *delivery) drift(ctx context.Context) (string, error) {
	tf, err := d.configured(ctx, "")
	if err != nil {
		return "", err
	}
	return lookForDrift(ctx, tf)
}

func (d *delivery) build(ctx context.Context) (string, error) {
	zip, err := d.zip()
	if err != nil {
		return "", err
	}
	pushed, verdict, err := d.m.publish(ctx, d.cloud, zip, d.gate)
	if err != nil {
		return "", err
	}
	d.image, d.imageSize, d.verdict = pushed.Reference, pushed.Size, verdict
	attested, err := d.attest(ctx, zip)
	return fmt.Sprintf("%s, tags %s, %s, %s", pushed.Digest, strings.Join(pushed.Tags, " "), verdict, attested), err
}

func (d *delivery) infra(ctx context.Context) (string, error) {
	tf, err := d.configured(ctx, d.image)
	if err != nil {
		return "", err
	}
	summary, err := tf.run(ctx, planAndApply)
	d.planned = summary
	if err != nil {
		return "", err
	}
	d.outputs, err = tf.outputs(ctx)
	return summary.String(), err
}

// configured is Terraform for this run's processor and an image.
func (d *delivery) configured(ctx context.Context, image string) (*terraform, error) {
	zip, err := d.zip()
	if err != nil {
		return nil, err
	}
	return d.m.configured(ctx, d.cloud, image, zip)
}

// have returns the infrastructure's outputs, read from the state once if infra
// is not part of this run.
func (d *delivery) have(ctx context.Context) (tfrun.Outputs, error) {
	if d.outputs != nil {
		return d.outputs, nil
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	if d.read != nil {
		return d.read, nil
	}
	out, err := d.m.readOutputs(ctx, d.cloud)
	if err == nil {
		d.read = out
	}
	return out, err
}

// deployable returns the image to deploy: the one just pushed, or the one that
// was pushed before for the same commit.
func (d *delivery) deployable(ctx context.Context, out tfrun.Outputs) (string, error) {
	if d.image != "" {
		return d.image, nil
	}
	return d.m.pushedImage(ctx, d.cloud, out, "")
}

func (d *delivery) lambda(ctx context.Context) (string, error) {
	zip, err := d.zip()
	if err != nil {
		return "", err
	}
	out, err := d.have(ctx)
	if err != nil {
		return "", err
	}
	if err := d.verified(ctx, out); err != nil {
		return "", err
	}
	if err := d.noteBefore(out); err != nil {
		return "", err
	}
	d.function, err = deployFunction(ctx, d.cloud, out, zip, d.proof)
	return functionLine(d.function), err
}

func (d *delivery) ecs(ctx context.Context) (string, error) {
	out, err := d.have(ctx)
	if err != nil {
		return "", err
	}
	image, err := d.deployable(ctx, out)
	if err != nil {
		return "", err
	}
	if err := d.verified(ctx, out); err != nil {
		return "", err
	}
	if err := d.noteBefore(out); err != nil {
		return "", err
	}
	d.service, err = d.m.deployService(ctx, d.cloud, out, image, d.scanned)
	if err != nil {
		return "", withDiagnosis(err, d.service)
	}
	return serviceLine(d.service), nil
}

// scanned tells what this run's gate said of the image that it pushed, and asks
// the registry about any other.
func (d *delivery) scanned(ctx context.Context, repository, digest string) (string, error) {
	if strings.HasSuffix(d.image, "/"+repository+"@"+digest) {
		return d.verdict.String(), d.verdict.Err(d.image)
	}
	return d.gate.look(d.cloud)(ctx, repository, digest)
}

func (d *delivery) smoke(ctx context.Context) (string, error) {
	out, err := d.have(ctx)
	if err != nil {
		return "", err
	}
	image, err := d.deployable(ctx, out)
	if err != nil {
		return "", err
	}
	ref, err := d.m.revision(ctx)
	if err != nil {
		return "", err
	}
	report, err := d.m.smoke(ctx, d.cloud, out, ref.Commit, image, d.readings)
	return report.String(), err
}

func (d *delivery) negative(ctx context.Context) (string, error) {
	out, err := d.have(ctx)
	if err != nil {
		return "", err
	}
	return refusesHostile(ctx, d.cloud, out)
}

func (d *delivery) load(ctx context.Context) (string, error) {
	out, err := d.have(ctx)
	if err != nil {
		return "", err
	}
	return underLoad(ctx, d.cloud, out, usualLoad())
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"
)

// delivery is one run of the pipeline and what its stages hand on. A stage
// writes its part before the stages that need it start.
type delivery struct {
	m        *SensorBackend
	cloud    *cloud
	readings *dagger.File
	gate     gate
	proof    proof

	zip func() (lambdazip.Archive, error)

	// image is the pushed image's reference; empty if build did not run.
	image string
	// outputs are the infrastructure's; nil if infra did not run.
	outputs tfrun.Outputs

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
		once.Do(func() { noted = d.m.recordRunning(ctx, d.cloud, out, "") })
		return noted
	}
	all := []pipeline.Stage{
		{Name: stageTest, Run: d.test},
		{Name: stageBuild, Needs: []string{stageTest}, Run: d.build},
		{Name: stageInfra, Needs: []string{stageTest, stageBuild}, Run: d.infra},
		{Name: stageLambda, Needs: []string{stageTest, stageBuild, stageInfra}, Run: d.lambda},
		{Name: stageECS, Needs: []string{stageTest, stageBuild, stageInfra}, Run: d.ecs},
		{Name: stageSmoke, Needs: []string{stageTest, stageBuild, stageInfra, stageLambda, stageECS}, Run: d.smoke},
	}
	var stages []pipeline.Stage
	for _, stage := range all {
		if slices.Contains(chosen, stage.Name) {
			stages = append(stages, announced(stage))
		}
	}
	return stages
}

// announced makes a stage say when it starts and how it ends.
func announced(stage pipeline.Stage) pipeline.Stage {
	run := stage.Run
	stage.Run = func(ctx context.Context) (string, error) {
		say("%s: starting", stage.Name)
		produced, err := run(ctx)
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
	report, err := d.m.testReport(ctx)
	return fmt.Sprintf("coverage %.1f %%", report.Total.Percent()), err
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
	d.image = pushed.Reference
	return fmt.Sprintf("%s, tags %s, %s", pushed.Digest, strings.Join(pushed.Tags, " "), verdict), nil
}

func (d *delivery) infra(ctx context.Context) (string, error) {
	zip, err := d.zip()
	if err != nil {
		return "", err
	}
	tf, err := d.m.configured(ctx, d.cloud, d.image, zip)
	if err != nil {
		return "", err
	}
	summary, err := tf.run(ctx, planAndApply)
	if err != nil {
		return "", err
	}
	d.outputs, err = tf.outputs(ctx)
	return summary.String(), err
}

// have returns the infrastructure's outputs, read from the state if infra is
// not part of this run.
func (d *delivery) have(ctx context.Context) (tfrun.Outputs, error) {
	if d.outputs != nil {
		return d.outputs, nil
	}
	return d.m.readOutputs(ctx, d.cloud)
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
	if err := d.noteBefore(out); err != nil {
		return "", err
	}
	d.service, err = d.m.deployService(ctx, d.cloud, out, image)
	if err != nil {
		return "", withDiagnosis(err, d.service)
	}
	return serviceLine(d.service), nil
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

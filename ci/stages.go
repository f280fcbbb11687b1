package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"go.opentelemetry.io/otel/codes"
	"golang.org/x/sync/errgroup"
)

// work is what each stage of the pipeline's table does; see trigger.Pipeline for
// what it needs and when it runs. Notify is not among them: it runs after all.
func (x *execution) work() map[string]func(context.Context) (string, error) {
	return map[string]func(context.Context) (string, error){
		trigger.Test:     x.test,
		trigger.Check:    x.check,
		trigger.Build:    x.build,
		trigger.Infra:    x.infra,
		trigger.Lambda:   x.lambda,
		trigger.ECS:      x.ecs,
		trigger.Smoke:    x.smoke,
		trigger.Negative: x.negative,
		trigger.Load:     x.load,
		trigger.Drift:    x.drift,
	}
}

// ahead is what stages do while those before them still run: compile, and plan. Push
// and apply wait for their turn.
func (x *execution) ahead() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		trigger.Build: func(ctx context.Context) error {
			both, ctx := errgroup.WithContext(ctx)
			both.Go(func() error {
				_, err := x.packed.Get(ctx)
				return err
			})
			both.Go(func() error {
				_, err := x.differs.Get(ctx)
				return err
			})
			return both.Wait()
		},
		trigger.Infra: x.planAhead,
	}
}

// stages lists the stages that were decided on.
func (x *execution) stages(ctx context.Context) []pipeline.Stage {
	x.api.Work = x.m.api
	x.programs.Work = func(ctx context.Context) (programs, error) { return x.m.programs(ctx, x.api.Get) }
	x.packed.Work = func(ctx context.Context) (_ packed, err error) {
		x.built.packed, err = pack(ctx, x.api.Get, x.programs.Get)
		return x.built.packed, err
	}
	x.differs.Work = func(ctx context.Context) (string, error) { return x.changed(ctx), nil }
	x.verify = sync.OnceValue(func() error { return x.verifyOwnProvenance(ctx) })
	x.saveBefore = sync.OnceValue(func() error { return x.saveRunning(ctx) })
	running, work, ahead := x.decision.Running(), x.work(), x.ahead()
	var stages []pipeline.Stage
	for _, d := range trigger.Pipeline() {
		if d.Name != trigger.Notify && slices.Contains(running, d.Name) {
			run := x.lasting(d, work[d.Name])
			if d.Deploys {
				run = x.locked(run)
			}
			stage := pipeline.Stage{Name: d.Name, Needs: d.Needs, Run: run}
			if slices.ContainsFunc(d.Needs, func(need string) bool { return slices.Contains(running, need) }) {
				stage.Ahead = ahead[d.Name]
			}
			stages = append(stages, announced(stage))
		}
	}
	return stages
}

// lasting makes a stage start only with credentials that last as long as it may
// take; a canary's bake comes on top.
func (x *execution) lasting(d trigger.Definition, run func(context.Context) (string, error)) func(context.Context) (string, error) {
	if !d.OnAWS {
		return run
	}
	limit := d.Limit
	if d.Name == trigger.Lambda {
		limit += x.canary.bake
	}
	return func(ctx context.Context) (string, error) {
		if err := x.cloud.checkLasting(ctx, "stage "+d.Name, limit); err != nil {
			return "", err
		}
		return run(ctx)
	}
}

// locked makes a stage that changes what runs hold the deploy lock.
func (x *execution) locked(run func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := x.lock(); err != nil {
			return "", err
		}
		return x.held.during(ctx, run)
	}
}

// announced makes a stage say when it starts and how it ends, and a span of its
// own around what it does.
func announced(stage pipeline.Stage) pipeline.Stage {
	run := stage.Run
	stage.Run = func(ctx context.Context) (string, error) {
		ctx, span := Tracer().Start(ctx, stage.Name)
		defer span.End()
		progress("%s: starting", stage.Name)
		produced, err := run(ctx)
		if err != nil {
			span.SetStatus(codes.Error, secretsGiven.Text(err.Error()))
			progress("%s: FAILED: %v", stage.Name, err)
			return produced, err
		}
		progress("%s: done, %s", stage.Name, produced)
		return produced, nil
	}
	return stage
}

func (x *execution) test(ctx context.Context) (string, error) {
	var err error
	if x.tested.profile, err = x.m.Coverage(ctx); err != nil {
		return "", err
	}
	report, err := readCoverage(ctx, x.tested.profile)
	return fmt.Sprintf("coverage %.1f %%", report.Total.Percent()), err
}

// check runs the gates.
func (x *execution) check(ctx context.Context) (string, error) {
	var err error
	x.checked.results, x.checked.findings, err = x.m.runGates(ctx, gateNames(), x.checks)
	if err != nil {
		return "", err
	}
	return gates.Count(x.checked.results), gates.Err(x.checked.results, x.checks.strict)
}

func (x *execution) build(ctx context.Context) (string, error) {
	built, err := x.packed.Get(ctx)
	if err != nil {
		return "", err
	}
	pushed, verdict, err := x.m.publish(ctx, x.cloud, built, x.scan)
	if err != nil {
		return "", err
	}
	x.built.image, x.built.size, x.built.verdict = pushed.Reference, pushed.Size, verdict
	attested, err := x.attest(ctx, built.programs)
	return fmt.Sprintf("%s, tags %s, %s, %s", pushed.Digest, strings.Join(pushed.Tags, " "), scanLine(x.cloud, verdict), attested), err
}

func (x *execution) infra(ctx context.Context) (string, error) {
	planned := x.planned
	if planned == nil || !planned.holds(ctx, x.built.image) {
		tf, err := x.configured(ctx, applying, x.built.image)
		if err != nil {
			return "", err
		}
		if planned, err = tf.plan(ctx, x.built.image); err != nil {
			x.provisioned.summary = planned.summary
			return "", err
		}
	}
	var err error
	x.provisioned.summary, x.provisioned.outputs, err = planned.apply(ctx)
	return x.provisioned.summary.String(), err
}

// planAhead plans with the image that is about to be pushed. It changes nothing, and
// takes no lock from a run that does. What keeps it from a plan keeps nothing else: the
// stage then plans in its turn, and says what is wrong.
func (x *execution) planAhead(ctx context.Context) error {
	planned, err := x.planEarly(ctx)
	switch {
	case err == nil:
		x.planned = planned
	case ctx.Err() == nil && !errors.Is(err, ecr.ErrNoRepository): // before the first push there is nothing to plan with
		progress("infra: to be planned in its turn: %v", err)
	}
	return ctx.Err()
}

func (x *execution) planEarly(ctx context.Context) (*terraformPlan, error) {
	built, err := x.programs.Get(ctx)
	if err != nil {
		return nil, err
	}
	image := ""
	if slices.Contains(x.decision.Running(), trigger.Build) {
		if image, err = x.imageToCome(ctx); err != nil {
			return nil, err
		}
	}
	applier, err := x.m.as(ctx, x.cloud, applying)
	if err != nil {
		return nil, err
	}
	tf, err := x.m.configuredAt(ctx, applier, x.m.place(applier), image, built.zip)
	if err != nil {
		return nil, err
	}
	tf.base = tf.base.WithEnvVariable(planLock, "false")
	return tf.plan(ctx, image)
}

// imageToCome is the reference that the image gets when it is pushed. There is none
// where there is no repository yet, and then there is no state to plan for either.
func (x *execution) imageToCome(ctx context.Context) (string, error) {
	repository, err := ecr.FindRepository(ctx, awsecr.NewFromConfig(x.cloud.config), x.m.repositoryName())
	if err != nil {
		return "", err
	}
	built, err := x.packed.Get(ctx)
	if err != nil {
		return "", err
	}
	return aws.ToString(repository.RepositoryUri) + "@" + built.image.Digest, nil
}

// configured is Terraform under a role, for this run's processor and an image.
func (x *execution) configured(ctx context.Context, r role, image string) (*terraformSession, error) {
	built, err := x.programs.Get(ctx)
	if err != nil {
		return nil, err
	}
	c, err := x.m.as(ctx, x.cloud, r)
	if err != nil {
		return nil, err
	}
	return x.m.configured(ctx, c, image, built.zip)
}

// image returns the image to deploy: the one just pushed, or the one that was
// pushed before, for this commit or by the digest that was asked for.
func (x *execution) image(ctx context.Context) (string, error) {
	if x.built.image != "" {
		return x.built.image, nil
	}
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return "", err
	}
	return x.m.pushedImage(ctx, x.cloud, out, x.digest)
}

// images are the images to deploy, by the containers that get them.
func (x *execution) images(ctx context.Context, s system) (map[string]string, error) {
	if x.named.given() {
		return x.service.containers, nil
	}
	image, err := x.image(ctx)
	return map[string]string{s.service.container: image}, err
}

// saveRunning saves what runs before the halves change, for a rollback and beside
// the run's record.
func (x *execution) saveRunning(ctx context.Context) error {
	s, err := x.system(ctx)
	if err != nil {
		return err
	}
	before, err := x.m.saveDeployed(ctx, x.cloud, s, nil)
	if err != nil {
		return err
	}
	if x.deployed.before, err = json.MarshalIndent(before, "", "  "); err != nil {
		return err
	}
	x.attach(".before.json", x.deployed.before)
	return nil
}

func (x *execution) lambda(ctx context.Context) (string, error) {
	s, err := x.system(ctx)
	if err != nil {
		return "", err
	}
	code := x.code
	if !x.named.given() {
		built, err := x.programs.Get(ctx)
		if err != nil {
			return "", err
		}
		code.zip, code.keep = built.zip.Zip, keepVersions
		code.payload, code.invocations = []byte(testEvent), 1
	}
	if err := x.verify(); err != nil {
		return "", err
	}
	if err := x.saveBefore(); err != nil {
		return "", err
	}
	x.deployed.function, err = deployFunction(ctx, x.cloud, s.function, code, x.canary)
	if x.deployed.function.Outcome == rollout.Unchanged {
		x.deployed.function.Reason += x.unchanged(ctx, x.processor)
	}
	return functionLine(x.deployed.function), err
}

func (x *execution) ecs(ctx context.Context) (string, error) {
	s, err := x.system(ctx)
	if err != nil {
		return "", err
	}
	images, err := x.images(ctx, s)
	if err != nil {
		return "", err
	}
	if err := x.verify(); err != nil {
		return "", err
	}
	if err := x.saveBefore(); err != nil {
		return "", err
	}
	x.deployed.service, err = x.m.deployService(ctx, x.cloud, s, images, x.service, x.scanned)
	if err != nil {
		return "", withDiagnosis(err, x.deployed.service)
	}
	if x.deployed.service.Outcome == rollout.Unchanged {
		x.deployed.service.Reason += x.unchanged(ctx, x.api.Get)
	}
	return serviceLine(x.deployed.service), nil
}

// processor is the processor's program.
func (x *execution) processor(ctx context.Context) (program, error) {
	built, err := x.programs.Get(ctx)
	return built.processor, err
}

// unchanged says since which commit a half that was left as it is has not changed; it
// is empty where that is not known.
func (x *execution) unchanged(ctx context.Context, of func(context.Context) (program, error)) string {
	if x.named.given() || x.digest != "" {
		return ""
	}
	left, err := of(ctx)
	if err != nil {
		return ""
	}
	return left.version.Unchanged()
}

// scanned returns what this run's gate said of the image that it pushed, and asks
// the registry about any other.
func (x *execution) scanned(ctx context.Context, repository, digest string) (string, error) {
	if strings.HasSuffix(x.built.image, "/"+repository+"@"+digest) {
		return x.built.verdict.String(), x.built.verdict.Err(x.built.image)
	}
	return x.scan.ask(x.cloud, !x.named.given())(ctx, repository, digest)
}

func (x *execution) smoke(ctx context.Context) (string, error) {
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return "", err
	}
	image, err := x.image(ctx)
	if err != nil {
		return "", err
	}
	api, err := x.api.Get(ctx)
	if err != nil {
		return "", err
	}
	report, err := x.m.smoke(ctx, x.cloud, out, api.version, image, x.readings)
	return report.String(), err
}

func (x *execution) negative(ctx context.Context) (string, error) {
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return "", err
	}
	return x.m.sendHostile(ctx, x.cloud, out)
}

func (x *execution) load(ctx context.Context) (string, error) {
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return "", err
	}
	return x.m.putUnderLoad(ctx, x.cloud, out, usualLoad())
}

// drift compares the world with the configuration.
func (x *execution) drift(ctx context.Context) (string, error) {
	tf, err := x.configured(ctx, planning, "")
	if err != nil {
		return "", err
	}
	return findDrifted(ctx, tf)
}

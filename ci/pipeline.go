package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/gates/scan"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/notify"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout/ecs"
	"dagger/sensor-backend/rollout/lambda"
	"dagger/sensor-backend/terraform"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// runRequest is what a run of the pipeline is asked for.
type runRequest struct {
	event    trigger.Event
	decision trigger.Decision
	by       record.By
	// committed is when the commit was made; zero if that is not known.
	committed time.Time
	// changed says in what the source that is built differs from the commit; empty
	// if in nothing.
	changed func(context.Context) string

	// preview says what a pull request changes in the configuration; nil for another
	// event and where nothing of it changes.
	preview func(context.Context) (terraform.Summary, error)

	// readings is the smoke test's sensor file; nil for a generated one.
	readings *dagger.File
	// named is the system to deploy to, where arguments name one.
	named named
	// digest is the image to deploy; empty for the commit's own.
	digest  string
	service serviceOptions
	canary  canary
	code    functionCode
	scan    scanGate
	checks  checkOptions
	signing
	// senders notify others of the run.
	senders []notify.Sender
}

// execution is one run of the pipeline under way. Each stage writes what it hands
// on into the group that bears its name, before the stages that need it start.
type execution struct {
	runRequest
	m     *SensorBackend
	cloud *cloud
	// commit is what is deployed; empty if that is not known.
	commit string
	// id and started name the run and its start.
	id      string
	started time.Time
	// api finds out about the API's program, programs about both and packs the processor;
	// packed packs the API's image too.
	api      pipeline.Once[program]
	programs pipeline.Once[programs]
	packed   pipeline.Once[packed]
	// differs is what changed says.
	differs pipeline.Once[string]
	// planned is the plan that was made while the stages before still ran; nil if none
	// was.
	planned *terraformPlan
	// lock takes the deploy lock once, which is held then.
	lock func() error
	held heldLock
	// verify checks once the provenance of what is about to be deployed.
	verify func() error
	// saveBefore saves once, for both halves, what runs before they change.
	saveBefore func() error

	// reading guards loaded, the outputs that were read from the state.
	reading sync.Mutex
	loaded  terraform.Outputs

	tested struct {
		// profile is the tests' coverage profile.
		profile *dagger.File
	}
	checked struct {
		results  []gates.Result
		findings *gates.Log
	}
	built struct {
		// packed is what was made to be pushed.
		packed packed
		// image is the pushed image's reference, and size its weight in bytes.
		image string
		size  int64
		// verdict is what the scan's gate said of it.
		verdict scan.Result
	}
	provisioned struct {
		// summary is not Seen if Terraform did not run.
		summary terraform.Summary
		outputs terraform.Outputs
	}
	deployed struct {
		service  ecs.Result
		function lambda.Result
		// before is what ran before, as JSON.
		before []byte
		// restored is the version that a half was taken back to, by its stage; set
		// after all stages, one half after the other.
		restored map[string]string
	}
	// attachments are saved beside the record.
	attachments []attachment
}

// runResult is a run that is over.
type runResult struct {
	record record.Record
	// report is what a terminal shows of it.
	report string
	// failure is the first one; nil if every stage passed.
	failure   error
	execution *execution
}

// execute runs the stages that were decided on, reports and saves the record. The
// error is for a run that was refused before it began; what stages say is in what
// it returns.
func (m *SensorBackend) execute(ctx context.Context, request runRequest) (runResult, error) {
	ref, err := m.revisionFor(ctx, request.named)
	if err != nil {
		return runResult{}, err
	}
	started := time.Now().UTC()
	id, err := record.NewID(started, ref.Commit, rand.Reader)
	if err != nil {
		return runResult{}, err
	}
	r := record.Record{
		Schema: record.Schema, ID: id, Kind: record.Run, Commit: ref.Commit, Committed: request.committed, Branch: ref.Branch,
		Event: request.event.Name, Ref: request.event.Ref, Decision: request.decision, By: request.by, Started: started,
	}
	x := &execution{runRequest: request, m: m, commit: ref.Commit, id: id, started: started}
	target := "no environment"
	if request.decision.Environment != "" {
		c, done, err := m.connect(ctx)
		if err != nil {
			return runResult{}, err
		}
		defer done()
		if err := request.named.check(); err != nil {
			return runResult{}, err
		}
		if err := request.canary.supported(c); err != nil {
			return runResult{}, err
		}
		if request.public != nil && request.named.given() {
			return runResult{}, errors.New("--public-key verifies what this pipeline built: leave it out where arguments name the system")
		}
		if request.decision.Deploys && c.emulator == nil && !request.named.given() {
			if err := m.checkReady(ctx, c); err != nil {
				return runResult{}, err
			}
		}
		if c, err = m.as(ctx, c, request.named.role()); err != nil {
			return runResult{}, err
		}
		x.cloud, target = c, m.targetName(c)
		r.Target, r.By.Actor = m.recordTarget(c), cmp.Or(r.By.Actor, c.caller)
	}
	// Tests and builds change nothing: the lock is taken just before the first
	// change, so that a rollback need not wait for them.
	x.lock = sync.OnceValue(func() error {
		var err error
		x.held, err = m.acquireLock(ctx, x.cloud, request.named)
		return err
	})
	defer func() { x.held.release(ctx, x.cloud) }()
	results := pipeline.Run(ctx, x.stages(ctx), time.Now)
	x.built.packed.remove()
	x.compensate(ctx, results)
	x.saveDeployment(ctx, results)
	x.lookAhead(ctx)
	x.describe(ctx, &r, results)
	r.Ended = time.Now().UTC()
	secretsGiven.Value(&r)
	results = append(results, x.notify(ctx, r))
	r.SetStages(results)
	r.AddLog(printed.Of)
	secretsGiven.Value(&r)
	r.Ended = time.Now().UTC()
	if !request.named.given() {
		m.saveRecord(ctx, x.cloud, r, x.attachments...)
	}
	return runResult{
		record: r, failure: firstFailure(results), execution: x,
		report: fmt.Sprintf("On %s\n\n%s\n%s\nTook %s, on %s", target, report.Terminal(r), report.Next(r, x.place()),
			r.Ended.Sub(started).Round(time.Second), target),
	}, nil
}

// place is where a reader finds what the run worked on.
func (x *execution) place() report.Place {
	switch {
	case x.cloud == nil:
		return report.Place{}
	case x.cloud.emulator != nil:
		return report.EmulatedPlace(x.m.RunningEmulator == nil)
	}
	return report.Place{
		Flags: fmt.Sprintf("$flags --environment %s --aws-region %s", x.m.Environment, x.m.Region),
		Page:  cmp.Or(x.provisioned.outputs["api_url"], x.loaded["api_url"]),
	}
}

// recordTarget is where a run works, for its record.
func (m *SensorBackend) recordTarget(c *cloud) record.Target {
	t := record.Target{Environment: m.Environment, Region: m.Region, Emulated: c.emulator != nil}
	if c.emulator == nil {
		t.Account = c.account
	}
	return t
}

// lookAhead plans what a pull request changes. That it cannot be planned is for the
// gates to refuse, and only noted here.
func (x *execution) lookAhead(ctx context.Context) {
	if x.preview == nil {
		return
	}
	progress("plan: comparing the configuration with the base")
	summary, err := x.preview(ctx)
	if err != nil {
		progress("plan: not compared: %v", err)
		return
	}
	x.provisioned.summary = summary
	progress("plan: %s", summary)
}

// describe writes into the record what the stages made.
func (x *execution) describe(ctx context.Context, r *record.Record, results []pipeline.Result) {
	r.SetStages(results)
	if x.built.image != "" {
		r.Artefacts = append(r.Artefacts, record.Artefact{Name: "API image", Digest: digestOf(x.built.image), Size: x.built.size})
	}
	if slices.ContainsFunc(results, func(p pipeline.Result) bool { return p.Stage == trigger.Build && p.Outcome == pipeline.Passed }) {
		if built, err := x.programs.Get(ctx); err == nil {
			zip := built.zip.Zip
			r.Artefacts = append(r.Artefacts, record.Artefact{Name: "processor zip", Digest: sha256Of(zip), Size: int64(len(zip))})
		}
	}
	r.Plan = record.PlanOf(x.provisioned.summary)
	if cost := x.provisioned.summary.Cost; r.Plan != nil && cost != nil {
		r.Cost = &record.Cost{Monthly: cost.Monthly, Difference: cost.Difference}
	}
	r.Service, r.Function = record.HalfOf(x.deployed.service.Summary()), record.HalfOf(x.deployed.function.Summary())
	if version := x.deployed.restored[trigger.ECS]; version != "" {
		r.Service.Runs = version
	}
	if version := x.deployed.restored[trigger.Lambda]; version != "" {
		r.Function.Runs = version
	}
	for _, g := range x.checked.results {
		r.Gates = append(r.Gates, record.GateOf(g))
	}
}

// notify runs the stage that notifies others, however the ones before it ended. A
// notification that fails shows in the report and fails nothing: what was deployed
// is deployed.
func (x *execution) notify(ctx context.Context, r record.Record) pipeline.Result {
	return pipeline.Run(context.WithoutCancel(ctx), []pipeline.Stage{{
		Name: trigger.Notify,
		Run: func(ctx context.Context) (string, error) {
			senders := slices.Clone(x.senders)
			if x.decision.Deploys && !x.named.given() {
				senders = append(senders, notify.SNS{API: sns.NewFromConfig(x.cloud.config), Topic: x.alarmsTopic})
			}
			if len(senders) == 0 {
				return "reported here, nobody else was named", nil
			}
			results := notify.All(ctx, senders, r, notify.Limit)
			if notify.Err(results) != nil {
				progress("notify: %s", notify.Summary(results))
			}
			return notify.Summary(results), nil
		},
	}}, time.Now)[0]
}

// alarmsTopic is the topic that the infrastructure has for what happens to the
// system.
func (x *execution) alarmsTopic(ctx context.Context) (string, error) {
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return "", fmt.Errorf("read the infrastructure's outputs: %w", err)
	}
	return out["alarms_topic_arn"], nil
}

// loadOutputs returns the infrastructure's outputs, read from the state once if
// infra is not part of this run.
func (x *execution) loadOutputs(ctx context.Context) (terraform.Outputs, error) {
	if x.provisioned.outputs != nil {
		return x.provisioned.outputs, nil
	}
	x.reading.Lock()
	defer x.reading.Unlock()
	if x.loaded != nil {
		return x.loaded, nil
	}
	out, err := x.m.readOutputs(ctx, x.cloud)
	if err == nil {
		x.loaded = out
	}
	return out, err
}

// system is what the run deploys to.
func (x *execution) system(ctx context.Context) (system, error) {
	if x.named.given() {
		return namedSystem(x.cloud, x.named), nil
	}
	out, err := x.loadOutputs(ctx)
	if err != nil {
		return system{}, err
	}
	return x.m.ownSystem(x.cloud, out)
}

// attach notes a JSON file that is saved beside the record.
func (x *execution) attach(suffix string, content []byte) {
	x.attachments = append(x.attachments, attachment{suffix, "application/json", content})
}

// digestOf is the digest in an image's reference, or the reference if it has
// none.
func digestOf(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	return image
}

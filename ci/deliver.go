package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/notify"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/record"
	"dagger/sensor-backend/report"
	"dagger/sensor-backend/trigger"
)

// wish is what a run of the pipeline is asked for.
type wish struct {
	event    trigger.Event
	decision trigger.Decision
	by       record.By
	// committed is when the commit was made; zero if that is not known.
	committed time.Time

	readings *dagger.File
	gate     gate
	proof    proof
	checks   checksWish
	signing
	// tell is whom the run is told to.
	tell []notify.Sender
}

// finished is a run that is over.
type finished struct {
	record record.Record
	// report is what a terminal shows of it.
	report string
	// cause is the first failure; nil if every stage passed.
	cause error
	run   *delivery
}

// verdict is the report, or an error that shows it and carries the exit code of
// the first failure.
func (f finished) verdict() (string, error) {
	if f.cause == nil {
		return f.report, nil
	}
	return "", exits(&runError{cause: f.cause, report: f.report})
}

// deliver runs the stages that were decided on, reports and keeps the record.
// The error is for a run that was refused before it began; what stages say is in
// what it returns.
func (m *SensorBackend) deliver(ctx context.Context, w wish) (finished, error) {
	ref, err := m.revision(ctx)
	if err != nil {
		return finished{}, err
	}
	started := time.Now().UTC()
	id, err := record.NewID(started, ref.Commit, rand.Reader)
	if err != nil {
		return finished{}, err
	}
	r := record.Record{
		Schema: record.Schema, ID: id, Kind: record.Run, Commit: ref.Commit, Committed: w.committed, Branch: ref.Branch,
		Event: w.event.Name, Ref: w.event.Ref, Decision: w.decision, By: w.by, Started: started,
	}
	run := &delivery{m: m, wish: w, id: id, started: started}
	target := "no environment"
	if w.decision.Environment != "" {
		c, done, err := m.connect(ctx)
		if err != nil {
			return finished{}, err
		}
		defer done()
		if err := w.proof.possible(c); err != nil {
			return finished{}, err
		}
		run.cloud, target = c, m.targetName(c)
		r.Target, r.By.Actor = m.recordTarget(c), cmp.Or(r.By.Actor, c.caller)
	}
	if w.decision.Deploys {
		giveBack, err := m.turn(ctx, run.cloud)
		if err != nil {
			return finished{}, err
		}
		defer giveBack()
	}
	results := pipeline.Run(ctx, run.stages(ctx, w.decision.Running()), time.Now)
	run.settle(ctx, results)
	run.record(ctx, results)
	run.describe(&r, results)
	r.Ended = time.Now().UTC()
	secretsGiven.Value(&r)
	results = append(results, run.told(ctx, r))
	r.SetStages(results)
	secretsGiven.Value(&r)
	r.Ended = time.Now().UTC()
	m.keep(ctx, run.cloud, r, run.beside...)
	return finished{
		record: r, cause: firstCause(results), run: run,
		report: fmt.Sprintf("On %s\n\n%s\nTook %s, on %s", target, report.Terminal(r), r.Ended.Sub(started).Round(time.Second), target),
	}, nil
}

// recordTarget is where a run works, for its record.
func (m *SensorBackend) recordTarget(c *cloud) record.Target {
	t := record.Target{Environment: m.Environment, Region: m.Region, Emulated: c.emulator != nil}
	if c.emulator == nil {
		t.Account = c.account
	}
	return t
}

// told runs the stage that tells others, however the ones before it ended. That
// someone is not told shows in the report and fails nothing: what was deployed is
// deployed.
func (d *delivery) told(ctx context.Context, r record.Record) pipeline.Result {
	return pipeline.Run(context.WithoutCancel(ctx), []pipeline.Stage{{
		Name: stageNotify,
		Run: func(ctx context.Context) (string, error) {
			senders := slices.Clone(d.tell)
			if d.decision.Deploys {
				senders = append(senders, d.topic())
			}
			if len(senders) == 0 {
				return "reported here, nobody else was named", nil
			}
			told := notify.All(ctx, senders, r, notify.Limit)
			if notify.Err(told) != nil {
				say("notify: %s", notify.Line(told))
			}
			return notify.Line(told), nil
		},
	}}, time.Now)[0]
}

// describe writes into the record what the stages made.
func (d *delivery) describe(r *record.Record, results []pipeline.Result) {
	r.SetStages(results)
	if _, digest, ok := strings.Cut(d.image, "@"); ok {
		r.Artefacts = append(r.Artefacts, record.Artefact{Name: "API image", Digest: digest, Size: d.imageSize})
	}
	if slices.ContainsFunc(results, func(p pipeline.Result) bool { return p.Stage == stageBuild && p.Outcome == pipeline.Passed }) {
		if zip, err := d.zip(); err == nil {
			r.Artefacts = append(r.Artefacts, record.Artefact{Name: "processor zip", Digest: zipDigest(zip), Size: int64(len(zip.Zip))})
		}
	}
	if p := d.planned; p.Seen {
		r.Plan = &record.Plan{Added: p.Add, Changed: p.Change, Destroyed: p.Remove}
		if p.Cost != nil {
			r.Cost = &record.Cost{Monthly: p.Cost.Monthly, Difference: p.Cost.Difference}
		}
	}
	r.Service, r.Function = record.ServiceHalf(d.service), record.FunctionHalf(d.function)
	for _, g := range d.checked {
		r.Gates = append(r.Gates, record.GateOf(g))
	}
}

// Package dora computes DORA's four measures of software delivery from run
// records: how often one deploys, how long a change takes to get there, how many
// deployments fail, and how long it takes to be back. It is pure. Start at
// Measure.
package dora

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/rollout"
)

// Measures are those of one environment over a window. The definitions are
// DORA's (dora.dev, "DORA's software delivery performance metrics"); what they
// leave open is said at each.
type Measures struct {
	// From and To bound the window: runs that started in it count.
	From, To time.Time

	// Deployments is how many deployments succeeded that changed something, and PerDay
	// that number divided by the window's days. DORA: how often changes are deployed.
	Deployments int
	PerDay      float64

	// LeadTime is the median time from a commit to its being deployed, over the
	// LeadTimes deployments that brought a commit for the first time and know
	// when it was made. DORA: how long a change takes from being committed to
	// running in production. Of the commits that one deployment brings the last
	// alone is known, so that commits which waited for it are not in here.
	LeadTime  time.Duration
	LeadTimes int

	// Attempts is how many deployments came so far that something that runs was
	// changed, Failures how many of them failed or were rolled back afterwards,
	// and FailureRate their share, 0 to 1; 0 without attempts. DORA: the share of
	// deployments that need to be mended at once, as by a rollback or a fix. A
	// run that was stopped by its tests or gates changed nothing and is none. An
	// apply that failed cannot be distinguished from a plan that was refused, and counts.
	Attempts, Failures int
	FailureRate        float64

	// Unknown is how many deployments were open when their run ended and have no
	// later run that shows whether they completed. They count nowhere else. One that
	// the next run found in place did complete, and is a deployment without a lead
	// time; one that it did not find is a failure.
	Unknown int

	// Restore is the median time from when a failed deployment began to change
	// things, or from when a good one ended that was rolled back later, until it
	// was mended: by the circuit breaker within the same run, by a rollback, or
	// by the next deployment that succeeded. Restores is over how many failures
	// that is, Open how many are not mended yet. DORA: how long it takes to
	// recover from a failed deployment.
	Restore        time.Duration
	Restores, Open int
}

// failure is a deployment that has to be mended.
type failure struct {
	run   int // index of the record
	since time.Time
	until time.Time // zero while it is open
}

// Measure computes the measures over the runs of one environment that started
// at from or later, and before to. The order of records does not matter.
func Measure(records []record.Record, from, to time.Time) Measures {
	m := Measures{From: from, To: to}
	runs := slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool {
		return r.Started.Before(from) || !r.Started.Before(to) || !changed(r)
	})
	slices.SortStableFunc(runs, func(a, b record.Record) int { return a.Started.Compare(b.Started) })

	var (
		failures []failure
		leads    []time.Duration
		seen     = map[string]bool{}
		// good tells of each run so far whether what it deployed ran.
		good = make([]bool, len(runs))
	)
	for i, r := range runs {
		passed := r.Outcome == pipeline.Passed
		end := ended
		if r.Kind == record.Run && !passed {
			end = fate(r, runs[i+1:])
		}
		good[i] = passed || end == completed
		switch {
		case end == unknown:
			m.Unknown++
		case end == completed:
			m.Attempts++
			m.Deployments++
			seen[r.Commit] = true
			mend(failures, r.Ended)
		case r.Kind == record.Rollback && passed:
			if left := left(runs[:i], good, r, failures); left >= 0 {
				failures = append(failures, failure{run: left, since: runs[left].Ended})
			}
			mend(failures, r.Ended)
		case r.Kind == record.Rollback:
			// What it was to mend is still open.
		case passed && idle(r):
			// Nothing was deployed, as after a change of the documentation; what runs is as it
			// should be.
			mend(failures, r.Ended)
		case passed:
			m.Attempts++
			m.Deployments++
			if lead := r.Ended.Sub(r.Committed); !seen[r.Commit] && !r.Committed.IsZero() && lead >= 0 {
				leads = append(leads, lead)
			}
			seen[r.Commit] = true
			mend(failures, r.Ended)
		default:
			m.Attempts++
			failures = append(failures, failure{run: i, since: began(r)})
			if mendedItself(r) {
				failures[len(failures)-1].until = r.Ended
			}
		}
	}

	var restores []time.Duration
	for _, f := range failures {
		if f.until.IsZero() {
			m.Open++
			continue
		}
		restores = append(restores, f.until.Sub(f.since))
	}
	if days := to.Sub(from).Hours() / 24; days > 0 {
		m.PerDay = float64(m.Deployments) / days
	}
	if m.Failures = len(failures); m.Attempts > 0 {
		m.FailureRate = float64(m.Failures) / float64(m.Attempts)
	}
	m.LeadTime, m.LeadTimes = median(leads), len(leads)
	m.Restore, m.Restores = median(restores), len(restores)
	return m
}

// end is what is known of how a run's deployment ended.
type end int

const (
	// ended: it was over when the run was.
	ended end = iota
	// completed: it was open, and a later run found it in place.
	completed
	// vanished: it was open, and a later run found something else.
	vanished
	// unknown: it was open, and no later run looked.
	unknown
)

// fate says what became of the halves of a run that were open, by what the next run
// that deployed the half found there before.
func fate(r record.Record, later []record.Record) end {
	all := ended
	for _, part := range []func(record.Record) *record.Half{
		func(r record.Record) *record.Half { return r.Service }, func(r record.Record) *record.Half { return r.Function },
	} {
		half := part(r)
		switch {
		case half == nil || half.OK:
			continue
		case !half.Open:
			// It failed for good, whatever the other one did.
			return vanished
		}
		found := unknown
		for _, next := range later {
			if h := part(next); h != nil && h.Previous != "" {
				if found = vanished; h.Previous == half.Version {
					found = completed
				}
				break
			}
		}
		all = max(all, found)
	}
	return all
}

// changed reports whether a run came so far that something that runs was changed.
func changed(r record.Record) bool {
	if r.Kind == record.Run && !r.Decision.Deploys {
		return false
	}
	for _, half := range []*record.Half{r.Service, r.Function} {
		if half == nil {
			continue
		}
		switch rollout.Outcome(half.Outcome) {
		case rollout.NotStarted, rollout.VerificationFailed:
		default:
			return true
		}
	}
	return r.Plan != nil && r.Plan.Added+r.Plan.Changed+r.Plan.Destroyed > 0
}

// idle reports whether a run found everything in place and changed nothing.
func idle(r record.Record) bool {
	for _, half := range []*record.Half{r.Service, r.Function} {
		if half != nil && rollout.Outcome(half.Outcome) != rollout.Unchanged {
			return false
		}
	}
	return r.Plan == nil || r.Plan.Added+r.Plan.Changed+r.Plan.Destroyed == 0
}

// began is when a run began to change things.
func began(r record.Record) time.Time {
	for _, s := range r.Stages {
		if s.Seconds > 0 && slices.Contains([]string{trigger.Infra, trigger.Lambda, trigger.ECS}, s.Name) {
			return r.Started.Add(time.Duration(s.Offset * float64(time.Second)))
		}
	}
	return r.Started
}

// mendedItself reports whether a failed run left behind what had run before: a half
// was rolled back, and none is in another state.
func mendedItself(r record.Record) bool {
	back := false
	for _, half := range []*record.Half{r.Service, r.Function} {
		switch {
		case half == nil || half.OK:
		case rollout.Outcome(half.Outcome) == rollout.RolledBack:
			back = true
		case rollout.Outcome(half.Outcome) == rollout.NotStarted, rollout.Outcome(half.Outcome) == rollout.VerificationFailed:
		default:
			return false
		}
	}
	return back
}

// left is the deployment that a rollback took back although it had succeeded:
// the last one before it, of the commit that the rollback says it left if it
// says one. It is -1 if that one had failed, or there is none.
func left(before []record.Record, good []bool, rollback record.Record, failures []failure) int {
	for i := len(before) - 1; i >= 0; i-- {
		r := before[i]
		switch {
		case r.Kind == record.Rollback && r.Outcome == pipeline.Passed:
			return -1 // what runs is not from a deployment before that
		case r.Kind == record.Rollback, rollback.Left != "" && r.Commit != rollback.Left:
			continue
		case !good[i], slices.ContainsFunc(failures, func(f failure) bool { return f.run == i }):
			return -1
		}
		return i
	}
	return -1
}

// mend closes every failure that is open.
func mend(failures []failure, at time.Time) {
	for i := range failures {
		if failures[i].until.IsZero() {
			failures[i].until = at
		}
	}
}

// median is the middle one, or the mean of the two in the middle; 0 of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 1 {
		return all[middle]
	}
	return (all[middle-1] + all[middle]) / 2
}

// String is the measures as a table.
func (m Measures) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	// A strings.Builder cannot fail.
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("MEASURE", "VALUE", "FROM")
	row("deployment frequency", fmt.Sprintf("%.2f a day", m.PerDay), fmt.Sprintf("deployments: %d, days: %.0f", m.Deployments, m.To.Sub(m.From).Hours()/24))
	row("lead time for changes", length(m.LeadTime, m.LeadTimes), fmt.Sprintf("changes: %d, their median", m.LeadTimes))
	rate := "none yet"
	if m.Attempts > 0 {
		rate = fmt.Sprintf("%.1f %%", 100*m.FailureRate)
	}
	row("change failure rate", rate, fmt.Sprintf("failed: %d of %d that changed something", m.Failures, m.Attempts))
	row("time to restore", length(m.Restore, m.Restores), fmt.Sprintf("restored: %d, their median; not restored yet: %d", m.Restores, m.Open))
	if m.Unknown > 0 {
		row("open deployments", strconv.Itoa(m.Unknown), "it is not known whether they completed; the next deploy shows it")
	}
	_ = w.Flush()
	return b.String()
}

func length(d time.Duration, of int) string {
	if of == 0 {
		return "none yet"
	}
	return d.Round(time.Second).String()
}

package ecs

import (
	"time"

	"dagger/sensor-backend/rollout"
)

// stopwatch is the moment at which a condition began to hold; its zero value is
// one that does not hold.
type stopwatch struct {
	running bool
	from    time.Duration
}

func (w *stopwatch) while(holds bool, now time.Duration) {
	if holds && !w.running {
		w.from = now
	}
	w.running = holds
}

func (w *stopwatch) age(now time.Duration) time.Duration {
	if !w.running {
		return 0
	}
	return now - w.from
}

// stopwatches are those of what a view says of the past.
type stopwatches struct {
	failing, missing, absent, listed stopwatch
	outcome                          rollout.Outcome
}

// note starts and stops them by what was read at a moment.
func (s *stopwatches) note(f *follower, verdict Verdict, now time.Duration) {
	f.view.Failing = verdict.Failing
	s.failing.while(verdict.Failing, now)
	s.missing.while(f.view.Service == nil, now)
	absent := false
	if f.view.Service != nil {
		_, ours := find(f.view)
		absent = ours == nil && f.view.Shown
	}
	s.absent.while(absent, now)
	if f.listed != s.outcome {
		s.listed = stopwatch{}
	}
	s.outcome = f.listed
	s.listed.while(f.listed != "", now)
}

// age writes into the view how long each condition has held.
func (s *stopwatches) age(v *View, now time.Duration) {
	v.FailingFor, v.MissingFor = s.failing.age(now), s.missing.age(now)
	v.AbsentFor, v.ListedFor = s.absent.age(now), s.listed.age(now)
}

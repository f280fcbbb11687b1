package report

import (
	"strings"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/trigger"
)

// Place is what a reader can reach after a run.
type Place struct {
	// Flags are what a call needs before its verb to work on the same environment.
	Flags string
	// Page is the address of the API's page; empty if that is not known.
	Page string
	// Gone is true for an emulated AWS that ended with the run.
	Gone bool
}

// Next says where to look after a run and what to do, one thing a line with its
// command first; it is empty for a run that worked on no environment.
func Next(r record.Record, at Place) string {
	if r.Target.Environment == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("Next:\n")
	line := func(command, what string) {
		const column = 56
		b.WriteString("  " + command + strings.Repeat(" ", max(column-len(command), 1)) + what + "\n")
	}
	call := func(verb, what string) {
		line(strings.Join(strings.Fields("dagger call "+at.Flags+" "+verb), " "), what)
	}
	if at.Gone {
		at.Flags = runningEmulator
		line("dagger call emulator up", "this run's emulated AWS is gone; keep one up, in another terminal")
		call("deploy", "deploy to it, again and again")
		line(emulatedPage, "the page that it then serves")
		return b.String()
	}
	switch at.Page {
	case "":
	case emulatedPage:
		line(at.Page, "the API's page, with the ports of emulator up")
	default:
		line(at.Page, "the API's page")
	}
	call("status", "what runs, since when, and where the halves disagree")
	switch {
	case open(r):
		call("deploy", "once status says that it ended: completes what is open")
		call("rollback", "or takes it back")
	case failed(r, trigger.Lambda):
		call("logs --of processor", "what the processor said")
	case r.Outcome == pipeline.Passed:
		call("logs", "what the API says")
		call("rollback", "puts back what ran before")
	default:
		call("logs", "what the API said")
		call("history", "the last runs, and how they ended")
	}
	return b.String()
}

// Where the emulated AWS is that `dagger call emulator up` leaves running.
const (
	runningEmulator = "--emulator tcp://localhost:4566"
	emulatedPage    = "http://localhost:8000"
)

// EmulatedPlace is where a reader finds an emulated AWS: one that was given, with the
// ports of `dagger call emulator up`, or the run's own, which ends with it.
func EmulatedPlace(own bool) Place {
	return Place{Flags: runningEmulator, Page: emulatedPage, Gone: own}
}

// failed reports whether a stage failed.
func failed(r record.Record, stage string) bool {
	for _, s := range r.Stages {
		if s.Name == stage && s.Outcome == pipeline.Failed {
			return true
		}
	}
	return false
}

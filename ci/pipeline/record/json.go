package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/target"
)

var (
	idForm     = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[0-9a-f]{8}$`)
	digestForm = regexp.MustCompile(`^[a-z0-9]+:[0-9a-f]{32,128}$`)
)

// Encode checks the record and writes it as indented JSON that ends with a
// newline. Characters that mean something in HTML are written as escapes.
func (r Record) Encode() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.ID, err)
	}
	return append(raw, '\n'), nil
}

// Decode reads a record and checks it. A record of a newer schema, a field that
// the schema does not have, and text behind the record are errors that say so.
func Decode(raw []byte) (Record, error) {
	var version struct {
		Schema *int `json:"schema"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return Record{}, fmt.Errorf("this is not a run record: %w", err)
	}
	switch {
	case version.Schema == nil:
		return Record{}, errors.New(`this is not a run record: it has no field "schema"`)
	case *version.Schema > Schema:
		return Record{}, fmt.Errorf("the run record has schema %d and this program reads up to %d: use a newer version of the module", *version.Schema, Schema)
	case *version.Schema < 1:
		return Record{}, fmt.Errorf("the run record has schema %d: the first one is 1", *version.Schema)
	}
	var r Record
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("the run record does not follow schema %d: %w", *version.Schema, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Record{}, fmt.Errorf("there is text behind run record %.40q", r.ID)
	}
	// Schemas 3 and 2 lack fields, and schema 1 had two that no version of the module
	// wrote.
	r.Schema = Schema
	if err := r.Check(); err != nil {
		return Record{}, err
	}
	return r, nil
}

// Check says what of the record cannot be.
func (r Record) Check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("run record %.60q: %s", r.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case r.Schema != Schema:
		return fail("schema is %d, want %d", r.Schema, Schema)
	case !idForm.MatchString(r.ID):
		return fail("id has not the form DATETtimeZ-COMMIT-NONCE")
	case r.Kind != Run && r.Kind != Rollback:
		return fail("kind is %.40q, want %s or %s", r.Kind, Run, Rollback)
	case r.Kind == Run && r.Commit == "", r.Commit != "" && !gitref.IsCommit(r.Commit):
		return fail("commit %.80q is not a commit of 40 or 64 hex digits", r.Commit)
	case r.Left != "" && !gitref.IsCommit(r.Left):
		return fail("left %.80q is not a commit of 40 or 64 hex digits", r.Left)
	case r.Event == "":
		return fail("event is empty")
	case r.Started.IsZero(), r.Ended.Before(r.Started):
		return fail("it ended at %s and started at %s", r.Ended, r.Started)
	case r.Outcome != outcome(r.Stages):
		return fail("outcome is %.40q, yet its stages say %s", r.Outcome, outcome(r.Stages))
	}
	if r.Target.Environment != "" {
		if err := target.CheckEnvironment(r.Target.Environment); err != nil {
			return fail("%v", err)
		}
	}
	for _, s := range r.Stages {
		known := []pipeline.Outcome{pipeline.Passed, pipeline.Failed, pipeline.Skipped, pipeline.Canceled}
		switch {
		case s.Name == "":
			return fail("a stage has no name")
		case !slices.Contains(known, s.Outcome):
			return fail("stage %.40q has the outcome %.40q, want one of %s", s.Name, s.Outcome, known)
		case !span(s.Offset), !span(s.Seconds):
			return fail("stage %.40q begins at %v and takes %v seconds", s.Name, s.Offset, s.Seconds)
		}
	}
	if r.Plan != nil {
		for _, one := range r.Plan.Resources {
			if one.Action == "" || one.Address == "" {
				return fail("the plan's resource %.80q has the action %.40q", one.Address, one.Action)
			}
		}
	}
	for _, half := range []*Half{r.Service, r.Function} {
		if half != nil && half.OK && half.Open {
			return fail("half %.40q is a success and open at once", half.Version)
		}
	}
	for _, a := range r.Artefacts {
		if a.Name == "" || a.Size < 0 || !digestForm.MatchString(a.Digest) {
			return fail("artefact %.40q has the digest %.80q and %d bytes, want a digest as sha256:HEX", a.Name, a.Digest, a.Size)
		}
	}
	for _, g := range r.Gates {
		if why := g.check(); why != "" {
			return fail("gate %.40q: %s", g.Name, why)
		}
	}
	return nil
}

func (g Gate) check() string {
	switch {
	case g.Name == "":
		return "it has no name"
	case !slices.Contains([]gates.Mode{gates.On, gates.Off, gates.Advisory}, g.Mode):
		return fmt.Sprintf("mode is %.40q, want %s, %s or %s", g.Mode, gates.On, gates.Off, gates.Advisory)
	case !slices.Contains([]gates.Outcome{gates.Passed, gates.Failed, gates.NotChecked}, g.Verdict):
		return fmt.Sprintf("verdict is %.40q, want %s, %s or %s", g.Verdict, gates.Passed, gates.Failed, gates.NotChecked)
	case g.Mode == gates.Off && g.Verdict != gates.NotChecked:
		return fmt.Sprintf("it is off, yet %s", g.Verdict)
	case g.Verdict == gates.NotChecked && g.Reason == "":
		return "it was not checked, and no reason is given"
	}
	return ""
}

// span reports whether seconds are a length of time below a year.
func span(s float64) bool { return !math.IsNaN(s) && s >= 0 && s < 366*24*3600 }

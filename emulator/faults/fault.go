package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The kinds of fault.
const (
	TaskCrash     = "task-crash"
	TaskHang      = "task-hang"
	TaskLateStart = "task-late-start"
	Throttle      = "throttle"
	ScanFinding   = "scan-finding"
)

// Fault is one thing that shall go wrong.
type Fault struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Times is how often it happens; 0 is always.
	Times int `json:"times,omitempty"`
	// Happened counts.
	Happened int `json:"happened"`

	// Service limits a task fault to an ECS service, Image to references that
	// contain it.
	Service string `json:"service,omitempty"`
	Image   string `json:"image,omitempty"`
	// ExitCode is what a crashed task's container ends with.
	ExitCode int `json:"exitCode,omitempty"`
	// DelayMillis is how long after its start a task crashes, or how late it starts.
	DelayMillis int `json:"delayMillis,omitempty"`

	// Operation is what is throttled, such as ecs:UpdateService, or UpdateService
	// of any service.
	Operation string `json:"operation,omitempty"`
	// Code is the error; ThrottlingException when empty.
	Code string `json:"code,omitempty"`

	// Repository, Tag and Digest choose the images whose scan has the finding.
	Repository string `json:"repository,omitempty"`
	Tag        string `json:"tag,omitempty"`
	Digest     string `json:"digest,omitempty"`
	// Severity is CRITICAL when empty.
	Severity string `json:"severity,omitempty"`
}

// Parse reads faults: one object, or {"faults": [...]}. {} is none.
func Parse(body []byte) ([]Fault, error) {
	var given struct {
		Fault
		Faults []Fault `json:"faults"`
	}
	// A misspelt member would make a fault that does something else.
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return nil, fmt.Errorf("read the faults: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New(`reading the faults: more than one JSON value; give several as {"faults": [...]}`)
	}
	if given.Fault != (Fault{}) {
		if given.Faults != nil {
			return nil, errors.New("read the faults: give one fault or a list of faults, not both")
		}
		given.Faults = []Fault{given.Fault}
	}
	for i, f := range given.Faults {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return given.Faults, nil
}

func (f Fault) check() error {
	kinds := []string{TaskCrash, TaskHang, TaskLateStart, Throttle, ScanFinding}
	severities := []string{"", "CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"}
	switch {
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("kind %q is none of %s", f.Kind, strings.Join(kinds, ", "))
	case f.Kind == Throttle && f.Operation == "":
		return fmt.Errorf("a %s needs an operation, such as ecs:UpdateService", f.Kind)
	case !slices.Contains(severities, f.Severity):
		return fmt.Errorf("severity %q is none of %s", f.Severity, strings.Join(severities[1:], ", "))
	case f.Times < 0 || f.DelayMillis < 0 || f.ExitCode < 0 || f.ExitCode > 255:
		return errors.New("times and delayMillis are not negative, and exitCode is 0 to 255")
	}
	return nil
}

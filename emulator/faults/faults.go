// Package faults makes things go wrong on demand: tasks that crash, hang or
// start late, operations that are throttled, scans with critical findings.
package faults

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecr"
)

// Set holds the faults in force. The zero Set holds none.
type Set struct {
	mu     sync.Mutex
	faults []*Fault
	last   int
}

// Add puts faults in force.
func (s *Set) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.last++
		if f.ID == "" {
			f.ID = strconv.Itoa(s.last)
		}
		f.Happened = 0
		s.faults = append(s.faults, &f)
	}
}

// Clear ends the fault with that id, or all for "".
func (s *Set) Clear(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return id == "" || f.ID == id })
}

// List gives the faults in force and what has become of them.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, 0, len(s.faults))
	for _, f := range s.faults {
		list = append(list, *f)
	}
	return list
}

// take finds a fault that matches and counts it.
func (s *Set) take(matches func(*Fault) bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if (f.Times == 0 || f.Happened < f.Times) && matches(f) {
			f.Happened++
			return *f, true
		}
	}
	return Fault{}, false
}

// Task is what shall go wrong with one task.
type Task struct {
	Crash      bool
	CrashAfter time.Duration
	ExitCode   int
	Hang       bool
	Late       time.Duration
}

// ForTask gives the faults of a new task of a service that runs these images.
func (s *Set) ForTask(service string, images []string) Task {
	var t Task
	match := func(kind string) func(*Fault) bool {
		return func(f *Fault) bool {
			return f.Kind == kind && (f.Service == "" || f.Service == service) &&
				(f.Image == "" || slices.ContainsFunc(images, func(i string) bool { return strings.Contains(i, f.Image) }))
		}
	}
	if f, ok := s.take(match(TaskCrash)); ok {
		t.Crash, t.ExitCode, t.CrashAfter = true, f.ExitCode, time.Duration(f.DelayMillis)*time.Millisecond
		if t.ExitCode == 0 {
			t.ExitCode = 1
		}
	}
	if _, ok := s.take(match(TaskHang)); ok {
		t.Hang = true
	}
	if f, ok := s.take(match(TaskLateStart)); ok {
		t.Late = time.Duration(f.DelayMillis) * time.Millisecond
	}
	return t
}

// Throttled gives the error for an operation that shall be refused now, or nil.
func (s *Set) Throttled(service, operation string) *awsapi.Error {
	f, ok := s.take(func(f *Fault) bool {
		return f.Kind == Throttle && (f.Operation == operation || f.Operation == service+":"+operation)
	})
	if !ok {
		return nil
	}
	code := f.Code
	if code == "" {
		code = "ThrottlingException"
	}
	return awsapi.Errorf(code, "Rate exceeded")
}

// ScanFindings gives the findings that a scan of an image shall have.
func (s *Set) ScanFindings(repository, digest string, tags []string) []ecr.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	var findings []ecr.Finding
	for _, f := range s.faults {
		if f.Kind != ScanFinding || f.Repository != "" && f.Repository != repository ||
			f.Digest != "" && f.Digest != digest || f.Tag != "" && !slices.Contains(tags, f.Tag) {
			continue
		}
		severity := f.Severity
		if severity == "" {
			severity = "CRITICAL"
		}
		f.Happened = 1
		findings = append(findings, ecr.Finding{
			Name: "CVE-2099-0001", Severity: severity, Description: "A finding injected into the emulator.",
			URI: "https://nvd.nist.gov/vuln/detail/CVE-2099-0001",
			Attributes: []ecr.Attribute{
				{Key: "package_name", Value: "emulated"}, {Key: "package_version", Value: "1.0"},
			},
		})
	}
	return findings
}

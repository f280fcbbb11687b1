// Package faults makes things go wrong on demand: tasks that crash, hang or
// start late, operations that are throttled, scans with critical findings.
package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecr"
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

// Set holds the faults in force. The zero Set holds none.
type Set struct {
	mu     sync.Mutex
	faults []*Fault
	last   int
}

// Parse reads faults: one object, or {"faults": [...]}.
func Parse(body []byte) ([]Fault, error) {
	var many struct {
		Faults []Fault `json:"faults"`
	}
	if err := json.Unmarshal(body, &many); err != nil {
		return nil, fmt.Errorf("reading the faults: %w", err)
	}
	if many.Faults == nil {
		var one Fault
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, fmt.Errorf("reading the fault: %w", err)
		}
		if one.Kind == "" {
			return nil, nil
		}
		many.Faults = []Fault{one}
	}
	for i, f := range many.Faults {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return many.Faults, nil
}

func (f Fault) check() error {
	kinds := []string{TaskCrash, TaskHang, TaskLateStart, Throttle, ScanFinding}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("kind %q is none of %s", f.Kind, strings.Join(kinds, ", "))
	}
	if f.Kind == Throttle && f.Operation == "" {
		return fmt.Errorf("a %s needs an operation, such as ecs:UpdateService", f.Kind)
	}
	if f.Times < 0 || f.DelayMillis < 0 || f.ExitCode < 0 || f.ExitCode > 255 {
		return fmt.Errorf("times and delayMillis are not negative, and exitCode is at most 255")
	}
	return nil
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

// ServeHTTP is the control address: GET lists, PUT replaces, POST adds, DELETE
// clears all or the one of ?id=.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut, http.MethodPost:
		var body json.RawMessage
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil {
			awsapi.WriteREST(w, http.StatusBadRequest, map[string]string{"error": "reading the faults: " + err.Error()})
			return
		}
		faults, err := Parse(body)
		if err != nil {
			awsapi.WriteREST(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		if r.Method == http.MethodPut {
			s.Clear("")
		}
		s.Add(faults...)
	case http.MethodDelete:
		s.Clear(r.URL.Query().Get("id"))
	default:
		w.Header().Set("Allow", "GET, PUT, POST, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	awsapi.WriteREST(w, http.StatusOK, map[string]any{"faults": s.List()})
}

// Package scheduler is the ECS service scheduler as a state machine: rolling,
// blue/green, linear and canary deployments, task counts, the circuit breaker
// and rollback. It starts nothing and waits for nothing; it is told what happened
// and when, and says what to start and stop.
package scheduler

import (
	"math"
	"time"
)

// TaskState is how far a task has come.
type TaskState int

// The states of a task, in order.
const (
	Pending    TaskState = iota // being pulled and unpacked
	Activating                  // started, and not yet healthy
	Running                     // healthy, where health checks are defined
	Stopping                    // told to stop
	Stopped
)

// Task is one run of a revision.
type Task struct {
	ID            string
	Deployment    string
	StartedBy     string
	Revision      Revision
	Alternate     bool // see Deployment
	State         TaskState
	Health        string
	CreatedAt     time.Time
	PulledAt      time.Time
	StartedAt     time.Time
	StoppingAt    time.Time
	StoppedAt     time.Time
	StopCode      string
	StoppedReason string
	Containers    []Container
	// WasReady is set once the task has been Running.
	WasReady bool
}

// Container is what became of one container of a task.
type Container struct {
	Name     string
	Image    string
	Digest   string
	ExitCode *int
	Reason   string
	Health   string
}

// Event is a line of the service's history.
type Event struct {
	ID      string
	At      time.Time
	Message string
}

// Service is a scheduled service.
type Service struct {
	Name       string
	Desired    int
	MinHealthy int // percent
	Maximum    int // percent
	Breaker    Breaker
	Strategy   Strategy

	Deployments        []*Deployment // newest first
	Tasks              []*Task       // oldest first
	Events             []Event       // newest first
	ServiceDeployments []*ServiceDeployment
	Deleted            bool

	lastCompleted *Deployment
	steady        bool
	newID         func(kind string) string
}

// NewService makes a service without a deployment. newID makes the ids of the
// kinds "task", "deployment", "service-deployment" and "event".
func NewService(name string, newID func(kind string) string) *Service {
	return &Service{Name: name, MinHealthy: 100, Maximum: 200, newID: newID}
}

// Command is something to do for a task.
type Command struct {
	Start *Task
	Stop  *Task
}

// Primary is the newest deployment, or nil.
func (s *Service) Primary() *Deployment {
	for _, d := range s.Deployments {
		if d.Status == Primary {
			return d
		}
	}
	return nil
}

// Counts are the running and pending tasks of a deployment, or of all for "".
func (s *Service) Counts(deployment string) (running, pending int) {
	for _, t := range s.Tasks {
		if deployment != "" && t.Deployment != deployment {
			continue
		}
		switch t.State {
		case Running:
			running++
		case Pending, Activating:
			pending++
		default: // on its way out, or gone
		}
	}
	return running, pending
}

// LowerBound is how many healthy tasks a rollout keeps.
func (s *Service) LowerBound() int {
	return int(math.Ceil(float64(s.Desired) * float64(s.MinHealthy) / 100))
}

// UpperBound is how many tasks a rollout may have.
func (s *Service) UpperBound() int {
	return int(math.Floor(float64(s.Desired) * float64(s.Maximum) / 100))
}

func (s *Service) task(id string) *Task {
	for _, t := range s.Tasks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

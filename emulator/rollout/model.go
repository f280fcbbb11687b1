// Package rollout is the ECS service scheduler as a state machine: rolling
// deployments, task counts, the circuit breaker and rollback. It starts nothing
// and waits for nothing; it is told what happened and when, and says what to
// start and stop.
package rollout

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

// DeploymentStatus is a deployment's place in its service.
type DeploymentStatus string

// The statuses of a deployment.
const (
	Primary DeploymentStatus = "PRIMARY"
	Active  DeploymentStatus = "ACTIVE"
)

// State is the outcome of a deployment so far.
type State string

// The rollout states.
const (
	InProgress State = "IN_PROGRESS"
	Completed  State = "COMPLETED"
	Failed     State = "FAILED"
)

// Origin says who asked for a deployment.
type Origin int

// The origins of a deployment.
const (
	ByCreate Origin = iota
	ByUpdate
	ByRollback
)

// Revision is what a deployment brings: the configuration it shall run.
type Revision struct {
	ID             string
	TaskDefinition string
	CreatedAt      time.Time
	// Config is the caller's own, carried along.
	Config any
}

// Deployment is one attempt to bring a revision to its service.
type Deployment struct {
	ID        string
	Status    DeploymentStatus
	State     State
	Reason    string
	Origin    Origin
	Revision  Revision
	Failed    int
	CreatedAt time.Time
	UpdatedAt time.Time

	// launches counts attempts since the last healthy task; nextStart delays the next.
	launches  int
	nextStart time.Time
	complained
}

// complained remembers what was already said in an event.
type complained struct {
	placement string
	unstable  bool
}

// Task is one run of a revision.
type Task struct {
	ID            string
	Deployment    string
	StartedBy     string
	Revision      Revision
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
	Port     int
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

// Breaker configures the deployment circuit breaker.
type Breaker struct {
	Enable         bool
	Rollback       bool
	KeepCount      bool // do not reset the count on a healthy task
	ThresholdType  string
	ThresholdValue int
}

// Threshold is how many failures trip the breaker.
func (b Breaker) Threshold(desired int) int {
	value := b.ThresholdValue
	if value == 0 {
		value = 50
	}
	share := int(math.Ceil(float64(desired) * float64(value) / 100))
	switch b.ThresholdType {
	case "COUNT":
		return max(value, 1)
	case "UNBOUNDED_PERCENT":
		return max(share, 1)
	}
	return min(max(share, 3), 200)
}

// Status is where a service deployment stands.
type Status string

// The statuses of a service deployment.
const (
	StatusPending            Status = "PENDING"
	StatusInProgress         Status = "IN_PROGRESS"
	StatusSuccessful         Status = "SUCCESSFUL"
	StatusStopped            Status = "STOPPED"
	StatusStopRequested      Status = "STOP_REQUESTED"
	StatusRollbackInProgress Status = "ROLLBACK_IN_PROGRESS"
	StatusRollbackSuccessful Status = "ROLLBACK_SUCCESSFUL"
	StatusRollbackFailed     Status = "ROLLBACK_FAILED"
)

// ServiceDeployment is the record of one deployment and of its rollback.
type ServiceDeployment struct {
	ID         string
	Deployment string
	Status     Status
	Reason     string
	Target     Revision
	Sources    []Revision
	Breaker    Breaker
	Desired    int
	Failures   int
	Tripped    bool
	CreatedAt  time.Time
	StartedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt time.Time
	StoppedAt  time.Time

	RollbackReason string
	RollbackAt     time.Time
	RollbackTo     Revision
	rollbackBy     string // the deployment that rolls back
}

// Done says whether nothing more will happen to it.
func (d *ServiceDeployment) Done() bool {
	switch d.Status {
	case StatusSuccessful, StatusStopped, StatusRollbackSuccessful, StatusRollbackFailed:
		return true
	}
	return false
}

// Service is a scheduled service.
type Service struct {
	Name       string
	Desired    int
	MinHealthy int // percent
	Maximum    int // percent
	Breaker    Breaker

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
	Start  *Task
	Stop   *Task
	Reason string
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

func (s *Service) deployment(id string) *Deployment {
	for _, d := range s.Deployments {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// serviceDeploymentOf finds the unfinished record that a deployment belongs to.
func (s *Service) serviceDeploymentOf(deployment string) *ServiceDeployment {
	for _, sd := range s.ServiceDeployments {
		if !sd.Done() && (sd.Deployment == deployment || sd.rollbackBy == deployment) {
			return sd
		}
	}
	return nil
}

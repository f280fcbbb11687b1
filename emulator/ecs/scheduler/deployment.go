package scheduler

import "time"

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
	// Weight is the share of the production traffic, in percent, that it shall
	// have where traffic is shifted. Alternate says which of the two target
	// groups its tasks belong to.
	Weight    float64
	Alternate bool

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

// Status is where a service deployment stands.
type Status string

// The statuses of a service deployment.
const (
	StatusPending            Status = "PENDING"
	StatusInProgress         Status = "IN_PROGRESS"
	StatusSuccessful         Status = "SUCCESSFUL"
	StatusStopped            Status = "STOPPED"
	StatusStopRequested      Status = "STOP_REQUESTED"
	StatusRollbackRequested  Status = "ROLLBACK_REQUESTED"
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
	Strategy   Strategy
	Stage      Stage // empty for a rolling update
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

	stageAt, shiftedAt time.Time
}

// Done says whether nothing more will happen to it.
func (d *ServiceDeployment) Done() bool {
	switch d.Status {
	case StatusSuccessful, StatusStopped, StatusRollbackSuccessful, StatusRollbackFailed:
		return true
	default:
		return false
	}
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

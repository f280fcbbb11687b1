package scheduler

import "time"

// The kinds of strategy (API type DeploymentConfiguration).
const (
	Rolling   = "ROLLING"
	BlueGreen = "BLUE_GREEN"
	Linear    = "LINEAR"
	Canary    = "CANARY"
)

// Strategy is how a deployment takes the place of what runs. The zero Strategy
// is a rolling update.
type Strategy struct {
	Kind string
	// Percent is the share of the traffic that a canary gets, or by which each
	// step of a linear deployment goes on.
	Percent float64
	// Wait is how long the canary's share, or each step but the last, lasts.
	Wait time.Duration
	// Bake is how long both revisions run after all of the traffic has moved.
	Bake time.Duration
}

// Shifts says whether the new revision comes up beside the old one and the
// traffic is moved, instead of task replacing task.
func (s Strategy) Shifts() bool { return s.Kind != "" && s.Kind != Rolling }

// next is the new revision's share after the one it has, in percent.
func (s Strategy) next(share float64) float64 {
	switch {
	case s.Kind == Linear:
		return min(100, share+s.Percent)
	case s.Kind == Canary && share < s.Percent:
		return s.Percent
	}
	return 100
}

// Stage is how far a shifting deployment has come (API type ServiceDeployment,
// lifecycleStage).
type Stage string

// The stages, in order.
const (
	ReconcileService           Stage = "RECONCILE_SERVICE"
	PreScaleUp                 Stage = "PRE_SCALE_UP"
	ScaleUp                    Stage = "SCALE_UP"
	PostScaleUp                Stage = "POST_SCALE_UP"
	TestTrafficShift           Stage = "TEST_TRAFFIC_SHIFT"
	PostTestTrafficShift       Stage = "POST_TEST_TRAFFIC_SHIFT"
	ProductionTrafficShift     Stage = "PRODUCTION_TRAFFIC_SHIFT"
	PostProductionTrafficShift Stage = "POST_PRODUCTION_TRAFFIC_SHIFT"
	BakeTime                   Stage = "BAKE_TIME"
	CleanUp                    Stage = "CLEAN_UP"
)

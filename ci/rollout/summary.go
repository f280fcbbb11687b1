package rollout

import "time"

// Summary is how the deploy of one half ended, in what ECS and Lambda have in
// common. Its Outcome is empty for a half that was not deployed.
type Summary struct {
	Outcome Outcome
	// Version is the task definition (family:revision) or the Lambda version that
	// was deployed, Previous the one before.
	Version, Previous string
	// Elapsed is the time from the change to the verdict.
	Elapsed time.Duration
	// Reason is AWS's explanation where it gave one.
	Reason string
	// Open is true when what was begun may still complete.
	Open bool
	// Changed names what was changed, in order and separated by commas.
	Changed string
}

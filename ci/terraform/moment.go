package terraform

import "time"

// Moment is the world that a plan was made for.
type Moment struct {
	// State names the version of the state, Image the image that the plan has for a
	// first task definition, and Caller the credentials.
	State, Image, Caller string
	// At is when it was so.
	At time.Time
}

// planFor is how long a plan stands: the world changes behind Terraform's back, and
// while a plan waits for a gate nobody looks.
const planFor = 10 * time.Minute

// Holds reports whether a plan that was made in that moment may be applied now. If
// another run has changed the state since, or the plan is of another image or old, it
// has to be made again.
func (m Moment) Holds(now Moment) bool {
	return m.State != "" && m.State == now.State && m.Image == now.Image && m.Caller == now.Caller &&
		!now.At.Before(m.At) && now.At.Sub(m.At) < planFor
}

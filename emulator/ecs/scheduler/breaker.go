package scheduler

import "math"

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

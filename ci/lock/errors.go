package lock

import (
	"fmt"
	"time"
)

// HeldError is the refusal: another holder has the lock.
type HeldError struct {
	// Name is the lock's.
	Name string
	// ID is the hold's, for ForceRelease.
	ID string
	// Holder is who has it, Since when, and Until when at the latest if that
	// holder does not renew it; both times are by the holder's clock.
	Holder       string
	Since, Until time.Time
}

// Error says who holds the lock and what to do.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s since %s: wait for it to end; if it was killed, its hold ends at %s, or release it by its id %s",
		e.Name, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339), e.ID)
}

// LostError is a lock that was held and is not any more: no further change may
// be made under it.
type LostError struct {
	// Name is the lock's.
	Name string
	// Holder is who has it now; empty if nobody is known to.
	Holder string
	// Err is why it was lost, if nobody took it.
	Err error
}

// Error says that the lock is lost, and to whom or why.
func (e *LostError) Error() string {
	s := fmt.Sprintf("the lock %s was lost", e.Name)
	if e.Holder != "" {
		s += ": it is held by " + e.Holder
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; nothing more is changed: see status for what runs, then deploy again"
}

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Err }

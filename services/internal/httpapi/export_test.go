package httpapi

import (
	"time"

	"sensor-backend/services/internal/admission"
)

// SetProgress sets how long a client may take to take a page of a stream.
func (a *API) SetProgress(d time.Duration) { a.progress = d }

// SetPatience sets how long a batch or an answer waits for room.
func (a *API) SetPatience(d time.Duration) {
	a.working = admission.NewLine(a.working.Capacity(), d)
}

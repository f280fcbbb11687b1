package httpapi

import "time"

// SetProgress sets how long a client may take to take a page of a stream.
func (a *API) SetProgress(d time.Duration) { a.progress = d }

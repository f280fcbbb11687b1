package warehouse

import "sync/atomic"

// replays remembers whether readings that are stored already have come lately.
// Most batches hold none, and a plain insert of those takes two thirds of the time
// of one that looks for them; but a plain one that meets them has to be undone.
type replays struct{ watch atomic.Int32 }

// watchful is how many inserts look for stored readings after some were met.
const watchful = 100

// met notes an insert that failed on readings that were stored already.
func (r *replays) met() { r.watch.Store(watchful) }

// likely reports whether the next insert should look for them.
func (r *replays) likely() bool {
	return r.watch.Load() > 0 && r.watch.Add(-1) >= 0
}

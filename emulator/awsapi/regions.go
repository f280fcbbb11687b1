package awsapi

import (
	"slices"
	"sync"
)

// Regions remembers which regions were called, the newest first: some requests,
// such as a push or a browser's, name none.
type Regions struct {
	mu   sync.Mutex
	seen []string
}

// Add notes that a region was called.
func (r *Regions) Add(region string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.seen, region) {
		r.seen = append([]string{region}, r.seen...)
	}
}

// All lists the regions; the default one when none was called.
func (r *Regions) All() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		return []string{DefaultRegion}
	}
	return slices.Clone(r.seen)
}

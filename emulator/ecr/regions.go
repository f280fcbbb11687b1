package ecr

import (
	"slices"
	"sync"

	"sensor-backend/emulator/awsapi"
)

// regions remembers where ECR was called: a push names no region.
type regions struct {
	mu   sync.Mutex
	seen []string
}

func newRegions() *regions { return &regions{seen: []string{awsapi.DefaultRegion}} }

func (r *regions) add(region string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.seen, region) {
		r.seen = append([]string{region}, r.seen...)
	}
}

func (r *regions) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

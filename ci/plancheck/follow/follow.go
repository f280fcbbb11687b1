// Package follow shows how far Terraform has come, in a line of its own now and then.
package follow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Run is what the messages of a Terraform run have said so far. The zero value is a
// run that has said nothing.
type Run struct {
	// total is how many resources are to be changed, done how many were, read how
	// many were compared with the world.
	total, done, read int
	// working are the resources that are being changed, and since when.
	working map[string]time.Time
}

// message is what counts of one message (Terraform documentation, "Machine-Readable
// UI", format version 1.2).
type message struct {
	Type    string `json:"type"`
	Changes *struct {
		Add       int    `json:"add"`
		Change    int    `json:"change"`
		Remove    int    `json:"remove"`
		Operation string `json:"operation"`
	} `json:"changes"`
	Hook *struct {
		Resource struct {
			Addr string `json:"addr"`
		} `json:"resource"`
	} `json:"hook"`
}

// Line takes a line of Terraform's -json output that came at a time. Lines that are
// not a message of it change nothing.
func (r *Run) Line(line []byte, at time.Time) {
	var m message
	if json.Unmarshal(line, &m) != nil {
		return
	}
	if m.Type == "change_summary" && m.Changes != nil && m.Changes.Operation == "plan" {
		r.total, r.done = m.Changes.Add+m.Changes.Change+m.Changes.Remove, 0
	}
	if m.Hook == nil {
		return
	}
	resource := m.Hook.Resource.Addr
	switch m.Type {
	case "refresh_complete":
		r.read++
	case "apply_start":
		if r.working == nil {
			r.working = map[string]time.Time{}
		}
		r.working[resource] = at
	case "apply_complete":
		r.done++
		delete(r.working, resource)
	case "apply_errored":
		delete(r.working, resource)
	}
}

// Status says in one line how far the run is, such as "37 of 92 resources,
// aws_lb.api 40 s"; empty if there is nothing to say. The resource is the one that
// takes longest.
func (r *Run) Status(now time.Time) string {
	switch {
	case r.total == 0 && r.read == 0:
		return ""
	case r.total == 0:
		return fmt.Sprintf("%d resources compared with the world", r.read)
	case r.done == 0 && len(r.working) == 0:
		return fmt.Sprintf("%d resources to change", r.total)
	}
	said := fmt.Sprintf("%d of %d resources", r.done, r.total)
	if len(r.working) == 0 {
		return said
	}
	slowest := slices.MinFunc(slices.Sorted(maps.Keys(r.working)), func(a, b string) int {
		return cmp.Compare(r.working[a].UnixNano(), r.working[b].UnixNano())
	})
	return fmt.Sprintf("%s, %s %.0f s", said, slowest, now.Sub(r.working[slowest]).Seconds())
}

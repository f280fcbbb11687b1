package rollout

import (
	"slices"
	"sync"
)

// Changes collects, in order, what a deploy changed, such as "revision api:7
// registered" or "service updated to api:7". The nil Changes collects nothing.
type Changes struct {
	mu   sync.Mutex
	list []string
}

// Add notes a change that was made.
func (c *Changes) Add(what string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, what)
}

// List is what was changed so far; nil for nothing.
func (c *Changes) List() []string {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

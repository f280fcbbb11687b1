package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Choose returns the names of all that the caller wants, in the order of all.
// An empty wish means every one. A name that is not in all is an error that
// lists the valid ones.
func Choose(all, wish []string) ([]string, error) {
	if len(wish) == 0 {
		return slices.Clone(all), nil
	}
	for _, name := range wish {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("unknown name %q: choose from %s", name, strings.Join(all, ", "))
		}
	}
	var chosen []string
	for _, name := range all {
		if slices.Contains(wish, name) {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}

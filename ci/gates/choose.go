package gates

import (
	"fmt"
	"slices"
	"strings"
)

// Choose returns the names of all that the caller wants, in the order of all.
// None chosen means every one. A name that is not in all is an error that
// lists the valid ones.
func Choose(all, chosen []string) ([]string, error) {
	if len(chosen) == 0 {
		return slices.Clone(all), nil
	}
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("unknown name %q: choose from %s", name, strings.Join(all, ", "))
		}
	}
	var ordered []string
	for _, name := range all {
		if slices.Contains(chosen, name) {
			ordered = append(ordered, name)
		}
	}
	return ordered, nil
}

package gates

import (
	"slices"

	"dagger/sensor-backend/text"
)

// Choose returns the names of all that the caller wants, in the order of all.
// None chosen means every one. A name that is not in all is an error that
// lists the valid ones: what says what they are, argument how they are given.
func Choose(what, argument string, all, chosen []string) ([]string, error) {
	if len(chosen) == 0 {
		return slices.Clone(all), nil
	}
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			return nil, text.Unknown(what, name, all, argument)
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

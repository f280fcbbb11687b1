package rollouttest

import (
	"maps"
	"slices"
	"testing"
)

// Pinned fails when the SDK knows a value that no case was thought of for.
func Pinned[T ~string](t *testing.T, values []T, meaning map[T]string) {
	t.Helper()
	slices.Sort(values)
	known := slices.Sorted(maps.Keys(meaning))
	if !slices.Equal(values, known) {
		t.Errorf("the SDK's values of %T are %v, this package has thought of %v", values, values, known)
	}
}

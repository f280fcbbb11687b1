package pages

import (
	"fmt"
	"slices"
)

// Finding is something on a page that is not so.
type Finding struct {
	Page string
	Line int
	// What is wrong, and the nearest right name where there is one.
	What string
}

// String is PAGE:LINE: WHAT.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Page, f.Line, f.What) }

// nearest is the name that takes the fewest changes to reach; empty for no names.
func nearest(name string, names []string) string {
	best, least := "", -1
	for _, one := range slices.Sorted(slices.Values(names)) {
		if d := distance(name, one); least < 0 || d < least {
			best, least = one, d
		}
	}
	return best
}

// unknown says that there is no such name, and which is the nearest.
func unknown(kind, name string, names []string) string {
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("there is no %s %q; the nearest is %q", kind, name, near)
	}
	return fmt.Sprintf("there is no %s %q", kind, name)
}

// distance is how many characters have to be put in, taken out or replaced
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := before
			if a[i] != b[j] {
				replaced++
			}
			before = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

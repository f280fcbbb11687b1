package text

import (
	"fmt"
	"slices"
	"strings"
)

// Unknown refuses a name that is not among those to choose from. It lists them and
// ends with the nearest right argument, or with an example where none is near.
// Argument is how it is given, such as "--environment"; the name is what somebody
// gave, clipped.
func Unknown(what, name string, from []string, argument string) error {
	const most = 100
	hint, right := "for example", ""
	if near := Nearest(name, from); near != "" {
		hint, right = "did you mean", near
	} else if len(from) > 0 {
		right = from[0]
	}
	mark := ""
	if hint == "did you mean" {
		mark = "?"
	}
	return fmt.Errorf("unknown %s %q: choose from %s; %s %s %s%s", what, Clip(name, most), strings.Join(from, ", "), hint, argument, right, mark)
}

// Nearest is the one of names that somebody most likely meant; empty if none is near.
// Near is the same but for case, one that begins with the other, or one with as few
// typing errors as a third of its length. Of several as near the first one counts.
func Nearest(name string, names []string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if runes := []rune(name); len(runes) > longestName {
		return ""
	}
	best, least := "", -1
	for _, each := range names {
		low := strings.ToLower(each)
		far := typos(name, low)
		switch {
		case len(name) > 1 && (strings.HasPrefix(low, name) || len(low) > 2 && strings.HasPrefix(name, low)):
			far = min(far, 1)
		case far > max(1, len(low)/3):
			continue
		}
		if least < 0 || far < least {
			best, least = each, far
		}
	}
	return best
}

// longestName bounds the work on what somebody gives: no name here is longer.
const longestName = 100

// typos counts the letters to put in, leave out, replace or swap with the next one to
// make one word of the other (the optimal string alignment distance).
func typos(a, b string) int {
	left, right := []rune(a), []rune(b)
	var before, last []int
	row := make([]int, len(right)+1)
	for j := range row {
		row[j] = j
	}
	for i, l := range left {
		before, last = last, row
		row = make([]int, len(right)+1)
		row[0] = i + 1
		for j, r := range right {
			change := 1
			if l == r {
				change = 0
			}
			row[j+1] = slices.Min([]int{last[j+1] + 1, row[j] + 1, last[j] + change})
			if i > 0 && j > 0 && l == right[j-1] && left[i-1] == r {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(right)]
}

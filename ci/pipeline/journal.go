package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Journal keeps what a run says, by the stage that says it. The zero Journal is
// empty; it may be used by several goroutines.
type Journal struct {
	mu    sync.Mutex
	lines map[string][]string
	cut   map[string]int
}

// How many lines of a stage are kept: its first and its last.
const (
	mostFirst = 40
	mostLast  = 160
)

// said is the form of a line: time of day, stage, text.
var said = regexp.MustCompile(`^\d\d:\d\d:\d\d ([a-z][a-z0-9-]*): `)

// Note keeps a line "HH:MM:SS STAGE: TEXT"; its further lines belong to it. What has
// another form is nobody's and not kept.
func (j *Journal) Note(line string) {
	found := said.FindStringSubmatch(line)
	if found == nil {
		return
	}
	stage := found[1]
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lines == nil {
		j.lines, j.cut = map[string][]string{}, map[string]int{}
	}
	for one := range strings.Lines(line) {
		j.lines[stage] = append(j.lines[stage], strings.TrimRight(one, "\r\n"))
		if len(j.lines[stage]) > mostFirst+mostLast {
			j.lines[stage] = slices.Delete(j.lines[stage], mostFirst, mostFirst+1)
			j.cut[stage]++
		}
	}
}

// Of is what a stage said: its first lines and its last, with a line between that
// counts those left out.
func (j *Journal) Of(stage string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := slices.Clone(j.lines[stage])
	if n := j.cut[stage]; n > 0 {
		return slices.Insert(lines, mostFirst, fmt.Sprintf("… %d lines are left out …", n))
	}
	return lines
}

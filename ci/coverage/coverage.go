// Package coverage reads a Go coverage profile and says how much of each
// package the tests ran. The format is the one `go test -coverprofile` writes:
// a "mode:" line, then "file:l.c,l.c statements count" lines (documentation
// of golang.org/x/tools/cover).
package coverage

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Tally counts statements.
type Tally struct {
	Statements, Covered int
}

// Percent is the covered share in percent, 0 to 100; 0 where there is nothing
// to cover.
func (t Tally) Percent() float64 {
	if t.Statements == 0 {
		return 0
	}
	return 100 * float64(t.Covered) / float64(t.Statements)
}

// Report is the coverage of a module.
type Report struct {
	Total    Tally
	Packages map[string]Tally
}

// Parse reads a profile. A block that several test binaries report counts
// once, as covered if any of them ran it. The error names the line that is no
// coverage record.
func Parse(r io.Reader) (Report, error) {
	type block struct {
		statements int
		covered    bool
	}
	blocks := map[string]block{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "mode:") {
			continue
		}
		place, statements, count, ok := split(line)
		if !ok {
			return Report{}, fmt.Errorf("coverage profile, line %d: no coverage record; was it written by go test -coverprofile?", n)
		}
		b := blocks[place]
		blocks[place] = block{statements, b.covered || count > 0}
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("coverage profile: %w", err)
	}
	report := Report{Packages: map[string]Tally{}}
	for place, b := range blocks {
		file, _, _ := strings.Cut(place, ":")
		pkg := path.Dir(file)
		t := report.Packages[pkg]
		t.Statements += b.statements
		report.Total.Statements += b.statements
		if b.covered {
			t.Covered += b.statements
			report.Total.Covered += b.statements
		}
		report.Packages[pkg] = t
	}
	return report, nil
}

// split takes "file:1.2,3.4 5 6" apart.
func split(line string) (place string, statements int, count uint64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || !strings.Contains(fields[0], ":") {
		return "", 0, 0, false
	}
	statements, err := strconv.Atoi(fields[1])
	if err != nil || statements < 0 || statements > 1<<20 {
		return "", 0, 0, false
	}
	count, err = strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return "", 0, 0, false
	}
	return fields[0], statements, count, true
}

// Table renders one line a package, sorted by name, and the total.
func (r Report) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, t Tally) {
		// A strings.Builder cannot fail.
		_, _ = fmt.Fprintf(w, "%s\t%5.1f %%\t%d of %d statements\n", name, t.Percent(), t.Covered, t.Statements)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Packages)) {
		row(name, r.Packages[name])
	}
	row("total", r.Total)
	_ = w.Flush()
	return b.String()
}

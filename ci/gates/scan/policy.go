package scan

import (
	"bufio"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/text"
)

// Policy says which findings stop the pipeline.
type Policy struct {
	// FailOn is the least severity that stops it, one of Thresholds; empty means
	// CRITICAL.
	FailOn string
	// Allow holds the exceptions.
	Allow []Exception
}

// Exception lets one finding pass for a time.
type Exception struct {
	// ID is the finding's name, such as CVE-2024-1234.
	ID string
	// Until is the last day on which it holds, in UTC.
	Until time.Time
	// Reason says why it may pass.
	Reason string
}

// Thresholds lists the severities that a policy can name, worst first.
func Thresholds() []string { return []string{"CRITICAL", "HIGH", "MEDIUM", "LOW"} }

// CheckThreshold returns an error that lists the valid severities unless s is
// one of them, in either case, or empty.
func CheckThreshold(s string) error {
	if s != "" && !slices.Contains(Thresholds(), strings.ToUpper(s)) {
		return text.Unknown("severity", s, Thresholds(), "--fail-on")
	}
	return nil
}

func (p Policy) threshold() string { return strings.ToUpper(cmp.Or(p.FailOn, "CRITICAL")) }

// stops reports whether a severity is as bad as the threshold. One that nobody
// has rated yet is not; one that is unknown to this program is.
func (p Policy) stops(severity string) bool {
	order := severities()
	i := slices.Index(order, severity)
	return i <= slices.Index(order, p.threshold())
}

// judge sorts the findings into those that block and those excepted. Findings
// that are only counted and not named cannot be excepted.
func (p Policy) judge(res *Result, all []finding, now time.Time) {
	namedBy := map[string]int{}
	for _, f := range all {
		namedBy[f.severity]++
		if !p.stops(f.severity) {
			continue
		}
		switch e, ok := p.exception(f.name); {
		case ok && !now.After(e.Until.AddDate(0, 0, 1)):
			res.Excepted = append(res.Excepted, fmt.Sprintf("%s until %s, %s", f.name, e.Until.Format(time.DateOnly), e.Reason))
		case ok:
			res.Findings = append(res.Findings, fmt.Sprintf("%s (its exception ended on %s)", f.name, e.Until.Format(time.DateOnly)))
		default:
			res.Findings = append(res.Findings, f.name)
		}
	}
	for s, n := range res.Counts {
		if p.stops(s) && n > 0 && namedBy[s] == 0 {
			res.Findings = append(res.Findings, fmt.Sprintf("%d %s that ECR counts and does not name", n, strings.ToLower(s)))
		}
	}
	slices.Sort(res.Findings)
	res.Findings = slices.Compact(res.Findings)
}

func (p Policy) exception(id string) (Exception, bool) {
	i := slices.IndexFunc(p.Allow, func(e Exception) bool { return e.ID == id })
	if i < 0 {
		return Exception{}, false
	}
	return p.Allow[i], true
}

// exceptionForm is a line of an allow list.
var exceptionForm = regexp.MustCompile(`^(\S+)\s+(\d{4}-\d{2}-\d{2})\s+(\S.*)$`)

// maxException is how far ahead an exception may end: nobody would check
// one that never does again.
const maxException = 366 * 24 * time.Hour

// ParseAllowList reads exceptions, one a line: the finding's name, the last day
// it is let pass as YYYY-MM-DD, and the reason. Empty lines and lines that
// begin with # are left out. A date more than a year after now is an error, and
// so is a name given twice.
func ParseAllowList(text string, now time.Time) ([]Exception, error) {
	var all []Exception
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := exceptionForm.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("allow list, line %d: want a finding's name, a date YYYY-MM-DD and a reason", n)
		}
		until, err := time.Parse(time.DateOnly, m[2])
		switch {
		case err != nil:
			return nil, fmt.Errorf("allow list, line %d: %q is not a date: want YYYY-MM-DD", n, m[2])
		case until.Sub(now) > maxException:
			return nil, fmt.Errorf("allow list, line %d: %s ends on %s: name a day within a year", n, m[1], m[2])
		case slices.ContainsFunc(all, func(e Exception) bool { return e.ID == m[1] }):
			return nil, fmt.Errorf("allow list, line %d: %s is there twice: keep one", n, m[1])
		}
		all = append(all, Exception{ID: m[1], Until: until, Reason: m[3]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the allow list: %w", err)
	}
	return all, nil
}

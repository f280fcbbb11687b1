// Package scan waits for Amazon ECR's vulnerability scan of a pushed image and
// decides by a policy whether the pipeline may go on. Start at Wait; Decide is
// the pure half. An image that ECR cannot scan is judged by the list of the
// packages in it, see Inventory.
package scan

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Outcome says what a scan means for the pipeline.
type Outcome string

// The outcomes. Only Clean and Listed let the pipeline go on; see
// Result.Blocking.
const (
	// Pending: the scan has not finished; ask again.
	Pending Outcome = "pending"
	// Clean: the scan finished, and no finding is as bad as the policy's
	// threshold, or those that are have a valid exception.
	Clean Outcome = "clean"
	// Vulnerable: there is a finding that the policy does not let pass.
	Vulnerable Outcome = "vulnerable"
	// Unsupported: ECR cannot scan this image, which it says of every image
	// without an operating system's package database: an image FROM scratch is
	// such a one. Its package list has to be read instead.
	Unsupported Outcome = "unsupported"
	// Listed: the image's package list was read and no advisory was at hand to
	// compare it with, so nothing is known of its vulnerabilities. A warning.
	Listed Outcome = "listed only"
	// Failed: ECR says that the scan failed or that it has no findings to give.
	Failed Outcome = "failed"
	// NotScanned: ECR has no scan of the image, and none comes. Not known to be clean.
	NotScanned Outcome = "not scanned"
	// Unknown: no answer within the time allowed. Not known to be clean.
	Unknown Outcome = "unknown"
)

// Counts is the number of findings by severity, in ECR's upper-case words
// (CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL, UNDEFINED, UNTRIAGED).
type Counts map[string]int

// severities is the order in which counts are printed, worst first.
func severities() []string {
	return []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED", "UNDEFINED"}
}

// String lists the counts worst first, such as "1 critical, 3 high".
func (c Counts) String() string {
	var parts []string
	known := map[string]bool{}
	for _, s := range severities() {
		known[s] = true
		if c[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c[s], strings.ToLower(s)))
		}
	}
	var others []string
	for s, n := range c {
		if !known[s] && n > 0 {
			others = append(others, fmt.Sprintf("%d %s", n, strings.ToLower(s)))
		}
	}
	sort.Strings(others)
	parts = append(parts, others...)
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

func (c Counts) total() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// Result is what is known of one image's scan.
type Result struct {
	// Outcome is the decision.
	Outcome Outcome
	// Status is ECR's own word for the state of the scan.
	Status string
	// Reason explains the outcome in a sentence.
	Reason string
	// Counts holds the findings by severity.
	Counts Counts
	// Findings names the findings that block, each once and in order.
	Findings []string
	// Excepted names the findings that an exception lets pass, with its reason.
	Excepted []string
}

// Blocking reports whether the pipeline must stop: for a finding that the
// policy does not let pass, and as well for a scan that failed or never
// answered, since neither shows that the image is clean.
func (r Result) Blocking() bool { return r.Outcome != Clean && r.Outcome != Listed }

// Err is nil unless the result is Blocking: then it says which image is not fit
// to deploy, why, and what to do.
func (r Result) Err(image string) error {
	if !r.Blocking() {
		return nil
	}
	next := "mend what was found and publish again, or except it for a time with a reason in the allow list"
	switch r.Outcome {
	case Unknown, NotScanned, Failed, Pending:
		next = "see the scan of this digest in ECR; publish again when it can answer"
	case Unsupported:
		next = "give the image an operating system's package list, or a Go program with its build information"
	default:
	}
	return &rollout.Error{
		Outcome: rollout.VerificationFailed, Subject: "image " + image, Reason: "pushed, and not fit to deploy: " + r.String(), Next: next,
	}
}

// String is one line for a report.
func (r Result) String() string {
	s := fmt.Sprintf("scan %s", r.Outcome)
	if len(r.Counts) > 0 || r.Outcome == Clean {
		s += ": " + r.Counts.String()
	}
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
	}
	if len(r.Excepted) > 0 {
		s += "; excepted: " + strings.Join(r.Excepted, "; ")
	}
	return s
}

// Report is what DescribeImageScanFindings said, all pages together.
type Report struct {
	// Status is imageScanStatus.status; empty when ECR does not know of a scan.
	Status types.ScanStatus
	// Description is imageScanStatus.description.
	Description string
	// Findings holds every page's findings; nil when ECR sent none.
	Findings *types.ImageScanFindings
}

// Decide says what a report means under a policy at a time. Basic scanning ends
// in COMPLETE, enhanced scanning (Amazon Inspector) stays ACTIVE for as long as
// the image is watched and fills enhancedFindings (Amazon ECR User Guide, "Scan
// images for software vulnerabilities"; API type ImageScanStatus). Counts are
// taken from findingSeverityCounts and from the findings themselves, the larger
// of the two: either may come first.
func Decide(r Report, p Policy, now time.Time) Result {
	res := Result{Status: string(r.Status), Reason: r.Description, Counts: count(r.Findings)}
	p.judge(&res, named(r.Findings), now)
	switch r.Status {
	case "", types.ScanStatusPending, types.ScanStatusInProgress:
		// A finding does not become less bad by waiting.
		if len(res.Findings) == 0 {
			res.Outcome = Pending
			return res
		}
	case types.ScanStatusComplete, types.ScanStatusActive:
		if !answered(r.Findings) {
			res.Outcome = Pending
			return res
		}
	case types.ScanStatusUnsupportedImage:
		res.Outcome = Unsupported
		res.Reason = cmp.Or(r.Description, "ECR cannot scan an image without an operating system's packages")
		return res
	case types.ScanStatusFailed, types.ScanStatusFindingsUnavailable, types.ScanStatusLimitExceeded,
		types.ScanStatusScanEligibilityExpired, types.ScanStatusImageArchived:
		res.Outcome = Failed
		res.Reason = cmp.Or(r.Description, "ECR ended the scan as "+string(r.Status))
		return res
	default:
		res.Outcome = Failed
		res.Reason = fmt.Sprintf("unknown scan status %q", r.Status)
		return res
	}
	res.Outcome = Clean
	if of := r.Findings.VulnerabilitySourceUpdatedAt; of != nil {
		res.Reason = "against vulnerabilities known on " + of.UTC().Format(time.DateOnly)
	}
	if len(res.Findings) > 0 {
		res.Outcome = Vulnerable
		res.Reason = strings.ToLower(p.threshold()) + " or worse: " + strings.Join(res.Findings, ", ")
	}
	return res
}

// answered distinguishes findings that are absent, which ECR sends for a moment
// after a scan ended, from findings that are none.
func answered(f *types.ImageScanFindings) bool {
	return f != nil && (f.FindingSeverityCounts != nil || f.ImageScanCompletedAt != nil ||
		len(f.Findings) > 0 || len(f.EnhancedFindings) > 0)
}

func count(f *types.ImageScanFindings) Counts {
	if f == nil {
		return nil
	}
	listed := Counts{}
	for _, x := range f.Findings {
		listed[strings.ToUpper(string(x.Severity))]++
	}
	for _, x := range f.EnhancedFindings {
		if open(x) {
			listed[severity(x)]++
		}
	}
	for s, n := range f.FindingSeverityCounts {
		s = strings.ToUpper(s)
		listed[s] = max(listed[s], int(n))
	}
	return listed
}

// finding is one vulnerability by name and severity.
type finding struct{ name, severity string }

// named lists the findings with their names.
func named(f *types.ImageScanFindings) []finding {
	if f == nil {
		return nil
	}
	all := make([]finding, 0, len(f.Findings)+len(f.EnhancedFindings))
	for _, x := range f.Findings {
		all = append(all, finding{deref(x.Name, "unnamed finding"), strings.ToUpper(string(x.Severity))})
	}
	for _, x := range f.EnhancedFindings {
		if !open(x) {
			continue
		}
		name := deref(x.Title, deref(x.FindingArn, "unnamed finding"))
		if d := x.PackageVulnerabilityDetails; d != nil {
			name = deref(d.VulnerabilityId, name)
		}
		all = append(all, finding{name, severity(x)})
	}
	slices.SortFunc(all, func(a, b finding) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(all)
}

// open is false for findings that Inspector closed or that a rule suppresses.
func open(x types.EnhancedImageScanFinding) bool {
	s := strings.ToUpper(deref(x.Status, "ACTIVE"))
	return s != "CLOSED" && s != "SUPPRESSED"
}

func severity(x types.EnhancedImageScanFinding) string {
	return strings.ToUpper(deref(x.Severity, "UNDEFINED"))
}

func deref(s *string, def string) string {
	if s == nil {
		return def
	}
	return cmp.Or(*s, def)
}

// Package scan waits for Amazon ECR's vulnerability scan of a pushed image and
// decides whether the pipeline may go on. Start at Wait; Decide is the pure
// half.
package scan

import (
	"fmt"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Outcome says what a scan means for the pipeline.
type Outcome string

// The outcomes. Only Clean and Unsupported let the pipeline go on; see
// Result.Blocking.
const (
	// Pending: the scan has not finished; ask again.
	Pending Outcome = "pending"
	// Clean: the scan finished without a critical finding.
	Clean Outcome = "clean"
	// Critical: the scan found at least one critical vulnerability.
	Critical Outcome = "critical"
	// Unsupported: ECR cannot scan this image, which it says of every image
	// without an operating system's package database: an image FROM scratch is
	// such a one. There is nothing to read, so this is a warning and no error;
	// the binary inside has to be checked where it is built.
	Unsupported Outcome = "unsupported"
	// Failed: ECR says that the scan failed or that it has no findings to give.
	Failed Outcome = "failed"
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
	// Findings names the critical findings, each once and in order.
	Findings []string
}

// Blocking reports whether the pipeline must stop: for a critical finding, and
// as well for a scan that failed or never answered, since neither shows that
// the image is clean.
func (r Result) Blocking() bool {
	switch r.Outcome {
	case Clean, Unsupported:
		return false
	default:
		return true
	}
}

// Warning reports whether the pipeline goes on without knowing that the image
// is clean.
func (r Result) Warning() bool { return r.Outcome == Unsupported }

// String is one line for a report.
func (r Result) String() string {
	s := fmt.Sprintf("scan %s", r.Outcome)
	if len(r.Counts) > 0 || r.Outcome == Clean {
		s += ": " + r.Counts.String()
	}
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
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

// Decide says what a report means. Basic scanning ends in COMPLETE, enhanced
// scanning (Amazon Inspector) stays ACTIVE for as long as the image is watched
// and fills enhancedFindings (Amazon ECR User Guide, "Scan images for software
// vulnerabilities"; API type ImageScanStatus). Counts are taken from
// findingSeverityCounts and from the findings themselves, the larger of the
// two: either may come first.
func Decide(r Report) Result {
	res := Result{Status: string(r.Status), Reason: r.Description, Counts: count(r.Findings)}
	switch r.Status {
	case "", types.ScanStatusPending, types.ScanStatusInProgress:
		// A critical finding does not become less critical by waiting.
		if res.Counts["CRITICAL"] == 0 {
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
		res.Reason = orElse(r.Description, "ECR cannot scan an image without an operating system's packages")
		return res
	case types.ScanStatusFailed, types.ScanStatusFindingsUnavailable, types.ScanStatusLimitExceeded,
		types.ScanStatusScanEligibilityExpired, types.ScanStatusImageArchived:
		res.Outcome = Failed
		res.Reason = orElse(r.Description, "ECR ended the scan as "+string(r.Status))
		return res
	default:
		res.Outcome = Failed
		res.Reason = fmt.Sprintf("unknown scan status %q", r.Status)
		return res
	}
	if res.Counts["CRITICAL"] > 0 {
		res.Outcome = Critical
		res.Findings = critical(r.Findings)
		res.Reason = "critical: " + strings.Join(res.Findings, ", ")
		if len(res.Findings) == 0 {
			res.Reason = "ECR counts critical findings but does not name them"
		}
		return res
	}
	res.Outcome = Clean
	return res
}

// answered tells findings that are absent, which ECR sends for a moment after a
// scan ended, from findings that are none.
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

// critical names each critical finding once, sorted.
func critical(f *types.ImageScanFindings) []string {
	seen := map[string]bool{}
	for _, x := range f.Findings {
		if x.Severity == types.FindingSeverityCritical {
			seen[deref(x.Name, "unnamed finding")] = true
		}
	}
	for _, x := range f.EnhancedFindings {
		if open(x) && severity(x) == "CRITICAL" {
			name := deref(x.Title, deref(x.FindingArn, "unnamed finding"))
			if d := x.PackageVulnerabilityDetails; d != nil {
				name = deref(d.VulnerabilityId, name)
			}
			seen[name] = true
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
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
	return orElse(*s, def)
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

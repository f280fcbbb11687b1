package scan

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func complete(counts map[string]int32, findings ...types.ImageScanFinding) Report {
	return Report{Status: types.ScanStatusComplete, Findings: &types.ImageScanFindings{FindingSeverityCounts: counts, Findings: findings}}
}

func cve(name string, s types.FindingSeverity) types.ImageScanFinding {
	return types.ImageScanFinding{Name: &name, Severity: s}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	now := day("2026-06-01").Add(15 * time.Hour)
	allow := []Exception{{ID: "CVE-1", Until: day("2026-06-01"), Reason: "not reached"}}
	old := []Exception{{ID: "CVE-1", Until: day("2026-05-30"), Reason: "not reached"}}
	critical := complete(map[string]int32{"CRITICAL": 1}, cve("CVE-1", types.FindingSeverityCritical))
	enhanced := func(status string) Report {
		return Report{Status: types.ScanStatusActive, Findings: &types.ImageScanFindings{EnhancedFindings: []types.EnhancedImageScanFinding{{
			Severity: aws.String("CRITICAL"), Status: &status,
			PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{VulnerabilityId: aws.String("CVE-9")},
		}}}}
	}
	for _, c := range []struct {
		name   string
		report Report
		policy Policy
		want   Outcome
		says   string
	}{
		{"nothing known", Report{}, Policy{}, Pending, ""},
		{"clean", complete(map[string]int32{}), Policy{}, Clean, "no findings"},
		{"absent counts are not zero", Report{Status: types.ScanStatusComplete, Findings: &types.ImageScanFindings{}}, Policy{}, Pending, ""},
		{"critical", critical, Policy{}, Vulnerable, "critical or worse: CVE-1"},
		{"critical before the end", Report{Status: types.ScanStatusInProgress, Findings: critical.Findings}, Policy{}, Vulnerable, "CVE-1"},
		{"high passes", complete(map[string]int32{"HIGH": 3}), Policy{}, Clean, "3 high"},
		{"high stops", complete(nil, cve("CVE-2", types.FindingSeverityHigh)), Policy{FailOn: "high"}, Vulnerable, "high or worse: CVE-2"},
		{"medium passes where high stops", complete(nil, cve("CVE-2", types.FindingSeverityMedium)), Policy{FailOn: "HIGH"}, Clean, "1 medium"},
		{"counted, not named", complete(map[string]int32{"CRITICAL": 2}), Policy{Allow: allow}, Vulnerable, "2 critical that ECR counts and does not name"},
		{"excepted on its last day", critical, Policy{Allow: allow}, Clean, "excepted: CVE-1 until 2026-06-01, not reached"},
		{"exception ended", critical, Policy{Allow: old}, Vulnerable, "CVE-1 (its exception ended on 2026-05-30)"},
		{"unheard-of severity", complete(nil, cve("CVE-3", "CATASTROPHIC")), Policy{}, Vulnerable, "CVE-3"},
		{"enhanced", enhanced("ACTIVE"), Policy{}, Vulnerable, "CVE-9"},
		{"enhanced, closed", enhanced("CLOSED"), Policy{}, Clean, "no findings"},
		{"unsupported", Report{Status: types.ScanStatusUnsupportedImage}, Policy{}, Unsupported, "operating system"},
		{"unheard-of status", Report{Status: "SHRUG"}, Policy{}, Failed, `unknown scan status "SHRUG"`},
	} {
		got := Decide(c.report, c.policy, now)
		if got.Outcome != c.want || !strings.Contains(got.String(), c.says) {
			t.Errorf("%s: %s, want %s with %q", c.name, got, c.want, c.says)
		}
		if err := got.Err("api@sha256:1"); (err != nil) != got.Blocking() || err != nil && !strings.Contains(err.Error(), "next: ") {
			t.Errorf("%s: blocking is %v, error %v", c.name, got.Blocking(), err)
		}
	}
}

// TestScanStatusesArePinned fails when the SDK knows a status that Decide takes
// for unknown.
func TestScanStatusesArePinned(t *testing.T) {
	t.Parallel()
	for _, s := range types.ScanStatus("").Values() {
		if got := Decide(Report{Status: s}, Policy{}, time.Time{}); strings.Contains(got.Reason, "unknown scan status") {
			t.Errorf("status %s is new: say what it means", s)
		}
	}
}

func TestParseAllowList(t *testing.T) {
	t.Parallel()
	now := day("2026-06-01")
	got, err := ParseAllowList("# why\n\nCVE-1 2026-07-01 not reached from here\nCVE-2\t2026-08-01\twaiting for a fix\n", now)
	if err != nil || len(got) != 2 || got[0].Reason != "not reached from here" || !got[1].Until.Equal(day("2026-08-01")) {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, c := range []struct{ text, says string }{
		{"CVE-1", "line 1: want a finding's name"},
		{"CVE-1 2026-07-01", "line 1: want"},
		{"ok\n", "line 1"},
		{"\nCVE-1 2026-02-31 x", `line 2: "2026-02-31" is not a date`},
		{"CVE-1 2030-01-01 x", "name a day within a year"},
		{"CVE-1 2026-07-01 x\nCVE-1 2026-07-02 y", "line 2: CVE-1 is there twice"},
	} {
		if _, err := ParseAllowList(c.text, now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: error %v does not say %q", c.text, err, c.says)
		}
	}
	if err := CheckThreshold("grave"); err == nil || !strings.Contains(err.Error(), "CRITICAL, HIGH, MEDIUM, LOW") {
		t.Errorf("error %v does not list the severities", err)
	}
	if err := CheckThreshold("high"); err != nil {
		t.Error(err)
	}
}

func FuzzParseAllowList(f *testing.F) {
	f.Add("CVE-1 2026-07-01 reason\n# x\n")
	f.Add("CVE-1 0000-00-00 \xff")
	now := day("2026-06-01")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseAllowList(text, now)
		if err != nil {
			return
		}
		for _, e := range all {
			if e.ID == "" || e.Reason == "" || e.Until.Sub(now) > maxException {
				t.Errorf("%q gave %+v", text, e)
			}
		}
	})
}

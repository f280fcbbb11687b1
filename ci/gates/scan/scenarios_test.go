package scan_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/gates/scan"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

// fakeScan is a scan whose answer changes at given times after the push.
type fakeScan struct {
	answers []scanAnswer
	pushed  time.Time
	calls   map[string]int
}

type scanAnswer struct {
	from   time.Duration
	status types.ScanStatus
	counts map[string]int32
	names  map[string]types.FindingSeverity
	code   string
}

func (f *fakeScan) DescribeImageScanFindings(context.Context, *ecr.DescribeImageScanFindingsInput, ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error) {
	time.Sleep(40 * time.Millisecond) // without any, the SDK's waiters never end
	f.calls["DescribeImageScanFindings"]++
	var now scanAnswer
	for _, a := range f.answers {
		if time.Since(f.pushed) >= a.from {
			now = a
		}
	}
	switch {
	case now.code == "ScanNotFoundException":
		return nil, &types.ScanNotFoundException{}
	case now.code != "":
		return nil, &smithy.GenericAPIError{Code: now.code, Message: "scripted"}
	}
	out := &ecr.DescribeImageScanFindingsOutput{ImageScanStatus: &types.ImageScanStatus{Status: now.status}}
	if now.counts != nil {
		out.ImageScanFindings = &types.ImageScanFindings{FindingSeverityCounts: now.counts}
		for name, severity := range now.names {
			out.ImageScanFindings.Findings = append(out.ImageScanFindings.Findings, types.ImageScanFinding{Name: &name, Severity: severity})
		}
	}
	return out, nil
}

// scanScenario is a wait for a scan; what lets the pipeline go on counts as
// deployed, what stops it as a failed verification.
type scanScenario struct {
	name    string
	answers []scanAnswer
	want    rollout.Outcome
	reason  string
	end     float64
	within  float64
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func scanScenarios() []scanScenario {
	clean := map[string]int32{}
	return []scanScenario{
		{
			name: "not found, pending, then active with findings below the threshold", want: rollout.Completed, reason: "2 high", end: 40,
			answers: []scanAnswer{{code: "ScanNotFoundException"}, {from: seconds(10), status: types.ScanStatusPending}, {from: seconds(40), status: types.ScanStatusActive, counts: map[string]int32{"HIGH": 2}}},
		},
		{
			name: "complete and empty, then critical", want: rollout.VerificationFailed, reason: "CVE-1", end: 13,
			answers: []scanAnswer{
				{status: types.ScanStatusInProgress}, {from: seconds(10), status: types.ScanStatusComplete, counts: clean},
				{from: seconds(13), status: types.ScanStatusComplete, counts: map[string]int32{"CRITICAL": 1}, names: map[string]types.FindingSeverity{"CVE-1": types.FindingSeverityCritical}},
			},
		},
		{
			name: "complete without counts, then clean", want: rollout.Completed, end: 20, within: 8,
			answers: []scanAnswer{{status: types.ScanStatusComplete}, {from: seconds(20), status: types.ScanStatusComplete, counts: clean}},
		},
		{
			name: "never started", want: rollout.VerificationFailed, reason: "scan on push", end: 60,
			answers: []scanAnswer{{code: "ScanNotFoundException"}},
		},
		{
			name: "pending for ever", want: rollout.VerificationFailed, reason: "no result after 5m0s", end: 300,
			answers: []scanAnswer{{status: types.ScanStatusPending}},
		},
		{
			name: "findings unavailable", want: rollout.VerificationFailed, reason: "FINDINGS_UNAVAILABLE", end: 5,
			answers: []scanAnswer{{status: types.ScanStatusPending}, {from: seconds(5), status: types.ScanStatusFindingsUnavailable}},
		},
		{
			name: "unsupported image", want: rollout.VerificationFailed, reason: "operating system", end: 0,
			answers: []scanAnswer{{status: types.ScanStatusUnsupportedImage}},
		},
		{
			name: "throttled, then clean", want: rollout.Completed, end: 10, within: 12,
			answers: []scanAnswer{{code: "ThrottlingException"}, {from: seconds(10), status: types.ScanStatusComplete, counts: clean}},
		},
	}
}

func (s scanScenario) fake() *fakeScan {
	return &fakeScan{answers: s.answers, pushed: time.Now(), calls: map[string]int{}}
}

func (s scanScenario) run(t *testing.T) rollouttest.Observed {
	var o rollouttest.Observed
	synctest.Test(t, func(t *testing.T) {
		f := s.fake()
		res, err := scan.Wait(t.Context(), f, scan.Request{Repository: "api", Digest: "sha256:1"}, poll.Env{Random: func() float64 { return 0.5 }})
		if err == nil {
			err = res.Err("api@sha256:1")
		}
		o = rollouttest.Observed{Outcome: rollout.Completed, Reason: res.String(), Err: err, Calls: f.calls, Seconds: time.Since(f.pushed).Seconds()}
		if err != nil {
			o.Outcome = rollout.VerificationFailed
		}
	})
	return o
}

// waiter asks the SDK's waiter, which ends at COMPLETE, and then reads the
// counts, as one does.
func (s scanScenario) waiter(t *testing.T) (judged rollouttest.WaiterVerdict, applies bool) {
	synctest.Test(t, func(t *testing.T) {
		f := s.fake()
		in := &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("api"), ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:1")}}
		out, err := ecr.NewImageScanCompleteWaiter(f).WaitForOutput(t.Context(), in, 5*time.Minute)
		ok := err == nil && (out.ImageScanFindings == nil || out.ImageScanFindings.FindingSeverityCounts["CRITICAL"] == 0)
		judged = rollouttest.WaiterVerdict{OK: ok, Seconds: time.Since(f.pushed).Seconds()}
	})
	return judged, true
}

// TestVerdictScenarios plays every scenario with Wait, and with the SDK's waiter.
func TestVerdictScenarios(t *testing.T) {
	rollouttest.Steady()
	var suite rollouttest.Suite
	for _, s := range scanScenarios() {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "scan "+s.name, s.run(t), rollouttest.Expectation{Want: s.want, Reason: s.reason, End: s.end, Within: s.within}, s.waiter)
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 8 || sums.Wrong > 0 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

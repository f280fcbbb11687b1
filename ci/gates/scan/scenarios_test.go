package scan_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
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

func (f *fakeScan) DescribeImageScanFindings(ctx context.Context, _ *ecr.DescribeImageScanFindingsInput, _ ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error) {
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
	case now.code == "ImageNotFoundException":
		return nil, &types.ImageNotFoundException{}
	case now.code == "reset":
		return nil, fmt.Errorf("read tcp: %w", syscall.ECONNRESET)
	case now.code == "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case now.code == "slow":
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(7 * time.Second):
		}
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
	timeout time.Duration
	// older is an image that was not pushed a moment ago.
	older bool
	// unwaited keeps the SDK's waiter out, which never ends on the script.
	unwaited bool
	want     rollout.Outcome
	reason   string
	end      float64
	within   float64
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
			name: "an older image without a scan", older: true, want: rollout.VerificationFailed, reason: "not scanned", unwaited: true,
			answers: []scanAnswer{{code: "ScanNotFoundException"}},
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
			name: "ECR hangs under a limit of 1 min", timeout: time.Minute, unwaited: true, want: rollout.VerificationFailed, reason: "no result after 1m0s", end: 60,
			answers: []scanAnswer{{status: types.ScanStatusPending}, {from: seconds(10), code: "hang"}},
		},
		{
			name: "ECR hangs for a while", unwaited: true, want: rollout.Completed, end: 24, within: 12,
			answers: []scanAnswer{{status: types.ScanStatusPending}, {from: seconds(8), code: "hang"}, {from: seconds(20), status: types.ScanStatusComplete, counts: clean}},
		},
		{
			name: "each answer takes 7 s", unwaited: true, want: rollout.Completed, end: 14, within: 8,
			answers: []scanAnswer{{code: "slow", status: types.ScanStatusComplete, counts: clean}},
		},
		{
			name: "the image is not found right after its push", unwaited: true, want: rollout.Completed, end: 14,
			answers: []scanAnswer{{code: "ImageNotFoundException"}, {from: seconds(8), status: types.ScanStatusPending}, {from: seconds(10), status: types.ScanStatusComplete, counts: clean}},
		},
		{
			name: "the image is not there", unwaited: true, want: rollout.VerificationFailed, end: 15,
			answers: []scanAnswer{{code: "ImageNotFoundException"}},
		},
		{
			name: "complete and empty, pending again, then critical", want: rollout.VerificationFailed, reason: "1 critical", end: 20,
			answers: []scanAnswer{
				{status: types.ScanStatusComplete, counts: clean}, {from: seconds(2), status: types.ScanStatusPending},
				{from: seconds(20), status: types.ScanStatusComplete, counts: map[string]int32{"CRITICAL": 1}},
			},
		},
		{
			name: "pending, and a critical finding shows already", want: rollout.VerificationFailed, reason: "1 critical", end: 10,
			answers: []scanAnswer{{status: types.ScanStatusPending}, {from: seconds(10), status: types.ScanStatusInProgress, counts: map[string]int32{"CRITICAL": 1}}},
		},
		{
			name: "the connection breaks, then clean", unwaited: true, want: rollout.Completed, end: 14, within: 8,
			answers: []scanAnswer{{code: "reset"}, {from: seconds(10), status: types.ScanStatusComplete, counts: clean}},
		},
		{
			name: "ECR may not be asked", unwaited: true, want: rollout.VerificationFailed, end: 0,
			answers: []scanAnswer{{code: "AccessDeniedException"}},
		},
		{
			name: "the scan failed", want: rollout.VerificationFailed, reason: "FAILED", end: 12,
			answers: []scanAnswer{{status: types.ScanStatusInProgress}, {from: seconds(12), status: types.ScanStatusFailed}},
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
		res, err := scan.Wait(t.Context(), f, scan.Request{Repository: "api", Digest: "sha256:1", Timeout: s.timeout, Older: s.older}, poll.Env{Random: func() float64 { return 0.5 }})
		if err == nil {
			err = res.Err("api@sha256:1")
		}
		o = rollouttest.Observed{Outcome: rollout.Completed, Reason: res.String(), Err: err, Calls: f.calls, Seconds: time.Since(f.pushed).Seconds()}
		if err != nil {
			// As a deployer calls a verification that could not be made.
			o.Outcome = rollout.VerificationFailed
			var said *rollout.Error
			if !errors.As(err, &said) {
				o.Err = &rollout.Error{Outcome: rollout.VerificationFailed, Err: err, Next: "see the scan"}
			}
		}
	})
	return o
}

// waiter asks the SDK's waiter, which ends at COMPLETE, and then reads the
// counts, as one does.
func (s scanScenario) waiter(t *testing.T) (judged rollouttest.Verdict, applies bool) {
	if s.unwaited {
		return judged, false
	}
	synctest.Test(t, func(t *testing.T) {
		f := s.fake()
		in := &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("api"), ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:1")}}
		out, err := ecr.NewImageScanCompleteWaiter(f).WaitForOutput(t.Context(), in, 5*time.Minute)
		ok := err == nil && (out.ImageScanFindings == nil || out.ImageScanFindings.FindingSeverityCounts["CRITICAL"] == 0)
		judged = rollouttest.Verdict{OK: ok, Seconds: time.Since(f.pushed).Seconds()}
	})
	return judged, true
}

// TestVerdictScenarios plays every scenario with Wait, and with the SDK's waiter.
func TestVerdictScenarios(t *testing.T) {
	rollouttest.Steady()
	var suite rollouttest.Suite
	for _, s := range scanScenarios() {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "scan "+s.name, s.run(t), rollouttest.Expectation{Want: s.want, Reason: s.reason, End: s.end, Within: s.within},
				rollouttest.Peer{Name: "SDK waiter", Runs: 20, Judge: s.waiter})
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 18 || sums.Wrong > 0 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

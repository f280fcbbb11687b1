package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// API is the part of Amazon ECR that this package calls; *ecr.Client has it.
type API interface {
	DescribeImageScanFindings(ctx context.Context, in *ecr.DescribeImageScanFindingsInput, opts ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error)
}

// Request names the image whose scan is awaited.
type Request struct {
	// Repository is the repository's name, without a registry host.
	Repository string
	// Digest is the image's manifest digest (sha256:...): a tag may move while
	// one waits, a digest cannot.
	Digest string
	// Policy decides what is let pass.
	Policy Policy
	// Older means that the image was not pushed a moment ago, so that a scan which is
	// not there does not come.
	Older bool
	// Timeout bounds the wait and each call of it; zero means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long Wait waits unless the request says otherwise.
const DefaultTimeout = 5 * time.Minute

// NotStarted is how long ScanNotFoundException is taken to mean "not yet":
// ECR answers it right after a push, and for ever when the repository does not
// scan on push.
const NotStarted = time.Minute

const (
	// recheck is how long a scan without a single finding is read again: ECR can say
	// COMPLETE before the findings are there.
	recheck = 4 * time.Second
	// unpushed is how long ImageNotFoundException is taken to mean "not yet": an
	// image that was just pushed may not be found for a moment.
	unpushed = 15 * time.Second
)

// Wait asks until the scan has an answer or the time is up. The error is not
// nil only when ECR could not be asked (no such repository or image, no
// permission, canceled); what the scan says is in the result, and a scan that
// never answered is Unknown, which blocks.
func Wait(ctx context.Context, api API, req Request, env poll.Env) (Result, error) {
	if req.Timeout <= 0 {
		req.Timeout = DefaultTimeout
	}
	limited, stop := context.WithTimeout(ctx, req.Timeout)
	defer stop()
	w := wait{api: api, req: req, loop: env.Start(), last: Result{Outcome: Pending}, clean: -1}
	for {
		done, err := w.ask(limited)
		switch {
		case err != nil && ctx.Err() != nil:
			return Result{Outcome: Unknown, Reason: "canceled"}, w.failed(ctx.Err())
		case err != nil && limited.Err() == nil:
			return Result{Outcome: Unknown, Reason: err.Error()}, w.failed(err)
		case done && err == nil:
			return w.last, nil
		}
		if limited.Err() == nil && w.loop.Elapsed() < req.Timeout {
			_ = w.loop.Wait(limited) // its end is asked for below
		}
		switch {
		case ctx.Err() != nil:
			return Result{Outcome: Unknown, Reason: "canceled"}, w.failed(ctx.Err())
		case limited.Err() != nil, w.loop.Elapsed() >= req.Timeout:
			return Result{Outcome: Unknown, Status: w.last.Status, Counts: w.last.Counts, Reason: strings.TrimSpace(fmt.Sprintf(
				"no result after %s, last state %q %s", req.Timeout, cmp.Or(w.last.Status, "none"), w.last.Reason))}, nil
		}
	}
}

// wait is a wait for one scan.
type wait struct {
	api  API
	req  Request
	loop *poll.Loop
	last Result
	// clean is when the scan first had no findings; negative before.
	clean time.Duration
}

func (w *wait) failed(err error) error {
	return fmt.Errorf("read the scan of %s@%s: %w", w.req.Repository, w.req.Digest, err)
}

// ask asks once and reports whether last is the result. Its error is one that
// does not pass.
func (w *wait) ask(ctx context.Context) (bool, error) {
	report, err := describe(ctx, w.loop, w.api, w.req)
	var unscanned *types.ScanNotFoundException
	var missing *types.ImageNotFoundException
	switch {
	case err == nil:
		w.loop.Answered()
		w.last = Decide(report, w.req.Policy, time.Now())
		if w.last.Outcome != Clean || w.last.Counts.total() > 0 {
			w.clean = -1
			return w.last.Outcome != Pending, nil
		}
		if w.clean < 0 {
			w.clean = w.loop.Elapsed()
		}
		return w.loop.Elapsed()-w.clean >= recheck, nil
	case errors.As(err, &unscanned):
		w.loop.Answered()
		if !w.req.Older && w.loop.Elapsed() < min(NotStarted, w.req.Timeout) {
			return false, nil
		}
		w.last = Result{Outcome: NotScanned, Reason: fmt.Sprintf(
			"ECR has no scan of %s@%s after %s; is scan on push enabled for the repository?",
			w.req.Repository, w.req.Digest, w.loop.Elapsed().Round(time.Second))}
		return true, nil
	case errors.As(err, &missing) && w.loop.Elapsed() < unpushed:
		w.loop.Answered()
		return false, nil
	case ctx.Err() == nil && poll.Transient(err):
		w.loop.Failed()
		w.last.Reason = "last answer: " + err.Error()
		return false, nil
	}
	return false, err
}

// describe reads every page of the findings.
func describe(ctx context.Context, loop *poll.Loop, api API, req Request) (Report, error) {
	in := &ecr.DescribeImageScanFindingsInput{
		RepositoryName: aws.String(req.Repository),
		ImageId:        &types.ImageIdentifier{ImageDigest: aws.String(req.Digest)},
	}
	var report Report
	for {
		var out *ecr.DescribeImageScanFindingsOutput
		err := loop.Call(ctx, func(ctx context.Context) (err error) {
			out, err = api.DescribeImageScanFindings(ctx, in)
			return err
		})
		if err != nil {
			return Report{}, err
		}
		if s := out.ImageScanStatus; s != nil {
			report.Status, report.Description = s.Status, aws.ToString(s.Description)
		}
		if f := out.ImageScanFindings; f != nil {
			if report.Findings == nil {
				report.Findings = &types.ImageScanFindings{
					FindingSeverityCounts: f.FindingSeverityCounts,
					ImageScanCompletedAt:  f.ImageScanCompletedAt,
				}
			}
			report.Findings.Findings = append(report.Findings.Findings, f.Findings...)
			report.Findings.EnhancedFindings = append(report.Findings.EnhancedFindings, f.EnhancedFindings...)
		}
		if aws.ToString(out.NextToken) == "" {
			return report, nil
		}
		in.NextToken = out.NextToken
	}
}

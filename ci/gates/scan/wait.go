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
	// Timeout bounds the wait; zero means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long Wait waits unless told otherwise.
const DefaultTimeout = 5 * time.Minute

// NotStarted is how long ScanNotFoundException is taken to mean "not yet":
// ECR answers it right after a push, and for ever when the repository does not
// scan on push.
const NotStarted = time.Minute

// Settle is how long a scan without a single finding is looked at again: ECR
// can say COMPLETE before the findings are there.
const Settle = 4 * time.Second

// Wait asks until the scan has an answer or the time is up. The error is not
// nil only when ECR could not be asked (no such repository or image, no
// permission, cancelled); what the scan says is in the result, and a scan that
// never answered is Unknown, which blocks.
func Wait(ctx context.Context, api API, req Request, env poll.Env) (Result, error) {
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	loop := env.Start()
	last := Result{Outcome: Pending}
	empty := time.Duration(-1)
	for {
		report, err := describe(ctx, api, req)
		var notFound *types.ScanNotFoundException
		switch {
		case err == nil:
			loop.Answered()
			last = Decide(report, req.Policy, time.Now())
			switch {
			case last.Outcome == Clean && last.Counts.total() == 0:
				if empty < 0 {
					empty = loop.Elapsed()
				}
				if loop.Elapsed()-empty >= Settle {
					return last, nil
				}
			case last.Outcome != Pending:
				return last, nil
			}
		case errors.As(err, &notFound):
			if loop.Elapsed() >= min(NotStarted, timeout) {
				return Result{Outcome: Unknown, Reason: fmt.Sprintf(
					"ECR has started no scan of %s@%s after %s; is scan on push enabled for the repository?",
					req.Repository, req.Digest, loop.Elapsed().Round(time.Second))}, nil
			}
			loop.Answered()
		case poll.Transient(err):
			loop.Failed()
			last.Reason = "last answer: " + err.Error()
		default:
			return Result{Outcome: Unknown, Reason: err.Error()},
				fmt.Errorf("read the scan of %s@%s: %w", req.Repository, req.Digest, err)
		}
		if loop.Elapsed() >= timeout {
			return Result{Outcome: Unknown, Status: last.Status, Counts: last.Counts, Reason: strings.TrimSpace(fmt.Sprintf(
				"no result after %s, last state %q %s", timeout, cmp.Or(last.Status, "none"), last.Reason))}, nil
		}
		if err := loop.Wait(ctx); err != nil {
			return Result{Outcome: Unknown, Reason: "cancelled"}, fmt.Errorf("wait for the scan of %s@%s: %w", req.Repository, req.Digest, err)
		}
	}
}

// describe reads every page of the findings.
func describe(ctx context.Context, api API, req Request) (Report, error) {
	in := &ecr.DescribeImageScanFindingsInput{
		RepositoryName: aws.String(req.Repository),
		ImageId:        &types.ImageIdentifier{ImageDigest: aws.String(req.Digest)},
	}
	var report Report
	for {
		out, err := api.DescribeImageScanFindings(ctx, in)
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

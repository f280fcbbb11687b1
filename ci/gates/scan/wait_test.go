package scan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

// pages answers by page, or with an error.
type pages struct {
	findings [][]types.ImageScanFinding
	err      error
	asked    []string
}

func (p *pages) DescribeImageScanFindings(_ context.Context, in *ecr.DescribeImageScanFindingsInput, _ ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error) {
	p.asked = append(p.asked, *in.ImageId.ImageDigest+aws.ToString(in.NextToken))
	if p.err != nil {
		return nil, p.err
	}
	n := len(aws.ToString(in.NextToken))
	out := &ecr.DescribeImageScanFindingsOutput{
		ImageScanStatus:   &types.ImageScanStatus{Status: types.ScanStatusComplete},
		ImageScanFindings: &types.ImageScanFindings{Findings: p.findings[n], FindingSeverityCounts: map[string]int32{}},
	}
	if n+1 < len(p.findings) {
		out.NextToken = aws.String(strings.Repeat("n", n+1))
	}
	return out, nil
}

func TestWaitReadsEveryPageByDigest(t *testing.T) {
	t.Parallel()
	p := &pages{findings: [][]types.ImageScanFinding{{cve("CVE-1", types.FindingSeverityLow)}, {cve("CVE-2", types.FindingSeverityCritical)}}}
	got, err := Wait(t.Context(), p, Request{Repository: "api", Digest: "sha256:1"}, poll.Env{})
	if err != nil || got.Outcome != Vulnerable || got.Counts.String() != "1 critical, 1 low" {
		t.Errorf("got %s, %v", got, err)
	}
	if strings.Join(p.asked, " ") != "sha256:1 sha256:1n" {
		t.Errorf("asked %v", p.asked)
	}
}

func TestWaitFailsAtOnceOnRefusal(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException"}
	got, err := Wait(t.Context(), &pages{err: denied}, Request{Repository: "api", Digest: "sha256:1"}, poll.Env{})
	if !errors.Is(err, denied) || got.Outcome != Unknown || !got.Blocking() {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWaitEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := Wait(ctx, &pages{err: &types.ScanNotFoundException{}}, Request{}, poll.Env{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

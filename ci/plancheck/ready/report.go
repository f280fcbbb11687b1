// Package ready looks, before a deploy, whether an AWS account is ready for it: who
// asks and what they may do, whom the account trusts, its quotas, the state's place,
// names that are taken, the certificate and the address of alarms. It reads only.
// Start at All.
package ready

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// State is how a check ended.
type State string

// The states of a line.
const (
	// OK: it is as a deploy needs it.
	OK State = "OK"
	// Failed: a deploy would fail; the line has a remedy.
	Failed State = "FAILED"
	// Skipped: it could not be looked at, or need not be; the line says why.
	Skipped State = "SKIPPED"
)

// Line is what one check found.
type Line struct {
	// Check names what was looked at.
	Check string
	State State
	// Detail says what was found, or why it was skipped.
	Detail string
	// Remedy is the command that mends a failure, or what to do where none does.
	Remedy string
	// Advice tells that a deploy works nevertheless.
	Advice bool
}

// Report is the lines of all checks, in the order of the checks.
type Report []Line

// String is the report for a person, a line for each check and below a failure its
// remedy.
func (r Report) String() string {
	var b strings.Builder
	for _, line := range r {
		fmt.Fprintf(&b, "%-8s %s: %s\n", line.State, line.Check, line.Detail)
		if line.Remedy != "" {
			fmt.Fprintf(&b, "%-8s %s\n", "", line.Remedy)
		}
	}
	count := map[State]int{}
	for _, line := range r {
		count[line.State]++
	}
	fmt.Fprintf(&b, "%d OK, %d FAILED, %d SKIPPED\n", count[OK], count[Failed], count[Skipped])
	return b.String()
}

// Err names the checks that failed; nil if none did. For a deploy those do not count
// that it works without.
func (r Report) Err(deploy bool) error {
	var failed []string
	for _, line := range r {
		if line.State == Failed && (!deploy || !line.Advice) {
			failed = append(failed, line.Check)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("the account is not ready: %s; the report has a remedy for each", strings.Join(failed, ", "))
}

// Check looks at one thing.
type Check struct {
	// Name is what its lines are called if it finds nothing to say itself.
	Name string
	// Look returns what it found. An error stands for one line: see problem.
	Look func(context.Context) ([]Line, error)
	// Advice tells that a deploy works although it fails.
	Advice bool
}

// lookTime bounds one check.
const lookTime = 30 * time.Second

// Run makes all checks at once.
func Run(ctx context.Context, checks []Check) Report {
	found := make([][]Line, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookTime)
			defer cancel()
			lines, err := check.Look(ctx)
			if err != nil {
				lines = append(lines, problem(check.Name, err))
			}
			for j := range lines {
				lines[j].Advice = check.Advice
			}
			found[i] = lines
		})
	}
	group.Wait()
	var report Report
	for _, lines := range found {
		report = append(report, lines...)
	}
	return report
}

// problem is the line for what could not be looked at. Who may not look is told so:
// that a right to read is missing does not keep a deploy from working. An AWS that
// does not know the question is an emulated one. Anything else is a failure.
func problem(check string, err error) Line {
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case ok && denied(api.ErrorCode()):
		return Line{Check: check, State: Skipped, Detail: "may not be looked at: " + oneLine(api.ErrorMessage())}
	case ok && unanswered(api):
		return Line{Check: check, State: Skipped, Detail: "this AWS does not answer the question: " + oneLine(api.ErrorMessage())}
	case noAPI(err):
		return Line{Check: check, State: Skipped, Detail: "this AWS does not know the question"}
	}
	return Line{
		Check: check, State: Failed, Detail: oneLine(err.Error()),
		Remedy: "look whether AWS can be reached and the credentials are valid: aws sts get-caller-identity",
	}
}

// denied reports whether an error's code says that the caller lacks a right; each
// protocol has its own.
func denied(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "Forbidden", "UnauthorizedOperation":
		return true
	}
	return false
}

// unanswered reports whether an error says that the operation is not known.
func unanswered(err smithy.APIError) bool {
	switch err.ErrorCode() {
	case "InvalidAction", "NotImplemented", "NotYetImplemented", "UnknownOperationException", "UnsupportedOperation":
		return true
	}
	return strings.Contains(err.ErrorMessage(), "not been implemented") || strings.Contains(err.ErrorMessage(), "not implemented")
}

// noAPI reports whether what answered does not know the API: with a page that is for
// people, and says that there is none.
func noAPI(err error) bool {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return false
	}
	_, page := errors.AsType[*smithy.DeserializationError](err)
	return page && (response.HTTPStatusCode() == http.StatusNotFound || response.HTTPStatusCode() == http.StatusNotImplemented)
}

// missing reports whether an error says that what was asked for is not there.
func missing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "ClusterNotFoundException", "LoadBalancerNotFound", "NoSuchBucket", "NoSuchEntity", "NoSuchResourceException",
		"NotFound", "NotFoundException", "RepositoryNotFoundException", "ResourceNotFoundException", "404":
		return true
	}
	return false
}

// oneLine keeps a message on one line of a report.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Package verify checks, before a deploy changes anything, what the new version
// needs, and prints the results as a tree of OK, FAILED and SKIPPED. What cannot
// be checked, for lack of permission or of an answer, is SKIPPED with the reason
// and does not stop a deploy. Start at Run.
package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dagger/sensor-backend/text"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Status is what became of a check.
type Status string

// The statuses.
const (
	OK      Status = "OK"
	Failed  Status = "FAILED"
	Skipped Status = "SKIPPED"
)

// Check is one thing to verify.
type Check struct {
	// Name says what, such as "image sha256:...".
	Name string
	// Run checks and returns what it found. A SkipError, or an error of AWS that
	// says that the caller may not ask, skips the check; any other error fails it.
	Run func(ctx context.Context) (found string, err error)
}

// SkipError is a check that does not apply or could not be made.
type SkipError struct{ Reason string }

// Error is the reason.
func (e *SkipError) Error() string { return e.Reason }

// Result is what came of a check.
type Result struct {
	Name   string
	Status Status
	// Detail is what was found, or why it failed or was skipped.
	Detail string
}

// Report is what came of the checks of one subject.
type Report struct {
	// Subject is what was verified.
	Subject string
	// Results are in the order of the checks.
	Results []Result
}

// Run does every check, also after one failed, so that one run reports them all.
func Run(ctx context.Context, subject string, checks []Check) Report {
	report := Report{Subject: subject}
	for _, c := range checks {
		found, err := c.Run(ctx)
		r := Result{Name: c.Name, Status: OK, Detail: found}
		var skip *SkipError
		switch {
		case errors.As(err, &skip):
			r.Status, r.Detail = Skipped, skip.Reason
		case mayNotAsk(err):
			r.Status, r.Detail = Skipped, "cannot look: "+text.FirstLine(err.Error())
		case err != nil:
			r.Status, r.Detail = Failed, text.FirstLine(err.Error())
		}
		report.Results = append(report.Results, r)
	}
	return report
}

// String is the tree.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString("verify " + r.Subject)
	for i, x := range r.Results {
		branch := "├─"
		if i == len(r.Results)-1 {
			branch = "└─"
		}
		fmt.Fprintf(&b, "\n%s %-7s %s", branch, x.Status, x.Name)
		if x.Detail != "" {
			b.WriteString(": " + x.Detail)
		}
	}
	return b.String()
}

// Err names what failed; nil if nothing did.
func (r Report) Err() error {
	var bad []string
	for _, x := range r.Results {
		if x.Status == Failed {
			bad = append(bad, x.Name+": "+x.Detail)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errors.New(strings.Join(bad, "; "))
}

// mayNotAsk reports answers that say nothing about what was asked for: the
// caller has no permission, or the AWS at hand does not know the operation.
func mayNotAsk(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError",
			"UnknownOperationException", "InvalidAction", "NotImplemented":
			return true
		}
	}
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && (response.HTTPStatusCode() == http.StatusNotImplemented || response.HTTPStatusCode() == http.StatusForbidden)
}

package lambda

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/text"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// LogSearch finds lines in a log group; *cloudwatchlogs.Client has it.
type LogSearch interface {
	FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, opts ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

const (
	// maxInvocationLog is how many lines of a failed invocation's log are shown.
	maxInvocationLog = 8
	// maxComplaints is how many different lines of a failed canary's log are
	// shown, and maxLogPages how many pages are searched for them.
	maxComplaints = 5
	maxLogPages   = 5
	// logPatience is how long lines are waited for: CloudWatch has them some
	// seconds after they were written.
	logPatience = 6 * time.Second
)

// logTail reads what the function wrote during an invocation, without the lines
// of Lambda itself (API Invoke: LogResult is base64, at most 4 KB).
func logTail(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimRight(line, "\r\n"); !fromLambda(line) {
			lines = append(lines, line)
		}
	}
	return logged(text.Last(lines, maxInvocationLog))
}

// fromLambda reports whether a log line says nothing of why a function failed:
// it is empty, or one that Lambda puts around each invocation.
func fromLambda(line string) bool {
	return strings.TrimSpace(line) == "" || slices.ContainsFunc([]string{"INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: "},
		func(prefix string) bool { return strings.HasPrefix(line, prefix) })
}

// logged puts lines of a log behind a reason.
func logged(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\nlog: " + strings.Join(lines, "\nlog: ")
}

// complaints are the different lines of its log in which a version reported errors
// since a moment, as far as they can be read: a diagnosis must not become the
// failure.
func (d *deployment) complaints(ctx context.Context, version string, since time.Time) []string {
	if d.Logs == nil {
		return nil
	}
	group := "/aws/lambda/" + functionName(d.req.Function)
	if c, err := d.configuration(ctx, version); err == nil && c.LoggingConfig != nil && aws.ToString(c.LoggingConfig.LogGroup) != "" {
		group = *c.LoggingConfig.LogGroup
	}
	loop := d.Env.Start()
	for {
		lines, err := d.complained(ctx, group, version, since)
		if len(lines) > 0 || err != nil && !poll.Transient(err) || loop.Elapsed() >= logPatience {
			return lines
		}
		if loop.Wait(ctx) != nil {
			return nil
		}
	}
}

// complained searches the log once. A version's streams have it in their names,
// as in 2026/01/31/[7]0123abcd (AWS Lambda Developer Guide, "Log stream names").
func (d *deployment) complained(ctx context.Context, group, version string, since time.Time) ([]string, error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String(group), StartTime: aws.Int64(since.UnixMilli()),
		FilterPattern: aws.String(`?"panic:" ?"fatal error:" ?ERROR`),
	}
	var lines []string
	for range maxLogPages {
		var out *cloudwatchlogs.FilterLogEventsOutput
		err := d.Env.Call(ctx, func(ctx context.Context) (err error) {
			out, err = d.Logs.FilterLogEvents(ctx, in)
			return err
		})
		if err != nil {
			return lines, err
		}
		for _, e := range out.Events {
			line := strings.TrimRight(aws.ToString(e.Message), "\r\n")
			if !strings.Contains(aws.ToString(e.LogStreamName), "/["+version+"]") || !complains(line) || slices.Contains(lines, line) {
				continue
			}
			if lines = append(lines, line); len(lines) == maxComplaints {
				return lines, nil
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	return lines, nil
}

func complains(line string) bool {
	return slices.ContainsFunc([]string{"panic:", "fatal error:", "ERROR"}, func(word string) bool { return strings.Contains(line, word) })
}

package ready

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// refusal is an error with a code, as AWS answers it.
func refusal(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// one runs a check and returns its only line.
func one(t *testing.T, check Check) Line {
	t.Helper()
	report := Run(t.Context(), []Check{check})
	if len(report) != 1 {
		t.Fatalf("%s has %d lines, want 1: %+v", check.Name, len(report), report)
	}
	if (report[0].State == Failed) != (report[0].Remedy != "") {
		t.Errorf("a failure has a remedy, and nothing else has one: %+v", report[0])
	}
	return report[0]
}

// expect compares a line's state and looks for a text in its detail or remedy.
func expect(t *testing.T, line Line, state State, text string) {
	t.Helper()
	if line.State != state || !strings.Contains(line.Detail+"\n"+line.Remedy, text) {
		t.Errorf("got %+v, want %s with %q", line, state, text)
	}
}

// TestProblems looks at what an error of AWS becomes: a missing right to look is
// skipped, and what cannot be asked at all is a failure.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		state State
		text  string
	}{
		"JSON protocol":    {refusal("AccessDeniedException", "User: x is not authorized to perform: servicequotas:GetServiceQuota"), Skipped, "servicequotas:GetServiceQuota"},
		"query protocol":   {refusal("AccessDenied", "not authorized to perform: iam:GetRole"), Skipped, "iam:GetRole"},
		"EC2":              {refusal("UnauthorizedOperation", "You are not authorized"), Skipped, "may not be looked at"},
		"SNS":              {refusal("AuthorizationError", "not authorized"), Skipped, "may not be looked at"},
		"HEAD":             {refusal("Forbidden", "Forbidden"), Skipped, "may not be looked at"},
		"unknown here":     {refusal("InternalFailure", "The get_account_settings action has not been implemented"), Skipped, "does not answer"},
		"unknown action":   {refusal("InvalidAction", "Could not find operation"), Skipped, "does not answer"},
		"an outage":        {refusal("InternalFailure", "try again"), Failed, "sts get-caller-identity"},
		"no connection":    {errors.New("dial tcp: refused"), Failed, "dial tcp: refused"},
		"expired":          {refusal("ExpiredToken", "The security token included in the request is expired"), Failed, "expired"},
		"time ran out":     {context.DeadlineExceeded, Failed, "deadline"},
		"several lines":    {errors.New("a\n  b"), Failed, "a b"},
		"throttled for it": {refusal("ThrottlingException", "Rate exceeded"), Failed, "Rate exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, one(t, Check{Name: "x", Look: func(context.Context) ([]Line, error) { return nil, c.err }}), c.state, c.text)
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := Report{
		{Check: "identity", State: OK, Detail: "role deploy"},
		{Check: "lock table", State: Failed, Detail: "t does not exist", Remedy: "dagger call setup-backend"},
		{Check: "certificate", State: Skipped, Detail: "plain HTTP"},
	}
	want := "OK       identity: role deploy\nFAILED   lock table: t does not exist\n         dagger call setup-backend\nSKIPPED  certificate: plain HTTP\n1 OK, 1 FAILED, 1 SKIPPED\n"
	if got := r.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := r.Err(true); err == nil || !strings.Contains(err.Error(), "lock table") || strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
	if err := r[:1].Err(false); err != nil {
		t.Errorf("error %v", err)
	}
	r[1].Advice = true
	if r.Err(true) != nil || r.Err(false) == nil {
		t.Error("advice fails a look at the account, and no deploy")
	}
}

// TestRunKeepsTheOrder makes later checks end first.
func TestRunKeepsTheOrder(t *testing.T) {
	t.Parallel()
	first, second := make(chan struct{}), make(chan struct{})
	wait := func(before, after chan struct{}, name string) Check {
		return Check{Name: name, Look: func(context.Context) ([]Line, error) {
			if before != nil {
				<-before
			}
			close(after)
			return []Line{{Check: name, State: OK}}, nil
		}}
	}
	report := Run(t.Context(), []Check{wait(first, second, "a"), wait(nil, first, "b")})
	if len(report) != 2 || report[0].Check != "a" || report[1].Check != "b" {
		t.Errorf("%+v", report)
	}
}

package permissions

import (
	"strings"
	"testing"
)

func sample() []Role {
	return []Role{
		{ARN: "arn:aws:iam::1:role/sensor-dev-eu-ci-apply", Used: []string{"s3:GetObject"}, Unused: []Grant{{"p", "Empty", "s3:DeleteObject"}, {"p", "Look", "ec2:DescribeTags"}}},
		{ARN: "arn:aws:iam::1:role/sensor-dev-eu-task", Used: []string{}, Denied: []Denial{
			{Operation: "sqs:SendMessage", Action: "sqs:SendMessage", Resource: "arn:aws:sqs:q", Decision: "denied", By: "identity-based policy", Count: 3},
			{Operation: "foo:Bar", Decision: "unknown", Count: 1},
		}},
		{ARN: "arn:aws:iam::1:role/other", Denied: []Denial{{Operation: "x:Y"}}},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	reasons := []Reason{
		{Role: "ci-apply", Actions: []string{"s3:DeleteObject"}, Reason: "a bucket is emptied only when it is destroyed"},
		{Role: "ci-apply", Actions: []string{"s3:GetObject"}, Reason: "wrong: it is used"},
		{Role: "task", Actions: []string{"ec2:DescribeTags"}, Reason: "of another role"},
	}
	report := Judge(sample(), reasons, "sensor-dev-")
	if len(report.Lines) != 2 || report.Lines[0].Reasoned != 1 || strings.Join(report.Lines[0].Unused, ",") != "Look ec2:DescribeTags" {
		t.Errorf("%+v", report.Lines)
	}
	if strings.Join(report.Needless, ",") != "ci-apply s3:GetObject,task ec2:DescribeTags" {
		t.Errorf("needless %q", report.Needless)
	}
	text := report.String()
	for _, want := range []string{
		"sensor-dev-eu-task is denied sqs:SendMessage on arn:aws:sqs:q by the identity-based policy (3 times, sqs:SendMessage)",
		"foo:Bar, which the emulated AWS does not know (1 times)",
		"sensor-dev-eu-ci-apply did not use Look ec2:DescribeTags",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if report.Denied() == nil {
		t.Error("a denial is an error")
	}
	if err := report.Exact(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error %v", err)
	}
	clean := Judge(sample()[:1], append(reasons[:1:1], Reason{Role: "ci-apply", Actions: []string{"ec2:DescribeTags"}, Reason: "x"}), "sensor-dev-")
	if err := clean.Exact(); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestReadReasons(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`[]`: true, `[{"role":"r","actions":["a:B"],"reason":"x"}]`: true,
		`[{"role":"r","actions":["a:B"]}]`: false, `[{"role":"r","actions":[],"reason":"x"}]`: false,
		`[{"role":"r","action":"a:B","reason":"x"}]`: false, `{`: false,
	} {
		if _, err := ReadReasons(strings.NewReader(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

package lambda

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

type alarms map[string]types.StateValue

func (a alarms) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	out := &cloudwatch.DescribeAlarmsOutput{}
	for _, n := range in.AlarmNames {
		if state, ok := a[n]; ok {
			out.MetricAlarms = append(out.MetricAlarms, types.MetricAlarm{AlarmName: &n, StateValue: state, StateReason: aws.String("threshold crossed")})
		}
	}
	return out, nil
}

func TestRinging(t *testing.T) {
	t.Parallel()
	api := alarms{"errors": types.StateValueAlarm, "latency": types.StateValueOk, "new": types.StateValueInsufficientData}
	for _, c := range []struct {
		names     []string
		want, err string
	}{
		{nil, "", ""},
		{[]string{"latency", "new"}, "", ""},
		{[]string{"latency", "errors"}, "alarm errors: threshold crossed", ""},
		{[]string{"typo"}, "", "there is no alarm typo"},
	} {
		got, err := Ringing(t.Context(), api, c.names)
		if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v: %q, %v", c.names, got, err)
		}
	}
}

package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// AlarmAPI is what is asked of CloudWatch; *cloudwatch.Client has it.
type AlarmAPI interface {
	DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, opts ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Ringing says which of the named alarms are in the state ALARM; empty if none
// is. An alarm that does not exist is an error: nothing would be checked.
func Ringing(ctx context.Context, api AlarmAPI, names []string) (string, error) {
	if len(names) == 0 {
		return "", nil
	}
	out, err := api.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return "", fmt.Errorf("read the alarms %s: %w", strings.Join(names, ", "), err)
	}
	var known, ringing []string
	note := func(name *string, state types.StateValue, reason *string) {
		known = append(known, aws.ToString(name))
		if state == types.StateValueAlarm {
			ringing = append(ringing, fmt.Sprintf("alarm %s: %s", aws.ToString(name), aws.ToString(reason)))
		}
	}
	for _, a := range out.MetricAlarms {
		note(a.AlarmName, a.StateValue, a.StateReason)
	}
	for _, a := range out.CompositeAlarms {
		note(a.AlarmName, a.StateValue, a.StateReason)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return "", fmt.Errorf("there is no alarm %s: name one that exists", n)
		}
	}
	return strings.Join(ringing, "; "), nil
}

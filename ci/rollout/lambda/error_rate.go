package lambda

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Metrics is the part of Amazon CloudWatch that checking a canary's errors
// calls; *cloudwatch.Client has it.
type Metrics interface {
	GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput, opts ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// errorRate checks how many of a version's invocations through an alias fail.
type errorRate struct {
	metrics         Metrics
	function, alias string
	// most is the share of the invocations that may fail.
	most  float64
	since time.Time
}

// metricPeriod is how finely Lambda's metrics are stored (AWS Lambda Developer
// Guide, "Using CloudWatch metrics with Lambda").
const metricPeriod = time.Minute

// wrong says what is wrong with the version; empty while too few invocations
// failed, or while CloudWatch, which is a minute or more behind, has no data.
func (r errorRate) wrong(ctx context.Context, version string) (string, error) {
	out, err := r.metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(r.since.Truncate(metricPeriod)), EndTime: aws.Time(time.Now().Add(metricPeriod)),
		MetricDataQueries: []types.MetricDataQuery{r.query("errors", "Errors", version), r.query("invocations", "Invocations", version)},
	})
	if err != nil {
		return "", fmt.Errorf("read the error rate of version %s: %w", version, err)
	}
	sums := map[string]float64{}
	for _, result := range out.MetricDataResults {
		for _, v := range result.Values {
			sums[aws.ToString(result.Id)] += v
		}
	}
	errors, invocations := sums["errors"], sums["invocations"]
	if invocations <= 0 || errors/invocations <= r.most {
		return "", nil
	}
	return fmt.Sprintf("%.0f of its %.0f invocations failed, %.1f %%, and at most %.1f %% may", errors, invocations, 100*errors/invocations, 100*r.most), nil
}

// query sums a metric of one version of an alias that has weights (AWS Lambda
// Developer Guide, "Implement Lambda canary deployments using a weighted
// alias").
func (r errorRate) query(id, metric, version string) types.MetricDataQuery {
	dimension := func(name, value string) types.Dimension {
		return types.Dimension{Name: aws.String(name), Value: aws.String(value)}
	}
	name := functionName(r.function)
	return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
		Period: aws.Int32(int32(metricPeriod / time.Second)), Stat: aws.String("Sum"),
		Metric: &types.Metric{
			Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(metric),
			Dimensions: []types.Dimension{
				dimension("FunctionName", name), dimension("Resource", name+":"+r.alias), dimension("ExecutedVersion", version),
			},
		},
	}}
}

// functionName is the name in a function's name or ARN without a version.
func functionName(function string) string {
	return function[strings.LastIndexByte(function, ':')+1:]
}

package notify

import (
	"context"
	"fmt"

	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Publisher is the part of Amazon SNS that is called; *sns.Client has it.
type Publisher interface {
	Publish(ctx context.Context, in *sns.PublishInput, opts ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// SNS publishes a run to a topic.
type SNS struct {
	API Publisher
	// Topic finds the topic's ARN; empty if there is none.
	Topic func(ctx context.Context) (string, error)
}

// Name is SNS.
func (SNS) Name() string { return "SNS" }

// Send publishes the run, with its outcome, kind and environment as attributes,
// by which a subscription can choose (Amazon SNS, "Subscription filter
// policies").
func (s SNS) Send(ctx context.Context, r record.Record) (string, error) {
	topic, err := s.Topic(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("find the topic: %w", err)
	case topic == "":
		return "nobody to notify: the infrastructure has no topic", nil
	}
	subject, message := report.SNS(r)
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range map[string]string{"outcome": string(r.Outcome), "kind": string(r.Kind), "environment": r.Target.Environment} {
		if value != "" {
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	out, err := s.API.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(topic), Subject: aws.String(subject), Message: aws.String(message), MessageAttributes: attributes})
	if err != nil {
		return "", fmt.Errorf("publish to %s: %w", topic, err)
	}
	return "published as " + aws.ToString(out.MessageId), nil
}

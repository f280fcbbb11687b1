package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"sensor-backend/services/internal/processor"
)

// SNSAPI is what Topic uses of the SNS client.
type SNSAPI interface {
	PublishBatch(ctx context.Context, in *sns.PublishBatchInput, opts ...func(*sns.Options)) (*sns.PublishBatchOutput, error)
}

// Topic publishes alerts to one SNS topic.
type Topic struct {
	api SNSAPI
	arn string
}

// NewTopic adapts the topic of that ARN.
func NewTopic(api SNSAPI, arn string) *Topic { return &Topic{api: api, arn: arn} }

// snsBatch is the most messages that one call takes.
const snsBatch = 10

// Publish sends one message for each alert.
func (t *Topic) Publish(ctx context.Context, alerts []processor.Alert) error {
	for start := 0; start < len(alerts); start += snsBatch {
		if err := t.publish(ctx, alerts[start:min(start+snsBatch, len(alerts))]); err != nil {
			return fmt.Errorf("publish alerts to %s: %w", t.arn, err)
		}
	}
	return nil
}

func (t *Topic) publish(ctx context.Context, alerts []processor.Alert) error {
	entries := make([]types.PublishBatchRequestEntry, len(alerts))
	for i, a := range alerts {
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write an alert of %s: %w", a.ObjectKey, err)
		}
		entries[i] = types.PublishBatchRequestEntry{
			Id:      aws.String(strconv.Itoa(i)),
			Subject: aws.String("sensor anomaly"),
			Message: aws.String(string(body)),
		}
	}
	out, err := t.api.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: aws.String(t.arn), PublishBatchRequestEntries: entries})
	if err != nil {
		return err
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("%d of %d refused, the first: %s: %s", len(out.Failed), len(alerts),
			aws.ToString(out.Failed[0].Code), aws.ToString(out.Failed[0].Message))
	}
	return nil
}

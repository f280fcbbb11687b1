package smoke

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// alerts is a queue of this run's own that receives what the topic sends.
type alerts struct {
	r            runner
	queue        string
	subscription string
}

// listen makes the queue and subscribes it to the topic of the alerts.
func (r runner) listen(ctx context.Context) (*alerts, error) {
	name := r.sensor + "-alerts"
	made, err := r.Queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return nil, fmt.Errorf("make the queue %s: %w", name, err)
	}
	a := &alerts{r: r, queue: *made.QueueUrl}
	if err := a.subscribe(ctx); err != nil {
		a.close(ctx)
		return nil, fmt.Errorf("subscribe to %s: %w", r.AlertsTopic, err)
	}
	return a, nil
}

func (a *alerts) subscribe(ctx context.Context) error {
	attributes, err := a.r.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &a.queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return err
	}
	arn := attributes.Attributes["QueueArn"]
	policy, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []map[string]any{{
			"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn,
			"Principal": map[string]string{"Service": "sns.amazonaws.com"},
			"Condition": map[string]any{"ArnEquals": map[string]string{"aws:SourceArn": a.r.AlertsTopic}},
		}},
	})
	if err != nil {
		return err
	}
	_, err = a.r.Queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &a.queue, Attributes: map[string]string{"Policy": string(policy)},
	})
	if err != nil {
		return err
	}
	out, err := a.r.Topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &a.r.AlertsTopic, Protocol: aws.String("sqs"), Endpoint: &arn, ReturnSubscriptionArn: true,
	})
	if err != nil {
		return err
	}
	a.subscription = aws.ToString(out.SubscriptionArn)
	return nil
}

// await waits for an alert about this run's sensor and the given object.
func (a *alerts) await(ctx context.Context, key string) error {
	return a.r.await(ctx, "an alert about "+key, func(ctx context.Context) (bool, error) {
		out, err := a.r.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &a.queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			return false, err
		}
		for _, message := range out.Messages {
			if a.matches(aws.ToString(message.Body), key) {
				return true, nil
			}
		}
		return false, nil
	})
}

// matches reads SNS's envelope and, in it, the alert.
func (a *alerts) matches(body, key string) bool {
	var envelope struct{ Message string }
	var alert struct {
		SensorID  string `json:"sensor_id"`
		ObjectKey string `json:"object_key"`
	}
	return json.Unmarshal([]byte(body), &envelope) == nil &&
		json.NewDecoder(strings.NewReader(envelope.Message)).Decode(&alert) == nil &&
		alert.SensorID == a.r.sensor && alert.ObjectKey == key
}

// close takes queue and subscription away again, also after a cancellation.
// What cannot be taken away is harmless: it is named after this run.
func (a *alerts) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if a.subscription != "" {
		_, _ = a.r.Topics.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &a.subscription})
	}
	_, _ = a.r.Queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &a.queue})
}

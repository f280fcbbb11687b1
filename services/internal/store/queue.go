package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sensor-backend/services/internal/loader"
)

// SQSAPI is what Queue uses of the SQS client.
type SQSAPI interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, opts ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// Queue takes messages from one SQS queue.
type Queue struct {
	api SQSAPI
	url string
}

// NewQueue adapts the queue at that URL.
func NewQueue(api SQSAPI, url string) *Queue { return &Queue{api: api, url: url} }

// Receive waits some seconds for messages and hides them from others for so long.
// They come in the order in which they were sent, as far as SQS hands them out so.
func (q *Queue) Receive(ctx context.Context, hidden time.Duration) ([]loader.Message, error) {
	const most, patience = 10, 20 // messages and seconds, both as many as SQS has
	out, err := q.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(q.url), MaxNumberOfMessages: most, WaitTimeSeconds: patience, VisibilityTimeout: wholeSeconds(hidden),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", q.url, err)
	}
	var messages []loader.Message
	for _, m := range out.Messages {
		// SQS sends both as decimal numbers; what is missing counts as nothing.
		sent, _ := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
		received, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
		messages = append(messages, loader.Message{
			ID: aws.ToString(m.MessageId), Handle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Sent: time.UnixMilli(sent), Received: received,
		})
	}
	slices.SortStableFunc(messages, func(x, y loader.Message) int { return x.Sent.Compare(y.Sent) })
	return messages, nil
}

// Hide hides a message that was received for so long from now; with 0 others see
// it at once.
func (q *Queue) Hide(ctx context.Context, m loader.Message, hidden time.Duration) error {
	_, err := q.api.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(m.Handle), VisibilityTimeout: wholeSeconds(hidden),
	})
	if err != nil {
		return fmt.Errorf("hide message %s of %s for %s: %w", m.ID, q.url, hidden, err)
	}
	return nil
}

// Delete takes a message away for good.
func (q *Queue) Delete(ctx context.Context, m loader.Message) error {
	_, err := q.api.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(m.Handle)})
	if err != nil {
		return fmt.Errorf("delete message %s of %s: %w", m.ID, q.url, err)
	}
	return nil
}

func wholeSeconds(d time.Duration) int32 {
	const longest = 12 * time.Hour              // of SQS
	return int32(min(d, longest) / time.Second) //nolint:gosec // at most 43,200
}

// Package redrive hands events that a function failed on, and that wait in a queue,
// to the function again. Start at Redrive.
package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/text"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is the part of SQS that is called; *sqs.Client has it.
type Queue interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, opts ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// Function is the part of AWS Lambda that is called; *lambda.Client has it.
type Function interface {
	Invoke(ctx context.Context, in *lambda.InvokeInput, opts ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Request says which events go where.
type Request struct {
	// Queue is the queue's URL.
	Queue string
	// Function and Alias name the function.
	Function, Alias string
	// Most is how many events are handed over, at least 1.
	Most int
}

// Result is what became of the events.
type Result struct {
	// Done is how many the function took; they have left the queue.
	Done int
	// Failures say of each other one why it stays, a line each.
	Failures []string
	// Left is true if there may be more than were asked for.
	Left bool
}

// String says it in one line, and lists the failures.
func (r Result) String() string {
	if r.Done == 0 && len(r.Failures) == 0 {
		return "no failed events are waiting"
	}
	line := fmt.Sprintf("%d failed events handed over again: %d done, %d failed again and stay", r.Done+len(r.Failures), r.Done, len(r.Failures))
	if r.Left {
		line += "; there may be more, call it again"
	}
	return strings.Join(append([]string{line}, r.Failures...), "\n")
}

const (
	// hidden is how long a received event is nobody else's, in seconds: the
	// function's longest run and a minute more.
	hidden = 16 * 60
	// wait is how long to wait for events, in seconds: an answer at once may leave
	// out some that are there.
	wait = 2
	// batch is how many messages SQS gives at a time.
	batch = 10
)

// Redrive hands the events of a queue to the function, one after the other, and
// deletes those that it takes. What fails again stays in the queue, and can be
// received again at once. An error is for a queue or a function that cannot be
// asked; the result says what was done until then.
func Redrive(ctx context.Context, queue Queue, function Function, r Request) (result Result, err error) {
	var back []string
	defer func() {
		// What was received and not done must not stay hidden.
		for _, receipt := range back {
			_, again := queue.ChangeMessageVisibility(context.WithoutCancel(ctx), &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &r.Queue, ReceiptHandle: aws.String(receipt), VisibilityTimeout: 0,
			})
			err = errors.Join(err, again)
		}
	}()
	for result.Done+len(result.Failures) < r.Most {
		ask := min(batch, r.Most-result.Done-len(result.Failures))
		received, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.Queue, MaxNumberOfMessages: int32(ask), WaitTimeSeconds: wait, VisibilityTimeout: hidden, // #nosec G115 -- at most batch
		})
		if err != nil {
			return result, fmt.Errorf("receive failed events from %s: %w", r.Queue, err)
		}
		if len(received.Messages) == 0 {
			return result, nil
		}
		for i, m := range received.Messages {
			why, err := one(ctx, queue, function, r, m)
			if err != nil {
				for _, rest := range received.Messages[i:] {
					back = append(back, aws.ToString(rest.ReceiptHandle))
				}
				return result, err
			}
			if why == "" {
				result.Done++
				continue
			}
			back = append(back, aws.ToString(m.ReceiptHandle))
			result.Failures = append(result.Failures, aws.ToString(m.MessageId)+": "+why)
		}
	}
	result.Left = true
	return result, nil
}

// one hands over one event, and says why the function did not take it.
func one(ctx context.Context, queue Queue, function Function, r Request, m types.Message) (why string, err error) {
	event, err := Event([]byte(aws.ToString(m.Body)))
	if err != nil {
		return err.Error(), nil //nolint:nilerr // the message stays, and the line says why
	}
	answer, err := function.Invoke(ctx, &lambda.InvokeInput{FunctionName: &r.Function, Qualifier: &r.Alias, Payload: event})
	if err != nil {
		return "", fmt.Errorf("hand an event to %s:%s: %w", r.Function, r.Alias, err)
	}
	if answer.FunctionError != nil {
		return text.Clip(strings.Join(strings.Fields(string(answer.Payload)), " "), 300), nil
	}
	if _, err := queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.Queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
		return "", fmt.Errorf("delete a done event from %s (the function has taken it): %w", r.Queue, err)
	}
	return "", nil
}

// Event is what the function was called with, of a message that a dead-letter queue
// or a failure destination holds (AWS Lambda documentation, "Asynchronous invocation
// records").
func Event(body []byte) ([]byte, error) {
	var record struct {
		RequestContext json.RawMessage `json:"requestContext"`
		RequestPayload json.RawMessage `json:"requestPayload"`
	}
	if err := json.Unmarshal(body, &record); err != nil {
		return nil, fmt.Errorf("the message is no event: %w", err)
	}
	if record.RequestContext != nil && record.RequestPayload != nil {
		return record.RequestPayload, nil
	}
	return body, nil
}

package processor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Event is what is used of an event: changes of objects as S3 sends them, or
// messages of a queue that hold such events. It is decoded here and not by the
// Lambda library, which refuses all of an event when one key is malformed.
type Event struct {
	Records []Record `json:"Records"`
}

// Record is one change of one object, or one message of a queue.
type Record struct {
	EventSource string `json:"eventSource"`
	EventName   string `json:"eventName"`
	S3          struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"` // URL-encoded
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`

	MessageID string `json:"messageId"`
	Body      string `json:"body"`
}

// queued tells a message of an SQS queue from a change of an object.
func (r Record) queued() bool { return r.EventSource == "aws:sqs" }

// created tells uploads from deletions, restores and test events.
func (r Record) created() bool {
	name := strings.TrimPrefix(r.EventName, "s3:")
	return strings.HasPrefix(name, "ObjectCreated:")
}

// sequencer returns the event's place among those of its key, as a text that
// sorts: S3 asks to fill the shorter of two with zeros on the right.
func (r Record) sequencer() string {
	const width = 32
	s := r.S3.Object.Sequencer
	if s == "" || len(s) >= width {
		return s
	}
	return s + strings.Repeat("0", width-len(s))
}

// Invoke is the function that Lambda calls. An event that comes from S3 fails
// or succeeds as a whole, and its answer is empty. Of an event that comes from
// SQS the messages that should come again are named in the answer: the event
// source mapping must have ReportBatchItemFailures set, or a message that
// failed is lost.
func (p *Processor) Invoke(ctx context.Context, event Event) (*events.SQSEventResponse, error) {
	if len(event.Records) == 0 || !event.Records[0].queued() {
		return nil, p.Handle(ctx, event)
	}
	answer := &events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, message := range event.Records {
		if err := p.message(ctx, message); err != nil {
			p.Log.ErrorContext(ctx, "message not processed", "message", message.MessageID, "error", err)
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageID})
		}
	}
	return answer, nil
}

func (p *Processor) message(ctx context.Context, message Record) error {
	var inner Event
	if err := json.Unmarshal([]byte(message.Body), &inner); err != nil {
		return fmt.Errorf("message %s holds no S3 event, send it only what S3 sends: %w", message.MessageID, err)
	}
	return p.Handle(ctx, inner)
}

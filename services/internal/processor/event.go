package processor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sensor-backend/services/internal/s3event"
)

// Event is changes of objects.
type Event struct{ Records []s3event.Change }

// sequencer returns a change's place among those of its key, as a text that
// sorts: S3 asks to fill the shorter of two with zeros on the right.
func sequencer(c s3event.Change) string {
	const width = 32
	s := c.Sequencer
	if s == "" || len(s) >= width {
		return s
	}
	return s + strings.Repeat("0", width-len(s))
}

// Invoke is the function that Lambda calls. An event that comes from S3, SNS or
// EventBridge fails or succeeds as a whole, and its answer is empty. Of an event
// that comes from SQS the messages that should come again are named in the
// answer, those among them that are not understood: the queue's redrive policy
// then decides what becomes of them. The event source mapping must have
// ReportBatchItemFailures set, or a message that failed is lost.
func (p *Processor) Invoke(ctx context.Context, event []byte) (*events.SQSEventResponse, error) {
	messages, queued, err := s3event.Messages(event)
	if err != nil {
		return nil, err
	}
	if !queued {
		return nil, p.take(ctx, event)
	}
	answer := &events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, message := range messages {
		if err := p.take(ctx, []byte(message.Body)); err != nil {
			p.Log.ErrorContext(ctx, "message not processed", "message", message.ID, "error", err)
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.ID})
		}
	}
	return answer, nil
}

func (p *Processor) take(ctx context.Context, event []byte) error {
	changes, err := s3event.Changes(event)
	if err != nil {
		return fmt.Errorf("%w, send this function only what S3 sends", err)
	}
	if len(changes) == 0 {
		p.Log.InfoContext(ctx, "test event of S3 taken")
	}
	return p.Handle(ctx, Event{Records: changes})
}

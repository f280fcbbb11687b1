package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fake is a queue with messages, and a function that fails on events with "bad".
type fake struct {
	bodies           []string
	hidden           map[int]bool
	deleted          []int
	invoked          []string
	invokeErr, queue error
}

func (f *fake) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	for i, body := range f.bodies {
		if f.hidden[i] || slices.Contains(f.deleted, i) || len(out.Messages) == int(in.MaxNumberOfMessages) {
			continue
		}
		f.hidden[i] = true
		out.Messages = append(out.Messages, types.Message{MessageId: aws.String(fmt.Sprint("m", i)), ReceiptHandle: aws.String(fmt.Sprint(i)), Body: aws.String(body)})
	}
	return out, f.queue
}

func index(receipt *string) (i int) {
	_, _ = fmt.Sscan(aws.ToString(receipt), &i)
	return i
}

func (f *fake) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	f.deleted = append(f.deleted, index(in.ReceiptHandle))
	return nil, nil
}

func (f *fake) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	f.hidden[index(in.ReceiptHandle)] = in.VisibilityTimeout > 0
	return nil, nil
}

func (f *fake) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	f.invoked = append(f.invoked, string(in.Payload))
	if strings.Contains(string(in.Payload), "bad") {
		return &lambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: []byte(`{"errorMessage": "no  luck"}`)}, nil
	}
	return &lambda.InvokeOutput{}, f.invokeErr
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{"{}"}, 25)
	for _, c := range []struct {
		name              string
		fake              fake
		most              int
		want, err         string
		deleted, visible  int
		invokedWithRecord bool
	}{
		{name: "nothing", most: 5, want: "no failed events are waiting"},
		{name: "all done", fake: fake{bodies: many}, most: 100, want: "25 failed events handed over again: 25 done, 0 failed again and stay", deleted: 25},
		{name: "as many as asked", fake: fake{bodies: many}, most: 12, want: "12 failed events handed over again: 12 done, 0 failed again and stay; there may be more, call it again", deleted: 12, visible: 13},
		{
			name: "one fails again", fake: fake{bodies: []string{"{}", `{"bad":1}`, "not JSON", "{}"}}, most: 100, deleted: 2, visible: 2,
			want: "4 failed events handed over again: 2 done, 2 failed again and stay\nm1: {\"errorMessage\": \"no luck\"}\nm2: the message is no event",
		},
		{
			name: "a record of a destination", most: 9, deleted: 1, invokedWithRecord: true, want: "1 failed events handed over again: 1 done",
			fake: fake{bodies: []string{`{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"Records":[]},"responsePayload":{}}`}},
		},
		{name: "a function that cannot be asked", fake: fake{bodies: many, invokeErr: errors.New("denied")}, most: 5, err: "hand an event to f:PROD: denied", want: "no failed", visible: 25},
		{name: "a queue that cannot be asked", fake: fake{queue: errors.New("denied")}, most: 5, err: "receive failed events from q: denied", want: "no failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.fake
			f.hidden = map[int]bool{}
			got, err := Redrive(t.Context(), &f, &f, Request{Queue: "q", Function: "f", Alias: "PROD", Most: c.most})
			if !strings.HasPrefix(got.String(), c.want) || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("%q, %v; want %q, %s", got, err, c.want, c.err)
			}
			visible := 0
			for i := range f.bodies {
				if !f.hidden[i] && !slices.Contains(f.deleted, i) {
					visible++
				}
			}
			if len(f.deleted) != c.deleted || visible != c.visible {
				t.Errorf("%d deleted and %d to be received, want %d and %d", len(f.deleted), visible, c.deleted, c.visible)
			}
			if c.invokedWithRecord && !slices.Equal(f.invoked, []string{`{"Records":[]}`}) {
				t.Errorf("the function was called with %q", f.invoked)
			}
		})
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"requestContext":{},"requestPayload":{"a":1}}`))
	f.Add([]byte(`{"Records":[]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if event, err := Event(body); err == nil && !json.Valid(event) {
			t.Errorf("%q became %q, which is no JSON", body, event)
		}
	})
}

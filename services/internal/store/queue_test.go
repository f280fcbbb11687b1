package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sensor-backend/services/internal/loader"
	"sensor-backend/services/internal/store"
)

// fakeSQS hands out its messages once and remembers what is asked of it.
type fakeSQS struct {
	messages []types.Message
	calls    []string
	err      error
}

func (f *fakeSQS) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	f.calls = append(f.calls, fmt.Sprintf("receive %s %d for %ds", *in.QueueUrl, in.MaxNumberOfMessages, in.VisibilityTimeout))
	return &sqs.ReceiveMessageOutput{Messages: f.messages}, f.err
}

func (f *fakeSQS) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	f.calls = append(f.calls, fmt.Sprintf("hide %s %ds", *in.ReceiptHandle, in.VisibilityTimeout))
	return &sqs.ChangeMessageVisibilityOutput{}, f.err
}

func (f *fakeSQS) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	f.calls = append(f.calls, "delete "+*in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, f.err
}

func message(id, sent, received string) types.Message {
	return types.Message{
		MessageId: aws.String(id), ReceiptHandle: aws.String("h" + id), Body: aws.String("b" + id),
		Attributes: map[string]string{"SentTimestamp": sent, "ApproximateReceiveCount": received},
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	api := &fakeSQS{messages: []types.Message{message("2", "2000", "1"), message("1", "1000", "3"), {MessageId: aws.String("0")}}}
	queue := store.NewQueue(api, "url")
	got, err := queue.Receive(t.Context(), time.Minute)
	want := []loader.Message{
		{ID: "0", Sent: time.UnixMilli(0)},
		{ID: "1", Handle: "h1", Body: "b1", Sent: time.UnixMilli(1000), Received: 3},
		{ID: "2", Handle: "h2", Body: "b2", Sent: time.UnixMilli(2000), Received: 1},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("received %+v, %v", got, err)
	}
	hide := queue.Hide(t.Context(), want[1], 90*time.Second)
	long := queue.Hide(t.Context(), want[1], 100*time.Hour)
	gone := queue.Delete(t.Context(), want[2])
	if err := errors.Join(hide, long, gone); err != nil {
		t.Error(err)
	}
	if calls := strings.Join(api.calls, ", "); calls != "receive url 10 for 60s, hide h1 90s, hide h1 43200s, delete h2" {
		t.Errorf("calls %s", calls)
	}
}

func TestQueueErrors(t *testing.T) {
	t.Parallel()
	queue := store.NewQueue(&fakeSQS{err: errDown}, "url")
	_, err := queue.Receive(t.Context(), time.Minute)
	for _, err := range []error{err, queue.Hide(t.Context(), loader.Message{}, 0), queue.Delete(t.Context(), loader.Message{})} {
		if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "url") {
			t.Errorf("got %v", err)
		}
	}
}

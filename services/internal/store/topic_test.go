package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/store"
)

type fakeSNS struct {
	calls    []int
	messages []string
	refuse   bool
	err      error
}

func (f *fakeSNS) PublishBatch(_ context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	f.calls = append(f.calls, len(in.PublishBatchRequestEntries))
	for _, e := range in.PublishBatchRequestEntries {
		f.messages = append(f.messages, *e.Message)
	}
	out := &sns.PublishBatchOutput{}
	if f.refuse {
		out.Failed = []types.BatchResultErrorEntry{{Code: aws.String("InternalError"), Message: aws.String("try again")}}
	}
	return out, f.err
}

func TestTopicPublishesInTens(t *testing.T) {
	t.Parallel()
	api := &fakeSNS{}
	if err := store.NewTopic(api, "arn").Publish(t.Context(), make([]processor.Alert, 23)); err != nil {
		t.Fatal(err)
	}
	if len(api.messages) != 23 || len(api.calls) != 3 || api.calls[2] != 3 {
		t.Errorf("%d messages in %v", len(api.messages), api.calls)
	}
	if !strings.Contains(api.messages[0], `"sensor_id"`) {
		t.Errorf("message %s", api.messages[0])
	}
}

func TestTopicErrors(t *testing.T) {
	t.Parallel()
	one := make([]processor.Alert, 1)
	if err := store.NewTopic(&fakeSNS{err: errDown}, "arn").Publish(t.Context(), one); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	err := store.NewTopic(&fakeSNS{refuse: true}, "arn").Publish(t.Context(), one)
	if err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %v", err)
	}
}

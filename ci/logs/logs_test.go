package logs

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
)

// group is a log group to which a line comes every two seconds.
type group struct {
	begin time.Time
	calls int
	fails map[int]error
	// hangs is the call from which on none is answered; 0 is never.
	hangs int
}

func (g *group) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	g.calls++
	if g.hangs > 0 && g.calls >= g.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := g.fails[g.calls]; err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	var all []types.FilteredLogEvent
	for i := 0; ; i++ {
		at := g.begin.Add(time.Duration(2*i) * time.Second)
		if at.After(time.Now()) {
			break
		}
		if at.UnixMilli() >= *in.StartTime {
			all = append(all, types.FilteredLogEvent{EventId: aws.String(fmt.Sprint(i)), Timestamp: aws.Int64(at.UnixMilli()), LogStreamName: aws.String("ecs/api/0123456789"), Message: aws.String(fmt.Sprintf("line %d\n", i))})
		}
	}
	// Two pages.
	half := len(all) / 2
	switch {
	case in.NextToken == nil && len(all) > 1:
		out.Events, out.NextToken = all[:half], aws.String("more")
	case in.NextToken != nil:
		out.Events = all[half:]
	default:
		out.Events = all
	}
	return out, nil
}

func TestFollowShowsEachLineOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &group{begin: time.Now().Add(-10 * time.Second), fails: map[int]error{3: &smithy.GenericAPIError{Code: "ThrottlingException"}}}
		var lines []string
		n, err := Follow(t.Context(), g, Request{Group: "/ecs/api", Since: 5 * time.Second, Follow: time.Minute}, poll.Env{Random: func() float64 { return 0.5 }}, func(l string) { lines = append(lines, l) })
		if err != nil || n != len(lines) || n < 30 {
			t.Fatalf("%d lines counted, %d shown, %v", n, len(lines), err)
		}
		for i, l := range lines {
			if !strings.HasSuffix(l, fmt.Sprint(" 01234567 line ", i+3)) {
				t.Fatalf("line %d is %q", i, l)
			}
		}
	})
}

func TestFollowEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if n, err := Follow(ctx, &group{begin: time.Now()}, Request{Group: "g", Follow: time.Hour}, poll.Env{}, func(string) {}); err != nil || n == 0 {
			t.Errorf("%d lines, %v", n, err)
		}
	})
}

// TestAHungLogGroupEndsWithItsTime wants a hang to last neither longer than the
// time to follow nor, without one, for ever.
func TestAHungLogGroupEndsWithItsTime(t *testing.T) {
	t.Parallel()
	for follow, limit := range map[time.Duration]time.Duration{time.Minute: time.Minute, 0: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := Follow(t.Context(), &group{begin: start, hangs: 2}, Request{Group: "g", Since: time.Minute, Follow: follow}, poll.Env{}, func(string) {})
			if took := time.Since(start); follow > 0 && (err != nil || took != limit) || took > limit {
				t.Errorf("following for %s: %v after %s", follow, err, took)
			}
			start = time.Now()
			_, err = Follow(t.Context(), &group{begin: start, hangs: 1}, Request{Group: "g", Since: time.Minute, Follow: follow}, poll.Env{}, func(string) {})
			if took := time.Since(start); took > limit || follow == 0 && err == nil {
				t.Errorf("following for %s: %v after %s", follow, err, took)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for says, err := range map[string]error{
		"run apply first": &types.ResourceNotFoundException{}, "filter patterns": &types.InvalidParameterException{}, "/ecs/api": &smithy.GenericAPIError{Code: "AccessDeniedException"},
	} {
		if _, got := Follow(t.Context(), &group{fails: map[int]error{1: err}}, Request{Group: "/ecs/api"}, poll.Env{}, nil); got == nil || !strings.Contains(got.Error(), says) {
			t.Errorf("error %v does not say %q", got, says)
		}
	}
}

// Package logs reads a CloudWatch log group forward from a time, and goes on as
// lines come. Start at Follow.
package logs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// API is what is asked of CloudWatch Logs; *cloudwatchlogs.Client has it.
type API interface {
	FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, opts ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// Request says what to read.
type Request struct {
	// Group is the log group's name.
	Group string
	// Filter is a filter pattern of CloudWatch Logs; empty is every line.
	Filter string
	// Since is how far back to begin.
	Since time.Duration
	// Follow is how long to go on for new lines; zero reads what there is.
	Follow time.Duration
}

// overlap is how far each later look goes back: lines of one moment arrive one
// after another.
const overlap = 30 * time.Second

// Follow hands each line, with its time and stream, to emit, each once. It
// returns how many there were. A caller that gives up while following ends it
// without an error.
func Follow(ctx context.Context, api API, req Request, env poll.Env, emit func(line string)) (int, error) {
	seen := map[string]bool{}
	loop := env.Start()
	from := time.Now().Add(-req.Since)
	for {
		newest, err := read(ctx, api, req, from, seen, emit)
		if ctx.Err() != nil && req.Follow > 0 {
			return len(seen), nil
		}
		switch {
		case err == nil:
			loop.Answered()
		case poll.Transient(err) && !loop.Exhausted():
			loop.Failed()
		default:
			return len(seen), explain(req.Group, err)
		}
		if at := newest.Add(-overlap); at.After(from) {
			from = at
		}
		if err == nil && loop.Elapsed() >= req.Follow {
			return len(seen), nil
		}
		if waited := loop.Wait(ctx); waited != nil && req.Follow == 0 {
			return len(seen), waited
		}
	}
}

// read takes all pages once.
func read(ctx context.Context, api API, req Request, from time.Time, seen map[string]bool, emit func(string)) (newest time.Time, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &req.Group, StartTime: aws.Int64(from.UnixMilli())}
	if req.Filter != "" {
		in.FilterPattern = &req.Filter
	}
	for {
		out, err := api.FilterLogEvents(ctx, in)
		if err != nil {
			return newest, err
		}
		for _, e := range out.Events {
			at := time.UnixMilli(aws.ToInt64(e.Timestamp))
			id := aws.ToString(e.EventId)
			if id == "" {
				id = fmt.Sprint(at.UnixNano(), aws.ToString(e.LogStreamName), aws.ToString(e.Message))
			}
			if seen[id] {
				continue
			}
			seen[id] = true
			if at.After(newest) {
				newest = at
			}
			emit(fmt.Sprintf("%s %s %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), stream(aws.ToString(e.LogStreamName)), strings.TrimRight(aws.ToString(e.Message), "\r\n")))
		}
		if aws.ToString(out.NextToken) == "" {
			return newest, nil
		}
		in.NextToken = out.NextToken
	}
}

// stream is the end of a stream's name, which tells tasks and instances apart.
func stream(name string) string {
	if i := strings.LastIndexAny(name, "/]"); i >= 0 {
		name = name[i+1:]
	}
	return name[:min(len(name), 8)]
}

func explain(group string, err error) error {
	var missing *types.ResourceNotFoundException
	var pattern *types.InvalidParameterException
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("read the log group %s: it does not exist; run apply first: %w", group, err)
	case errors.As(err, &pattern):
		return fmt.Errorf("read the log group %s: %w; see the syntax of CloudWatch Logs filter patterns", group, err)
	}
	return fmt.Errorf("read the log group %s: %w", group, err)
}

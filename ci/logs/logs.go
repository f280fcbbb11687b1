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

// overlap is how far each later read goes back: lines of one moment arrive one
// after another.
const overlap = 30 * time.Second

// Follow hands each line, with its time and stream, to emit, each once. It
// returns how many there were. A caller that gives up while following ends it
// without an error.
func Follow(ctx context.Context, api API, req Request, env poll.Env, emit func(line string)) (int, error) {
	r := reader{api: api, req: req, loop: env.Start(), emit: emit, shown: map[string]bool{}}
	limited := ctx
	if req.Follow > 0 {
		var stop context.CancelFunc
		limited, stop = context.WithTimeout(ctx, req.Follow)
		defer stop()
	}
	from := time.Now().Add(-req.Since)
	for {
		newest, err := r.read(limited, from)
		if limited.Err() != nil && req.Follow > 0 {
			return len(r.shown), nil
		}
		switch {
		case err == nil:
			r.loop.Answered()
		case poll.Transient(err) && !r.loop.Exhausted():
			r.loop.Failed()
		default:
			return len(r.shown), explain(req.Group, err)
		}
		if at := newest.Add(-overlap); at.After(from) {
			from = at
		}
		if err == nil && r.loop.Elapsed() >= req.Follow {
			return len(r.shown), nil
		}
		if waited := r.loop.Wait(limited); waited != nil && req.Follow == 0 {
			return len(r.shown), waited
		}
	}
}

// reader reads one log group, each line once.
type reader struct {
	api   API
	req   Request
	loop  *poll.Loop
	emit  func(line string)
	shown map[string]bool
}

// read takes all pages once.
func (r *reader) read(ctx context.Context, from time.Time) (newest time.Time, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &r.req.Group, StartTime: aws.Int64(from.UnixMilli())}
	if r.req.Filter != "" {
		in.FilterPattern = &r.req.Filter
	}
	for {
		var out *cloudwatchlogs.FilterLogEventsOutput
		err := r.loop.Call(ctx, func(ctx context.Context) (err error) {
			out, err = r.api.FilterLogEvents(ctx, in)
			return err
		})
		if err != nil {
			return newest, err
		}
		for _, e := range out.Events {
			at := time.UnixMilli(aws.ToInt64(e.Timestamp))
			id := aws.ToString(e.EventId)
			if id == "" {
				id = fmt.Sprint(at.UnixNano(), aws.ToString(e.LogStreamName), aws.ToString(e.Message))
			}
			if r.shown[id] {
				continue
			}
			r.shown[id] = true
			if at.After(newest) {
				newest = at
			}
			r.emit(fmt.Sprintf("%s %s %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), stream(aws.ToString(e.LogStreamName)), strings.TrimRight(aws.ToString(e.Message), "\r\n")))
		}
		if aws.ToString(out.NextToken) == "" {
			return newest, nil
		}
		in.NextToken = out.NextToken
	}
}

// stream is the end of a stream's name, which differs between tasks and instances.
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

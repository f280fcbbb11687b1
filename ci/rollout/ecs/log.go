package ecs

import (
	"context"
	"strings"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/text"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	// maxLogRead is how many lines of a container's log are read, and
	// maxLogLines how many of them are shown.
	maxLogRead  = 1000
	maxLogLines = 20
)

// readTail reads the last lines that a container of a task logged through
// awslogs, and names where. It returns no lines when the log cannot be read or
// is empty: a diagnosis must not become the failure.
func readTail(ctx context.Context, env poll.Env, logs LogTail, containers []types.ContainerDefinition, name, task string) (where string, lines []string) {
	group, stream, ok := logStream(containers, name, task)
	if logs == nil || !ok {
		return "", nil
	}
	var out *cloudwatchlogs.GetLogEventsOutput
	err := env.Call(ctx, func(ctx context.Context) (err error) {
		out, err = logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(group), LogStreamName: aws.String(stream),
			Limit: aws.Int32(maxLogRead), StartFromHead: aws.Bool(false),
		})
		return err
	})
	if err != nil || len(out.Events) == 0 {
		return "", nil
	}
	lines = make([]string, 0, len(out.Events))
	for _, e := range out.Events {
		lines = append(lines, strings.TrimRight(aws.ToString(e.Message), "\r\n"))
	}
	return group + ":" + stream, text.Last(lines, maxLogLines)
}

// logStream is where a container of a task logs to: PREFIX/CONTAINER/TASK
// (Amazon ECS Developer Guide, "Send Amazon ECS logs to CloudWatch",
// awslogs-stream-prefix).
func logStream(containers []types.ContainerDefinition, name, task string) (group, stream string, ok bool) {
	for _, c := range containers {
		if aws.ToString(c.Name) != name || c.LogConfiguration == nil || c.LogConfiguration.LogDriver != types.LogDriverAwslogs {
			continue
		}
		options := c.LogConfiguration.Options
		group, prefix := options["awslogs-group"], options["awslogs-stream-prefix"]
		return group, prefix + "/" + name + "/" + task, group != "" && prefix != ""
	}
	return "", "", false
}

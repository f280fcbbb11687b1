package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

const (
	cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/sensor-dev"
	taskARN = "arn:aws:ecs:eu-central-1:111122223333:task/sensor-dev/0123"
)

// fake is an ECS with one task, which takes a minute.
type fake struct {
	runErrs  []error // of the first calls of RunTask
	lost     []error // of the next calls, after the task was started
	answer   *ecs.RunTaskOutput
	unplaced []string // reasons why the first calls find no place
	lookErrs []error  // of the first calls of DescribeTasks
	hidden   int      // calls after which the task appears
	hangs    bool     // DescribeTasks gets no answer
	last     types.Task
	firsts   []types.Task // how the first tasks end, after 10 s
	forever  bool
	log      []string
	logDelay time.Duration
	stopErr  error
	stopErrs []error // of the first calls of StopTask
	stopLost []error // of the first calls of StopTask, after the order was taken

	began     time.Time
	runs      []*ecs.RunTaskInput
	tokens    []string // those that started a task
	described int
	stops     int
	ordered   bool   // to stop
	stopped   string // the reason
	repeated  bool   // the SDK may send a change again by itself
}

func (f *fake) once(options []func(*ecs.Options)) {
	var o ecs.Options
	for _, option := range options {
		option(&o)
	}
	f.repeated = f.repeated || o.RetryMaxAttempts != 1
}

func (f *fake) RunTask(_ context.Context, in *ecs.RunTaskInput, options ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	f.once(options)
	sent := *in
	f.runs = append(f.runs, &sent)
	n := len(f.runs)
	if n <= len(f.runErrs) {
		return nil, f.runErrs[n-1]
	}
	if n -= len(f.runErrs); n <= len(f.unplaced) {
		return &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: &f.unplaced[n-1]}}}, nil
	}
	if f.answer != nil {
		return f.answer, nil
	}
	if token := aws.ToString(in.ClientToken); !slices.Contains(f.tokens, token) {
		f.tokens, f.began = append(f.tokens, token), time.Now()
	}
	if n -= len(f.unplaced); n <= len(f.lost) {
		return nil, f.lost[n-1]
	}
	return &ecs.RunTaskOutput{Tasks: []types.Task{{TaskArn: aws.String(taskARN)}}}, nil
}

func (f *fake) DescribeTasks(ctx context.Context, _ *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	f.described++
	if f.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if n := len(f.tokens); n > 0 && n <= len(f.firsts) && time.Since(f.began) >= 10*time.Second {
		first := f.firsts[n-1]
		first.LastStatus = aws.String("STOPPED")
		return &ecs.DescribeTasksOutput{Tasks: []types.Task{first}}, nil
	}
	switch {
	case f.described <= len(f.lookErrs):
		return nil, f.lookErrs[f.described-1]
	case f.described <= f.hidden:
		return &ecs.DescribeTasksOutput{Failures: []types.Failure{{Reason: aws.String("MISSING")}}}, nil
	case f.forever, time.Since(f.began) < time.Minute:
		running := types.Task{LastStatus: aws.String("RUNNING"), DesiredStatus: aws.String("RUNNING")}
		if f.ordered {
			running.DesiredStatus = aws.String("STOPPED")
		}
		return &ecs.DescribeTasksOutput{Tasks: []types.Task{running}}, nil
	}
	f.last.LastStatus = aws.String("STOPPED")
	return &ecs.DescribeTasksOutput{Tasks: []types.Task{f.last}}, nil
}

func (f *fake) StopTask(_ context.Context, in *ecs.StopTaskInput, options ...func(*ecs.Options)) (*ecs.StopTaskOutput, error) {
	f.once(options)
	if f.stops++; f.stops <= len(f.stopErrs) {
		return nil, f.stopErrs[f.stops-1]
	}
	f.stopped, f.ordered = aws.ToString(in.Reason), true
	if n := f.stops - len(f.stopErrs); n <= len(f.stopLost) {
		return nil, f.stopLost[n-1]
	}
	return &ecs.StopTaskOutput{}, f.stopErr
}

func (f *fake) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	if got := aws.ToString(in.LogGroupName) + ":" + aws.ToString(in.LogStreamName); got != "/api:ecs/api/0123" {
		return nil, errors.New("no such stream: " + got)
	}
	out := &cloudwatchlogs.GetLogEventsOutput{}
	if time.Since(f.began) < time.Minute+f.logDelay {
		return out, nil
	}
	for _, line := range f.log {
		out.Events = append(out.Events, logstypes.OutputLogEvent{Message: aws.String(line + "\n")})
	}
	return out, nil
}

func ended(code int32) types.Task {
	return types.Task{
		StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: aws.String("Essential container in task exited"),
		Containers: []types.Container{{Name: aws.String("api"), ExitCode: aws.Int32(code)}},
	}
}

func request() TaskRequest {
	return TaskRequest{
		Service: types.Service{
			ServiceName: aws.String("sensor-dev-api"), ClusterArn: aws.String(cluster), PlatformVersion: aws.String("LATEST"),
			NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
			CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT")}},
		},
		Definition: types.TaskDefinition{
			TaskDefinitionArn: aws.String("arn:aws:ecs:eu-central-1:111122223333:task-definition/sensor-dev-api:7"),
			ContainerDefinitions: []types.ContainerDefinition{{
				Name: aws.String("api"),
				LogConfiguration: &types.LogConfiguration{
					LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/api", "awslogs-stream-prefix": "ecs"},
				},
			}},
		},
		Container: "api", Command: []string{"migrate"},
	}
}

// throttled is an error that goes away by itself.
var throttled = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "rate exceeded"}

func TestRun(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform ecs:RunTask"}
	many := slices.Repeat([]error{throttled}, 20)
	tests := map[string]struct {
		fake    fake
		timeout time.Duration
		outcome rollout.Outcome // empty is success
		says    []string
		stopped string
	}{
		"it ends well":           {fake: fake{last: ended(0)}},
		"ECS is busy":            {fake: fake{last: ended(0), runErrs: many[:2], lookErrs: many[:3], hidden: 5}},
		"it fails":               {fake: fake{last: ended(1), log: []string{`{"msg":"no"}`, "api: relation exists"}}, outcome: rollout.Failed, says: []string{"exit code 1", "log: api: relation exists", "runs as before"}},
		"its log comes late":     {fake: fake{last: ended(1), log: []string{"api: relation exists"}, logDelay: 8 * time.Second}, outcome: rollout.Failed, says: []string{"log: api: relation exists"}},
		"its log does not come":  {fake: fake{last: ended(3)}, outcome: rollout.Failed, says: []string{"exit code 3"}},
		"its image is not there": {fake: fake{last: types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String("CannotPullContainerError: not found"), Containers: []types.Container{{Name: aws.String("api"), Reason: aws.String("manifest unknown")}}}}, outcome: rollout.Failed, says: []string{"CannotPullContainerError", "manifest unknown"}},
		"another container ended well, not ours": {
			fake:    fake{last: types.Task{StoppedReason: aws.String("Host terminated"), Containers: []types.Container{{Name: aws.String("log"), ExitCode: aws.Int32(0)}, {Name: aws.String("api")}}}},
			outcome: rollout.Failed, says: []string{"Host terminated"},
		},
		"it may not be run":        {fake: fake{runErrs: []error{denied}}, outcome: rollout.NotStarted, says: []string{"not authorized to perform ecs:RunTask", "was not updated"}},
		"there is no capacity":     {fake: fake{answer: &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: aws.String("RESOURCE:FARGATE"), Detail: aws.String("capacity is unavailable")}}}}, outcome: rollout.NotStarted, says: []string{"RESOURCE:FARGATE capacity is unavailable"}},
		"the answer is empty":      {fake: fake{answer: &ecs.RunTaskOutput{}}, outcome: rollout.NotStarted, says: []string{"names none"}},
		"ECS stays busy":           {fake: fake{runErrs: many}, outcome: rollout.NotStarted, says: []string{"rate exceeded"}},
		"it takes too long":        {fake: fake{forever: true, log: []string{"still at it"}}, timeout: 2 * time.Minute, outcome: rollout.Failed, says: []string{"more than 2m0s", "log: still at it"}, stopped: "more than 2m0s"},
		"and will not stop":        {fake: fake{forever: true, stopErr: denied}, timeout: 2 * time.Minute, outcome: rollout.TimedOut, says: []string{"could not be stopped"}, stopped: "more than 2m0s"},
		"ECS cannot be asked":      {fake: fake{last: ended(0), lookErrs: many}, outcome: rollout.Lost, says: []string{"rate exceeded", "look at task 0123"}},
		"ECS may not be asked":     {fake: fake{last: ended(0), lookErrs: []error{denied}}, outcome: rollout.Lost, says: []string{"AccessDenied"}},
		"ECS never shows the task": {fake: fake{last: ended(0), hidden: 100}, outcome: rollout.Lost, says: []string{"does not know the task"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := test.fake
				req := request()
				req.Timeout = test.timeout
				err := tasks(&f).Run(t.Context(), req)
				check(t, err, test.outcome, test.says)
				if !strings.Contains(f.stopped, test.stopped) || (f.stopped == "") != (test.stopped == "") {
					t.Errorf("it was ordered to stop because %q, want %q", f.stopped, test.stopped)
				}
			})
		})
	}
}

func tasks(f *fake) Tasks {
	return Tasks{ECS: f, Logs: f, Env: poll.Env{Random: func() float64 { return 0.5 }}}
}

func check(t *testing.T, err error, outcome rollout.Outcome, says []string) {
	t.Helper()
	var e *rollout.Error
	if outcome == "" {
		if err != nil {
			t.Errorf("got %v", err)
		}
		return
	}
	if !errors.As(err, &e) || e.Outcome != outcome {
		t.Fatalf("got %v, want %s", err, outcome)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
}

// TestRequest wants the task to run where the service runs, not on Spot, and a
// request that comes again to be known as the same.
func TestRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := fake{last: ended(0), runErrs: []error{throttled}}
		var said []string
		ts := tasks(&f)
		ts.Env.Progress = func(line string) { said = append(said, line) }
		if err := ts.Run(t.Context(), request()); err != nil {
			t.Fatal(err)
		}
		in := f.runs[1]
		override := in.Overrides.ContainerOverrides[0]
		if aws.ToString(in.Cluster) != cluster || !strings.HasSuffix(aws.ToString(in.TaskDefinition), "sensor-dev-api:7") || in.NetworkConfiguration == nil ||
			in.LaunchType != types.LaunchTypeFargate || len(in.CapacityProviderStrategy) != 0 ||
			aws.ToString(override.Name) != "api" || !slices.Equal(override.Command, []string{"migrate"}) {
			t.Errorf("asked for %+v", in)
		}
		if aws.ToString(in.ClientToken) == "" || aws.ToString(in.ClientToken) != aws.ToString(f.runs[0].ClientToken) {
			t.Error("a request that comes again has another token")
		}
		if want := "[migrate: task 0123 started migrate: task 0123 is RUNNING migrate: task 0123 is STOPPED migrate: task 0123 ended well]"; fmt.Sprint(said) != want {
			t.Errorf("reported %v", said)
		}
	})
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := fake{forever: true}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		check(t, tasks(&f).Run(ctx, request()), rollout.Canceled, []string{"look at task 0123"})
		if f.stopped == "" {
			t.Error("the task was left running")
		}
		again := fake{runErrs: []error{ctx.Err()}}
		check(t, tasks(&again).Run(ctx, request()), rollout.Canceled, []string{"was not updated"})
	})
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	secret := types.ContainerDefinition{Name: aws.String("api"), Secrets: []types.Secret{{Name: aws.String("DATABASE_URL")}}}
	text := types.ContainerDefinition{Name: aws.String("api"), Environment: []types.KeyValuePair{{Name: aws.String("DATABASE_URL")}}}
	other := types.ContainerDefinition{Name: aws.String("log"), Secrets: secret.Secrets}
	for name, test := range map[string]struct {
		containers []types.ContainerDefinition
		want       bool
	}{
		"a secret":          {[]types.ContainerDefinition{other, secret}, true},
		"a text":            {[]types.ContainerDefinition{text}, true},
		"another container": {[]types.ContainerDefinition{other, {Name: aws.String("api")}}, false},
		"no such container": {nil, false},
	} {
		if got := HasVariable(types.TaskDefinition{ContainerDefinitions: test.containers}, "api", "DATABASE_URL"); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

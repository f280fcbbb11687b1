package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	oldDigest = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/api@sha256:1111111111111111111111111111111111111111111111111111111111111111"
	newDigest = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/api@sha256:2222222222222222222222222222222222222222222222222222222222222222"
	prefix    = "arn:aws:ecs:eu-central-1:111111111111:"
)

// scriptStep is something that happens in the scripted AWS, so long after the update.
type scriptStep struct {
	at time.Duration
	do func(*fakeECS)
}

func at(seconds float64, do func(*fakeECS)) scriptStep {
	return scriptStep{time.Duration(seconds * float64(time.Second)), do}
}

// fakeECS is an ECS that follows a script. Its time is that of the synctest
// bubble it is made in.
type fakeECS struct {
	svc      types.Service
	defs     map[string]types.TaskDefinition
	tags     map[string][]types.Tag
	latest   string
	accounts map[string]*types.ServiceDeployment
	targets  map[string]string
	tasks    map[string]types.Task
	logs     map[string][]string

	// script runs from the update on, onStop from a StopServiceDeployment on.
	script, onStop []scriptStep
	updated        time.Time
	stopped        time.Time

	// refuse gives the error of an operation's nth call (from 1), or nil.
	refuse map[string]func(n int) error
	// staleFor is how long DescribeServices shows the state before the update.
	staleFor time.Duration
	stale    types.Service
	// missing is how many of the next DescribeServices find nothing.
	missing int
	// skew is what ECS's clock is ahead of the caller's.
	skew time.Duration
	// noHint leaves the current service deployment out of the service.
	noHint bool
	// hint is named as the current service deployment instead of the real one.
	hint string
	// lose gives the error with which an operation's nth answer (from 1) is lost
	// after its effect; errHangs is an answer that never comes.
	lose map[string]func(n int) error
	// hang reports whether an operation's nth call gets no answer and has no effect.
	hang map[string]func(n int) bool
	// slow is how much longer an operation takes than others.
	slow map[string]time.Duration
	// unshown is how many of the next DescribeServiceDeployments show nothing.
	unshown int
	// staleEvery is after how many answers of DescribeServices an old one comes.
	staleEvery int
	// lateDefs is how long a new revision takes to be described.
	lateDefs   time.Duration
	registered time.Time
	// page is how many tasks ListTasks gives at once; 0 is all.
	page int

	calls map[string]int
	// repeated are changes that the SDK may send again by itself.
	repeated []string
	// serial numbers deployments; mine is the number of the first update's.
	serial, events, mine int
}

// newFakeECS is a service that runs td:1 in two tasks.
func newFakeECS() *fakeECS {
	f := &fakeECS{
		defs: map[string]types.TaskDefinition{}, tags: map[string][]types.Tag{},
		accounts: map[string]*types.ServiceDeployment{}, targets: map[string]string{},
		tasks: map[string]types.Task{}, logs: map[string][]string{},
		calls: map[string]int{}, refuse: map[string]func(int) error{}, lose: map[string]func(int) error{},
		hang: map[string]func(int) bool{}, slow: map[string]time.Duration{},
	}
	f.define(oldDigest)
	f.svc = types.Service{
		ServiceName: aws.String("api"), Status: aws.String("ACTIVE"), DesiredCount: 2, RunningCount: 2,
		TaskDefinition: aws.String(f.latest),
		DeploymentConfiguration: &types.DeploymentConfiguration{
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	}
	f.deploy(f.latest, 2)
	f.complete(f.svc.Deployments[0].Id)
	return f
}

func (f *fakeECS) define(image string) string {
	n := len(f.defs) + 1
	arn := fmt.Sprintf("%stask-definition/api:%d", prefix, n)
	f.defs[arn] = types.TaskDefinition{
		TaskDefinitionArn: &arn, Family: aws.String("api"), Revision: int32(n), Status: types.TaskDefinitionStatusActive,
		Cpu: aws.String("256"), NetworkMode: types.NetworkModeAwsvpc,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("api"), Image: &image, Environment: []types.KeyValuePair{{Name: aws.String("EMPTY"), Value: aws.String("")}},
			LogConfiguration: &types.LogConfiguration{
				LogDriver: types.LogDriverAwslogs,
				Options:   map[string]string{"awslogs-group": "/ecs/api", "awslogs-stream-prefix": "ecs"},
			},
		}},
	}
	f.latest = arn
	return arn
}

// skewed sets ECS's clock off.
func (f *fakeECS) skewed(by time.Duration) {
	f.skew = by
	for i := range f.svc.Deployments {
		f.svc.Deployments[i].CreatedAt = aws.Time(f.svc.Deployments[i].CreatedAt.Add(by))
	}
	for _, r := range f.accounts {
		r.CreatedAt = aws.Time(r.CreatedAt.Add(by))
	}
}

func (f *fakeECS) now() *time.Time { return aws.Time(time.Now().Add(f.skew)) }

// deploy adds a primary deployment and its service deployment.
func (f *fakeECS) deploy(td string, desired int32) *types.Deployment {
	f.serial++
	for i := range f.svc.Deployments {
		f.svc.Deployments[i].Status = aws.String("ACTIVE")
	}
	d := types.Deployment{
		Id: aws.String(fmt.Sprintf("ecs-svc/%d", f.serial)), Status: aws.String("PRIMARY"), TaskDefinition: &td,
		DesiredCount: desired, PendingCount: desired, RolloutState: types.DeploymentRolloutStateInProgress,
		CreatedAt: f.now(), UpdatedAt: f.now(),
	}
	if s := f.svc.DeploymentConfiguration.Strategy; s != "" && s != types.DeploymentStrategyRolling {
		d.RolloutState = ""
	}
	f.svc.Deployments = append([]types.Deployment{d}, f.svc.Deployments...)
	f.svc.TaskDefinition = &td
	arn := fmt.Sprintf("%sservice-deployment/c/api/%d", prefix, f.serial)
	revision := fmt.Sprintf("%sservice-revision/c/api/%d", prefix, f.serial)
	f.targets[revision] = td
	f.accounts[arn] = &types.ServiceDeployment{
		ServiceDeploymentArn: &arn, Status: types.ServiceDeploymentStatusInProgress, CreatedAt: f.now(),
		TargetServiceRevision: &types.ServiceRevisionSummary{Arn: &revision},
	}
	if !f.noHint {
		f.svc.CurrentServiceDeployment = &arn
	}
	return &f.svc.Deployments[0]
}

// ours is the deployment and the service deployment of the first update.
func (f *fakeECS) ours() (*types.Deployment, *types.ServiceDeployment) {
	return f.deployment(fmt.Sprint("ecs-svc/", f.mine)), f.accounts[fmt.Sprint(prefix, "service-deployment/c/api/", f.mine)]
}

func (f *fakeECS) deployment(id string) *types.Deployment {
	for i := range f.svc.Deployments {
		if *f.svc.Deployments[i].Id == id {
			return &f.svc.Deployments[i]
		}
	}
	return nil
}

// complete ends a deployment well: the only one left, and running.
func (f *fakeECS) complete(id *string) {
	d := *f.deployment(*id)
	d.RunningCount, d.PendingCount = d.DesiredCount, 0
	if d.RolloutState != "" {
		d.RolloutState = types.DeploymentRolloutStateCompleted
	}
	f.svc.Deployments = []types.Deployment{d}
	f.svc.RunningCount, f.svc.PendingCount = d.DesiredCount, 0
	if r := f.accounts[prefix+"service-deployment/c/api/"+strings.TrimPrefix(*id, "ecs-svc/")]; r != nil {
		r.Status = types.ServiceDeploymentStatusSuccessful
	}
}

// The steps of scripts.

func completes(f *fakeECS) {
	d, _ := f.ours()
	f.complete(d.Id)
}

func starts(n int32) func(*fakeECS) {
	return func(f *fakeECS) {
		d, _ := f.ours()
		if n == 0 { // launched, and not up yet
			n = d.DesiredCount
			defer func() { d.RunningCount, d.PendingCount = 0, d.DesiredCount }()
		}
		f.event(fmt.Sprintf("(service api) has started %d tasks: (task x).", n-d.RunningCount))
		d.RunningCount, d.PendingCount = n, d.DesiredCount-n
	}
}

func (f *fakeECS) event(text string) {
	f.events++
	f.svc.Events = append([]types.ServiceEvent{{Id: aws.String(fmt.Sprint("e", f.events)), CreatedAt: f.now(), Message: &text}}, f.svc.Events...)
}

// crashes is a task of ours that started and ended with an exit code.
func crashes(id string, counted bool) func(*fakeECS) {
	return func(f *fakeECS) {
		d, r := f.ours()
		if counted {
			d.FailedTasks++
			if r != nil {
				r.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{FailureCount: d.FailedTasks, Threshold: 3, Status: types.ServiceDeploymentRollbackMonitorsStatusMonitoring}
			}
		}
		f.stopTask(id, *d.Id, "Essential container in task exited", types.TaskStopCodeEssentialContainerExited, aws.Int32(1), "")
		f.logs["ecs/api/"+id] = append([]string{"starting", "panic: no database"}, slices.Repeat([]string{"goroutine 7 [running]:"}, 60)...)
		f.event("(service api) has started 1 tasks: (task " + id + ").")
	}
}

// unstartable is a task of ours that never started.
func unstartable(id string) func(*fakeECS) {
	return unstarted(id, "CannotPullContainerError: pull image manifest has been retried 5 time(s): manifest unknown")
}

// unstarted is a task of ours that never started, for a reason.
func unstarted(id, reason string) func(*fakeECS) {
	return func(f *fakeECS) {
		d, _ := f.ours()
		d.FailedTasks++
		f.stopTask(id, *d.Id, reason, types.TaskStopCodeTaskFailedToStart, nil, "")
	}
}

// unhealthy is a task of ours that failed its health checks.
func unhealthy(id string) func(*fakeECS) {
	return func(f *fakeECS) {
		d, _ := f.ours()
		d.FailedTasks++
		f.stopTask(id, *d.Id, "Task failed ELB health checks in (target-group arn:tg)", types.TaskStopCodeServiceSchedulerInitiated, aws.Int32(137), "")
	}
}

// runs sets how many tasks of ours run.
func runs(n int32) func(*fakeECS) {
	return func(f *fakeECS) {
		d, _ := f.ours()
		d.RunningCount, d.PendingCount = n, max(0, d.DesiredCount-n)
	}
}

// sized is a service of so many tasks.
func (f *fakeECS) sized(n int32) {
	f.svc.DesiredCount, f.svc.RunningCount = n, n
	f.svc.Deployments[0].DesiredCount, f.svc.Deployments[0].RunningCount = n, n
}

// breaker sets the service's circuit breaker; a nil threshold is the default.
func (f *fakeECS) breaker(enabled bool, kind types.ThresholdType, value int32) {
	b := &types.DeploymentCircuitBreaker{Enable: enabled, Rollback: enabled}
	if kind != "" {
		b.ThresholdConfiguration = &types.ThresholdConfiguration{Type: kind, Value: value}
	}
	f.svc.DeploymentConfiguration.DeploymentCircuitBreaker = b
}

// account is the ARN of the nth service deployment.
func account(n int) string { return fmt.Sprint(prefix, "service-deployment/c/api/", n) }

// underWay is a deployment of the new image that someone began.
func (f *fakeECS) underWay() {
	f.deploy(f.define(newDigest), f.svc.DesiredCount)
	f.mine, f.updated = f.serial, time.Now()
	f.stale = clone(f.svc)
}

func (f *fakeECS) stopTask(id, by, reason string, code types.TaskStopCode, exit *int32, why string) {
	arn := prefix + "task/c/" + id
	f.tasks[arn] = types.Task{
		TaskArn: &arn, StartedBy: &by, LastStatus: aws.String("STOPPED"), StoppedReason: &reason, StopCode: code, StoppedAt: f.now(),
		Containers: []types.Container{{Name: aws.String("api"), ExitCode: exit, Reason: &why}},
	}
}

// rollingBack is the circuit breaker's, or our own order's, way back.
func rollingBack(reason string) func(*fakeECS) {
	return func(f *fakeECS) {
		d, r := f.ours()
		if d.RolloutState != "" {
			d.RolloutState, d.RolloutStateReason = types.DeploymentRolloutStateFailed, aws.String("ECS deployment circuit breaker: tasks failed to start.")
		}
		r.Status = types.ServiceDeploymentStatusRollbackInProgress
		r.Rollback = &types.Rollback{Reason: &reason}
		previous := f.previous()
		f.svc.Deployments = slices.DeleteFunc(f.svc.Deployments, func(x types.Deployment) bool { return *x.Id != *d.Id })
		current := f.svc.CurrentServiceDeployment
		back := f.deploy(previous, f.svc.DesiredCount)
		back.RolloutStateReason = aws.String("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.")
		f.svc.CurrentServiceDeployment = current
		delete(f.accounts, prefix+"service-deployment/c/api/"+strings.TrimPrefix(*back.Id, "ecs-svc/"))
	}
}

func (f *fakeECS) previous() string { return prefix + "task-definition/api:1" }

func rolledBack(f *fakeECS) {
	_, r := f.ours()
	for i := range f.svc.Deployments {
		if *f.svc.Deployments[i].Status == "PRIMARY" {
			f.complete(f.svc.Deployments[i].Id)
			break
		}
	}
	r.Status = types.ServiceDeploymentStatusRollbackSuccessful
}

func rollbackFails(f *fakeECS) {
	_, r := f.ours()
	r.Status, r.StatusReason = types.ServiceDeploymentStatusRollbackFailed, aws.String("the tasks of the rollback failed to start")
	f.svc.Deployments[0].RolloutState = types.DeploymentRolloutStateFailed
}

// superseded is a deployment of someone else in our place.
func superseded(f *fakeECS) {
	_, r := f.ours()
	r.Status, r.StatusReason = types.ServiceDeploymentStatusStopped, aws.String("Deployment was superseded")
	f.deploy(f.define("other@sha256:3333"), 2)
}

// theirsCompletes ends someone else's deployment.
func theirsCompletes(f *fakeECS) { f.complete(f.svc.Deployments[0].Id) }

// inStage moves a blue/green deployment on.
func inStage(s types.ServiceDeploymentLifecycleStage, weight float64) func(*fakeECS) {
	return func(f *fakeECS) {
		d, r := f.ours()
		d.RunningCount, d.PendingCount = d.DesiredCount, 0
		r.LifecycleStage = s
		r.TargetServiceRevision.RequestedProductionTrafficWeight = &weight
	}
}

// errHangs stands for an answer that never comes.
var errHangs = errors.New("no answer")

// call counts an operation, brings the script up to date and gives the
// operation's scripted error.
func (f *fakeECS) call(ctx context.Context, op string) error {
	f.calls[op]++
	n := f.calls[op]
	if hang := f.hang[op]; hang != nil && hang(n) {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rollouttest.Latency + f.slow[op]):
	}
	f.script = f.advance(f.updated, f.script)
	f.onStop = f.advance(f.stopped, f.onStop)
	if refuse := f.refuse[op]; refuse != nil {
		return refuse(n)
	}
	return nil
}

// answer loses an operation's answer, if the script says so.
func (f *fakeECS) answer(ctx context.Context, op string) error {
	lose := f.lose[op]
	if lose == nil {
		return nil
	}
	err := lose(f.calls[op])
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

// once notes a change that the SDK may send again by itself.
func (f *fakeECS) once(op string, options []func(*ecs.Options)) {
	var o ecs.Options
	for _, option := range options {
		option(&o)
	}
	if o.RetryMaxAttempts != 1 {
		f.repeated = append(f.repeated, op)
	}
}

func (f *fakeECS) advance(from time.Time, steps []scriptStep) []scriptStep {
	for !from.IsZero() && len(steps) > 0 && time.Since(from) >= steps[0].at {
		do := steps[0].do
		steps = steps[1:]
		do(f)
	}
	return steps
}

// The API.

func (f *fakeECS) DescribeServices(ctx context.Context, _ *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	if err := f.call(ctx, "DescribeServices"); err != nil {
		return nil, err
	}
	if f.missing > 0 && !f.updated.IsZero() {
		f.missing--
		return &ecs.DescribeServicesOutput{Failures: []types.Failure{{Reason: aws.String("MISSING")}}}, nil
	}
	svc := f.svc
	if f.hint != "" {
		svc.CurrentServiceDeployment = &f.hint
	}
	stale := time.Since(f.updated) < f.staleFor || f.staleEvery > 0 && f.calls["DescribeServices"]%f.staleEvery == 0
	if !f.updated.IsZero() && stale {
		svc = f.stale
	}
	return &ecs.DescribeServicesOutput{Services: []types.Service{clone(svc)}}, nil
}

func clone(s types.Service) types.Service {
	s.Deployments, s.Events = slices.Clone(s.Deployments), slices.Clone(s.Events)
	return s
}

func (f *fakeECS) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput, options ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	f.once("UpdateService", options)
	if err := f.call(ctx, "UpdateService"); err != nil {
		return nil, err
	}
	if primary := primaryOf(f.svc); in.ForceNewDeployment || primary == nil || *primary.TaskDefinition != *in.TaskDefinition {
		f.stale = clone(f.svc)
		f.deploy(*in.TaskDefinition, f.svc.DesiredCount)
		if f.updated = time.Now(); f.mine == 0 {
			f.mine = f.serial
		}
	}
	if err := f.answer(ctx, "UpdateService"); err != nil {
		return nil, err
	}
	svc := clone(f.svc)
	return &ecs.UpdateServiceOutput{Service: &svc}, nil
}

func (f *fakeECS) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	if err := f.call(ctx, "DescribeTaskDefinition"); err != nil {
		return nil, err
	}
	name := *in.TaskDefinition
	switch {
	case name == "api" && time.Since(f.registered) < f.lateDefs:
		name = f.previous()
	case name == "api":
		name = f.latest
	case strings.HasPrefix(name, "api:"):
		name = prefix + "task-definition/" + name
	}
	td, ok := f.defs[name]
	if !ok {
		return nil, rollouttest.APIError("ClientException")
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &td, Tags: f.tags[name]}, nil
}

func (f *fakeECS) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, options ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	f.once("RegisterTaskDefinition", options)
	if err := f.call(ctx, "RegisterTaskDefinition"); err != nil {
		return nil, err
	}
	arn := f.define(*in.ContainerDefinitions[0].Image)
	td := f.defs[arn]
	td.ContainerDefinitions = in.ContainerDefinitions
	f.defs[arn], f.registered = td, time.Now()
	if err := f.answer(ctx, "RegisterTaskDefinition"); err != nil {
		return nil, err
	}
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &td}, nil
}

func (f *fakeECS) ListServiceDeployments(ctx context.Context, in *ecs.ListServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	if err := f.call(ctx, "ListServiceDeployments"); err != nil {
		return nil, err
	}
	out := &ecs.ListServiceDeploymentsOutput{}
	for _, arn := range slices.Backward(slices.Sorted(maps.Keys(f.accounts))) {
		r := f.accounts[arn]
		if in.CreatedAt != nil && r.CreatedAt.Before(*in.CreatedAt.After) {
			continue
		}
		out.ServiceDeployments = append(out.ServiceDeployments, types.ServiceDeploymentBrief{
			ServiceDeploymentArn: &arn, CreatedAt: r.CreatedAt, Status: r.Status, TargetServiceRevisionArn: r.TargetServiceRevision.Arn,
		})
	}
	return out, nil
}

func (f *fakeECS) DescribeServiceDeployments(ctx context.Context, in *ecs.DescribeServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if err := f.call(ctx, "DescribeServiceDeployments"); err != nil {
		return nil, err
	}
	r := f.accounts[in.ServiceDeploymentArns[0]]
	if r == nil || f.unshown > 0 {
		f.unshown--
		return &ecs.DescribeServiceDeploymentsOutput{Failures: []types.Failure{{Reason: aws.String("MISSING")}}}, nil
	}
	return &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{*r}}, nil
}

func (f *fakeECS) DescribeServiceRevisions(ctx context.Context, in *ecs.DescribeServiceRevisionsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error) {
	if err := f.call(ctx, "DescribeServiceRevisions"); err != nil {
		return nil, err
	}
	out := &ecs.DescribeServiceRevisionsOutput{}
	for _, arn := range in.ServiceRevisionArns {
		out.ServiceRevisions = append(out.ServiceRevisions, types.ServiceRevision{ServiceRevisionArn: &arn, TaskDefinition: aws.String(f.targets[arn])})
	}
	return out, nil
}

func (f *fakeECS) StopServiceDeployment(ctx context.Context, in *ecs.StopServiceDeploymentInput, options ...func(*ecs.Options)) (*ecs.StopServiceDeploymentOutput, error) {
	f.once("StopServiceDeployment", options)
	if err := f.call(ctx, "StopServiceDeployment"); err != nil {
		return nil, err
	}
	_, r := f.ours()
	if *in.ServiceDeploymentArn != *r.ServiceDeploymentArn {
		return nil, rollouttest.APIError("ConflictException")
	}
	r.Status = types.ServiceDeploymentStatusStopRequested
	f.stopped = time.Now()
	f.script = nil
	return &ecs.StopServiceDeploymentOutput{}, f.answer(ctx, "StopServiceDeployment")
}

func (f *fakeECS) ListTasks(ctx context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	if err := f.call(ctx, "ListTasks"); err != nil {
		return nil, err
	}
	arns := slices.Sorted(maps.Keys(f.tasks))
	out := &ecs.ListTasksOutput{TaskArns: arns}
	if f.page > 0 {
		from, _ := strconv.Atoi(aws.ToString(in.NextToken))
		to := min(len(arns), from+f.page)
		out.TaskArns = arns[from:to]
		if to < len(arns) {
			out.NextToken = aws.String(strconv.Itoa(to))
		}
	}
	return out, nil
}

func (f *fakeECS) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	if err := f.call(ctx, "DescribeTasks"); err != nil {
		return nil, err
	}
	if len(in.Tasks) > 100 {
		return nil, rollouttest.APIError("InvalidParameterException")
	}
	out := &ecs.DescribeTasksOutput{}
	for _, arn := range in.Tasks {
		out.Tasks = append(out.Tasks, f.tasks[arn])
	}
	return out, nil
}

func (f *fakeECS) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	out := &cloudwatchlogs.GetLogEventsOutput{}
	lines := f.logs[*in.LogStreamName]
	for _, line := range lines[max(0, len(lines)-int(*in.Limit)):] {
		out.Events = append(out.Events, logtypes.OutputLogEvent{Message: &line})
	}
	return out, nil
}

package ecs

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ecsScenario is a deploy to a service under a script.
type ecsScenario struct {
	name    string
	arrange func(*fakeECS)
	// image is what is deployed, newDigest unless set.
	image    string
	follow   FollowOptions
	verify   error
	force    bool
	cancelAt time.Duration
	// prepare is called before the update, mayRollBack answers whether there may be
	// a rollback.
	prepare     func(*fakeECS, *rollout.Changes) error
	mayRollBack error
	// unwaited keeps the SDK's waiter out, where one update alone is not the same.
	unwaited bool

	want   rollout.Outcome
	reason string
	// changed is a part of what was changed; open means that the result must not
	// claim that the deployment has ended.
	changed string
	open    bool
	// shown is a part of a progress line, reported at the latest by shownBy seconds.
	shown   string
	shownBy float64
	// calls are numbers of calls by operation; "total" is an upper bound.
	calls map[string]int
	// end is when, in seconds after the update, the truth can be read; within is how many seconds later the verdict may come, 6 unless set.
	end, within float64
}

func scripted(steps ...scriptStep) func(*fakeECS) {
	return func(f *fakeECS) { f.script = steps }
}

// ecsScenarios are the ways a deploy to a service can go.
func ecsScenarios() []ecsScenario {
	once := map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 1, "StopServiceDeployment": 0}
	crashLoop := []scriptStep{at(5, starts(0)), at(20, crashes("t1", false)), at(40, crashes("t2", false)), at(60, crashes("t3", false))}
	backAfterStop := []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
	blueGreen := func(steps ...scriptStep) func(*fakeECS) {
		return func(f *fakeECS) {
			f.svc.DeploymentConfiguration.Strategy = types.DeploymentStrategyBlueGreen
			f.svc.Deployments[0].RolloutState = ""
			f.script = steps
		}
	}
	return []ecsScenario{
		{
			name: "completes", arrange: scripted(at(20, starts(1)), at(60, starts(2)), at(180, completes)),
			want: rollout.Completed, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 1, "total": 50}, end: 180,
			shown: "1 of 2 running, 1 pending, 0 failed, 50 %", shownBy: 26,
		},
		{
			name: "nothing to do", image: oldDigest,
			want: rollout.Unchanged, reason: "api:1 runs already", calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0, "total": 3},
		},
		{
			name: "what runs is deployed again on order", image: oldDigest, force: true,
			arrange: scripted(at(20, starts(1)), at(60, starts(2)), at(90, completes)),
			want:    rollout.Completed, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0}, end: 90,
		},
		{
			name: "deployed again on order after a long migration", image: oldDigest, force: true,
			prepare: func(*fakeECS, *rollout.Changes) error { time.Sleep(time.Minute); return nil },
			arrange: scripted(at(20, starts(1)), at(60, starts(2)), at(90, completes)),
			want:    rollout.Completed, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0}, end: 90,
		},
		{
			name: "forced, but its deployment is under way", force: true, arrange: func(f *fakeECS) {
				f.underWay()
				f.script = []scriptStep{at(30, completes)}
			},
			want: rollout.Completed, calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0}, end: 30,
		},
		{
			name: "breaker rolls back", arrange: scripted(at(20, crashes("t1", true)), at(30, rollingBack("deployment circuit breaker: tasks failed to start")), at(90, rolledBack)),
			want: rollout.RolledBack, reason: "circuit breaker", calls: once, end: 90,
			shown: "task t1 stopped: Essential container in task exited; container api exit code 1", shownBy: 24,
		},
		{
			name: "breaker rolls back, forced deployment of the same task definition",
			arrange: func(f *fakeECS) {
				failed := f.define(newDigest)
				f.deploy(failed, 2).RolloutState = types.DeploymentRolloutStateFailed
				f.script = []scriptStep{at(20, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
			want: rollout.RolledBack, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0}, end: 60,
		},
		{
			name:    "breaker rolls back, service deployments not readable",
			arrange: unreadable(at(20, crashes("t1", true)), at(30, rollingBack("circuit breaker")), at(90, rolledBack)),
			want:    rollout.RolledBack, reason: "circuit breaker", end: 90,
		},
		{
			name: "rollback fails", arrange: scripted(at(30, rollingBack("circuit breaker")), at(90, rollbackFails)),
			want: rollout.RollbackFailed, calls: once, end: 90,
		},
		{
			name: "breaker without rollback",
			arrange: func(f *fakeECS) {
				f.svc.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback = false
				f.script = []scriptStep{at(40, func(f *fakeECS) {
					d, r := f.ours()
					d.RolloutState, d.RolloutStateReason = types.DeploymentRolloutStateFailed, aws.String("tasks failed to start")
					r.Status = types.ServiceDeploymentStatusStopped
					r.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{Status: types.ServiceDeploymentRollbackMonitorsStatusTriggered, FailureCount: 3, Threshold: 3}
				})}
			},
			want: rollout.Failed, reason: "3 failed tasks, threshold 3", calls: once, end: 40,
		},
		{
			name: "superseded by a second deploy", arrange: scripted(at(40, superseded), at(90, theirsCompletes)),
			want: rollout.Superseded, reason: "took its place", calls: once, end: 40,
		},
		{
			name: "superseded, service deployments not readable", arrange: unreadable(at(40, superseded), at(90, theirsCompletes)),
			want: rollout.Superseded, reason: "took its place", end: 40,
		},
		{
			name: "stopped by someone", arrange: scripted(at(40, func(f *fakeECS) {
				d, r := f.ours()
				d.RolloutState = types.DeploymentRolloutStateFailed
				r.Status, r.StatusReason = types.ServiceDeploymentStatusStopped, aws.String("stopped by user alice")
			})),
			want: rollout.Stopped, reason: "alice", calls: once, end: 40,
		},
		{
			name: "service deployment pending for 30 s", arrange: func(f *fakeECS) {
				f.script = []scriptStep{
					at(0, func(f *fakeECS) { _, r := f.ours(); r.Status = types.ServiceDeploymentStatusPending }),
					at(30, func(f *fakeECS) { _, r := f.ours(); r.Status = types.ServiceDeploymentStatusInProgress }), at(80, completes),
				}
			},
			want: rollout.Completed, calls: once, end: 80,
		},
		{
			name: "missing twice, then there", arrange: func(f *fakeECS) { f.missing, f.script = 2, []scriptStep{at(50, completes)} },
			want: rollout.Completed, calls: once, end: 50,
		},
		{
			name: "gone for good", arrange: func(f *fakeECS) { f.missing = 1000 },
			want: rollout.Failed, reason: "the service is gone", end: 60,
		},
		{
			name: "throttled five times", arrange: func(f *fakeECS) {
				f.refuse["DescribeServices"] = rollouttest.Times(4, 8, "ThrottlingException")
				f.script = []scriptStep{at(80, completes)}
			},
			want: rollout.Completed, calls: once, end: 80, shown: "no answer, trying again",
		},
		{
			name: "register throttled", arrange: func(f *fakeECS) {
				f.refuse["RegisterTaskDefinition"] = rollouttest.Times(1, 4, "ThrottlingException")
				f.script = []scriptStep{at(40, completes)}
			},
			want: rollout.Completed, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 5}, end: 40,
		},
		{
			name: "stale reads after the update", arrange: func(f *fakeECS) { f.staleFor, f.script = 12*time.Second, []scriptStep{at(50, completes)} },
			want: rollout.Completed, calls: once, end: 50,
		},
		{
			name:    "crash loop that ECS does not count",
			arrange: func(f *fakeECS) { f.script, f.onStop = crashLoop, backAfterStop },
			want:    rollout.RolledBack, reason: "3 tasks of this deployment failed, the last one: Essential container in task exited; container api exit code 1",
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 1}, end: 90, within: 15,
			shown: "task t1 log: panic: no database", shownBy: 30,
		},
		{
			name: "image that is not there",
			arrange: func(f *fakeECS) {
				f.script, f.onStop = []scriptStep{at(10, unstartable("t1"))}, backAfterStop
			},
			want: rollout.RolledBack, reason: "a task that can never start: CannotPullContainerError",
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 1}, end: 40, within: 8,
		},
		{
			name: "first deployment ever crashes, nothing to go back to", open: true,
			arrange: func(f *fakeECS) {
				f.svc.Deployments[0].RolloutState = types.DeploymentRolloutStateInProgress
				f.script = crashLoop
			},
			want: rollout.Failed, reason: "3 tasks of this deployment failed", calls: map[string]int{"StopServiceDeployment": 0}, end: 60,
		},
		{
			name: "stop refused, breaker acts later",
			arrange: func(f *fakeECS) {
				f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 9, "ConflictException")
				f.script = append(append([]scriptStep{}, crashLoop...), at(120, rollingBack("circuit breaker")), at(150, rolledBack))
			},
			want: rollout.RolledBack, calls: map[string]int{"StopServiceDeployment": 1}, end: 150,
		},
		{
			name: "a person stops tasks", arrange: scripted(
				at(10, func(f *fakeECS) {
					for _, id := range []string{"a", "b", "c", "d"} {
						d, _ := f.ours()
						f.stopTask(id, *d.Id, "stopped by alice", types.TaskStopCodeUserInitiated, nil, "")
					}
				}), at(70, completes)),
			want: rollout.Completed, calls: map[string]int{"StopServiceDeployment": 0}, end: 70,
		},
		{
			name: "wants no tasks", arrange: func(f *fakeECS) {
				f.svc.DesiredCount, f.svc.RunningCount = 0, 0
				f.svc.Deployments[0].DesiredCount, f.svc.Deployments[0].RunningCount = 0, 0
				f.script = []scriptStep{at(15, completes)}
			},
			want: rollout.Completed, reason: "wants 0 tasks", calls: once, end: 15,
		},
		{
			name: "blue/green with 10 min bake", arrange: blueGreen(
				at(30, inStage(types.ServiceDeploymentLifecycleStageScaleUp, 0)),
				at(90, inStage(types.ServiceDeploymentLifecycleStageBakeTime, 100)), at(690, completes)),
			want: rollout.Completed, calls: once, end: 690, shown: "stage BAKE_TIME, 100 % of the traffic", shownBy: 96,
		},
		{
			name: "canary rolled back by an alarm", arrange: blueGreen(
				at(30, inStage(types.ServiceDeploymentLifecycleStageProductionTrafficShift, 10)),
				at(120, func(f *fakeECS) {
					_, r := f.ours()
					r.Alarms = &types.ServiceDeploymentAlarms{Status: types.ServiceDeploymentRollbackMonitorsStatusTriggered, TriggeredAlarmNames: []string{"5xx"}}
					rollingBack("alarm detected")(f)
				}), at(150, rolledBack)),
			want: rollout.RolledBack, reason: "alarms: 5xx", calls: once, end: 150,
		},
		{
			name: "held by a pause hook", open: true, arrange: blueGreen(at(30, func(f *fakeECS) {
				inStage(types.ServiceDeploymentLifecycleStagePostTestTrafficShift, 0)(f)
				_, r := f.ours()
				r.LifecycleHookDetails = []types.DeploymentLifecycleHookDetail{{
					HookId: aws.String("approve"), Status: types.DeploymentLifecycleHookStatusAwaitingAction,
					ExpiresAt: aws.Time(time.Now().Add(24 * time.Hour)), TimeoutAction: types.DeploymentLifecycleHookActionRollback,
				}}
			})),
			want: rollout.TimedOut, reason: "paused by hook approve", calls: once, end: 1200,
		},
		{
			name: "clock a minute ahead", arrange: func(f *fakeECS) { f.skewed(time.Minute); f.script = []scriptStep{at(50, completes)} },
			want: rollout.Completed, calls: once, end: 50,
		},
		{
			name: "clock a minute behind, no hint", arrange: func(f *fakeECS) {
				f.skewed(-time.Minute)
				f.noHint, f.svc.CurrentServiceDeployment = true, nil
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
			want: rollout.RolledBack, calls: once, end: 60,
		},
		{
			name: "credentials expire midway", open: true, arrange: func(f *fakeECS) {
				f.refuse["DescribeServices"] = func(n int) error {
					if n > 10 {
						return rollouttest.APIError("ExpiredTokenException")
					}
					return nil
				}
				f.script = []scriptStep{at(120, completes)}
			},
			want: rollout.Lost, reason: "", calls: once, end: 18,
		},
		{
			name: "never healthy, no breaker", open: true, arrange: scripted(at(20, func(f *fakeECS) { d, _ := f.ours(); d.PendingCount = 2 })),
			follow: FollowOptions{Timeout: 5 * time.Minute},
			want:   rollout.TimedOut, reason: "no end after 5m0s, last seen: 0 of 2 running, 2 pending", calls: once, end: 300,
		},
		{
			name: "canceled, left running", open: true, cancelAt: 45 * time.Second, arrange: scripted(at(120, completes)),
			want: rollout.Canceled, reason: "left running", calls: once, end: 45, within: 2,
		},
		{
			name: "canceled, rolled back", open: true, cancelAt: 45 * time.Second, follow: FollowOptions{OnCancel: RollBack}, arrange: scripted(at(120, completes)),
			want: rollout.Canceled, reason: "ECS was asked to roll the deployment back", calls: map[string]int{"StopServiceDeployment": 1}, end: 45, within: 2,
		},
		{
			name: "canceled, order to roll back refused", open: true, cancelAt: 45 * time.Second, follow: FollowOptions{OnCancel: RollBack},
			arrange: func(f *fakeECS) { f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 99, "ThrottlingException") },
			want:    rollout.Canceled, reason: "could not be asked", end: 45, within: 2,
		},
		{
			name: "verification fails", verify: rollouttest.APIError("ImageNotFoundException"),
			want: rollout.VerificationFailed, calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0},
		},
		{
			name: "update refused", unwaited: true, arrange: func(f *fakeECS) { f.refuse["UpdateService"] = rollouttest.Times(1, 9, "AccessDeniedException") },
			want: rollout.Failed, changed: "revision api:2 registered", calls: map[string]int{"UpdateService": 1},
		},
		{
			name: "joins a deployment under way", unwaited: true, arrange: func(f *fakeECS) {
				f.underWay()
				f.script = []scriptStep{at(40, completes)}
			},
			want: rollout.Completed, calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0}, end: 40,
		},
	}
}

func unreadable(steps ...scriptStep) func(*fakeECS) {
	return func(f *fakeECS) {
		for _, op := range []string{"ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions", "StopServiceDeployment"} {
			f.refuse[op] = rollouttest.Times(1, 1<<30, "AccessDeniedException")
		}
		f.script = steps
	}
}

// run plays the scenario with our deployer.
func (s ecsScenario) run(t *testing.T) rollouttest.Observed {
	var o rollouttest.Observed
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		if s.arrange != nil {
			s.arrange(f)
		}
		start := time.Now()
		ctx := t.Context()
		if s.cancelAt > 0 {
			c, cancel := context.WithTimeout(ctx, s.cancelAt)
			defer cancel()
			ctx = c
		}
		svcs := Services{ECS: f, Logs: f, Env: poll.Env{Random: func() float64 { return 0.5 }, Progress: func(line string) {
			o.Said(time.Since(start), line)
		}}}
		var changes rollout.Changes
		req := Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest, Follow: s.follow, Changes: &changes}
		req.Force = s.force
		if s.prepare != nil {
			req.Prepare = func(context.Context, types.Service, types.TaskDefinition) error { return s.prepare(f, &changes) }
		}
		if s.mayRollBack != nil {
			req.MayRollBack = func(context.Context) error { return s.mayRollBack }
		}
		if s.image != "" {
			req.Image = s.image
		}
		if s.verify != nil {
			req.Verify = func(context.Context, types.Service, *ecs.RegisterTaskDefinitionInput) error { return s.verify }
		}
		res, err := svcs.Deploy(ctx, req)
		from := f.updated
		if from.IsZero() {
			from = start
		}
		o.Outcome, o.Reason, o.Changed, o.Err, o.Calls, o.Seconds = res.Outcome, res.Reason, res.Changed, err, f.calls, time.Since(from).Seconds()
		if res.Ended == s.open {
			t.Errorf("it has ended: %t, want %t", res.Ended, !s.open)
		}
		if len(f.repeated) > 0 {
			t.Errorf("the SDK may repeat %v by itself", f.repeated)
		}
	})
	return o
}

// TestVerdictScenarios plays every scenario with Services, and with what
// others judge by.
func TestVerdictScenarios(t *testing.T) {
	rollouttest.Steady()
	var suite rollouttest.Suite
	for _, s := range slices.Concat(ecsScenarios(), lostAnswers(), failureReasons(), breakerSettings(), staleReads(), hangs(), tasksMissing(), orders(), changesNamed()) {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "ecs "+s.name, s.run(t), rollouttest.Expectation{
				Want: s.want, Reason: s.reason, Changed: s.changed, Shown: s.shown, ShownBy: s.shownBy, Calls: s.calls, End: s.end, Within: s.within,
			}, s.peers()...)
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 130 || sums.Wrong > 0 || sums.Late > 6 || sums.Peers[sdkWaiter].FalseSuccesses == 0 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

package ecs

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// lost loses the answers from n to m of an operation after its effect.
func lost(n, m int, err error) func(int) error {
	return func(call int) error {
		if call >= n && call <= m {
			return err
		}
		return nil
	}
}

var (
	errReset       = fmt.Errorf("read tcp: %w", syscall.ECONNRESET)
	errUnavailable = rollouttest.APIError("ServiceUnavailableException")
)

// crashing is a deployment whose tasks crash, and that ends when ECS is ordered to
// stop it.
func crashing(f *fakeECS) {
	f.script = []scriptStep{at(5, starts(0)), at(20, crashes("t1", false)), at(40, crashes("t2", false)), at(60, crashes("t3", false))}
	f.onStop = []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
}

// one is a deploy that makes one revision and one update.
func one(more ...string) map[string]int {
	calls := map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 1}
	for _, op := range more {
		calls[op] = 1
	}
	return calls
}

// lostAnswers are changes whose answer did not come, with and without their effect.
func lostAnswers() []ecsScenario {
	failedBefore := func(f *fakeECS) {
		f.deploy(f.define(newDigest), 2).RolloutState = types.DeploymentRolloutStateFailed
	}
	return []ecsScenario{
		{
			name: "update took effect, connection reset", unwaited: true, want: rollout.Completed, end: 40, calls: one(),
			arrange: func(f *fakeECS) {
				f.lose["UpdateService"], f.script = lost(1, 1, errReset), []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update took effect, no answer", unwaited: true, want: rollout.Completed, end: 40, calls: one(),
			arrange: func(f *fakeECS) {
				f.lose["UpdateService"], f.script = lost(1, 1, errHangs), []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update took effect, 503, reads stale for 12 s", unwaited: true, want: rollout.Completed, end: 40, calls: one(),
			arrange: func(f *fakeECS) {
				f.lose["UpdateService"], f.staleFor = lost(1, 1, errUnavailable), 12*time.Second
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update did not take effect, 503", unwaited: true, want: rollout.Completed, end: 40, changed: "service updated to api:2",
			calls: map[string]int{"UpdateService": 2, "RegisterTaskDefinition": 1},
			arrange: func(f *fakeECS) {
				f.refuse["UpdateService"] = rollouttest.Times(1, 1, "ServiceUnavailableException")
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update did not take effect, no answer", unwaited: true, want: rollout.Completed, end: 40,
			calls: map[string]int{"UpdateService": 2, "RegisterTaskDefinition": 1},
			arrange: func(f *fakeECS) {
				f.hang["UpdateService"] = func(n int) bool { return n == 1 }
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "forced update took effect, connection reset", unwaited: true, want: rollout.Completed, end: 40,
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0},
			arrange: func(f *fakeECS) {
				failedBefore(f)
				f.lose["UpdateService"], f.script = lost(1, 1, errReset), []scriptStep{at(40, completes)}
			},
		},
		{
			name: "forced update took effect, 503, reads stale for 40 s", unwaited: true, want: rollout.Completed, end: 60,
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0},
			arrange: func(f *fakeECS) {
				failedBefore(f)
				f.lose["UpdateService"], f.staleFor = lost(1, 1, errUnavailable), 40*time.Second
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "forced update did not take effect, 503", unwaited: true, want: rollout.Completed, end: 40,
			calls: map[string]int{"UpdateService": 2, "RegisterTaskDefinition": 0},
			arrange: func(f *fakeECS) {
				failedBefore(f)
				f.refuse["UpdateService"] = rollouttest.Times(1, 1, "ServerException")
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update lost, then nothing may be read", unwaited: true, open: true, want: rollout.Lost, reason: "",
			changed: "whether ECS took it is not known", calls: one(), end: 0,
			arrange: func(f *fakeECS) {
				f.lose["UpdateService"] = lost(1, 1, errReset)
				f.refuse["DescribeServices"] = rollouttest.Times(2, 99, "ExpiredTokenException")
			},
		},
		{
			name: "update lost while someone else deploys", unwaited: true, want: rollout.Superseded, reason: "came in its place",
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 1}, end: 0,
			arrange: func(f *fakeECS) {
				f.refuse["UpdateService"] = func(int) error {
					f.deploy(f.define("other@sha256:3333"), 2)
					return errReset
				}
			},
		},
		{
			name: "register took effect, 500", unwaited: true, want: rollout.Completed, end: 40, calls: one(),
			arrange: func(f *fakeECS) {
				f.lose["RegisterTaskDefinition"] = lost(1, 1, rollouttest.APIError("ServerException"))
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "register took effect, no answer, described late", unwaited: true, want: rollout.Completed, end: 40, calls: one(),
			arrange: func(f *fakeECS) {
				f.lose["RegisterTaskDefinition"], f.lateDefs = lost(1, 1, errHangs), 20*time.Second
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "register did not take effect, connection reset", unwaited: true, want: rollout.Completed, end: 40,
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 2},
			arrange: func(f *fakeECS) {
				f.refuse["RegisterTaskDefinition"] = func(n int) error { return lost(1, 1, errReset)(n) }
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "update lost, and the breaker rolled it back by then", unwaited: true, want: rollout.RolledBack, calls: one(), end: 15,
			arrange: func(f *fakeECS) {
				f.lose["UpdateService"] = lost(1, 1, errHangs)
				f.script = []scriptStep{at(8, func(f *fakeECS) { rollingBack("circuit breaker")(f); f.svc.Deployments = f.svc.Deployments[:1] }), at(12, rolledBack)}
			},
		},
		{
			name: "register is never answered", unwaited: true, follow: FollowOptions{Timeout: 2 * time.Minute}, want: rollout.Failed,
			reason: "whether ECS made it is not known", changed: "whether ECS made it is not known", end: 120,
			arrange: func(f *fakeECS) { f.hang["RegisterTaskDefinition"] = func(int) bool { return true } },
		},
		{
			name: "register refused while the role spreads", unwaited: true, want: rollout.Completed, end: 40,
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 3},
			arrange: func(f *fakeECS) {
				f.refuse["RegisterTaskDefinition"] = lost(1, 2, &smithy.GenericAPIError{Code: "ClientException", Message: "Role is not valid"})
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "the way back never ends", open: true, want: rollout.TimedOut, reason: "the way back: no end after 5m0s", follow: FollowOptions{Timeout: 5 * time.Minute},
			calls: one("StopServiceDeployment"), end: 300,
			arrange: func(f *fakeECS) { crashing(f); f.onStop = f.onStop[:1] },
		},
		{
			name: "stop took effect, no answer", want: rollout.RolledBack, reason: "3 tasks of this deployment failed", changed: "rollback ordered",
			calls: one("StopServiceDeployment"), end: 92, within: 15,
			arrange: func(f *fakeECS) { crashing(f); f.lose["StopServiceDeployment"] = lost(1, 1, errHangs) },
		},
		{
			name: "stop took effect, 500", want: rollout.RolledBack, calls: one("StopServiceDeployment"), end: 92, within: 12,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.lose["StopServiceDeployment"] = lost(1, 1, rollouttest.APIError("ServerException"))
			},
		},
		{
			name: "stop did not take effect, connection reset", want: rollout.RolledBack,
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 2}, end: 97, within: 12,
			arrange: func(f *fakeECS) { crashing(f); f.refuse["StopServiceDeployment"] = lost(1, 1, errReset) },
		},
		{
			name: "stop comes when ECS stops it already", want: rollout.RolledBack, calls: one("StopServiceDeployment"), end: 100,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.script = append(f.script, at(70, rollingBack("circuit breaker")), at(100, rolledBack))
				f.refuse["StopServiceDeployment"] = func(int) error {
					_, r := f.ours()
					r.Status = types.ServiceDeploymentStatusRollbackRequested
					return rollouttest.APIError("ConflictException")
				}
			},
		},
	}
}

// failureReasons are tasks that do not start, for reasons that pass and that stay.
func failureReasons() []ecsScenario {
	secret := "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/x is not authorized to perform: secretsmanager:GetSecretValue"
	pull := "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref 1.dkr.ecr.eu-central-1.amazonaws.com/api@sha256:2: dial tcp 10.0.0.1:443: i/o timeout"
	quiet := map[string]int{"UpdateService": 1, "StopServiceDeployment": 0}
	after := func(reasons ...string) func(*fakeECS) {
		return func(f *fakeECS) {
			for i, r := range reasons {
				f.script = append(f.script, at(float64(15*(i+1)), unstarted(fmt.Sprint("t", i), r)))
			}
			f.script = append(f.script, at(150, completes))
			f.onStop = []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
		}
	}
	stays := func(reason string) func(*fakeECS) {
		return func(f *fakeECS) {
			f.script = []scriptStep{at(10, unstarted("t1", reason))}
			f.onStop = []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
		}
	}
	return []ecsScenario{
		{name: "pull times out once", arrange: after(pull), want: rollout.Completed, calls: quiet, end: 150},
		{name: "pull times out four times", arrange: after(pull, pull, pull, pull), want: rollout.Completed, calls: quiet, end: 150},
		{name: "secret denied for the first minute", arrange: after(secret, secret, secret, secret), want: rollout.Completed, calls: quiet, end: 150},
		{
			name: "no capacity, throttled, no network for a while", want: rollout.Completed, calls: quiet, end: 150,
			arrange: after("Capacity is unavailable at this time. Please try again later or in a different availability zone",
				"CannotPullContainerError: toomanyrequests: Rate exceeded", "Timeout waiting for network interface provisioning to complete.",
				"ResourceInitializationError: failed to validate logger args: : signal: killed"),
		},
		{
			name: "manifest unknown because the registry timed out", want: rollout.Completed, calls: quiet, end: 150,
			arrange: after("CannotPullContainerError: failed to do request: manifest unknown: Client.Timeout exceeded while awaiting headers"),
		},
		{
			name: "secret denied for good, no breaker", want: rollout.RolledBack, reason: "AccessDeniedException", calls: one("StopServiceDeployment"), end: 225, within: 20,
			arrange: func(f *fakeECS) {
				f.breaker(false, "", 0)
				for i := range 30 {
					f.script = append(f.script, at(float64(15+30*i), unstarted(fmt.Sprint("t", 10+i), secret)))
				}
				f.onStop = []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
			},
		},
		{
			name: "image for another platform", want: rollout.RolledBack, reason: "can never start", calls: one("StopServiceDeployment"), end: 40, within: 8,
			arrange: stays("CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'"),
		},
		{
			name: "command that is not there", want: rollout.RolledBack, reason: "can never start", calls: one("StopServiceDeployment"), end: 40, within: 8,
			arrange: stays(`CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: exec: "/apq": stat /apq: no such file or directory`),
		},
		{
			name: "sidecar ran, the app's program cannot be executed", want: rollout.RolledBack, reason: "can never start", calls: one("StopServiceDeployment"), end: 40, within: 8,
			arrange: func(f *fakeECS) {
				stays("")(f)
				f.script = []scriptStep{at(10, func(f *fakeECS) {
					d, _ := f.ours()
					d.FailedTasks++
					f.stopTask("t1", *d.Id, "Task failed to start", types.TaskStopCodeTaskFailedToStart, nil, "CannotStartContainerError: exec format error")
					task := f.tasks[prefix+"task/c/t1"]
					task.Containers = append(task.Containers, types.Container{Name: aws.String("log"), ExitCode: aws.Int32(137)})
					f.tasks[prefix+"task/c/t1"] = task
				})}
			},
		},
	}
}

// breakerSettings are services whose circuit breaker says how many failures are too
// many.
func breakerSettings() []ecsScenario {
	failing := func(from, n int, every float64, what func(string) func(*fakeECS)) []scriptStep {
		var steps []scriptStep
		for i := range n {
			steps = append(steps, at(float64(from)+every*float64(i), what(fmt.Sprintf("t%03d", i))))
		}
		return steps
	}
	crash := func(id string) func(*fakeECS) { return crashes(id, true) }
	back := []scriptStep{at(2, rollingBack("stopped by the deployer")), at(30, rolledBack)}
	quiet := map[string]int{"UpdateService": 1, "StopServiceDeployment": 0}
	return []ecsScenario{
		{
			name: "three of 50 tasks fail a health check at 90 %", want: rollout.Completed, calls: quiet, end: 160,
			arrange: func(f *fakeECS) {
				f.sized(50)
				f.script = append([]scriptStep{at(20, runs(20)), at(60, runs(45))}, failing(70, 3, 5, unhealthy)...)
				f.script = append(f.script, at(120, runs(50)), at(160, completes))
			},
		},
		{
			name: "all of 50 tasks crash", want: rollout.RolledBack, reason: "tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 98, within: 15,
			arrange: func(f *fakeECS) {
				f.sized(50)
				f.script = append([]scriptStep{at(5, starts(0))}, failing(20, 40, 2, crash)...)
				f.onStop = back
			},
		},
		{
			name: "the threshold is a count of 10, nine fail", want: rollout.Completed, calls: quiet, end: 150,
			arrange: func(f *fakeECS) {
				f.breaker(true, types.ThresholdTypeCount, 10)
				f.script = append(failing(10, 9, 10, crash), at(150, completes))
			},
		},
		{
			name: "the threshold is a count of 1, one fails", want: rollout.RolledBack, reason: "1 tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 40, within: 10,
			arrange: func(f *fakeECS) {
				f.breaker(true, types.ThresholdTypeCount, 1)
				f.script, f.onStop = failing(10, 1, 10, crash), back
			},
		},
		{
			name: "the threshold is 10 % unbounded of 20", want: rollout.RolledBack, reason: "2 tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 50, within: 10,
			arrange: func(f *fakeECS) {
				f.sized(20)
				f.breaker(true, types.ThresholdTypeUnboundedPercent, 10)
				f.script, f.onStop = failing(10, 4, 10, crash), back
			},
		},
		{
			name: "healthy tasks between failures set the count back", want: rollout.Completed, calls: quiet, end: 200,
			arrange: func(f *fakeECS) {
				f.sized(10)
				f.breaker(true, types.ThresholdTypeCount, 3)
				f.script = []scriptStep{
					at(10, crashes("t1", false)), at(20, crashes("t2", false)), at(40, runs(3)), at(60, crashes("t3", false)), at(70, crashes("t4", false)),
					at(90, runs(6)), at(120, crashes("t5", false)), at(140, runs(10)), at(200, completes),
				}
			},
		},
		{
			name: "the count is not set back", want: rollout.RolledBack, reason: "3 tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 90, within: 10,
			arrange: func(f *fakeECS) {
				f.sized(10)
				f.breaker(true, types.ThresholdTypeCount, 3)
				f.svc.DeploymentConfiguration.DeploymentCircuitBreaker.ResetOnHealthyTask = aws.Bool(false)
				f.script = []scriptStep{at(10, crashes("t1", false)), at(20, crashes("t2", false)), at(40, runs(3)), at(60, crashes("t3", false))}
				f.onStop = back
			},
		},
		{
			name: "an argument overrides the settings", follow: FollowOptions{FailFast: 2}, want: rollout.RolledBack,
			reason: "2 tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 50, within: 10,
			arrange: func(f *fakeECS) {
				f.breaker(true, types.ThresholdTypeCount, 50)
				f.script, f.onStop = failing(10, 3, 10, crash), back
			},
		},
		{
			name: "the breaker is off", want: rollout.RolledBack, reason: "3 tasks of this deployment failed", calls: one("StopServiceDeployment"), end: 90, within: 15,
			arrange: func(f *fakeECS) { crashing(f); f.breaker(false, "", 0) },
		},
		{
			name: "tasks are wanted as autoscaling goes, 10 to 60", want: rollout.Completed, calls: quiet, end: 200,
			arrange: func(f *fakeECS) {
				f.sized(10)
				f.script = []scriptStep{at(10, func(f *fakeECS) {
					d, _ := f.ours()
					f.svc.DesiredCount, d.DesiredCount = 60, 60
				})}
				f.script = append(f.script, failing(20, 20, 5, crash)...)
				f.script = append(f.script, at(200, completes))
			},
		},
		{
			name: "failures on the second page of stopped tasks", want: rollout.RolledBack, calls: one("StopServiceDeployment"), end: 90, within: 15,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.page = 100
				for i := range 250 {
					f.stopTask(fmt.Sprintf("old%03d", i), "ecs-svc/1", "Scaling activity initiated by (deployment ecs-svc/1)", types.TaskStopCodeServiceSchedulerInitiated, nil, "")
				}
			},
		},
		{
			name: "healthy tasks stopped by scaling and rebalancing", want: rollout.Completed, calls: quiet, end: 90,
			arrange: scripted(at(20, func(f *fakeECS) {
				d, _ := f.ours()
				for i := range 5 {
					f.stopTask(fmt.Sprint("s", i), *d.Id, "Scaling activity initiated by (deployment "+*d.Id+")", types.TaskStopCodeServiceSchedulerInitiated, aws.Int32(143), "")
					f.stopTask(fmt.Sprint("z", i), *d.Id, "Task stopped for availability zone rebalancing", types.TaskStopCodeServiceSchedulerInitiated, aws.Int32(143), "")
				}
				f.event("(service api) has stopped 10 running tasks. It was unable to keep them.")
			}), at(90, completes)),
		},
		{
			name: "no instance has room for a while", want: rollout.Completed, calls: quiet, end: 120, shown: "unable to place a task", shownBy: 25,
			arrange: scripted(at(20, func(f *fakeECS) {
				f.event("(service api) was unable to place a task because no container instance met all of its requirements.")
			}), at(120, completes)),
		},
	}
}

// staleReads are answers that are older than they should be, about another
// deployment, or partial.
func staleReads() []ecsScenario {
	blueGreen := func(f *fakeECS) {
		f.svc.DeploymentConfiguration.Strategy = types.DeploymentStrategyBlueGreen
		f.svc.Deployments[0].RolloutState = ""
	}
	none := map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0}
	return []ecsScenario{
		{
			name: "joins blue/green, the hint is the deployment before, ECS rolls back", unwaited: true, want: rollout.RolledBack, calls: none, end: 60,
			arrange: func(f *fakeECS) {
				blueGreen(f)
				f.underWay()
				d, _ := f.ours()
				d.RunningCount, d.PendingCount = 2, 0
				f.svc.Deployments = f.svc.Deployments[:1]
				f.hint = account(1)
				f.script = []scriptStep{at(30, rollingBack("alarm")), at(60, rolledBack)}
			},
		},
		{
			name: "joins, the hint is the deployment before, revisions may not be read", unwaited: true, want: rollout.RolledBack, calls: none, end: 60,
			arrange: func(f *fakeECS) {
				f.underWay()
				f.hint = account(1)
				f.refuse["DescribeServiceRevisions"] = rollouttest.Times(1, 99, "AccessDeniedException")
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
		},
		{
			name: "joins a rolling update, the hint is the deployment before", unwaited: true, want: rollout.Completed, calls: none, end: 40,
			arrange: func(f *fakeECS) {
				f.underWay()
				f.hint = account(1)
				f.accounts[account(1)].Status = types.ServiceDeploymentStatusStopRequested
				f.script = []scriptStep{at(40, completes)}
			},
		},
		{
			name: "joins a rolling update that the breaker rolls back, stale hint", unwaited: true, want: rollout.RolledBack, calls: none, end: 60,
			arrange: func(f *fakeECS) {
				f.underWay()
				f.hint = account(1)
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
		},
		{
			name: "blue/green of what runs, but ECS is going back from it", unwaited: true, want: rollout.RolledBack, calls: none, end: 50,
			arrange: func(f *fakeECS) {
				blueGreen(f)
				f.underWay()
				d, r := f.ours()
				d.RunningCount, d.PendingCount = 2, 0
				f.svc.Deployments = f.svc.Deployments[:1]
				r.Status = types.ServiceDeploymentStatusRollbackInProgress
				f.script = []scriptStep{at(20, rollingBack("alarm")), at(50, rolledBack)}
			},
		},
		{
			name: "the hint stays at the deployment before", want: rollout.RolledBack, calls: one(), end: 60,
			arrange: func(f *fakeECS) {
				f.hint = account(1)
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
		},
		{
			name: "the hint is an older success of the same revision", unwaited: true, want: rollout.RolledBack, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0}, end: 60,
			arrange: func(f *fakeECS) {
				td := f.define(newDigest)
				f.complete(f.deploy(td, 2).Id)
				f.complete(f.deploy(f.previous(), 2).Id)
				for _, r := range f.accounts {
					r.CreatedAt = aws.Time(r.CreatedAt.Add(-time.Hour))
				}
				f.hint = account(2)
				f.script = []scriptStep{at(30, func(f *fakeECS) { rollingBack("circuit breaker")(f) }), at(60, rolledBack)}
			},
		},
		{
			name: "every fourth answer is stale", want: rollout.Completed, calls: one(), end: 80, within: 8,
			arrange: func(f *fakeECS) { f.staleEvery, f.script = 4, []scriptStep{at(80, completes)} },
		},
		{
			name: "every third answer is stale during a rollback, nothing else may be read", want: rollout.RolledBack, end: 90, within: 8,
			arrange: func(f *fakeECS) {
				unreadable(at(20, crashes("t1", true)), at(30, rollingBack("circuit breaker")), at(90, rolledBack))(f)
				f.staleEvery = 3
			},
		},
		{
			name: "stale reads for 12 s, then the breaker rolls back", want: rollout.RolledBack, calls: one(), end: 60,
			arrange: func(f *fakeECS) {
				f.staleFor = 12 * time.Second
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
		},
		{
			name: "blue/green whose service deployment is not shown three times", want: rollout.Completed, calls: one(), end: 80,
			arrange: func(f *fakeECS) {
				blueGreen(f)
				f.unshown = 3
				f.script = []scriptStep{at(20, inStage(types.ServiceDeploymentLifecycleStageScaleUp, 0)), at(80, completes)}
			},
		},
		{
			name: "blue/green rolled back to the deployment before, nothing else may be read", want: rollout.RolledBack, end: 60, within: 30,
			arrange: func(f *fakeECS) {
				unreadable()(f)
				blueGreen(f)
				f.script = []scriptStep{at(60, func(f *fakeECS) {
					f.svc.Deployments = f.svc.Deployments[1:]
					f.svc.Deployments[0].Status = aws.String("PRIMARY")
				})}
			},
		},
		{
			name: "completed, and its service deployment lags behind", want: rollout.Completed, calls: one(), end: 40, within: 16,
			arrange: scripted(at(40, func(f *fakeECS) {
				completes(f)
				_, r := f.ours()
				r.Status = types.ServiceDeploymentStatusInProgress
			})),
		},
		{
			name: "a rollback is under way at the start", unwaited: true, want: rollout.Completed, calls: map[string]int{"UpdateService": 1}, end: 60,
			arrange: func(f *fakeECS) {
				f.deploy(f.define("bad@sha256:4444"), 2)
				f.mine = f.serial
				rollingBack("circuit breaker")(f)
				f.mine = 0
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "someone forces a deployment of the same revision", want: rollout.Superseded, calls: one(), end: 30,
			arrange: scripted(at(30, func(f *fakeECS) {
				_, r := f.ours()
				r.Status, r.StatusReason = types.ServiceDeploymentStatusStopped, aws.String("Deployment was superseded")
				f.deploy(f.latest, 2)
			}), at(90, theirsCompletes)),
		},
		{
			name: "clock a minute behind, joins", unwaited: true, want: rollout.RolledBack, calls: none, end: 60,
			arrange: func(f *fakeECS) {
				f.skewed(-time.Minute)
				f.underWay()
				f.hint = account(1)
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, rolledBack)}
			},
		},
		{
			name: "the rollback is known by its task definition alone", want: rollout.RolledBack, end: 90,
			arrange: unreadable(at(30, func(f *fakeECS) {
				rollingBack("circuit breaker")(f)
				f.svc.Deployments[0].RolloutStateReason = nil
				f.svc.Deployments = f.svc.Deployments[:1]
			}), at(90, rolledBack)),
		},
	}
}

// hangs are calls that get no answer.
func hangs() []ecsScenario {
	always := func(op string) func(*fakeECS) {
		return func(f *fakeECS) { f.hang[op] = func(n int) bool { return n > 1 } }
	}
	return []ecsScenario{
		{
			name: "DescribeServices hangs under a limit of 2 min", follow: FollowOptions{Timeout: 2 * time.Minute}, open: true, unwaited: true,
			want: rollout.TimedOut, reason: "no end after 2m0s", calls: one(), end: 120, arrange: always("DescribeServices"),
		},
		{
			name: "DescribeServices hangs from the start", follow: FollowOptions{Timeout: 2 * time.Minute}, unwaited: true,
			want: rollout.NotStarted, end: 120, arrange: func(f *fakeECS) { f.hang["DescribeServices"] = func(int) bool { return true } },
		},
		{
			name: "DescribeServices hangs once at the end", want: rollout.Completed, calls: one(), end: 60, within: 8,
			arrange: func(f *fakeECS) {
				f.hang["DescribeServices"] = func(n int) bool { return n == 22 }
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "each answer takes 8 s", want: rollout.Completed, end: 60, within: 40, unwaited: true,
			arrange: func(f *fakeECS) {
				f.slow["DescribeServices"] = 8 * time.Second
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "the service deployment hangs in blue/green", follow: FollowOptions{Timeout: 3 * time.Minute}, open: true, want: rollout.TimedOut, calls: one(), end: 180,
			arrange: func(f *fakeECS) {
				f.svc.DeploymentConfiguration.Strategy = types.DeploymentStrategyBlueGreen
				f.hang["DescribeServiceDeployments"] = func(int) bool { return true }
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "ListTasks hangs while tasks crash", want: rollout.RolledBack, calls: one(), end: 90, within: 12,
			arrange: func(f *fakeECS) {
				f.hang["ListTasks"] = func(int) bool { return true }
				f.script = []scriptStep{at(20, crashes("t1", true)), at(30, rollingBack("circuit breaker")), at(90, rolledBack)}
			},
		},
		{
			name: "the service deployment hangs in a rolling update", want: rollout.Completed, calls: one(), end: 60, within: 20,
			arrange: func(f *fakeECS) {
				f.hang["DescribeServiceDeployments"] = func(int) bool { return true }
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "the list hangs before the update, no hint", unwaited: true, want: rollout.Completed, calls: one(), end: 60,
			arrange: func(f *fakeECS) {
				f.noHint, f.svc.CurrentServiceDeployment = true, nil
				f.hang["ListServiceDeployments"] = func(n int) bool { return n < 5 }
				f.script = []scriptStep{at(60, completes)}
			},
		},
		{
			name: "a rollback that its service deployment does not show", want: rollout.RolledBack, calls: one(), end: 60, within: 16,
			arrange: func(f *fakeECS) {
				f.hint = account(1)
				f.unshown = 1 << 30
				f.script = []scriptStep{at(30, rollingBack("circuit breaker")), at(60, func(f *fakeECS) { rolledBack(f); clear(f.accounts) })}
			},
		},
		{
			name: "UpdateService hangs always", follow: FollowOptions{Timeout: 2 * time.Minute}, open: true, unwaited: true,
			want: rollout.Lost, changed: "whether ECS took it is not known", end: 120, arrange: func(f *fakeECS) {
				f.hang["UpdateService"] = func(int) bool { return true }
			},
		},
	}
}

// tasksMissing are deployments of which too few tasks run.
func tasksMissing() []ecsScenario {
	lacking := func(n int32) func(*fakeECS) {
		return func(f *fakeECS) {
			f.svc.RunningCount, f.svc.Deployments[0].RunningCount, f.svc.Deployments[0].PendingCount = n, n, 2-n
		}
	}
	return []ecsScenario{
		{
			name: "0 of 2 tasks run, and they come back", image: oldDigest, want: rollout.Unchanged, reason: "runs already",
			calls: map[string]int{"UpdateService": 0}, end: 30,
			arrange: func(f *fakeECS) {
				lacking(0)(f)
				f.updated = time.Now()
				f.script = []scriptStep{at(30, func(f *fakeECS) { f.complete(f.svc.Deployments[0].Id) })}
			},
		},
		{
			name: "0 of 2 tasks run, and a new deployment helps", image: oldDigest, want: rollout.Completed,
			calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0}, end: 40,
			arrange: func(f *fakeECS) { lacking(0)(f); f.script = []scriptStep{at(40, completes)} },
		},
		{
			name: "1 of 2 tasks runs, and nothing helps", image: oldDigest, follow: FollowOptions{Timeout: 10 * time.Minute}, open: true,
			want: rollout.TimedOut, calls: map[string]int{"UpdateService": 1}, end: 600, arrange: lacking(1),
		},
		{
			name: "1 of 2 tasks runs, the other comes after 3 min", image: oldDigest, want: rollout.Unchanged,
			calls: map[string]int{"UpdateService": 0}, end: 180,
			arrange: func(f *fakeECS) {
				lacking(1)(f)
				f.updated = time.Now()
				f.script = []scriptStep{at(180, func(f *fakeECS) { f.complete(f.svc.Deployments[0].Id) })}
			},
		},
		{
			name: "completed before any task runs", want: rollout.Completed, calls: one(), end: 90,
			arrange: scripted(at(40, func(f *fakeECS) { completes(f); runs(0)(f) }), at(90, runs(2))),
		},
		{
			name: "called successful, and every task crashes", want: rollout.Failed, reason: "completed, and then", calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 0}, end: 80, within: 8,
			arrange: scripted(at(40, func(f *fakeECS) { completes(f); runs(0)(f); crashes("t1", false)(f) }), at(60, crashes("t2", false)), at(80, crashes("t3", false))),
		},
		{
			name: "wants no task at first, then two", want: rollout.Completed, calls: one(), end: 60,
			arrange: func(f *fakeECS) {
				f.sized(0)
				f.script = []scriptStep{
					at(10, func(f *fakeECS) { d, _ := f.ours(); f.svc.DesiredCount, d.DesiredCount, d.PendingCount = 2, 2, 2 }), at(60, completes),
				}
			},
		},
		{
			name: "what runs wants no task", image: oldDigest, want: rollout.Unchanged, reason: "none has proven that it runs",
			calls: map[string]int{"UpdateService": 0}, arrange: func(f *fakeECS) { f.sized(0) },
		},
		{
			name: "autoscaling adds tasks at the end", want: rollout.Completed, calls: one(), end: 50,
			arrange: scripted(at(50, func(f *fakeECS) {
				completes(f)
				f.svc.DesiredCount = 6
				d, _ := f.ours()
				d.DesiredCount, d.PendingCount = 6, 4
			})),
		},
	}
}

// orders are orders to roll back that ECS does not take at once, or that may not be
// given.
func orders() []ecsScenario {
	irreversible := errors.New("migration 7 cannot be undone")
	return []ecsScenario{
		{
			name: "stop not found twice, no breaker", want: rollout.RolledBack, calls: map[string]int{"StopServiceDeployment": 3}, end: 100, within: 12,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.breaker(false, "", 0)
				f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 2, "ServiceDeploymentNotFoundException")
			},
		},
		{
			name: "stop throttled three times, no breaker", want: rollout.RolledBack, calls: map[string]int{"StopServiceDeployment": 4}, end: 105, within: 12,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.breaker(false, "", 0)
				f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 3, "ThrottlingException")
			},
		},
		{
			name: "stop denied, no breaker", open: true, want: rollout.Failed, reason: "does not take the order to roll back", calls: map[string]int{"StopServiceDeployment": 2}, end: 182, within: 10,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.breaker(false, "", 0)
				f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 99, "AccessDeniedException")
			},
		},
		{
			name: "its service deployment is listed late, no breaker", want: rollout.RolledBack, calls: one("StopServiceDeployment"), end: 96, within: 6,
			arrange: func(f *fakeECS) {
				crashing(f)
				f.breaker(false, "", 0)
				f.hint = account(1)
				f.refuse["ListServiceDeployments"] = rollouttest.Times(1, 2, "ThrottlingException")
			},
		},
		{
			name: "no way back from the migration, no breaker", mayRollBack: irreversible, open: true, want: rollout.Failed, reason: "it is not rolled back: migration 7 cannot be undone",
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 0}, end: 60, within: 8,
			arrange: func(f *fakeECS) { crashing(f); f.breaker(false, "", 0) },
		},
		{
			name: "no way back from the migration, ECS goes back", mayRollBack: irreversible, want: rollout.RolledBack,
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 0}, end: 120, shown: "migration 7 cannot be undone",
			arrange: func(f *fakeECS) {
				crashing(f)
				f.script = append(f.script, at(90, rollingBack("circuit breaker")), at(120, rolledBack))
			},
		},
		{
			name: "canceled, no way back from the migration", mayRollBack: irreversible, cancelAt: 45 * time.Second, follow: FollowOptions{OnCancel: RollBack},
			open: true, want: rollout.Canceled, reason: "not rolled back: migration 7", calls: map[string]int{"StopServiceDeployment": 0}, end: 45, within: 2,
			arrange: scripted(at(120, completes)),
		},
		{
			name: "canceled, rolled back after one not found", cancelAt: 45 * time.Second, follow: FollowOptions{OnCancel: RollBack},
			open: true, want: rollout.Canceled, reason: "ECS was asked", calls: map[string]int{"StopServiceDeployment": 2}, end: 45, within: 2,
			arrange: func(f *fakeECS) {
				f.refuse["StopServiceDeployment"] = rollouttest.Times(1, 1, "ServiceDeploymentNotFoundException")
			},
		},
	}
}

// changesNamed are deploys that end before the update, after something was changed
// or verified.
func changesNamed() []ecsScenario {
	migrates := func(_ *fakeECS, changes *rollout.Changes) error {
		changes.Add("migration applied")
		return nil
	}
	known := func(f *fakeECS) {
		f.define(newDigest)
		f.define(oldDigest)
		f.latest = prefix + "task-definition/api:2"
	}
	return []ecsScenario{
		{
			name: "update denied after a migration", prepare: migrates, unwaited: true, want: rollout.Failed, changed: "revision api:2 registered; migration applied",
			calls:   map[string]int{"UpdateService": 1},
			arrange: func(f *fakeECS) { f.refuse["UpdateService"] = rollouttest.Times(1, 9, "AccessDeniedException") },
		},
		{
			name: "update denied, nothing changed", unwaited: true, want: rollout.NotStarted, calls: map[string]int{"UpdateService": 1, "RegisterTaskDefinition": 0},
			arrange: func(f *fakeECS) {
				known(f)
				f.refuse["UpdateService"] = rollouttest.Times(1, 9, "AccessDeniedException")
			},
		},
		{
			name: "preparation refused, a revision registered", unwaited: true, want: rollout.Failed, changed: "revision api:2 registered", calls: map[string]int{"UpdateService": 0},
			prepare: func(*fakeECS, *rollout.Changes) error {
				return &rollout.Error{Outcome: rollout.NotStarted, Subject: "task", Next: "mend it"}
			},
		},
		{
			name: "rolled back after a migration", prepare: migrates, want: rollout.RolledBack, changed: "migration applied; service updated to api:2", end: 60,
			arrange: scripted(at(30, rollingBack("circuit breaker")), at(60, rolledBack)),
		},
		{
			name: "someone deploys during a long migration", unwaited: true, want: rollout.Completed, calls: one(), end: 40,
			prepare: func(f *fakeECS, _ *rollout.Changes) error {
				time.Sleep(3 * time.Minute)
				f.complete(f.deploy(f.define("other@sha256:3333"), 2).Id)
				return nil
			},
			arrange: scripted(at(40, completes)),
		},
		{
			name: "someone deploys the same during a long migration", prepare: func(f *fakeECS, changes *rollout.Changes) error {
				time.Sleep(3 * time.Minute)
				changes.Add("migration applied")
				f.complete(f.deploy(f.latest, 2).Id)
				return nil
			},
			unwaited: true, want: rollout.Completed, changed: "migration applied", calls: map[string]int{"UpdateService": 0}, end: 180,
		},
		{
			name: "a revision of that content exists, verification fails", verify: errors.New("CVE-1"), arrange: known,
			want: rollout.VerificationFailed, reason: "CVE-1", calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0},
		},
		{
			name: "its deployment failed before, verification fails", verify: errors.New("CVE-1"),
			arrange: func(f *fakeECS) {
				f.deploy(f.define(newDigest), 2).RolloutState = types.DeploymentRolloutStateFailed
			},
			want: rollout.VerificationFailed, reason: "CVE-1", calls: map[string]int{"UpdateService": 0, "RegisterTaskDefinition": 0},
		},
		{
			name: "its deployment is under way, verification fails", verify: errors.New("CVE-1"), open: true,
			arrange: func(f *fakeECS) { f.underWay() }, want: rollout.VerificationFailed, reason: "CVE-1", calls: map[string]int{"UpdateService": 0},
		},
		{
			name: "it runs already, so that nothing is verified", image: oldDigest, verify: errors.New("CVE-1"),
			want: rollout.Unchanged, calls: map[string]int{"UpdateService": 0},
		},
	}
}

package ecs

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestFailureThreshold compares with the numbers of the Amazon ECS Developer Guide,
// "How the Amazon ECS deployment circuit breaker detects failures".
func TestFailureThreshold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		desired int32
		enabled bool
		kind    types.ThresholdType
		value   int32
		want    int
	}{
		{0, true, "", 0, 3}, {1, true, "", 0, 3}, {25, true, "", 0, 13}, {50, true, "", 0, 25}, {400, true, "", 0, 200}, {800, true, "", 0, 200},
		{50, false, "", 0, 25}, {50, false, types.ThresholdTypeCount, 1, 25},
		{50, true, types.ThresholdTypeCount, 1, 1}, {2, true, types.ThresholdTypeCount, 10, 10},
		{50, true, types.ThresholdTypeBoundedPercent, 2, 3}, {900, true, types.ThresholdTypeBoundedPercent, 50, 200},
		{900, true, types.ThresholdTypeUnboundedPercent, 50, 450}, {2, true, types.ThresholdTypeUnboundedPercent, 10, 1},
	} {
		f := &fakeECS{svc: types.Service{DesiredCount: c.desired, DeploymentConfiguration: &types.DeploymentConfiguration{}}}
		f.breaker(c.enabled, c.kind, c.value)
		if got := failureThreshold(&f.svc); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if got := failureThreshold(nil); got != minThreshold {
		t.Errorf("an unknown service: %d", got)
	}
}

// TestReasons distinguishes what stays from what passes.
func TestReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		"CannotPullContainerError: pull image manifest has been retried 5 time(s): manifest unknown":                    true,
		"CannotPullContainerError: failed to resolve ref docker.io/library/api@sha256:1: not found":                     true,
		"CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'":          true,
		`CannotStartContainerError: exec: "/app": executable file not found in $PATH`:                                   true,
		`CannotStartContainerError: exec: "/app": permission denied`:                                                    true,
		"CannotPullContainerError: pull image manifest has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout":  false,
		"CannotPullContainerError: dial tcp: lookup 1.dkr.ecr.eu-central-1.amazonaws.com: no such host: not found":      false,
		"CannotPullContainerError: toomanyrequests: You have reached your pull rate limit":                              false,
		"ResourceInitializationError: AccessDeniedException: is not authorized to perform: ssm:GetParameters":           false,
		"ResourceInitializationError: failed to invoke EFS utils commands: mount.nfs4: no such file or directory":       false,
		"ResourceNotFoundException: Secrets Manager can't find the specified secret":                                    false,
		"Capacity is unavailable at this time. Please try again later or in a different availability zone":              false,
		"Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/api/1)": false,
	} {
		if got := isHopeless(reason); got != want {
			t.Errorf("%s: hopeless %t", reason, got)
		}
	}
	crash := TaskFailure{StopCode: string(types.TaskStopCodeEssentialContainerExited), Containers: []ContainerFailure{{Name: "api", ExitCode: new(int)}}}
	unstarted := TaskFailure{StopCode: string(types.TaskStopCodeTaskFailedToStart), Reason: "CannotPullContainerError: i/o timeout"}
	if crash.mayPass() || !unstarted.mayPass() || !crash.ownFault() || (TaskFailure{Reason: "Host EC2 (instance i-1) terminated."}).ownFault() {
		t.Error("a crash does not pass, a task that never started may, a machine that ends is not the task's fault")
	}
}

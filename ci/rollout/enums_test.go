package rollout

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// pinned fails when the SDK knows a value that no case was thought of for.
func pinned[T ~string](t *testing.T, values []T, meaning map[T]string) {
	t.Helper()
	slices.Sort(values)
	known := slices.Sorted(maps.Keys(meaning))
	if !slices.Equal(values, known) {
		t.Errorf("the SDK's values of %T are %v, this package has thought of %v", values, values, known)
	}
}

// TestServiceDeploymentStatuses says what each status alone means.
func TestServiceDeploymentStatuses(t *testing.T) {
	t.Parallel()
	meaning := map[types.ServiceDeploymentStatus]string{
		types.ServiceDeploymentStatusPending:            "",
		types.ServiceDeploymentStatusInProgress:         "",
		types.ServiceDeploymentStatusStopRequested:      "",
		types.ServiceDeploymentStatusRollbackRequested:  "",
		types.ServiceDeploymentStatusRollbackInProgress: "",
		types.ServiceDeploymentStatusSuccessful:         string(Completed),
		types.ServiceDeploymentStatusStopped:            string(Stopped),
		types.ServiceDeploymentStatusRollbackSuccessful: string(RolledBack),
		types.ServiceDeploymentStatusRollbackFailed:     string(RollbackFailed),
	}
	pinned(t, types.ServiceDeploymentStatus("").Values(), meaning)
	for status, want := range meaning {
		v := Evaluate(View{
			TaskDefinition: "td:2", Deployment: "d/2", Before: []string{"d/1"},
			Service: &types.Service{Status: aws.String("ACTIVE"), DesiredCount: 1, Deployments: []types.Deployment{
				{Id: aws.String("d/2"), Status: aws.String(statusPrimary), TaskDefinition: aws.String("td:2"), RolloutState: types.DeploymentRolloutStateInProgress},
			}},
			ServiceDeployment: &types.ServiceDeployment{Status: status},
		})
		if string(v.Outcome) != want {
			t.Errorf("%s means %q, want %q", status, v.Outcome, want)
		}
	}
}

func TestEnumsArePinned(t *testing.T) {
	t.Parallel()
	pinned(t, types.DeploymentRolloutState("").Values(), map[types.DeploymentRolloutState]string{
		types.DeploymentRolloutStateCompleted: "", types.DeploymentRolloutStateFailed: "", types.DeploymentRolloutStateInProgress: "",
	})
	pinned(t, types.DeploymentStrategy("").Values(), map[types.DeploymentStrategy]string{
		types.DeploymentStrategyRolling: "", types.DeploymentStrategyBlueGreen: "", types.DeploymentStrategyLinear: "", types.DeploymentStrategyCanary: "",
	})
	pinned(t, types.ServiceDeploymentRollbackMonitorsStatus("").Values(), map[types.ServiceDeploymentRollbackMonitorsStatus]string{
		types.ServiceDeploymentRollbackMonitorsStatusTriggered: "", types.ServiceDeploymentRollbackMonitorsStatusMonitoring: "",
		types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete: "", types.ServiceDeploymentRollbackMonitorsStatusDisabled: "",
	})
	pinned(t, types.TaskStopCode("").Values(), map[types.TaskStopCode]string{
		types.TaskStopCodeTaskFailedToStart: "ours", types.TaskStopCodeEssentialContainerExited: "ours", types.TaskStopCodeServiceSchedulerInitiated: "ours",
		types.TaskStopCodeUserInitiated: "", types.TaskStopCodeSpotInterruption: "", types.TaskStopCodeTerminationNotice: "", types.TaskStopCodeInfrastructureHealth: "",
	})
	pinned(t, types.ServiceDeploymentLifecycleStage("").Values(), map[types.ServiceDeploymentLifecycleStage]string{
		"RECONCILE_SERVICE": "", "PRE_SCALE_UP": "", "SCALE_UP": "", "POST_SCALE_UP": "", "TEST_TRAFFIC_SHIFT": "", "POST_TEST_TRAFFIC_SHIFT": "",
		"PRODUCTION_TRAFFIC_SHIFT": "", "POST_PRODUCTION_TRAFFIC_SHIFT": "", "BAKE_TIME": "", "CLEAN_UP": "",
	})
}

// TestLambdaStates says what each state and update status alone means.
func TestLambdaStates(t *testing.T) {
	t.Parallel()
	states := map[lambdatypes.State]string{
		lambdatypes.StateActive: "ready", lambdatypes.StateInactive: "ready", lambdatypes.StatePending: "wait",
		lambdatypes.StateFailed: "broken", lambdatypes.StateDeactivating: "broken", lambdatypes.StateDeactivated: "broken",
		lambdatypes.StateActiveNonInvocable: "broken", lambdatypes.StateDeleting: "broken",
	}
	pinned(t, lambdatypes.State("").Values(), states)
	updates := map[lambdatypes.LastUpdateStatus]string{
		lambdatypes.LastUpdateStatusSuccessful: "ready", lambdatypes.LastUpdateStatusFailed: "broken", lambdatypes.LastUpdateStatusInProgress: "wait",
	}
	pinned(t, lambdatypes.LastUpdateStatus("").Values(), updates)
	words := map[Readiness]string{Ready: "ready", NotYet: "wait", Broken: "broken"}
	for state, want := range states {
		r, why := EvaluateFunction(&lambda.GetFunctionConfigurationOutput{State: state, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful})
		if words[r] != want {
			t.Errorf("state %s means %s (%s), want %s", state, words[r], why, want)
		}
	}
	for update, want := range updates {
		r, why := EvaluateFunction(&lambda.GetFunctionConfigurationOutput{State: lambdatypes.StateActive, LastUpdateStatus: update})
		if words[r] != want {
			t.Errorf("update status %s means %s (%s), want %s", update, words[r], why, want)
		}
	}
}

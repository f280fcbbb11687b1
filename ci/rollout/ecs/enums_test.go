package ecs

import (
	"testing"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestServiceDeploymentStatuses says what each status alone means.
func TestServiceDeploymentStatuses(t *testing.T) {
	t.Parallel()
	meaning := map[types.ServiceDeploymentStatus]string{
		types.ServiceDeploymentStatusPending:            "",
		types.ServiceDeploymentStatusInProgress:         "",
		types.ServiceDeploymentStatusStopRequested:      "",
		types.ServiceDeploymentStatusRollbackRequested:  "",
		types.ServiceDeploymentStatusRollbackInProgress: "",
		types.ServiceDeploymentStatusSuccessful:         string(rollout.Completed),
		types.ServiceDeploymentStatusStopped:            string(rollout.Stopped),
		types.ServiceDeploymentStatusRollbackSuccessful: string(rollout.RolledBack),
		types.ServiceDeploymentStatusRollbackFailed:     string(rollout.RollbackFailed),
	}
	rollouttest.Pinned(t, types.ServiceDeploymentStatus("").Values(), meaning)
	for status, want := range meaning {
		v := Evaluate(View{
			TaskDefinition: "td:2", Deployment: "d/2", Before: []string{"d/1"},
			Service: &types.Service{Status: aws.String("ACTIVE"), DesiredCount: 1, RunningCount: 1, Deployments: []types.Deployment{
				{Id: aws.String("d/2"), Status: aws.String(statusPrimary), TaskDefinition: aws.String("td:2"), RolloutState: types.DeploymentRolloutStateInProgress, RunningCount: 1},
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
	rollouttest.Pinned(t, types.DeploymentRolloutState("").Values(), map[types.DeploymentRolloutState]string{
		types.DeploymentRolloutStateCompleted: "", types.DeploymentRolloutStateFailed: "", types.DeploymentRolloutStateInProgress: "",
	})
	rollouttest.Pinned(t, types.DeploymentStrategy("").Values(), map[types.DeploymentStrategy]string{
		types.DeploymentStrategyRolling: "", types.DeploymentStrategyBlueGreen: "", types.DeploymentStrategyLinear: "", types.DeploymentStrategyCanary: "",
	})
	rollouttest.Pinned(t, types.ServiceDeploymentRollbackMonitorsStatus("").Values(), map[types.ServiceDeploymentRollbackMonitorsStatus]string{
		types.ServiceDeploymentRollbackMonitorsStatusTriggered: "", types.ServiceDeploymentRollbackMonitorsStatusMonitoring: "",
		types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete: "", types.ServiceDeploymentRollbackMonitorsStatusDisabled: "",
	})
	rollouttest.Pinned(t, types.ThresholdType("").Values(), map[types.ThresholdType]string{
		types.ThresholdTypeCount: "", types.ThresholdTypeBoundedPercent: "", types.ThresholdTypeUnboundedPercent: "",
	})
	rollouttest.Pinned(t, types.DeploymentControllerType("").Values(), map[types.DeploymentControllerType]string{
		types.DeploymentControllerTypeEcs: "ours", types.DeploymentControllerTypeCodeDeploy: "", types.DeploymentControllerTypeExternal: "",
	})
	rollouttest.Pinned(t, types.TaskStopCode("").Values(), map[types.TaskStopCode]string{
		types.TaskStopCodeTaskFailedToStart: "ours", types.TaskStopCodeEssentialContainerExited: "ours", types.TaskStopCodeServiceSchedulerInitiated: "ours",
		types.TaskStopCodeUserInitiated: "", types.TaskStopCodeSpotInterruption: "", types.TaskStopCodeTerminationNotice: "", types.TaskStopCodeInfrastructureHealth: "",
	})
	rollouttest.Pinned(t, types.ServiceDeploymentLifecycleStage("").Values(), map[types.ServiceDeploymentLifecycleStage]string{
		"RECONCILE_SERVICE": "", "PRE_SCALE_UP": "", "SCALE_UP": "", "POST_SCALE_UP": "", "TEST_TRAFFIC_SHIFT": "", "POST_TEST_TRAFFIC_SHIFT": "",
		"PRODUCTION_TRAFFIC_SHIFT": "", "POST_PRODUCTION_TRAFFIC_SHIFT": "", "BAKE_TIME": "", "CLEAN_UP": "",
	})
}

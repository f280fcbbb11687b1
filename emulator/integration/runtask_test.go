//go:build integration

package integration

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"sensor-backend/emulator/internal/testimage"
)

// TestOneOffTask runs a task by itself, with another command than its image's.
func TestOneOffTask(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	definition := w.register(t, w.repository+"@"+digest, nil)
	out, err := w.ecs.RunTask(t.Context(), &ecs.RunTaskInput{
		Cluster: &w.name, TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate, StartedBy: aws.String("test"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{w.subnet}}},
		Overrides: &types.TaskOverride{
			ContainerOverrides: []types.ContainerOverride{{Name: aws.String("api"), Command: []string{"exit", "7"}}},
		},
	})
	check(t, err)
	task := *out.Tasks[0].TaskArn
	cli(t, "ecs", "wait", "tasks-stopped", "--cluster", w.name, "--tasks", task)
	described, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &w.name, Tasks: []string{task}})
	check(t, err)
	got := described.Tasks[0]
	if got.StopCode != types.TaskStopCodeEssentialContainerExited || aws.ToInt32(got.Containers[0].ExitCode) != 7 ||
		aws.ToString(got.Containers[0].ImageDigest) != digest || len(got.Overrides.ContainerOverrides) != 1 {
		t.Errorf("it ended as %+v", got)
	}
}

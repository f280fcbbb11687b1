package ecs

import (
	"time"

	"sensor-backend/emulator/rollout"
)

// Metadata answers the task metadata endpoint for a container of a task.
func (c *Controller) Metadata(taskID, containerName string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		for _, t := range s.roll.Tasks {
			if t.ID != taskID {
				continue
			}
			for _, container := range t.Containers {
				if container.Name == containerName || containerName == "" {
					return metadata(s, t, container), true
				}
			}
		}
	}
	return nil, false
}

// TaskMetadata answers …/task of the metadata endpoint.
func (c *Controller) TaskMetadata(taskID string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		for _, t := range s.roll.Tasks {
			if t.ID != taskID {
				continue
			}
			containers := make([]any, 0, len(t.Containers))
			for _, container := range t.Containers {
				containers = append(containers, metadata(s, t, container))
			}
			family, revision := splitDefinition(t.Revision.TaskDefinition)
			return map[string]any{
				"Cluster": s.clusterARN, "TaskARN": taskARN(s, t.ID), "Family": family, "Revision": revision,
				"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "Containers": containers,
				"ServiceName": s.roll.Name, "LaunchType": "FARGATE",
			}, true
		}
	}
	return nil, false
}

func metadata(s *service, t *rollout.Task, container rollout.Container) any {
	family, revision := splitDefinition(t.Revision.TaskDefinition)
	return map[string]any{
		"DockerId": t.ID, "Name": container.Name, "DockerName": container.Name,
		"Image": container.Image, "ImageID": container.Digest,
		"Labels": map[string]string{
			"com.amazonaws.ecs.cluster": s.clusterARN, "com.amazonaws.ecs.container-name": container.Name,
			"com.amazonaws.ecs.task-arn": taskARN(s, t.ID), "com.amazonaws.ecs.task-definition-family": family,
			"com.amazonaws.ecs.task-definition-version": revision,
		},
		"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "CreatedAt": t.CreatedAt.UTC().Format(time.RFC3339Nano),
		"Type": "NORMAL",
	}
}

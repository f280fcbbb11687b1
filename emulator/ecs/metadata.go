package ecs

import (
	"time"

	"sensor-backend/emulator/ecs/scheduler"
)

// Metadata answers the task metadata endpoint for a container of a task.
func (c *Controller) Metadata(taskID, containerName string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.taskOf("", "", taskID)
	if !ok {
		return nil, false
	}
	for _, container := range found.task.Containers {
		if container.Name == containerName || containerName == "" {
			return found.metadata(found.task, container), true
		}
	}
	return nil, false
}

// TaskMetadata answers …/task of the metadata endpoint.
func (c *Controller) TaskMetadata(taskID string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.taskOf("", "", taskID)
	if !ok {
		return nil, false
	}
	t := found.task
	containers := make([]any, 0, len(t.Containers))
	for _, container := range t.Containers {
		containers = append(containers, found.metadata(t, container))
	}
	family, revision := splitDefinition(t.Revision.TaskDefinition)
	return map[string]any{
		"Cluster": found.clusterARN, "TaskARN": found.taskARN(t.ID), "Family": family, "Revision": revision,
		"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "Containers": containers,
		"ServiceName": found.serviceName(), "LaunchType": "FARGATE",
	}, true
}

func (p place) metadata(t *scheduler.Task, container scheduler.Container) any {
	family, revision := splitDefinition(t.Revision.TaskDefinition)
	return map[string]any{
		"DockerId": t.ID, "Name": container.Name, "DockerName": container.Name,
		"Image": container.Image, "ImageID": container.Digest,
		"Labels": map[string]string{
			"com.amazonaws.ecs.cluster": p.clusterARN, "com.amazonaws.ecs.container-name": container.Name,
			"com.amazonaws.ecs.task-arn": p.taskARN(t.ID), "com.amazonaws.ecs.task-definition-family": family,
			"com.amazonaws.ecs.task-definition-version": revision,
		},
		"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "CreatedAt": t.CreatedAt.UTC().Format(time.RFC3339Nano),
		"Type": "NORMAL",
	}
}

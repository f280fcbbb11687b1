package ecs

import (
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

func lastStatus(t *scheduler.Task) string {
	switch t.State {
	case scheduler.Pending:
		return "PENDING"
	case scheduler.Activating:
		return "ACTIVATING"
	case scheduler.Running:
		return "RUNNING"
	case scheduler.Stopping:
		return "STOPPING"
	default:
		return "STOPPED"
	}
}

func desiredStatus(t *scheduler.Task) string {
	if t.State >= scheduler.Stopping {
		return "STOPPED"
	}
	return "RUNNING"
}

func (p place) describeTask(t *scheduler.Task) any {
	containers := make([]any, 0, len(t.Containers))
	for _, c := range t.Containers {
		out := map[string]any{
			"containerArn": "arn:aws:ecs:" + p.region + ":" + awsapi.DefaultAccount + ":container/" + lastPart(p.clusterARN) + "/" + t.ID + "/" + c.Name,
			"taskArn":      p.taskARN(t.ID), "name": c.Name, "image": c.Image, "lastStatus": containerStatus(t, c), "healthStatus": c.Health,
			"runtimeId":         t.ID + "-" + c.Name,
			"networkBindings":   []any{},
			"networkInterfaces": []any{map[string]string{"privateIpv4Address": "127.0.0.1"}},
		}
		if c.Digest != "" {
			out["imageDigest"] = c.Digest
		}
		if c.ExitCode != nil {
			out["exitCode"] = *c.ExitCode
		}
		if c.Reason != "" {
			out["reason"] = c.Reason
		}
		containers = append(containers, out)
	}
	out := map[string]any{
		"taskArn": p.taskARN(t.ID), "clusterArn": p.clusterARN, "taskDefinitionArn": t.Revision.TaskDefinition,
		"lastStatus": lastStatus(t), "desiredStatus": desiredStatus(t), "healthStatus": health(t),
		"startedBy": t.StartedBy, "group": p.group, "containers": containers, "connectivity": "CONNECTED",
		"launchType": "FARGATE", "platformVersion": "1.4.0", "platformFamily": "Linux", "version": 1 + int(t.State),
		"createdAt": awsapi.Time(t.CreatedAt), "overrides": p.overriding(), "attachments": []any{}, "tags": []any{},
		"enableExecuteCommand": false, "availabilityZone": p.region + "a",
	}
	for name, at := range map[string]time.Time{
		"pullStartedAt": t.CreatedAt, "pullStoppedAt": t.PulledAt, "startedAt": t.StartedAt, "stoppingAt": t.StoppingAt,
		"stoppedAt": t.StoppedAt, "executionStoppedAt": t.StoppedAt,
	} {
		if p := awsapi.TimePtr(at); p != nil {
			out[name] = p
		}
	}
	if t.State >= scheduler.Stopping {
		out["stopCode"], out["stoppedReason"] = t.StopCode, t.StoppedReason
	}
	return out
}

// overriding is what was given to RunTask, and of other tasks an empty object.
func (p place) overriding() any {
	if len(p.overrides) == 0 {
		return map[string]any{}
	}
	return p.overrides
}

func health(t *scheduler.Task) string {
	if t.Health == "" {
		return "UNKNOWN"
	}
	return t.Health
}

func containerStatus(t *scheduler.Task, c scheduler.Container) string {
	switch {
	case c.ExitCode != nil || t.State == scheduler.Stopped:
		return "STOPPED"
	case t.State == scheduler.Pending:
		return "PENDING"
	}
	return "RUNNING"
}

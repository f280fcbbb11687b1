package ecs

import (
	"maps"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/rollout"
)

// describe lays what is going on over moto's record of a service.
func (s *service) describe(record map[string]any) (map[string]any, error) {
	record = maps.Clone(record)
	if err := s.settings.overlay(record); err != nil {
		return nil, err
	}
	running, pending := s.roll.Counts("")
	record["desiredCount"], record["runningCount"], record["pendingCount"] = s.roll.Desired, running, pending
	record["createdAt"] = awsapi.Time(s.createdAt)
	deployments := []any{}
	for _, d := range s.roll.Deployments {
		deployments = append(deployments, s.describeDeployment(d, record))
	}
	record["deployments"] = deployments
	if p := s.roll.Primary(); p != nil {
		record["taskDefinition"] = p.Revision.TaskDefinition
		record["currentServiceRevisions"] = []any{map[string]any{
			"arn": s.part("service-revision", p.Revision.ID), "requestedTaskCount": s.roll.Desired,
			"runningTaskCount": running, "pendingTaskCount": pending,
		}}
	}
	if len(s.roll.ServiceDeployments) > 0 {
		record["currentServiceDeployment"] = s.part("service-deployment", s.roll.ServiceDeployments[0].ID)
	}
	events := []any{}
	for _, e := range s.roll.Events {
		events = append(events, map[string]any{"id": e.ID, "createdAt": awsapi.Time(e.At), "message": e.Message})
	}
	record["events"] = events
	if s.roll.Deleted {
		record["status"] = "INACTIVE"
		if len(s.liveTasks()) > 0 {
			record["status"] = "DRAINING"
		}
		record["desiredCount"] = 0
	}
	return record, nil
}

func (s *service) describeDeployment(d *rollout.Deployment, record map[string]any) any {
	running, pending := s.roll.Counts(d.ID)
	desired := s.roll.Desired
	if d.Status != rollout.Primary {
		desired = 0
	}
	out := map[string]any{
		"id": d.ID, "status": d.Status, "taskDefinition": d.Revision.TaskDefinition, "desiredCount": desired,
		"pendingCount": pending, "runningCount": running, "failedTasks": d.Failed,
		"createdAt": awsapi.Time(d.CreatedAt), "updatedAt": awsapi.Time(d.UpdatedAt),
		"rolloutState": d.State, "rolloutStateReason": d.Reason,
	}
	for _, name := range []string{"launchType", "capacityProviderStrategy", "platformFamily", "networkConfiguration"} {
		if v := record[name]; v != nil {
			out[name] = v
		}
	}
	if record["platformVersion"] != nil {
		out["platformVersion"] = "1.4.0"
	}
	if config, ok := d.Revision.Config.(settings); ok {
		for _, name := range []string{"serviceConnectConfiguration", "volumeConfigurations"} {
			if raw, ok := config.Raw[name]; ok {
				out[name] = raw
			}
		}
	}
	return out
}

func (s *service) liveTasks() []*rollout.Task {
	var live []*rollout.Task
	for _, t := range s.roll.Tasks {
		if t.State != rollout.Stopped {
			live = append(live, t)
		}
	}
	return live
}

func lastStatus(t *rollout.Task) string {
	switch t.State {
	case rollout.Pending:
		return "PENDING"
	case rollout.Activating:
		return "ACTIVATING"
	case rollout.Running:
		return "RUNNING"
	case rollout.Stopping:
		return "STOPPING"
	}
	return "STOPPED"
}

func desiredStatus(t *rollout.Task) string {
	if t.State >= rollout.Stopping {
		return "STOPPED"
	}
	return "RUNNING"
}

func (s *service) describeTask(t *rollout.Task) any {
	containers := []any{}
	for _, c := range t.Containers {
		out := map[string]any{
			"containerArn": "arn:aws:ecs:" + s.region + ":" + awsapi.DefaultAccount + ":container/" + lastPart(s.clusterARN) + "/" + t.ID + "/" + c.Name,
			"taskArn":      taskARN(s, t.ID), "name": c.Name, "image": c.Image, "lastStatus": containerStatus(t, c), "healthStatus": c.Health,
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
		"taskArn": taskARN(s, t.ID), "clusterArn": s.clusterARN, "taskDefinitionArn": t.Revision.TaskDefinition,
		"lastStatus": lastStatus(t), "desiredStatus": desiredStatus(t), "healthStatus": health(t),
		"startedBy": t.StartedBy, "group": "service:" + s.roll.Name, "containers": containers, "connectivity": "CONNECTED",
		"launchType": "FARGATE", "platformVersion": "1.4.0", "platformFamily": "Linux", "version": 1 + int(t.State),
		"createdAt": awsapi.Time(t.CreatedAt), "overrides": map[string]any{}, "attachments": []any{}, "tags": []any{},
		"enableExecuteCommand": false, "availabilityZone": s.region + "a",
	}
	for name, at := range map[string]time.Time{
		"pullStartedAt": t.CreatedAt, "pullStoppedAt": t.PulledAt, "startedAt": t.StartedAt, "stoppingAt": t.StoppingAt,
		"stoppedAt": t.StoppedAt, "executionStoppedAt": t.StoppedAt,
	} {
		if p := awsapi.TimePtr(at); p != nil {
			out[name] = p
		}
	}
	if t.State >= rollout.Stopping {
		out["stopCode"], out["stoppedReason"] = t.StopCode, t.StoppedReason
	}
	return out
}

func health(t *rollout.Task) string {
	if t.Health == "" {
		return "UNKNOWN"
	}
	return t.Health
}

func containerStatus(t *rollout.Task, c rollout.Container) string {
	switch {
	case c.ExitCode != nil || t.State == rollout.Stopped:
		return "STOPPED"
	case t.State == rollout.Pending:
		return "PENDING"
	}
	return "RUNNING"
}

// describeServiceDeployment is a service deployment, in full.
func (s *service) describeServiceDeployment(sd *rollout.ServiceDeployment) any {
	running, pending := 0, 0
	for _, t := range s.roll.Tasks {
		if t.Revision.ID == sd.Target.ID {
			switch t.State {
			case rollout.Running:
				running++
			case rollout.Pending, rollout.Activating:
				pending++
			}
		}
	}
	sources := []any{}
	for _, source := range sd.Sources {
		sources = append(sources, map[string]any{
			"arn": s.part("service-revision", source.ID), "requestedTaskCount": sd.Desired, "runningTaskCount": 0, "pendingTaskCount": 0,
		})
	}
	monitor := "DISABLED"
	if sd.Breaker.Enable {
		monitor = "MONITORING"
		switch {
		case sd.Tripped:
			monitor = "TRIGGERED"
		case sd.Done():
			monitor = "MONITORING_COMPLETE"
		}
	}
	out := s.briefServiceDeployment(sd)
	out["updatedAt"] = awsapi.Time(sd.UpdatedAt)
	out["sourceServiceRevisions"] = sources
	out["targetServiceRevision"] = map[string]any{
		"arn": s.part("service-revision", sd.Target.ID), "requestedTaskCount": sd.Desired,
		"runningTaskCount": running, "pendingTaskCount": pending,
	}
	delete(out, "targetServiceRevisionArn")
	out["deploymentCircuitBreaker"] = map[string]any{
		"status": monitor, "failureCount": sd.Failures, "threshold": sd.Breaker.Threshold(sd.Desired),
	}
	var configuration map[string]any
	record := map[string]any{}
	if err := s.settings.overlay(record); err == nil {
		configuration, _ = record["deploymentConfiguration"].(map[string]any)
	}
	out["deploymentConfiguration"] = configuration
	if p := awsapi.TimePtr(sd.StoppedAt); p != nil {
		out["stoppedAt"] = p
	}
	if !sd.RollbackAt.IsZero() {
		out["rollback"] = map[string]any{
			"reason": sd.RollbackReason, "startedAt": awsapi.Time(sd.RollbackAt),
			"serviceRevisionArn": s.part("service-revision", sd.RollbackTo.ID),
		}
	}
	return out
}

func (s *service) briefServiceDeployment(sd *rollout.ServiceDeployment) map[string]any {
	out := map[string]any{
		"serviceDeploymentArn": s.part("service-deployment", sd.ID), "serviceArn": s.arn, "clusterArn": s.clusterARN,
		"createdAt": awsapi.Time(sd.CreatedAt), "status": sd.Status,
		"targetServiceRevisionArn": s.part("service-revision", sd.Target.ID),
	}
	if sd.Reason != "" {
		out["statusReason"] = sd.Reason
	}
	if p := awsapi.TimePtr(sd.StartedAt); p != nil {
		out["startedAt"] = p
	}
	if p := awsapi.TimePtr(sd.FinishedAt); p != nil {
		out["finishedAt"] = p
	}
	return out
}

func (s *service) describeRevision(r rollout.Revision) any {
	out := map[string]any{
		"serviceRevisionArn": s.part("service-revision", r.ID), "serviceArn": s.arn, "clusterArn": s.clusterARN,
		"taskDefinition": r.TaskDefinition, "createdAt": awsapi.Time(r.CreatedAt),
	}
	images := []any{}
	for _, t := range s.roll.Tasks {
		if t.Revision.ID != r.ID || len(t.Containers) == 0 {
			continue
		}
		images = images[:0]
		for _, c := range t.Containers {
			images = append(images, map[string]any{"containerName": c.Name, "image": c.Image, "imageDigest": c.Digest})
		}
	}
	out["containerImages"] = images
	return out
}

// revisions are all that the service knows of, newest first.
func (s *service) revisions() []rollout.Revision {
	var list []rollout.Revision
	for _, sd := range s.roll.ServiceDeployments {
		list = append(list, sd.Target)
	}
	return list
}

// idOf gives the last part of an ARN of kind, or "".
func idOf(arn, kind string) string {
	if !strings.Contains(arn, ":"+kind+"/") {
		return ""
	}
	return lastPart(arn)
}

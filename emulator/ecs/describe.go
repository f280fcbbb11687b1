package ecs

import (
	"maps"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
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
		record["currentServiceRevisions"] = []any{s.revisionCounts(p.Revision, s.roll.Desired)}
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

func (s *service) describeDeployment(d *scheduler.Deployment, record map[string]any) any {
	running, pending := s.roll.Counts(d.ID)
	out := map[string]any{
		"id": d.ID, "status": d.Status, "taskDefinition": d.Revision.TaskDefinition, "desiredCount": s.roll.Wanted(d),
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

func (s *service) liveTasks() []*scheduler.Task {
	var live []*scheduler.Task
	for _, t := range s.roll.Tasks {
		if t.State != scheduler.Stopped {
			live = append(live, t)
		}
	}
	return live
}

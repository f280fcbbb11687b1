package ecs

import (
	"strings"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

// describeServiceDeployment is a service deployment, in full.
func (s *service) describeServiceDeployment(sd *scheduler.ServiceDeployment) any {
	sources := make([]any, 0, len(sd.Sources))
	for _, source := range sd.Sources {
		sources = append(sources, s.summary(sd, source, s.requested(source)))
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
	out["targetServiceRevision"] = s.summary(sd, sd.Target, sd.Desired)
	if sd.Stage != "" {
		out["lifecycleStage"] = sd.Stage
	}
	delete(out, "targetServiceRevisionArn")
	out["deploymentCircuitBreaker"] = map[string]any{
		"status": monitor, "failureCount": sd.Failures, "threshold": sd.Breaker.Threshold(sd.Desired),
	}
	if config, ok := sd.Target.Config.(settings); ok {
		record := map[string]any{}
		if err := config.overlay(record); err == nil {
			out["deploymentConfiguration"] = record["deploymentConfiguration"]
		}
	}
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

// summary is what a service deployment tells of a revision: the tasks and, where
// traffic is shifted, the share of it that the revision shall have now.
func (s *service) summary(sd *scheduler.ServiceDeployment, revision scheduler.Revision, requested int) map[string]any {
	out := s.revisionCounts(revision, requested)
	if sd.Strategy.Shifts() {
		out["requestedProductionTrafficWeight"] = s.roll.Weight(revision.ID)
	}
	return out
}

// requested is how many tasks of a revision there shall be now.
func (s *service) requested(revision scheduler.Revision) int {
	sum := 0
	for _, d := range s.roll.Deployments {
		if d.Revision.ID == revision.ID {
			sum += s.roll.Wanted(d)
		}
	}
	return sum
}

// revisionCounts says how many tasks of a revision there are and shall be.
func (s *service) revisionCounts(revision scheduler.Revision, requested int) map[string]any {
	running, pending := 0, 0
	for _, t := range s.roll.Tasks {
		switch {
		case t.Revision.ID != revision.ID || t.State >= scheduler.Stopping:
		case t.State == scheduler.Running:
			running++
		default:
			pending++
		}
	}
	return map[string]any{
		"arn": s.part("service-revision", revision.ID), "requestedTaskCount": requested,
		"runningTaskCount": running, "pendingTaskCount": pending,
	}
}

func (s *service) briefServiceDeployment(sd *scheduler.ServiceDeployment) map[string]any {
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

func (s *service) describeRevision(r scheduler.Revision) any {
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
func (s *service) revisions() []scheduler.Revision {
	list := make([]scheduler.Revision, 0, len(s.roll.ServiceDeployments))
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

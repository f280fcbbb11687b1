package ecs

import (
	"slices"
	"strings"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

func (c *Controller) listServiceDeployments(region string, in request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(region, in.Cluster, in.Service)
	if s == nil {
		return nil, awsapi.Errorf("ServiceNotFoundException", "Service not found.")
	}
	list := []any{}
	for _, sd := range s.roll.ServiceDeployments {
		if len(in.Status) == 0 || slices.Contains(in.Status, string(sd.Status)) {
			list = append(list, s.briefServiceDeployment(sd))
		}
	}
	return map[string]any{"serviceDeployments": list}, nil
}

// serviceDeployment finds a service deployment by ARN; c.mu is held.
func (c *Controller) serviceDeployment(arn string) (*service, *scheduler.ServiceDeployment) {
	id := idOf(arn, "service-deployment")
	for _, s := range c.services {
		for _, sd := range s.roll.ServiceDeployments {
			if sd.ID == id {
				return s, sd
			}
		}
	}
	return nil, nil
}

func (c *Controller) describeServiceDeployments(in request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, failures := []any{}, []any{}
	for _, arn := range in.DeploymentARNs {
		if s, sd := c.serviceDeployment(arn); sd != nil {
			found = append(found, s.describeServiceDeployment(sd))
		} else {
			failures = append(failures, map[string]string{"arn": arn, "reason": "MISSING"})
		}
	}
	return map[string]any{"serviceDeployments": found, "failures": failures}
}

func (c *Controller) stopServiceDeployment(in request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, sd := c.serviceDeployment(in.DeploymentARN)
	if sd == nil {
		return nil, awsapi.Errorf("ServiceDeploymentNotFoundException", "The service deployment %s does not exist.", in.DeploymentARN)
	}
	if !s.roll.StopDeployment(c.config.Clock(), sd.ID, in.StopType != "ABORT") {
		return nil, awsapi.Errorf("ConflictException", "The service deployment is %s and cannot be stopped.", sd.Status)
	}
	return map[string]string{"serviceDeploymentArn": in.DeploymentARN}, nil
}

func (c *Controller) describeRevisions(in request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, failures := []any{}, []any{}
	for _, arn := range in.RevisionARNs {
		if out := c.findRevision(arn); out != nil {
			found = append(found, out)
		} else {
			failures = append(failures, map[string]string{"arn": arn, "reason": "MISSING"})
		}
	}
	return map[string]any{"serviceRevisions": found, "failures": failures}
}

func (c *Controller) findRevision(arn string) any {
	id := idOf(arn, "service-revision")
	for _, s := range c.services {
		for _, r := range s.revisions() {
			if r.ID == id && strings.Contains(arn, "/"+s.roll.Name+"/") {
				return s.describeRevision(r)
			}
		}
	}
	return nil
}

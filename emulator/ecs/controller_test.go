package ecs

import (
	"context"
	"strings"
	"testing"
	"time"

	"sensor-backend/emulator/awsapi"
)

func TestServiceLifecycle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	call[any](b, "CreateService", createWeb)
	s := b.service()
	if len(s.Deployments) != 1 || s.Deployments[0].Status != "PRIMARY" || s.Deployments[0].State != "IN_PROGRESS" || s.Desired != 1 || len(s.Tags) != 1 {
		t.Errorf("created, the service is %+v", s)
	}
	first := b.step()
	if len(first) != 1 {
		t.Fatalf("%d tasks were started", len(first))
	}
	spec := first[0].spec
	if spec.Definition != definition+"api:1" || spec.Service != "web" || spec.Region != region || spec.Grace != time.Minute || len(spec.LoadBalancers) != 1 {
		t.Errorf("started was %+v", spec)
	}
	if s := b.service(); s.Pending != 1 || s.Running != 0 {
		t.Errorf("starting, the service is %+v", s)
	}
	first[0].well()
	if s := b.service(); s.Running != 1 || s.Deployments[0].State != "COMPLETED" || !strings.Contains(s.Events[0].Message, "steady state") {
		t.Errorf("started, the service is %+v", s)
	}

	call[any](b, "UpdateService", `{"cluster":"main","service":"web","taskDefinition":"api:2"}`)
	if s := b.service(); len(s.Deployments) != 2 || s.TaskDefinition != definition+"api:2" || s.Deployments[1].Status != "ACTIVE" || s.Deployments[1].Desired != 0 {
		t.Errorf("updated, the service is %+v", s)
	}
	for _, f := range b.step() {
		f.well()
	}
	if !first[0].isStopped() {
		t.Error("the old task was not stopped")
	}
	b.end()
	b.step()
	if s := b.service(); len(s.Deployments) != 1 || s.Deployments[0].State != "COMPLETED" || s.Running != 1 {
		t.Errorf("rolled out, the service is %+v", s)
	}

	if _, err := b.Call(t.Context(), region, "DeleteService", []byte(`{"cluster":"main","service":"web"}`)); !awsapi.IsCode(err, "InvalidParameterException") {
		t.Errorf("deleting it while it runs: %v", err)
	}
	out := call[struct{ Service serviceView }](b, "DeleteService", `{"cluster":"main","service":"web","force":true}`)
	if out.Service.Status != "DRAINING" || out.Service.Desired != 0 {
		t.Errorf("deleted, it is %+v", out.Service)
	}
	if _, err := b.Call(t.Context(), region, "CreateService", []byte(createWeb)); err == nil || !strings.Contains(err.Error(), "still Draining") {
		t.Errorf("creating it while it drains: %v", err)
	}
	b.end()
	if s := b.service(); s.Status != "INACTIVE" || s.Running != 0 {
		t.Errorf("drained, it is %+v", s)
	}
	b.createdWeb()
	if s := b.service(); s.Status != "ACTIVE" || s.Running != 1 {
		t.Errorf("created again, it is %+v", s)
	}
}

func TestUpdateDeploysOnlyWhenItMust(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	id := b.service().Deployments[0].ID
	for _, update := range []string{`"desiredCount":1`, `"taskDefinition":"api:1"`, `"healthCheckGracePeriodSeconds":5`, `"deploymentConfiguration":{"minimumHealthyPercent":50}`} {
		call[any](b, "UpdateService", `{"cluster":"main","service":"web",`+update+`}`)
		if s := b.service(); s.Deployments[0].ID != id {
			t.Errorf("%s made a deployment", update)
		}
	}
	if got := b.service().Configuration; got["minimumHealthyPercent"] != 50.0 || got["maximumPercent"] != 200.0 {
		t.Errorf("the configuration is %v", got)
	}
	call[any](b, "UpdateService", `{"cluster":"`+clusterARN+`","service":"arn:aws:ecs:eu-central-1:123456789012:service/main/web","forceNewDeployment":true}`)
	if s := b.service(); s.Deployments[0].ID == id || s.TaskDefinition != definition+"api:1" {
		t.Errorf("forced, the service is %+v", s)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	for _, c := range []struct{ operation, body, want string }{
		{"CreateService", `[`, "SerializationException: the body of CreateService is not a JSON object"},
		{"ListTasks", `{"cluster":1}`, "SerializationException: the body of ListTasks"},
		{"CreateService", `{"serviceName":1}`, "InvalidParameterException: reading the request"},
		{"CreateService", `{"serviceName":"x","desiredCount":-1}`, "InvalidParameterException: desiredCount must not be negative."},
		{"CreateService", createWeb, "InvalidParameterException: Creation of service was not idempotent."},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":-1}`, "must not be negative"},
		{"UpdateService", `{"cluster":"main","service":"web","taskDefinition":"none"}`, "ClientException: Unable to describe task definition."},
		{"UpdateService", `{"cluster":"main","service":"web","taskDefinition":"old"}`, "ClientException: TaskDefinition is inactive"},
		{"UpdateService", `{"cluster":"other","service":"web"}`, "FromMoto"},
		{"DeleteService", `{"cluster":"main","service":"none"}`, "ServiceNotFoundException"},
		{"ListTasks", `{"cluster":"main","serviceName":"none"}`, "ServiceNotFoundException"},
		{"ListServiceDeployments", `{"cluster":"main","service":"none"}`, "ServiceNotFoundException"},
		{"StopServiceDeployment", `{"serviceDeploymentArn":"none"}`, "ServiceDeploymentNotFoundException"},
		{"StopTask", `{"cluster":"main","task":"none"}`, "FromMoto"},
		{"Nonsense", `{}`, "InvalidAction"},
	} {
		if _, err := b.Call(t.Context(), region, c.operation, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.operation, c.body, err, c.want)
		}
	}
}

func TestRunStopsAllTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	cancel()
	<-ended
	if !b.tasks[0].isStopped() {
		t.Error("a task was left")
	}
	if started := b.step(); len(started) != 0 {
		t.Error("a task was started after the end")
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	id := b.tasks[0].spec.ID
	if _, ok := b.Metadata("none", "api"); ok {
		t.Error("an unknown task has metadata")
	}
	if _, ok := b.Metadata(id, "none"); ok {
		t.Error("an unknown container has metadata")
	}
	if _, ok := b.TaskMetadata("none"); ok {
		t.Error("an unknown task has task metadata")
	}
	container, ok := b.Metadata(id, "api")
	got, isMap := container.(map[string]any)
	if !ok || !isMap || got["ImageID"] != "sha256:1" || got["KnownStatus"] != "RUNNING" {
		t.Errorf("the container's is %v", container)
	}
	whole, ok := b.TaskMetadata(id)
	got, isMap = whole.(map[string]any)
	if !ok || !isMap || got["Family"] != "api" || got["Revision"] != "1" || got["ServiceName"] != "web" {
		t.Errorf("the task's is %v", whole)
	}
}

func FuzzCall(f *testing.F) {
	f.Add("CreateService", []byte(createWeb))
	f.Add("UpdateService", []byte(`{"service":"web","deploymentConfiguration":{"maximumPercent":1}}`))
	f.Add("DescribeTasks", []byte(`{"tasks":["a/b"]}`))
	f.Add("DescribeServiceRevisions", []byte(`{"serviceRevisionArns":[":service-revision/x"]}`))
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		b := newBench(t)
		b.createdWeb()
		out, err := b.Call(t.Context(), region, operation, body)
		if (out == nil) == (err == nil) {
			t.Errorf("%s gave %v and %v", operation, out, err)
		}
	})
}

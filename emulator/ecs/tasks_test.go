package ecs

import (
	"strings"
	"testing"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
)

type taskView struct {
	ARN        string `json:"taskArn"`
	Last       string `json:"lastStatus"`
	Desired    string `json:"desiredStatus"`
	Health     string `json:"healthStatus"`
	StartedBy  string `json:"startedBy"`
	Group      string `json:"group"`
	StopCode   string `json:"stopCode"`
	Reason     string `json:"stoppedReason"`
	Containers []struct {
		Last     string `json:"lastStatus"`
		Digest   string `json:"imageDigest"`
		ExitCode *int   `json:"exitCode"`
	} `json:"containers"`
}

func (b *bench) listed(filter string) int {
	b.t.Helper()
	return len(call[struct{ TaskArns []string }](b, "ListTasks", `{"cluster":"main"`+filter+`}`).TaskArns)
}

func (b *bench) described(id string) taskView {
	b.t.Helper()
	out := call[struct{ Tasks []taskView }](b, "DescribeTasks", `{"cluster":"main","tasks":["`+id+`"]}`)
	if len(out.Tasks) != 1 {
		b.t.Fatalf("%d tasks are described", len(out.Tasks))
	}
	return out.Tasks[0]
}

func TestTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	call[any](b, "CreateService", createWeb)
	first := b.step()[0]
	for _, c := range []struct {
		kind scheduler.Kind
		last string
	}{{scheduler.Note, "PENDING"}, {scheduler.Pulled, "PENDING"}, {scheduler.Launched, "ACTIVATING"}, {scheduler.Ready, "RUNNING"}} {
		first.become(c.kind)
		if got := b.described(first.spec.ID); got.Last != c.last || got.Desired != "RUNNING" {
			t.Errorf("after %d the task is %+v", c.kind, got)
		}
	}
	got := b.described(first.spec.ID)
	if got.Health != "HEALTHY" || got.Group != "service:web" || got.StartedBy != b.service().Deployments[0].ID || got.Containers[0].Digest != "sha256:1" || got.Containers[0].Last != "RUNNING" {
		t.Errorf("the task is %+v", got)
	}
	call[any](b, "StopTask", `{"cluster":"main","task":"`+got.ARN+`","reason":"because"}`)
	if got := b.described(first.spec.ID); got.Last != "DEACTIVATING" && got.Last != "STOPPING" || got.Desired != "STOPPED" || got.StopCode != "UserInitiated" || got.Reason != "because" {
		t.Errorf("stopping, the task is %+v", got)
	}
	b.end()
	if got := b.described(first.spec.ID); got.Last != "STOPPED" || *got.Containers[0].ExitCode != 3 || got.Containers[0].Last != "STOPPED" {
		t.Errorf("stopped, the task is %+v", got)
	}
	b.moto.tasks = []string{"arn:aws:ecs:eu-central-1:123456789012:task/main/byhand"}
	b.step()
	for filter, want := range map[string]int{
		``: 2, `,"desiredStatus":"STOPPED"`: 2, `,"serviceName":"web"`: 2, `,"family":"other"`: 1, `,"family":"api"`: 2, `,"startedBy":"none"`: 1,
	} {
		if got := b.listed(filter); got != want {
			t.Errorf("%q lists %d tasks, want %d with moto's", filter, got, want)
		}
	}
	out := call[struct {
		Tasks    []taskView
		Failures []struct{ ARN, Reason string }
	}](b, "DescribeTasks", `{"cluster":"main","tasks":["byhand","none","`+first.spec.ID+`"]}`)
	if len(out.Tasks) != 2 || len(out.Failures) != 1 || out.Failures[0].Reason != "MISSING" {
		t.Errorf("described are %+v", out)
	}
}

type deploymentView struct {
	ARN     string `json:"serviceDeploymentArn"`
	Status  string `json:"status"`
	Reason  string `json:"statusReason"`
	Stage   string `json:"lifecycleStage"`
	Breaker struct {
		Status    string `json:"status"`
		Failures  int    `json:"failureCount"`
		Threshold int    `json:"threshold"`
	} `json:"deploymentCircuitBreaker"`
	Target struct {
		ARN       string   `json:"arn"`
		Running   int      `json:"runningTaskCount"`
		Requested int      `json:"requestedTaskCount"`
		Weight    *float64 `json:"requestedProductionTrafficWeight"`
	} `json:"targetServiceRevision"`
	Sources []struct {
		Running   int      `json:"runningTaskCount"`
		Requested int      `json:"requestedTaskCount"`
		Weight    *float64 `json:"requestedProductionTrafficWeight"`
	} `json:"sourceServiceRevisions"`
	Rollback *struct {
		Reason   string `json:"reason"`
		Revision string `json:"serviceRevisionArn"`
	} `json:"rollback"`
	Configuration map[string]any `json:"deploymentConfiguration"`
}

// deployment describes the newest service deployment.
func (b *bench) deployment() deploymentView {
	b.t.Helper()
	list := call[struct{ ServiceDeployments []deploymentView }](b, "ListServiceDeployments", `{"cluster":"main","service":"web"}`)
	out := call[struct{ ServiceDeployments []deploymentView }](b, "DescribeServiceDeployments",
		`{"serviceDeploymentArns":["`+list.ServiceDeployments[0].ARN+`","none"]}`)
	if len(out.ServiceDeployments) != 1 {
		b.t.Fatalf("described are %+v", out)
	}
	return out.ServiceDeployments[0]
}

func TestServiceDeployments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	first := b.deployment()
	if first.Status != "SUCCESSFUL" || first.Breaker.Status != "MONITORING_COMPLETE" || first.Breaker.Threshold != 3 || first.Target.Running != 1 || first.Configuration["maximumPercent"] != 200.0 {
		t.Errorf("the first deployment is %+v", first)
	}
	call[any](b, "UpdateService", `{"cluster":"main","service":"web","taskDefinition":"api:2","deploymentConfiguration":{"maximumPercent":150}}`)
	call[any](b, "UpdateService", `{"cluster":"main","service":"web","deploymentConfiguration":{"maximumPercent":200}}`)
	for n := range 3 {
		for _, f := range b.step() {
			f.become(scheduler.Pulled, scheduler.Launched)
			if d := b.deployment(); n == 1 && (d.Status != "IN_PROGRESS" || d.Breaker.Status != "MONITORING" || d.Breaker.Failures != 1 || d.Sources[0].Running != 1 || d.Configuration["maximumPercent"] != 150.0) {
				t.Errorf("under way the deployment is %+v", d)
			}
			f.become(scheduler.Ended)
		}
	}
	b.step()
	b.end()
	b.step()
	bad := b.deployment()
	if bad.Status != "ROLLBACK_SUCCESSFUL" || bad.Breaker.Status != "TRIGGERED" || bad.Breaker.Failures != 3 || bad.Rollback == nil || bad.Rollback.Revision != first.Target.ARN {
		t.Errorf("the failed deployment is %+v", bad)
	}
	if s := b.service(); s.TaskDefinition != definition+"api:1" || s.Deployments[0].State != "COMPLETED" {
		t.Errorf("after the rollback the service is %+v", s)
	}
	list := call[struct{ ServiceDeployments []deploymentView }](b, "ListServiceDeployments", `{"cluster":"main","service":"web","status":["SUCCESSFUL"]}`)
	if len(list.ServiceDeployments) != 1 || list.ServiceDeployments[0].ARN != first.ARN {
		t.Errorf("successful were %+v", list)
	}
	revisions := call[struct {
		ServiceRevisions []struct {
			Definition string `json:"taskDefinition"`
			Images     []struct {
				Digest string `json:"imageDigest"`
			} `json:"containerImages"`
		}
		Failures []any
	}](b, "DescribeServiceRevisions", `{"serviceRevisionArns":["`+first.Target.ARN+`","none"]}`)
	if len(revisions.ServiceRevisions) != 1 || len(revisions.Failures) != 1 || revisions.ServiceRevisions[0].Definition != definition+"api:1" || revisions.ServiceRevisions[0].Images[0].Digest != "sha256:1" {
		t.Errorf("the revisions are %+v", revisions)
	}
}

func TestStopServiceDeployment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.createdWeb()
	arn := b.deployment().ARN
	if _, err := b.Call(t.Context(), region, "StopServiceDeployment", []byte(`{"serviceDeploymentArn":"`+arn+`"}`)); !awsapi.IsCode(err, "ConflictException") || !strings.Contains(err.Error(), "SUCCESSFUL") {
		t.Errorf("stopping one that is done: %v", err)
	}
	call[any](b, "UpdateService", `{"cluster":"main","service":"web","taskDefinition":"api:2"}`)
	b.step()
	call[any](b, "StopServiceDeployment", `{"serviceDeploymentArn":"`+b.deployment().ARN+`","stopType":"ROLLBACK"}`)
	if d := b.deployment(); d.Status != "ROLLBACK_REQUESTED" {
		t.Errorf("stopping, it is %+v", d)
	}
	b.step()
	b.end()
	b.step()
	if d := b.deployment(); d.Status != "ROLLBACK_SUCCESSFUL" || d.Breaker.Status == "TRIGGERED" {
		t.Errorf("stopped, it is %+v", d)
	}
}

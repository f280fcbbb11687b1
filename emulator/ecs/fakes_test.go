package ecs

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
)

const (
	region     = "eu-central-1"
	clusterARN = "arn:aws:ecs:eu-central-1:123456789012:cluster/main"
	definition = "arn:aws:ecs:eu-central-1:123456789012:task-definition/"
)

// fakeMoto keeps the records of services as moto does.
type fakeMoto struct {
	mu       sync.Mutex
	services map[string]map[string]any
	tasks    []string
}

func (f *fakeMoto) JSON(_ context.Context, _, operation string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var asked struct {
		Name       string   `json:"serviceName"`
		Service    string   `json:"service"`
		Services   []string `json:"services"`
		Definition string   `json:"taskDefinition"`
		Force      bool     `json:"force"`
		Cluster    string   `json:"cluster"`
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, out)
	}
	switch strings.TrimPrefix(operation, target) {
	case "CreateService":
		f.services[asked.Name] = map[string]any{
			"serviceName": asked.Name, "serviceArn": "arn:aws:ecs:" + region + ":123456789012:service/main/" + asked.Name,
			"clusterArn": clusterARN, "taskDefinition": definition + asked.Definition, "status": "ACTIVE", "tags": []any{"kept"},
		}
		return answer(map[string]any{"service": f.services[asked.Name]})
	case "DescribeServices":
		found := []any{}
		for _, name := range asked.Services {
			if s := f.services[lastPart(name)]; s != nil {
				found = append(found, s)
			}
		}
		return answer(map[string]any{"services": found, "failures": []any{}})
	case "DeleteService":
		s := f.services[lastPart(asked.Service)]
		if s == nil || !asked.Force {
			return awsapi.Errorf("ServiceNotFoundException", "Service not found.")
		}
		s["status"] = "INACTIVE"
		return answer(map[string]any{"service": s})
	case "DescribeTaskDefinition":
		status := "ACTIVE"
		switch asked.Definition {
		case "none":
			return awsapi.Errorf("ClientException", "Unable to describe task definition.")
		case "old":
			status = "INACTIVE"
		}
		return answer(map[string]any{"taskDefinition": map[string]any{
			"taskDefinitionArn": definition + asked.Definition, "status": status, "containerDefinitions": []any{map[string]string{"name": "api"}},
		}})
	case "ListTasks":
		if asked.Cluster == "none" {
			return awsapi.Errorf("ClusterNotFoundException", "Cluster not found.")
		}
		return answer(map[string]any{"taskArns": f.tasks})
	case "DescribeTasks":
		found := []any{}
		for _, arn := range f.tasks {
			found = append(found, map[string]string{"taskArn": arn})
		}
		return answer(map[string]any{"tasks": found})
	}
	return awsapi.Errorf("FromMoto", "%s", operation)
}

// fakeTask is a task that a test drives.
type fakeTask struct {
	spec    agent.Spec
	report  func(scheduler.Observation)
	stopped chan struct{}
	once    sync.Once
}

func (f *fakeTask) Stop()                 { f.once.Do(func() { close(f.stopped) }) }
func (f *fakeTask) Done() <-chan struct{} { return f.stopped }

func (f *fakeTask) isStopped() bool {
	select {
	case <-f.stopped:
		return true
	default:
		return false
	}
}

// become reports what a container does.
func (f *fakeTask) become(kinds ...scheduler.Kind) {
	for _, kind := range kinds {
		o := scheduler.Observation{Kind: kind, Containers: []scheduler.Container{{Name: "api", Image: "api:v1", Digest: "sha256:1", Health: "UNKNOWN"}}}
		if kind == scheduler.Ended {
			code := 3
			o.Code, o.Reason, o.Containers[0].ExitCode = "EssentialContainerExited", "Essential container in task exited", &code
		}
		f.report(o)
	}
}

func (f *fakeTask) well() { f.become(scheduler.Pulled, scheduler.Launched, scheduler.Ready) }

// bench is a controller with its fakes; nothing happens but by step.
type bench struct {
	*Controller
	t    *testing.T
	moto *fakeMoto
	now  time.Time

	mu    sync.Mutex
	tasks []*fakeTask
	// shares is the traffic of the target groups as it was last split.
	shares map[string]float64
}

// Split takes the traffic of the target groups.
func (b *bench) Split(shares map[string]float64) { b.shares = shares }

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, moto: &fakeMoto{services: map[string]map[string]any{}}, now: time.Unix(1000, 0)}
	b.Controller = New(Config{
		Moto: b.moto, Launcher: b, Traffic: b, Clock: func() time.Time { return b.now }, Minute: time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	return b
}

// Launch makes a fake task.
func (b *bench) Launch(spec agent.Spec, report func(scheduler.Observation)) Handle {
	f := &fakeTask{spec: spec, report: report, stopped: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, f)
	return f
}

// step lets all services step, after all delays, and gives the tasks that were
// started since the last.
func (b *bench) step() (started []*fakeTask) {
	b.mu.Lock()
	before := len(b.tasks)
	b.mu.Unlock()
	b.now = b.now.Add(time.Minute)
	b.Controller.mu.Lock()
	for _, s := range b.services {
		b.Controller.step(s)
	}
	b.Controller.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tasks[before:]
}

// end lets the tasks end that were told to stop.
func (b *bench) end() {
	b.mu.Lock()
	tasks := b.tasks
	b.mu.Unlock()
	for _, f := range tasks {
		if f.isStopped() {
			f.become(scheduler.Ended)
		}
	}
}

// call calls an operation and decodes its answer.
func call[T any](b *bench, operation, body string) T {
	b.t.Helper()
	var decoded T
	out, err := b.Call(b.t.Context(), region, operation, []byte(body))
	if err != nil {
		b.t.Fatalf("%s %s: %v", operation, body, err)
	}
	raw, err := json.Marshal(out)
	if err == nil {
		err = json.Unmarshal(raw, &decoded)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return decoded
}

// serviceView is what the tests look at in a service.
type serviceView struct {
	Status         string         `json:"status"`
	TaskDefinition string         `json:"taskDefinition"`
	Desired        int            `json:"desiredCount"`
	Running        int            `json:"runningCount"`
	Pending        int            `json:"pendingCount"`
	Configuration  map[string]any `json:"deploymentConfiguration"`
	Tags           []any          `json:"tags"`
	Deployments    []struct {
		ID         string `json:"id"`
		Status     string `json:"status"`
		State      string `json:"rolloutState"`
		Definition string `json:"taskDefinition"`
		Desired    int    `json:"desiredCount"`
		Failed     int    `json:"failedTasks"`
	} `json:"deployments"`
	Events []struct {
		Message string `json:"message"`
	} `json:"events"`
	Deployment string `json:"currentServiceDeployment"`
}

const createWeb = `{"cluster":"main","serviceName":"web","taskDefinition":"api:1","desiredCount":1,"launchType":"FARGATE",
	"deploymentConfiguration":{"deploymentCircuitBreaker":{"enable":true,"rollback":true}},
	"loadBalancers":[{"targetGroupArn":"group","containerName":"api","containerPort":8080}],"healthCheckGracePeriodSeconds":60}`

func (b *bench) service() serviceView {
	b.t.Helper()
	out := call[struct{ Services []serviceView }](b, "DescribeServices", `{"cluster":"main","services":["web"]}`)
	if len(out.Services) != 1 {
		b.t.Fatalf("%d services are described", len(out.Services))
	}
	return out.Services[0]
}

// createdWeb creates the service web and brings it up.
func (b *bench) createdWeb() {
	b.t.Helper()
	call[any](b, "CreateService", createWeb)
	for _, f := range b.step() {
		f.well()
	}
	b.step()
}

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sensor-backend/emulator/ecs/scheduler"
	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
)

// api is the container of a web service that tells its environment.
func api(env ...Variable) Container {
	c := Container{
		Name: "api", Environment: append([]Variable{{"PORT", "8080"}}, env...), PortMappings: []PortMapping{{ContainerPort: 8080}},
		HealthCheck: &HealthCheck{Command: []string{"CMD", "/testapp", "healthcheck"}, Interval: 5, Retries: 2}, StopTimeout: 5,
	}
	c.Log = &LogConfiguration{Driver: "awslogs", Options: map[string]string{"awslogs-group": "/web", "awslogs-stream-prefix": "api"}}
	return c
}

func withBalancer(s *Spec) { s.LoadBalancers = []LoadBalancer{{"group", "api", 8080}} }

func TestTaskRuns(t *testing.T) {
	t.Parallel()
	c := api(Variable{"RELEASE", "one"}, Variable{"AWS_REGION", "mine"})
	c.Secrets = []Secret{{"KEY", "/api/key"}}
	b := newBench(t, c)
	b.moto.parameters = map[string]string{"/api/key": "hidden"}
	u := b.launch(t, withBalancer)
	u.ready()
	res, err := http.Get("http://" + b.balancer.at("group 0123") + "/env")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var env map[string]string
	if err := json.NewDecoder(res.Body).Decode(&env); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"RELEASE": "one", "KEY": "hidden", "AWS_ENDPOINT_URL": "http://aws:5000", "AWS_REGION": "mine", "AWS_DEFAULT_REGION": "eu-central-1",
		"ECS_CONTAINER_METADATA_URI_V4": "http://aws:5000/_emulator/metadata/0123/api",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	if port := env["PORT"]; port == "8080" || !strings.HasSuffix(b.balancer.at("group 0123"), ":"+port) {
		t.Errorf("the task listens on %s, the balancer sends to %s", port, b.balancer.at("group 0123"))
	}
	end := u.end()
	if end.Code != "UserInitiated" || len(end.Containers) != 1 || *end.Containers[0].ExitCode != 0 || !strings.HasPrefix(end.Containers[0].Digest, "sha256:") {
		t.Errorf("it ended with %+v", end)
	}
	if end.Containers[0].Health != "HEALTHY" {
		t.Errorf("its health was %s", end.Containers[0].Health)
	}
	if b.balancer.at("group 0123") != "" {
		t.Error("it is still a target")
	}
	if got := b.moto.logged("/web:api/api/0123"); !strings.Contains(got, "as 65532 65532") || !strings.Contains(got, "asked to stop") {
		t.Errorf("it logged %q", got)
	}
	if left, err := os.ReadDir(b.config.Dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if len(b.ports.taken) != 0 {
		t.Errorf("it kept the ports %v", b.ports.taken)
	}
}

func TestTaskEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, api(Variable{"EXIT", "3"}))
	u := b.launch(t)
	u.until(scheduler.Pulled)
	u.until(scheduler.Launched)
	end := u.until(scheduler.Ended)
	if end.Code != "EssentialContainerExited" || *end.Containers[0].ExitCode != 3 {
		t.Errorf("it ended with %+v", end)
	}
	if got := b.moto.logged("/web:api/api/0123"); got != "cannot go on: exiting with 3" {
		t.Errorf("it logged %q", got)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	b := newBench(t, api(Variable{"EXIT", "3"}))
	u := b.launch(t, func(s *Spec) {
		s.Overrides = map[string]Override{"api": {Command: []string{"exit", "7"}, Environment: []Variable{{"EXIT", ""}}}}
	})
	u.until(scheduler.Pulled)
	u.until(scheduler.Launched)
	if end := u.until(scheduler.Ended); *end.Containers[0].ExitCode != 7 {
		t.Errorf("it ended with %+v", end)
	}
}

func TestOtherContainerMayEnd(t *testing.T) {
	t.Parallel()
	no := false
	b := newBench(t, Container{Name: "../../setup", Essential: &no, Command: []string{"exit", "7"}}, api())
	u := b.launch(t)
	u.ready()
	end := u.end()
	if *end.Containers[0].ExitCode != 7 || *end.Containers[1].ExitCode != 0 {
		t.Errorf("it ended with %+v", end)
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*bench, *Container, *Spec)
		want   string
	}{
		{"no definition", func(_ *bench, _ *Container, s *Spec) { s.Definition = "api:9" }, "ResourceInitializationError: unable to read the task definition: ClientException"},
		{"no image", func(_ *bench, c *Container, _ *Spec) { c.Image = repository + ":v9" }, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + repository + ":v9"},
		{"no secret", func(_ *bench, c *Container, _ *Spec) { c.Secrets = []Secret{{"KEY", "/none"}} }, "ResourceInitializationError: unable to pull secrets or registry auth: fetching secret data from SSM Parameter Store: /none"},
		{"no user", func(_ *bench, c *Container, _ *Spec) { c.User = "web" }, "unable to find user web"},
		{"no program", func(_ *bench, c *Container, _ *Spec) { c.EntryPoint = []string{"/none"} }, "CannotStartContainerError"},
		{"no log group", func(b *bench, _ *Container, _ *Spec) { b.moto.noLogs = true }, "ResourceInitializationError: failed to validate logger args"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, api())
			u := b.launch(t, func(s *Spec) { c.change(b, &b.moto.definition.Containers[0], s) })
			var end scheduler.Observation
			for end = range u.reports {
				if end.Kind == scheduler.Launched || end.Kind == scheduler.Ready {
					t.Errorf("it reported %+v", end)
				}
				if end.Kind == scheduler.Ended {
					break
				}
			}
			if end.Code != "TaskFailedToStart" || !strings.Contains(end.Reason, c.want) {
				t.Errorf("it ended with %s: %s", end.Code, end.Reason)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("crash", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, api())
		b.faults.Add(faults.Fault{Kind: faults.TaskCrash, Service: "web", ExitCode: 9, DelayMillis: 1})
		u := b.launch(t)
		end := scheduler.Observation{}
		for end.Kind != scheduler.Ended {
			end = <-u.reports
		}
		if end.Code != "EssentialContainerExited" || *end.Containers[0].ExitCode != 9 {
			t.Errorf("it ended with %+v", end)
		}
	})
	t.Run("hang", func(t *testing.T) {
		t.Parallel()
		c := api()
		c.HealthCheck.Timeout = 1
		b := newBench(t, c)
		b.faults.Add(faults.Fault{Kind: faults.TaskHang})
		u := b.launch(t)
		u.until(scheduler.Pulled)
		u.until(scheduler.Launched)
		if o := u.until(scheduler.Unhealthy); o.Reason != "Task failed container health checks" || o.Containers[0].Health != "UNHEALTHY" {
			t.Errorf("it reported %+v", o)
		}
		u.Stop()
		<-u.Done()
	})
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, api())
		b.faults.Add(faults.Fault{Kind: faults.TaskLateStart, DelayMillis: 300})
		began := time.Now()
		b.launch(t).until(scheduler.Pulled)
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("it started after %v", took)
		}
	})
	t.Run("late and stopped", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, api())
		b.faults.Add(faults.Fault{Kind: faults.TaskLateStart, DelayMillis: 1000_000})
		u := b.launch(t)
		u.until(scheduler.Note)
		if end := u.end(); end.Code != "UserInitiated" {
			t.Errorf("it ended with %+v", end)
		}
	})
}

// TestGrace checks that a load balancer's verdict is overlooked at first and
// counts in the end.
func TestGrace(t *testing.T) {
	t.Parallel()
	b := newBench(t, api())
	b.balancer.state, b.balancer.every = elb.Unhealthy, 10*time.Millisecond
	u := b.launch(t, withBalancer, func(s *Spec) { s.Grace = 60 * time.Second }) // 600 ms at this speed
	u.until(scheduler.Pulled)
	u.until(scheduler.Launched)
	began := time.Now()
	o := u.until(scheduler.Unhealthy)
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("it counted after %v", took)
	}
	if o.Reason != "Task failed ELB health checks in (target-group group): as told" {
		t.Errorf("the reason is %q", o.Reason)
	}
	u.Stop()
	<-u.Done()
}

func TestTargetGroupIsReadAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, api())
	var asked atomic.Int32
	b.config.Checks = func(context.Context, string) (elb.HealthCheck, error) {
		if asked.Add(1) < 3 {
			return elb.HealthCheck{}, errors.New("not now")
		}
		return elb.HealthCheck{}, nil
	}
	u := b.launch(t, withBalancer, func(s *Spec) { s.Grace = time.Hour })
	u.ready()
	if b.balancer.at("group 0123") == "" {
		t.Error("it is not a target")
	}
}

func TestLogGroupIsMade(t *testing.T) {
	t.Parallel()
	c := api(Variable{"EXIT", "0"})
	c.Log.Options = map[string]string{"awslogs-group": "/new", "awslogs-create-group": "true"}
	b := newBench(t, c)
	u := b.launch(t)
	<-u.Done()
	if !slices.Contains(b.moto.groups, "/new") || b.moto.logged("/new:0123") == "" {
		t.Errorf("the groups are %v, the stream has %q", b.moto.groups, b.moto.logged("/new:0123"))
	}
}

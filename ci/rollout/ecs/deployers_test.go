package ecs

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	proxyImage = "222222222222.dkr.ecr.eu-central-1.amazonaws.com/proxy@sha256:3333333333333333333333333333333333333333333333333333333333333333"
	webImage   = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/web@sha256:4444444444444444444444444444444444444444444444444444444444444444"
)

// handMade is a service that Terraform did not make: a web and a worker that share
// a task with a proxy, behind two target groups.
func handMade(f *fakeECS) {
	td := f.defs[f.latest]
	td.ContainerDefinitions = append(td.ContainerDefinitions,
		types.ContainerDefinition{Name: aws.String("web"), Image: aws.String("web:1"), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}}},
		types.ContainerDefinition{Name: aws.String("proxy"), Image: aws.String(proxyImage), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8443)}}},
	)
	f.defs[f.latest] = td
	f.svc.LoadBalancers = []types.LoadBalancer{
		{ContainerName: aws.String("web"), ContainerPort: aws.Int32(80), TargetGroupArn: aws.String("arn:tg1")},
		{ContainerName: aws.String("proxy"), ContainerPort: aws.Int32(8443), TargetGroupArn: aws.String("arn:tg2")},
	}
}

// TestSeveralContainers deploys two containers of three, and leaves the third alone.
func TestSeveralContainers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		handMade(f)
		f.script = []scriptStep{at(20, completes)}
		verified := 0
		req := Request{
			Cluster: "c", Service: "api", Containers: map[string]string{"api": newDigest, "web": webImage},
			Verify: func(_ context.Context, svc types.Service, revision *ecs.RegisterTaskDefinitionInput) error {
				verified++
				if len(svc.LoadBalancers) != 2 || imageOf(revision.ContainerDefinitions, "web") != webImage || imageOf(revision.ContainerDefinitions, "proxy") != proxyImage {
					t.Errorf("verified %+v", revision.ContainerDefinitions)
				}
				return nil
			},
		}
		res, err := services(f).Deploy(t.Context(), req)
		if err != nil || res.Outcome != rollout.Completed || verified != 1 || res.Images["api"] != newDigest || res.Images["web"] != webImage || len(res.Images) != 2 {
			t.Fatalf("%+v, %v", res, err)
		}
		if res, err := services(f).Deploy(t.Context(), req); err != nil || res.Outcome != rollout.Unchanged || verified != 1 || f.calls["RegisterTaskDefinition"] != 1 {
			t.Errorf("again: %+v, %v", res, err)
		}
	})
}

// TestSkippedVerification says that nothing was verified.
func TestSkippedVerification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.script = []scriptStep{at(20, completes)}
		var said []string
		s := services(f)
		s.Env.Progress = func(line string) { said = append(said, line) }
		_, err := s.Deploy(t.Context(), Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest, SkipVerify: true, Verify: func(context.Context, types.Service, *ecs.RegisterTaskDefinitionInput) error {
			t.Error("verified")
			return nil
		}})
		if err != nil || !strings.Contains(strings.Join(said, "\n"), "verification skipped, as asked for") {
			t.Errorf("%v, %v", said, err)
		}
	})
}

// TestDaemon deploys a service that wants as many tasks as there are instances,
// which come and go meanwhile.
func TestDaemon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeECS()
		f.svc.SchedulingStrategy = types.SchedulingStrategyDaemon
		f.sized(3)
		f.script = []scriptStep{at(10, runs(1)), at(30, func(f *fakeECS) {
			d, _ := f.ours()
			f.svc.DesiredCount, d.DesiredCount = 4, 4
		}), at(60, completes)}
		res, err := services(f).Deploy(t.Context(), Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest})
		if err != nil || res.Outcome != rollout.Completed || res.Previous.Desired != 3 {
			t.Errorf("%+v, %v", res, err)
		}
		now, err := services(f).Current(t.Context(), "c", "api")
		if err != nil || now.Desired != 4 || now.Running != 4 {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

// TestOtherControllers refuses services that something else deploys, by name and
// with the next step.
func TestOtherControllers(t *testing.T) {
	t.Parallel()
	for kind, next := range map[types.DeploymentControllerType]string{
		types.DeploymentControllerTypeCodeDeploy: "aws ecs deploy", types.DeploymentControllerTypeExternal: "task sets",
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeECS()
			f.svc.DeploymentController = &types.DeploymentController{Type: kind}
			res, err := services(f).Deploy(t.Context(), Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest})
			if res.Outcome != rollout.NotStarted || err == nil || !strings.Contains(err.Error(), string(kind)) || !strings.Contains(err.Error(), next) || f.calls["RegisterTaskDefinition"] != 0 {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

// TestRequestsOfSeveralContainers are refused with the container's name.
func TestRequestsOfSeveralContainers(t *testing.T) {
	t.Parallel()
	for says, req := range map[string]Request{
		"it is given for container web": {Cluster: "c", Service: "s", Container: "api", Image: newDigest, Containers: map[string]string{"web": "web:1"}},
		"is given two images":           {Cluster: "c", Service: "s", Container: "api", Image: newDigest, Containers: map[string]string{"api": webImage}},
		"no container is named":         {Cluster: "c", Service: "s"},
		"no service is named":           {Cluster: "c", Containers: map[string]string{"api": newDigest}},
	} {
		if err := req.check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
	if err := (Request{Cluster: "c", Service: "s", Container: "api", Image: newDigest, Containers: map[string]string{"api": newDigest}}).check(); err != nil {
		t.Error(err)
	}
}

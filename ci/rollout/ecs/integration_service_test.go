//go:build integration

package ecs

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// emulated is a service in the emulated AWS, with all it needs.
type emulated struct {
	rollouttest.Narration
	name       string
	repository string
	// dnsName is the load balancer's; empty if there is none.
	dnsName  string
	program  []byte
	ecs      *ecs.Client
	services Services
}

// rolling replaces task by task and has a circuit breaker.
func rolling() *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
	}
}

// newEmulated makes a service that runs the image good-1 in two tasks. One whose
// strategy is not rolling gets a load balancer, to move traffic.
func newEmulated(t *testing.T, strategy *types.DeploymentConfiguration) *emulated {
	t.Helper()
	cfg := rollouttest.Config(t)
	e := &emulated{name: rollouttest.Unique("rollout"), ecs: ecs.NewFromConfig(cfg), program: rollouttest.Build(t, "app", "")}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	e.services = Services{ECS: e.ecs, Logs: logs, Env: e.Env()}
	repository, err := ecr.NewFromConfig(cfg).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &e.name})
	rollouttest.Must(t, err)
	e.repository = *repository.Repository.RepositoryUri
	_, err = e.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &e.name})
	rollouttest.Must(t, err)
	_, err = logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &e.name})
	rollouttest.Must(t, err)
	vpc, subnet := rollouttest.Network(t)
	var balancers []types.LoadBalancer
	var grace *int32
	if strategy.Strategy != "" {
		balancers, grace = []types.LoadBalancer{e.balance(t, vpc, subnet)}, aws.Int32(90)
	}
	_, err = e.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: &e.name, ServiceName: &e.name, TaskDefinition: e.define(t), DesiredCount: aws.Int32(2),
		LaunchType: types.LaunchTypeFargate, LoadBalancers: balancers, HealthCheckGracePeriodSeconds: grace, DeploymentConfiguration: strategy,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{subnet}}},
	})
	rollouttest.Must(t, err)
	t.Cleanup(func() {
		_, _ = e.ecs.DeleteService(context.WithoutCancel(t.Context()), &ecs.DeleteServiceInput{Cluster: &e.name, Service: &e.name, Force: aws.Bool(true)})
	})
	// The service comes up, or has by now.
	if _, err = e.services.Deploy(t.Context(), e.request(t, "good-1", FollowOptions{})); err != nil {
		t.Fatalf("%v\n%s", err, e.Said())
	}
	return e
}

// define registers the first task definition.
func (e *emulated) define(t *testing.T) *string {
	t.Helper()
	definition, err := e.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &e.name, NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("api"), Image: aws.String(e.push(t, "good-1")), Essential: aws.Bool(true), StopTimeout: aws.Int32(2),
			Environment:  []types.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String("8080")}},
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "/app", "healthcheck"}, Interval: aws.Int32(5), Retries: aws.Int32(2), StartPeriod: aws.Int32(60)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": e.name, "awslogs-rollouttest.Region": rollouttest.Region, "awslogs-stream-prefix": "ecs",
			}},
		}},
	})
	rollouttest.Must(t, err)
	return definition.TaskDefinition.TaskDefinitionArn
}

// balance makes a load balancer with a target group for each side.
func (e *emulated) balance(t *testing.T, vpc, subnet string) types.LoadBalancer {
	t.Helper()
	api := elb.NewFromConfig(rollouttest.Config(t))
	short := e.name[len(e.name)-16:]
	balancer, err := api.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: &short, Subnets: []string{subnet}})
	rollouttest.Must(t, err)
	e.dnsName = *balancer.LoadBalancers[0].DNSName
	groups := make([]*string, 0, 2)
	for _, side := range []string{"a", "b"} {
		group, err := api.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
			Name: aws.String(short + side), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), VpcId: &vpc, TargetType: elbtypes.TargetTypeEnumIp,
			HealthCheckPath: aws.String("/healthz"), HealthCheckIntervalSeconds: aws.Int32(5), HealthyThresholdCount: aws.Int32(2),
			UnhealthyThresholdCount: aws.Int32(2), HealthCheckTimeoutSeconds: aws.Int32(2),
		})
		rollouttest.Must(t, err)
		groups = append(groups, group.TargetGroups[0].TargetGroupArn)
	}
	listener, err := api.CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: groups[0]}},
	})
	rollouttest.Must(t, err)
	rules, err := api.DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: listener.Listeners[0].ListenerArn})
	rollouttest.Must(t, err)
	return types.LoadBalancer{
		ContainerName: aws.String("api"), ContainerPort: aws.Int32(8080), TargetGroupArn: groups[0],
		AdvancedConfiguration: &types.AdvancedConfiguration{
			AlternateTargetGroupArn: groups[1], ProductionListenerRule: rules.Rules[0].RuleArn,
			RoleArn: aws.String("arn:aws:iam::123456789012:role/shifts-traffic"),
		},
	}
}

// push pushes an image of the variant and gives its reference by digest.
func (e *emulated) push(t *testing.T, variant string) string {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, f := range []struct {
		name string
		mode int64
		body []byte
	}{{"app", 0o755, e.program}, {"variant", 0o644, []byte(variant)}} {
		rollouttest.Must(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg}))
		_, err := w.Write(f.body)
		rollouttest.Must(t, err)
	}
	rollouttest.Must(t, w.Close())
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	rollouttest.Must(t, err)
	image, err := mutate.AppendLayers(empty.Image, l)
	rollouttest.Must(t, err)
	image, err = mutate.Config(image, v1.Config{Entrypoint: []string{"/app"}})
	rollouttest.Must(t, err)
	address, err := url.Parse(rollouttest.Endpoint(t))
	rollouttest.Must(t, err)
	digest, err := image.Digest()
	rollouttest.Must(t, err)
	ref, err := name.ParseReference(address.Host+"/"+e.name+":"+variant, name.Insecure)
	rollouttest.Must(t, err)
	rollouttest.Must(t, remote.Write(ref, image, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: "AWS", Password: "token"})))
	return e.repository + "@" + digest.String()
}

// request asks for a deploy of the variant, which it pushes.
func (e *emulated) request(t *testing.T, variant string, follow FollowOptions) Request {
	t.Helper()
	return Request{Cluster: e.name, Service: e.name, Container: "api", Image: e.push(t, variant), Follow: follow}
}

// deploy deploys a variant and checks the outcome and that what runs after it is
// what the outcome says.
func (e *emulated) deploy(t *testing.T, variant string, want rollout.Outcome, follow FollowOptions) Result {
	t.Helper()
	e.Forget()
	start := time.Now()
	res, err := e.services.Deploy(t.Context(), e.request(t, variant, follow))
	if res.Outcome != want || (err == nil) != want.OK() {
		t.Fatalf("%s: outcome %q after %s, want %q: %v\n%s", variant, res.Outcome, time.Since(start), want, err, e.Said())
	}
	t.Logf("%s: %s in %s", variant, res.Outcome, time.Since(start).Round(100*time.Millisecond))
	now, err := e.services.Current(t.Context(), e.name, e.name)
	rollouttest.Must(t, err)
	switch {
	case want.OK() && now.TaskDefinition != res.TaskDefinition, want == rollout.RolledBack && now.TaskDefinition != res.Previous.TaskDefinition:
		t.Errorf("%s: after %q it runs %s (deployed %s, before %s)", variant, want, now.TaskDefinition, res.TaskDefinition, res.Previous.TaskDefinition)
	}
	return res
}

// ask sends one request through the load balancer and gives the variant that
// answered it; empty if none did.
func (e *emulated) ask(ctx context.Context, t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rollouttest.Endpoint(t)+"/", nil)
	rollouttest.Must(t, err)
	request.Host = e.dnsName
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(answer)
}

// traffic sends requests, of which one was answered when it returns, until the
// returned function is called, and gives how many each variant answered.
func (e *emulated) traffic(t *testing.T) (stop func() map[string]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan map[string]int, 1)
	first := e.ask(ctx, t)
	go func() {
		counts := map[string]int{first: 1}
		for ctx.Err() == nil {
			if answer := e.ask(ctx, t); ctx.Err() == nil {
				counts[answer]++
			}
			time.Sleep(20 * time.Millisecond)
		}
		answered <- counts
	}()
	t.Cleanup(cancel)
	return func() map[string]int {
		cancel()
		return <-answered
	}
}

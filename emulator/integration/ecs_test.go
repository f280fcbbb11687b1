//go:build integration

package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sensor-backend/emulator/internal/testimage"
)

// world is a network, a cluster, a repository and a load balancer.
type world struct {
	ecs        *ecs.Client
	logs       *cloudwatchlogs.Client
	name       string
	repository string // its URI
	subnet     string
	group      string // target group
	dnsName    string
	program    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cfg := config(t)
	w := &world{ecs: ecs.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), name: unique("web"), program: testimage.Binary(t)}
	ctx := t.Context()
	network := ec2.NewFromConfig(cfg)
	vpc, err := network.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	check(t, err)
	subnet, err := network.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.0.1.0/24")})
	check(t, err)
	w.subnet = *subnet.Subnet.SubnetId
	_, err = network.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*vpc.Vpc.VpcId}}}})
	check(t, err)

	repository, err := ecr.NewFromConfig(cfg).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &w.name})
	check(t, err)
	w.repository = *repository.Repository.RepositoryUri
	_, err = w.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &w.name})
	check(t, err)
	_, err = w.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &w.name})
	check(t, err)

	balancers := elb.NewFromConfig(cfg)
	short := w.name[len(w.name)-20:]
	balancer, err := balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &short, Subnets: []string{w.subnet}})
	check(t, err)
	w.dnsName = *balancer.LoadBalancers[0].DNSName
	group, err := balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: &short, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), VpcId: vpc.Vpc.VpcId, TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/healthz"), HealthCheckIntervalSeconds: aws.Int32(5), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
		HealthCheckTimeoutSeconds: aws.Int32(2),
	})
	check(t, err)
	w.group = *group.TargetGroups[0].TargetGroupArn
	_, err = balancers.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &w.group}},
	})
	check(t, err)
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// register registers a task definition of an image reference and environment.
func (w *world) register(t *testing.T, image string, env map[string]string, secrets ...types.Secret) string {
	t.Helper()
	variables := []types.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String("8080")}}
	for name, value := range env {
		variables = append(variables, types.KeyValuePair{Name: &name, Value: &value})
	}
	out, err := w.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &w.name, NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("api"), Image: &image, Essential: aws.Bool(true), Environment: variables, Secrets: secrets,
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}}, StopTimeout: aws.Int32(5),
			HealthCheck: &types.HealthCheck{Command: []string{"CMD", "/testapp", "healthcheck"}, Interval: aws.Int32(5), Retries: aws.Int32(2)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": w.name, "awslogs-region": region, "awslogs-stream-prefix": "api",
			}},
		}},
	})
	check(t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

// create creates the service with n tasks.
func (w *world) create(t *testing.T, definition string, n int32) {
	t.Helper()
	_, err := w.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: &w.name, ServiceName: &w.name, TaskDefinition: &definition, DesiredCount: aws.Int32(n), LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{w.subnet}}},
		LoadBalancers:        []types.LoadBalancer{{TargetGroupArn: &w.group, ContainerName: aws.String("api"), ContainerPort: aws.Int32(8080)}},
		DeploymentConfiguration: &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	})
	check(t, err)
	t.Cleanup(func() {
		cli(t, "ecs", "delete-service", "--force", "--cluster", w.name, "--service", w.name)
	})
}

func (w *world) update(t *testing.T, definition string) types.Service {
	t.Helper()
	out, err := w.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &w.name, Service: &w.name, TaskDefinition: &definition})
	check(t, err)
	return *out.Service
}

func (w *world) service(t *testing.T) types.Service {
	t.Helper()
	out, err := w.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &w.name, Services: []string{w.name}})
	check(t, err)
	if len(out.Services) != 1 {
		t.Fatalf("got %d services and failures %v", len(out.Services), out.Failures)
	}
	return out.Services[0]
}

// settled waits until the newest service deployment has a final status.
func (w *world) settled(t *testing.T) types.ServiceDeployment {
	t.Helper()
	var last types.ServiceDeployment
	eventually(t, time.Minute, "the service deployment did not end", func() (bool, any) {
		list, err := w.ecs.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: &w.name, Service: &w.name})
		check(t, err)
		out, err := w.ecs.DescribeServiceDeployments(t.Context(), &ecs.DescribeServiceDeploymentsInput{
			ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn},
		})
		check(t, err)
		last = out.ServiceDeployments[0]
		switch last.Status {
		case types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusRollbackInProgress,
			types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusRollbackRequested:
			return false, w.service(t).Events
		}
		return true, nil
	})
	return last
}

func TestRollout(t *testing.T) {
	w := newWorld(t)
	firstDigest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	w.create(t, w.register(t, w.repository+"@"+firstDigest, map[string]string{"RELEASE": "one"}), 2)
	cli(t, "ecs", "wait", "services-stable", "--cluster", w.name, "--services", w.name)
	if sd := w.settled(t); sd.Status != types.ServiceDeploymentStatusSuccessful {
		t.Fatalf("the first deployment ended %s: %s", sd.Status, aws.ToString(sd.StatusReason))
	}
	status, body := get(t, w.dnsName, "/env")
	if status != 200 || body["RELEASE"] != "one" {
		t.Fatalf("through the load balancer: %d %v", status, body)
	}
	if _, metadata := get(t, w.dnsName, "/metadata"); metadata["ImageID"] != firstDigest {
		t.Errorf("the task metadata has %v, want digest %s", metadata, firstDigest)
	}

	secondDigest := push(t, w.name, "v2", testimage.Image(t, w.program, "two"))
	definition := w.register(t, w.repository+"@"+secondDigest, map[string]string{"RELEASE": "two"})
	updated := w.update(t, definition)
	if primary := updated.Deployments[0]; *primary.Status != "PRIMARY" || *primary.TaskDefinition != definition || primary.RolloutState != types.DeploymentRolloutStateInProgress {
		t.Errorf("just after the update the first deployment is %+v", primary)
	}
	stop := make(chan struct{})
	var refused sync.WaitGroup
	refused.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if status, _ := get(t, w.dnsName, "/"); status != 200 {
					t.Errorf("during the rollout the load balancer answered %d", status)
					return
				}
			}
		}
	})
	if sd := w.settled(t); sd.Status != types.ServiceDeploymentStatusSuccessful {
		t.Errorf("the second deployment ended %s", sd.Status)
	}
	close(stop)
	refused.Wait()
	if _, body := get(t, w.dnsName, "/env"); body["RELEASE"] != "two" {
		t.Errorf("after the rollout RELEASE is %v", body["RELEASE"])
	}
	s := w.service(t)
	if len(s.Deployments) != 1 || s.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted || s.RunningCount != 2 {
		t.Errorf("after the rollout the service is %+v", s)
	}
	tasks := strings.Fields(cli(t, "ecs", "list-tasks", "--cluster", w.name, "--service-name", w.name, "--query", "taskArns", "--output", "text"))
	if len(tasks) != 2 {
		t.Fatalf("list-tasks gives %v", tasks)
	}
	described, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &w.name, Tasks: tasks})
	check(t, err)
	for _, task := range described.Tasks {
		if aws.ToString(task.Containers[0].ImageDigest) != secondDigest || *task.LastStatus != "RUNNING" {
			t.Errorf("a task is %s with digest %s", *task.LastStatus, aws.ToString(task.Containers[0].ImageDigest))
		}
	}
}

func TestCrashingImageRollsBack(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	good := w.register(t, w.repository+"@"+digest, nil)
	w.create(t, good, 1)
	if sd := w.settled(t); sd.Status != types.ServiceDeploymentStatusSuccessful {
		t.Fatalf("the first deployment ended %s", sd.Status)
	}
	bad := w.update(t, w.register(t, w.repository+"@"+digest, map[string]string{"EXIT": "3"}))
	badID := *bad.Deployments[0].Id
	sd := w.settled(t)
	if sd.Status != types.ServiceDeploymentStatusRollbackSuccessful || sd.Rollback == nil {
		t.Fatalf("the crashing deployment ended %s, rollback %v", sd.Status, sd.Rollback)
	}
	// The CLI's waiter calls that a success: what was asked for was rolled back, and
	// the service is stable.
	cli(t, "ecs", "wait", "services-stable", "--cluster", w.name, "--services", w.name)
	if sd.DeploymentCircuitBreaker.FailureCount != 3 || sd.DeploymentCircuitBreaker.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered {
		t.Errorf("the circuit breaker is %+v", sd.DeploymentCircuitBreaker)
	}
	s := w.service(t)
	if *s.TaskDefinition != good || *s.Deployments[0].Id == badID {
		t.Errorf("after the rollback the service runs %s", *s.TaskDefinition)
	}
	list, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{
		Cluster: &w.name, ServiceName: &w.name, DesiredStatus: types.DesiredStatusStopped, StartedBy: nil,
	})
	check(t, err)
	tasks, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &w.name, Tasks: list.TaskArns})
	check(t, err)
	crashed := 0
	for _, task := range tasks.Tasks {
		if aws.ToString(task.StartedBy) != badID {
			continue
		}
		crashed++
		if aws.ToInt32(task.Containers[0].ExitCode) != 3 || task.StopCode != types.TaskStopCodeEssentialContainerExited {
			t.Errorf("a crashed task has exit code %v and stop code %s", task.Containers[0].ExitCode, task.StopCode)
		}
		stream := "api/api/" + (*task.TaskArn)[strings.LastIndex(*task.TaskArn, "/")+1:]
		events, err := w.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: &w.name, LogStreamName: &stream})
		check(t, err)
		if len(events.Events) != 1 || !strings.Contains(*events.Events[0].Message, "exiting with 3") {
			t.Errorf("the log of a crashed task is %v", events.Events)
		}
	}
	if crashed != 3 {
		t.Errorf("%d tasks crashed, want 3", crashed)
	}
	if status, _ := get(t, w.dnsName, "/"); status != 200 {
		t.Errorf("after the rollback the load balancer answers %d", status)
	}
}

func TestMissingImageIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.create(t, w.register(t, w.repository+":latest", nil), 1)
	eventually(t, 20*time.Second, "no event tells of the missing image", func() (bool, any) {
		events := w.service(t).Events
		for _, e := range events {
			if strings.Contains(*e.Message, "CannotPullContainerError") {
				return true, nil
			}
		}
		return false, events
	})
	if d := w.service(t).Deployments[0]; d.FailedTasks != 0 || d.RolloutState != types.DeploymentRolloutStateInProgress {
		t.Errorf("while the image is missing the deployment is %s with %d failed tasks", d.RolloutState, d.FailedTasks)
	}
	push(t, w.name, "latest", testimage.Image(t, w.program, "one"))
	cli(t, "ecs", "wait", "services-stable", "--cluster", w.name, "--services", w.name)
}

func TestUnhealthyTaskFailsDeployment(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	w.create(t, w.register(t, w.repository+"@"+digest, map[string]string{"SICK": "1"}), 1)
	sd := w.settled(t)
	if sd.Status != types.ServiceDeploymentStatusStopped {
		t.Errorf("without anything to roll back to, the deployment ended %s", sd.Status)
	}
	if d := w.service(t).Deployments[0]; d.RolloutState != types.DeploymentRolloutStateFailed {
		t.Errorf("the deployment is %s: %s", d.RolloutState, aws.ToString(d.RolloutStateReason))
	}
}

func TestStopAndForceDeployments(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	w.create(t, w.register(t, w.repository+"@"+digest, nil), 1)
	w.settled(t)
	first := w.service(t).Deployments[0]
	_, err := w.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &w.name, Service: &w.name, ForceNewDeployment: true})
	check(t, err)
	if sd := w.settled(t); sd.Status != types.ServiceDeploymentStatusSuccessful {
		t.Errorf("the forced deployment ended %s", sd.Status)
	}
	second := w.service(t).Deployments[0]
	if *first.Id == *second.Id || *first.TaskDefinition != *second.TaskDefinition {
		t.Errorf("forcing gave %s of %s after %s of %s", *second.Id, *second.TaskDefinition, *first.Id, *first.TaskDefinition)
	}

	setFaults(t, fmt.Sprintf(`{"kind":"task-hang","service":%q}`, w.name))
	w.update(t, w.register(t, w.repository+"@"+digest, map[string]string{"RELEASE": "hangs"}))
	list, err := w.ecs.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: &w.name, Service: &w.name})
	check(t, err)
	arn := list.ServiceDeployments[0].ServiceDeploymentArn
	_, err = w.ecs.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: arn, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	check(t, err)
	if sd := w.settled(t); sd.Status != types.ServiceDeploymentStatusRollbackSuccessful {
		t.Errorf("the stopped deployment ended %s", sd.Status)
	}
	if got := *w.service(t).TaskDefinition; got != *first.TaskDefinition {
		t.Errorf("after the rollback the service has %s", got)
	}
}

func TestScaling(t *testing.T) {
	w := newWorld(t)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	w.create(t, w.register(t, w.repository+"@"+digest, nil), 1)
	w.settled(t)
	id := *w.service(t).Deployments[0].Id
	for _, n := range []int32{3, 0} {
		_, err := w.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &w.name, Service: &w.name, DesiredCount: &n})
		check(t, err)
		eventually(t, 20*time.Second, fmt.Sprintf("the service did not come to %d tasks", n), func() (bool, any) {
			s := w.service(t)
			return s.RunningCount == n && s.PendingCount == 0, s.Events
		})
	}
	if got := *w.service(t).Deployments[0].Id; got != id {
		t.Errorf("scaling made a new deployment")
	}
}

func TestSecrets(t *testing.T) {
	w := newWorld(t)
	parameter := "/" + w.name + "/key"
	_, err := ssm.NewFromConfig(config(t)).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: &parameter, Value: aws.String("hidden"), Type: ssmtypes.ParameterTypeSecureString,
	})
	check(t, err)
	digest := push(t, w.name, "v1", testimage.Image(t, w.program, "one"))
	arn := "arn:aws:ssm:" + region + ":123456789012:parameter" + parameter
	w.create(t, w.register(t, w.repository+"@"+digest, nil,
		types.Secret{Name: aws.String("BY_NAME"), ValueFrom: &parameter}, types.Secret{Name: aws.String("BY_ARN"), ValueFrom: &arn}), 1)
	w.settled(t)
	if _, env := get(t, w.dnsName, "/env"); env["BY_NAME"] != "hidden" || env["BY_ARN"] != "hidden" {
		t.Errorf("the secrets are %v and %v", env["BY_NAME"], env["BY_ARN"])
	}
}

//go:build integration

package rollout_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const region = "eu-central-1"

// emulated is a cluster, a repository and a service in the emulated AWS.
type emulated struct {
	endpoint   string
	name       string
	repository string
	program    []byte
	ecs        *ecs.Client
	services   rollout.Services

	mu    sync.Mutex
	lines []string
}

func endpoint(t *testing.T) string {
	t.Helper()
	address := strings.TrimSuffix(os.Getenv("EMULATOR_ENDPOINT"), "/")
	if address == "" {
		t.Fatal("EMULATOR_ENDPOINT is not set: these tests need a running emulator, such as http://aws:4566")
	}
	return address
}

func emulatorConfig(t *testing.T) aws.Config {
	t.Helper()
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint(t)),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// newEmulated makes a service that runs a good image in two tasks.
func newEmulated(t *testing.T) *emulated {
	t.Helper()
	cfg := emulatorConfig(t)
	e := &emulated{endpoint: endpoint(t), name: fmt.Sprintf("rollout-%x", time.Now().UnixNano()), ecs: ecs.NewFromConfig(cfg)}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	e.services = rollout.Services{ECS: e.ecs, Logs: logs, Env: rollout.Env{Progress: e.say}}
	program := filepath.Join(t.TempDir(), "app")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the test's program: %v\n%s", err, out)
	}
	var err error
	e.program, err = os.ReadFile(program)
	must(t, err)
	repository, err := ecr.NewFromConfig(cfg).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &e.name})
	must(t, err)
	e.repository = *repository.Repository.RepositoryUri
	_, err = e.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &e.name})
	must(t, err)
	_, err = logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &e.name})
	must(t, err)
	definition, err := e.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &e.name, NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("api"), Image: aws.String(e.push(t, "good-1")), Essential: aws.Bool(true), StopTimeout: aws.Int32(2),
			Environment:  []types.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String("8080")}},
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "/app", "healthcheck"}, Interval: aws.Int32(5), Retries: aws.Int32(2), StartPeriod: aws.Int32(60)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": e.name, "awslogs-region": region, "awslogs-stream-prefix": "ecs",
			}},
		}},
	})
	must(t, err)
	_, err = e.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: &e.name, ServiceName: &e.name, TaskDefinition: definition.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(2),
		LaunchType:           types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{subnet(t)}}},
		DeploymentConfiguration: &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	})
	must(t, err)
	t.Cleanup(func() {
		_, _ = e.ecs.DeleteService(context.WithoutCancel(t.Context()), &ecs.DeleteServiceInput{Cluster: &e.name, Service: &e.name, Force: aws.Bool(true)})
	})
	// The service comes up, or has by now.
	_, err = e.services.Deploy(t.Context(), rollout.ServiceRequest{Cluster: e.name, Service: e.name, Container: "api", Image: e.push(t, "good-1")})
	if err != nil {
		t.Fatalf("%v\n%s", err, e.said())
	}
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// subnet is one of the default network's, asked for without another SDK.
func subnet(t *testing.T) string {
	t.Helper()
	body := url.Values{"Action": {"DescribeSubnets"}, "Version": {"2016-11-15"}}.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint(t)+"/", strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(t, err)
	id := regexp.MustCompile(`subnet-[0-9a-f]+`).Find(raw)
	if id == nil {
		t.Fatalf("the emulated AWS has no subnet: %s", raw)
	}
	return string(id)
}

func (e *emulated) say(line string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, time.Now().Format("15:04:05.0 ")+line)
}

func (e *emulated) said() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.lines, "\n")
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
		must(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg}))
		_, err := w.Write(f.body)
		must(t, err)
	}
	must(t, w.Close())
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	must(t, err)
	image, err := mutate.AppendLayers(empty.Image, l)
	must(t, err)
	image, err = mutate.Config(image, v1.Config{Entrypoint: []string{"/app"}})
	must(t, err)
	address, err := url.Parse(e.endpoint)
	must(t, err)
	digest, err := image.Digest()
	must(t, err)
	ref, err := name.ParseReference(address.Host+"/"+e.name+":"+variant, name.Insecure)
	must(t, err)
	must(t, remote.Write(ref, image, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: "AWS", Password: "token"})))
	return e.repository + "@" + digest.String()
}

// faults makes things go wrong until the test ends.
func (e *emulated) faults(t *testing.T, body string) {
	t.Helper()
	send := func(ctx context.Context, method, body string) {
		request, err := http.NewRequestWithContext(ctx, method, e.endpoint+"/_emulator/faults", strings.NewReader(body))
		must(t, err)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s faults: %s", method, response.Status)
		}
	}
	send(t.Context(), http.MethodPost, body)
	t.Cleanup(func() { send(context.WithoutCancel(t.Context()), http.MethodDelete, "") })
}

// deploy deploys a variant and checks the outcome and that what runs after it is
// what the outcome says.
func (e *emulated) deploy(t *testing.T, variant string, want rollout.Outcome, follow rollout.FollowOptions) rollout.ServiceResult {
	t.Helper()
	e.mu.Lock()
	e.lines = nil
	e.mu.Unlock()
	start := time.Now()
	res, err := e.services.Deploy(t.Context(), rollout.ServiceRequest{
		Cluster: e.name, Service: e.name, Container: "api", Image: e.push(t, variant), Follow: follow,
	})
	if res.Outcome != want || (err == nil) != want.OK() {
		t.Fatalf("%s: outcome %q after %s, want %q: %v\n%s", variant, res.Outcome, time.Since(start), want, err, e.said())
	}
	t.Logf("%s: %s in %s", variant, res.Outcome, time.Since(start).Round(100*time.Millisecond))
	now, err := e.services.Current(t.Context(), e.name, e.name)
	must(t, err)
	switch {
	case want.OK() && now.TaskDefinition != res.TaskDefinition, want == rollout.RolledBack && now.TaskDefinition != res.Previous.TaskDefinition:
		t.Errorf("%s: after %q it runs %s (deployed %s, before %s)", variant, want, now.TaskDefinition, res.TaskDefinition, res.Previous.TaskDefinition)
	}
	return res
}

func (e *emulated) shows(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(e.said(), text) {
			t.Errorf("progress does not show %q:\n%s", text, e.said())
		}
	}
}

// TestEmulatedFlows deploys to the emulated AWS, which really runs the images,
// one flow after another on one service.
func TestEmulatedFlows(t *testing.T) {
	e := newEmulated(t)
	t.Run("new image", func(t *testing.T) {
		res := e.deploy(t, "good-2", rollout.Completed, rollout.FollowOptions{})
		if !res.Registered || res.ServiceDeployment == "" {
			t.Errorf("result %+v", res)
		}
	})
	t.Run("nothing to do", func(t *testing.T) { e.deploy(t, "good-2", rollout.Unchanged, rollout.FollowOptions{}) })
	t.Run("crash, rolled back", func(t *testing.T) {
		e.deploy(t, "crash", rollout.RolledBack, rollout.FollowOptions{})
		e.shows(t, "container api exit code 3", "panic: no database on purpose")
	})
	t.Run("never healthy, rolled back", func(t *testing.T) {
		e.deploy(t, "deaf", rollout.RolledBack, rollout.FollowOptions{FailFast: 2})
	})
	t.Run("slow", func(t *testing.T) { e.deploy(t, "slow", rollout.Completed, rollout.FollowOptions{}) })
	t.Run("throttled", func(t *testing.T) {
		e.faults(t, `{"faults":[{"kind":"throttle","operation":"ecs:DescribeServices","times":8},{"kind":"throttle","operation":"ecs:UpdateService","times":4}]}`)
		e.deploy(t, "good-3", rollout.Completed, rollout.FollowOptions{})
	})
	t.Run("image that is not there", func(t *testing.T) {
		res, err := e.services.Deploy(t.Context(), rollout.ServiceRequest{
			Cluster: e.name, Service: e.name, Container: "api", Image: e.repository + "@sha256:" + strings.Repeat("0", 64),
		})
		if res.Outcome != rollout.RolledBack {
			t.Fatalf("outcome %q: %v\n%s", res.Outcome, err, e.said())
		}
		e.shows(t, "CannotPullContainerError")
	})
	t.Run("second deploy in the middle", func(t *testing.T) {
		slow := e.push(t, "slow-2")
		first := make(chan rollout.ServiceResult, 1)
		go func() {
			res, _ := e.services.Deploy(t.Context(), rollout.ServiceRequest{Cluster: e.name, Service: e.name, Container: "api", Image: slow})
			first <- res
		}()
		for !strings.Contains(e.said(), "0 of 2 running") {
			time.Sleep(200 * time.Millisecond)
		}
		e.deploy(t, "good-4", rollout.Completed, rollout.FollowOptions{})
		if res := <-first; res.Outcome != rollout.Superseded {
			t.Errorf("the first ended as %q: %s", res.Outcome, res.Reason)
		}
	})
	t.Run("cancelled and rolled back", func(t *testing.T) {
		image := e.push(t, "slow-3")
		before, err := e.services.Current(t.Context(), e.name, e.name)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		res, _ := e.services.Deploy(ctx, rollout.ServiceRequest{
			Cluster: e.name, Service: e.name, Container: "api", Image: image, Follow: rollout.FollowOptions{OnCancel: rollout.RollBack},
		})
		if res.Outcome != rollout.Canceled || time.Since(begin) > 4*time.Second {
			t.Errorf("%q after %s: %s", res.Outcome, time.Since(begin), res.Reason)
		}
		back, err := e.services.Restore(t.Context(), before, rollout.FollowOptions{})
		if err != nil {
			t.Errorf("back to %s: %v\n%s", before.TaskDefinition, err, e.said())
		}
		t.Logf("back: %s", back.Outcome)
	})
}

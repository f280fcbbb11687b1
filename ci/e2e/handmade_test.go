//go:build e2e

package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestHandMade deploys to, breaks and rolls back a service and a function that this
// repository's Terraform did not make, by the commands of docs/deployers.md.
func TestHandMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pages := pageBlocks(t, "docs/deployers.md")
	if len(pages) != 2 {
		t.Fatalf("docs/deployers.md has %d blocks of commands, want one for a service and one for a function", len(pages))
	}
	t.Run("service", func(t *testing.T) { newShop(t, w).lives(t, pages[0]) })
	t.Run("function", func(t *testing.T) { thumbs(t, w, pages[1]) })
	for _, refused := range []struct {
		args []string
		says string
	}{
		{[]string{"deploy-ecs", "--cluster=shop"}, "--cluster and --service go together"},
		{[]string{"deploy-ecs", "--cluster=shop", "--service=web"}, "without --container"},
		{[]string{"deploy-ecs", "--cluster=shop", "--service=web", "--container=web"}, "give NAME=HOST/NAME@sha256:"},
		{[]string{"deploy-ecs", "--cluster=shop", "--service=web", "--container=web=shop/web:latest"}, "is not named by digest"},
		{[]string{"deploy-lambda", "--function=thumbs", "--alias=LIVE"}, "exactly one of --zip, --object and --image"},
		{[]string{"rollback", "--function=thumbs"}, "without --alias"},
	} {
		if r := w.dagger(t, refused.args...); r.code == 0 || !strings.Contains(r.stderr, refused.says) {
			t.Errorf("%v ended with %d and does not say %q:\n%s", refused.args, r.code, refused.says, tail(r.stderr))
		}
	}
}

// shop is a service of a web container and a proxy beside it, each behind a target
// group of its own.
type shop struct {
	w          world
	program    []byte
	repository string
}

func newShop(t *testing.T, w world) shop {
	t.Helper()
	s := shop{w: w, program: built(t, "../rollout/ecs/testdata/app", "")}
	repository, err := ecr.NewFromConfig(w.config).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("shop/web")})
	must(t, err)
	s.repository = *repository.Repository.RepositoryUri
	_, err = cloudwatchlogs.NewFromConfig(w.config).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/ecs/shop")})
	must(t, err)
	containers := ecs.NewFromConfig(w.config)
	_, err = containers.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("shop")})
	must(t, err)
	subnets := list(t, ec2.NewFromConfig(w.config).DescribeSubnets).Subnets
	if len(subnets) < 2 {
		t.Fatalf("the emulated AWS has %d subnets", len(subnets))
	}
	container := func(name, port string) ecstypes.ContainerDefinition {
		number := aws.Int32(map[string]int32{"8080": 8080, "8081": 8081}[port])
		return ecstypes.ContainerDefinition{
			Name: aws.String(name), Image: aws.String(s.push(t, name+"-1")), Essential: aws.Bool(true), StopTimeout: aws.Int32(2),
			Environment: []ecstypes.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String(port)}}, PortMappings: []ecstypes.PortMapping{{ContainerPort: number}},
			LogConfiguration: &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/ecs/shop", "awslogs-region": w.config.Region, "awslogs-stream-prefix": "ecs",
			}},
		}
	}
	definition, err := containers.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("shop-web"), NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions:    []ecstypes.ContainerDefinition{container("web", "8080"), container("proxy", "8081")},
	})
	must(t, err)
	_, err = containers.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: definition.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(2),
		LaunchType: ecstypes.LaunchTypeFargate, HealthCheckGracePeriodSeconds: aws.Int32(30),
		LoadBalancers: s.balancers(t, *subnets[0].VpcId, *subnets[0].SubnetId, *subnets[1].SubnetId),
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
			DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{*subnets[0].SubnetId}}},
	})
	must(t, err)
	return s
}

// balancers are two target groups, each behind a listener of one load balancer.
func (s shop) balancers(t *testing.T, vpc string, subnets ...string) []ecstypes.LoadBalancer {
	t.Helper()
	api := elb.NewFromConfig(s.w.config)
	balancer, err := api.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("shop"), Subnets: subnets})
	must(t, err)
	var all []ecstypes.LoadBalancer
	for container, port := range map[string]int32{"web": 8080, "proxy": 8081} {
		group, err := api.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
			Name: aws.String("shop-" + container), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: &vpc, TargetType: elbtypes.TargetTypeEnumIp,
			HealthCheckPath: aws.String("/healthz"), HealthCheckIntervalSeconds: aws.Int32(5), HealthyThresholdCount: aws.Int32(2),
			UnhealthyThresholdCount: aws.Int32(2), HealthCheckTimeoutSeconds: aws.Int32(2),
		})
		must(t, err)
		_, err = api.CreateListener(t.Context(), &elb.CreateListenerInput{
			LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(port), Protocol: elbtypes.ProtocolEnumHttp,
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
		})
		must(t, err)
		all = append(all, ecstypes.LoadBalancer{ContainerName: aws.String(container), ContainerPort: aws.Int32(port), TargetGroupArn: group.TargetGroups[0].TargetGroupArn})
	}
	return all
}

// push pushes an image of a variant and returns its reference by digest.
func (s shop) push(t *testing.T, variant string) string {
	t.Helper()
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	for _, f := range []struct {
		name string
		mode int64
		body []byte
	}{{"app", 0o755, s.program}, {"variant", 0o644, []byte(variant)}} {
		must(t, files.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg}))
		_, err := files.Write(f.body)
		must(t, err)
	}
	must(t, files.Close())
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	must(t, err)
	image, err := mutate.AppendLayers(empty.Image, content)
	must(t, err)
	image, err = mutate.Config(image, v1.Config{Entrypoint: []string{"/app"}})
	must(t, err)
	digest, err := image.Digest()
	must(t, err)
	ref, err := name.ParseReference(strings.TrimPrefix(*s.w.config.BaseEndpoint, "http://")+"/shop/web:"+variant, name.Insecure)
	must(t, err)
	must(t, remote.Write(ref, image, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: "AWS", Password: "token"})))
	return s.repository + "@" + digest.String()
}

// lives deploys by the page's commands, breaks, and goes back.
func (s shop) lives(t *testing.T, commands string) {
	web, proxy := s.push(t, "web-2"), s.push(t, "proxy-2")
	deploy, rest, ok := strings.Cut(commands, "\ndagger call $flags status")
	if !ok {
		t.Fatalf("the page's block does not go on with status:\n%s", commands)
	}
	printed := s.w.shell(t, deploy, "WEB="+web, "PROXY="+proxy)
	wantOutcomes(t, printed, map[string]string{"ecs": "passed"})
	broken := s.w.dagger(t, "deploy-ecs", "--cluster=shop", "--service=web", "--container=web="+s.push(t, "crash-3"))
	if broken.code != 3 || !strings.Contains(broken.stderr, "no database on purpose") {
		t.Errorf("a web that crashes ended with %d, want 3 with its log:\n%s", broken.code, tail(broken.stderr))
	}
	if status := s.w.succeeds(t, "status", "--cluster=shop", "--service=web"); !strings.Contains(status, web) {
		t.Errorf("after the crash runs what ran before, %s; status says\n%s", web, status)
	}
	// status, deployments, rollback
	printed = s.w.shell(t, "dagger call $flags status"+rest)
	if !strings.Contains(printed, "shop-web:2 -> shop-web:1") {
		t.Errorf("the rollback does not go from revision 2 to 1:\n%s", tail(printed))
	}
}

// thumbs makes a function, deploys to it by the page's commands, breaks it, and goes
// back.
func thumbs(t *testing.T, w world, commands string) {
	functions := lambda.NewFromConfig(w.config)
	roles := iam.NewFromConfig(w.config)
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("thumbs"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`),
	})
	must(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("thumbs"), PolicyName: aws.String("log"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`),
	})
	must(t, err)
	_, err = functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("thumbs"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: zipped(t, "good-1")}, Timeout: aws.Int32(10), Publish: true,
	})
	must(t, err)
	_, err = functions.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("thumbs"), Name: aws.String("LIVE"), FunctionVersion: aws.String("1")})
	must(t, err)
	file := func(variant string) string {
		path := filepath.Join(t.TempDir(), variant+".zip")
		must(t, os.WriteFile(path, zipped(t, variant), 0o600))
		return path
	}
	deploy, rest, _ := strings.Cut(commands, "\ndagger call $flags status")
	wantOutcomes(t, w.shell(t, deploy, "ZIP="+file("good-2")), map[string]string{"lambda": "passed"})
	broken := w.dagger(t, "deploy-lambda", "--function=thumbs", "--alias=LIVE", "--zip="+file("panics-3"), `--payload={"Records":[]}`)
	if broken.code != 11 || !strings.Contains(broken.stderr, "no table on purpose") {
		t.Errorf("a function that panics ended with %d, want 11 with its log:\n%s", broken.code, tail(broken.stderr))
	}
	if printed := w.shell(t, "dagger call $flags status"+rest); !strings.Contains(printed, "version 2 -> 1") {
		t.Errorf("the rollback does not go from version 2 to 1:\n%s", tail(printed))
	}
}

// built is a program of this repository's test data.
func built(t *testing.T, dir, variant string) []byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w -X main.variant="+variant, "-o", program, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	binary, err := os.ReadFile(program)
	must(t, err)
	return binary
}

// zipped is the package of a variant of the function.
func zipped(t *testing.T, variant string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	must(t, err)
	_, err = file.Write(built(t, "../rollout/lambda/testdata/function", variant))
	must(t, err)
	must(t, w.Close())
	return packed.Bytes()
}

// shell runs commands of a page on this emulated AWS and returns what they print.
func (w world) shell(t *testing.T, commands string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir = repository(t)
	cmd.Env = append(append(os.Environ(), "flags="+strings.Join(w.args, " "), "DAGGER_PROGRESS=plain"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, tail(string(out)))
	}
	return string(out)
}

// pageBlocks are the blocks of commands of a page.
func pageBlocks(t *testing.T, page string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository(t), page))
	must(t, err)
	parts := strings.Split(string(raw), "\n```")
	var blocks []string
	for i := 1; i < len(parts); i += 2 {
		blocks = append(blocks, strings.TrimSpace(parts[i]))
	}
	return blocks
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

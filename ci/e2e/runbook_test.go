//go:build e2e

package e2e

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestRunbook does to an emulated prod what docs/runbook.md says, word for word, with
// the AWS CLI and Terraform of this machine.
func TestRunbook(t *testing.T) {
	t.Parallel()
	cli := awscli(t)
	if _, err := exec.LookPath("terraform"); cli == "" || err != nil {
		t.Skip("the runbook is for version 2 of the AWS CLI (EMULATOR_AWSCLI, or Debian's awscli) and for terraform: one of them is not here")
	}
	b := newBook(t, cli)
	b.dagger(t, "deploy", "--stages=build,infra,lambda,ecs")
	t.Run("logs", b.followsLogs)
	t.Run("service", b.putsServiceBack)
	t.Run("function", b.putsFunctionBack)
	t.Run("infrastructure", b.putsInfrastructureBack)
}

// book is the runbook, beside a prod that it is read for.
type book struct {
	w      world
	here   checkout
	blocks []string
	// env leads the page's programs to the emulated AWS.
	env []string
}

// awscli is the first AWS CLI here that has the page's commands, as version 1 has not;
// empty without one.
func awscli(t *testing.T) string {
	t.Helper()
	for _, program := range []string{os.Getenv("EMULATOR_AWSCLI"), "/usr/bin/aws", "aws"} {
		version, err := exec.CommandContext(t.Context(), program, "--version").Output()
		if err == nil && bytes.HasPrefix(version, []byte("aws-cli/2.")) {
			return program
		}
	}
	return ""
}

func newBook(t *testing.T, cli string) book {
	t.Helper()
	b := book{w: newWorld(t), here: newCheckout(t, nil), blocks: pageBlocks(t, "docs/runbook.md")}
	tools := t.TempDir()
	// The CLI has a variable for the address since 2.13; Debian's is older.
	shim := "#!/bin/sh\nexec " + cli + ` --endpoint-url "$AWS_ENDPOINT_URL" "$@"` + "\n"
	must(t, os.WriteFile(filepath.Join(tools, "aws"), []byte(shim), 0o700))
	settings := filepath.Join(tools, "terraform.rc")
	must(t, os.WriteFile(settings, []byte(providers(t)), 0o600))
	architecture := map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[runtime.GOARCH]
	b.env = append(os.Environ(),
		"PATH="+tools+":"+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+*b.w.config.BaseEndpoint, "AWS_REGION="+b.w.config.Region,
		"AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
		"TF_CLI_CONFIG_FILE="+settings, "CHECKPOINT_DISABLE=1",
		// What an emulated AWS is told besides, at the end of what the page says.
		"EMULATED_INIT=-backend-config=use_path_style=true -backend-config=skip_credentials_validation=true -backend-config=skip_requesting_account_id=true",
		"EMULATED_APPLY=-var=emulated=true -var=warehouse_url_parameter=/sensor-backend/warehouse-url -var=write_keys_parameter= -var=enable_redshift=false -var=architecture="+architecture,
	)
	return b
}

// providers are Terraform's settings: the provider that the bootstrap built, on a
// machine that has it.
func providers(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	built, err := filepath.Glob(filepath.Join(cache, "sensor-backend", "terraform", "terraform-provider-aws_v*"))
	must(t, err)
	if len(built) == 0 {
		return ""
	}
	mirror := t.TempDir()
	_, version, _ := strings.Cut(filepath.Base(built[0]), "_v")
	place := filepath.Join(mirror, "registry.terraform.io", "hashicorp", "aws", version, runtime.GOOS+"_"+runtime.GOARCH)
	must(t, os.MkdirAll(place, 0o750))
	must(t, os.Symlink(built[0], filepath.Join(place, filepath.Base(built[0]))))
	return fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
}

// dagger calls the module on the emulated prod from the checkout.
func (b book) dagger(t *testing.T, args ...string) {
	t.Helper()
	r := daggerIn(t, b.here.dir, nil, append(append([]string{}, b.w.args...), append([]string{"--environment=prod"}, args...)...)...)
	if r.code != 0 {
		t.Fatalf("%v ended with %d:\n%s", args, r.code, tail(r.stdout+r.stderr))
	}
}

// command is the page's block that begins so, with what the reader puts for its
// placeholders, by pairs.
func (b book) command(t *testing.T, beginning string, placeholders ...string) string {
	t.Helper()
	for _, block := range b.blocks {
		if strings.HasPrefix(block, beginning) {
			return strings.NewReplacer(placeholders...).Replace(block)
		}
	}
	t.Fatalf("docs/runbook.md has no command that begins with %q", beginning)
	return ""
}

// shell runs commands in a directory of the checkout and returns what they print.
func (b book) shell(t *testing.T, dir, commands, input string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env, cmd.Stdin = filepath.Join(b.here.dir, dir), b.env, strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, tail(stdout.String()+stderr.String()))
	}
	return stdout.String()
}

// followsLogs wants lines of both programs, and of the API one that a request causes
// while the command runs.
func (b book) followsLogs(t *testing.T) {
	follow := func(group string) *atomic.Int64 {
		var problems bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "exec "+b.command(t, "aws logs tail "+group))
		cmd.Env, cmd.Stderr = b.env, &problems
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := new(atomic.Int64)
		go func() {
			for scan := bufio.NewScanner(out); scan.Scan(); {
				lines.Add(1)
			}
			if err := cmd.Wait(); t.Context().Err() == nil {
				t.Errorf("following %s ended: %v\n%s", group, err, problems.String())
			}
		}()
		return lines
	}
	api := follow("/ecs/sensor-backend ")
	until(t, "the API's log is shown", func() bool { return api.Load() > 0 })
	before := api.Load()
	response, err := http.Get("http://" + b.w.balancer + "/v1/sensors")
	must(t, err)
	must(t, response.Body.Close())
	until(t, "the request is in the API's log", func() bool { return api.Load() > before })
	processor := follow("/aws/lambda/sensor-data-processor ")
	_, err = b.w.s3().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("sensor-backend-prod-source-123456789012-use1"), Key: aws.String("incoming/runbook.csv"),
		Body: strings.NewReader("sensor_id,metric,timestamp,value\nrunbook,runs,2026-11-27T00:00:00Z,1\n"),
	})
	must(t, err)
	until(t, "the processor's log is shown", func() bool { return processor.Load() > 0 })
}

// deployment is what describe-services tells of one.
type deployment struct{ TaskDefinition, RolloutState string }

// deployments are what the page's command shows of the service.
func (b book) deployments(t *testing.T) []deployment {
	t.Helper()
	var shown struct {
		Services []struct{ Deployments []deployment }
	}
	must(t, json.Unmarshal([]byte(b.shell(t, ".", b.command(t, "aws ecs describe-services"), "")), &shown))
	if len(shown.Services) != 1 {
		t.Fatalf("the cluster has %d services, want one", len(shown.Services))
	}
	return shown.Services[0].Deployments
}

// putsServiceBack makes one more revision, leads the service to it and back.
func (b book) putsServiceBack(t *testing.T) {
	running := b.deployments(t)
	if len(running) != 1 || running[0].RolloutState != "COMPLETED" {
		t.Fatalf("before anything: %+v", running)
	}
	containers := ecs.NewFromConfig(b.w.config)
	now, err := containers.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &running[0].TaskDefinition})
	must(t, err)
	d := now.TaskDefinition
	next, err := containers.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: d.Family, ContainerDefinitions: d.ContainerDefinitions, Cpu: d.Cpu, Memory: d.Memory, NetworkMode: d.NetworkMode,
		ExecutionRoleArn: d.ExecutionRoleArn, TaskRoleArn: d.TaskRoleArn, RequiresCompatibilities: d.RequiresCompatibilities,
		RuntimePlatform: d.RuntimePlatform,
	})
	must(t, err)
	for _, revision := range []int32{next.TaskDefinition.Revision, d.Revision} {
		b.shell(t, ".", b.command(t, "aws ecs update-service", "REVISION", fmt.Sprint(revision)), "")
		want := fmt.Sprintf(":task-definition/sensor-backend:%d", revision)
		until(t, "the service runs "+want, func() bool {
			all := b.deployments(t)
			return len(all) == 1 && strings.HasSuffix(all[0].TaskDefinition, want) && all[0].RolloutState == "COMPLETED"
		})
	}
}

// putsFunctionBack uploads other code, publishes it, leads the alias to it and back.
func (b book) putsFunctionBack(t *testing.T) {
	functions := lambda.NewFromConfig(b.w.config)
	version := func() string {
		alias, err := functions.GetAlias(t.Context(), &lambda.GetAliasInput{
			FunctionName: aws.String("sensor-data-processor"), Name: aws.String("PROD"),
		})
		must(t, err)
		return aws.ToString(alias.FunctionVersion)
	}
	before := version()
	file := filepath.Join(b.here.dir, "processor.zip")
	b.dagger(t, "package-lambda", "export", "--path="+file)
	addToZip(t, file, "note.txt")
	b.shell(t, ".", b.command(t, "aws lambda update-function-code"), "")
	b.shell(t, ".", b.command(t, "aws lambda wait function-updated"), "")
	var published struct{ Version string }
	must(t, json.Unmarshal([]byte(b.shell(t, ".", b.command(t, "aws lambda publish-version"), "")), &published))
	if published.Version == "" || published.Version == before {
		t.Fatalf("published version %q, and %q ran before", published.Version, before)
	}
	for _, want := range []string{published.Version, before} {
		b.shell(t, ".", b.command(t, "aws lambda update-alias", "VERSION", want), "")
		if got := version(); got != want {
			t.Errorf("the alias leads to version %s, want %s", got, want)
		}
	}
}

// addToZip adds an empty file to an archive.
func addToZip(t *testing.T, path, name string) {
	t.Helper()
	old, err := zip.OpenReader(path)
	must(t, err)
	var raw bytes.Buffer
	w := zip.NewWriter(&raw)
	for _, file := range old.File {
		must(t, w.Copy(file))
	}
	_, err = w.Create(name)
	must(t, err)
	must(t, w.Close())
	must(t, old.Close())
	must(t, os.WriteFile(path, raw.Bytes(), 0o600))
}

// putsInfrastructureBack applies a commit that changes a setting, and the one before
// by the page. What was deployed meanwhile stays.
func (b book) putsInfrastructureBack(t *testing.T) {
	const file = "infra/environments/prod.tfvars"
	previous, running := b.here.sha, b.deployments(t)
	must(t, os.WriteFile(filepath.Join(b.here.dir, file), []byte(edited(t, file, "log_retention_days = 365", "log_retention_days = 400")), 0o600))
	b.here = b.here.commit(t, "keep logs for longer")
	b.dagger(t, "apply")
	if days := b.retention(t); days != 400 {
		t.Fatalf("the log is kept for %d days, want 400", days)
	}
	prepare := b.command(t, "export TF_CLI_ARGS_apply", "ACCOUNT", "123456789012")
	shown := b.shell(t, "infra",
		`export TF_CLI_ARGS_init="$EMULATED_INIT"`+"\n"+prepare+"\n"+
			`export TF_CLI_ARGS_apply="$TF_CLI_ARGS_apply $EMULATED_APPLY"`+"\n"+
			b.command(t, "git checkout PREVIOUS", "PREVIOUS", previous), "yes\n")
	if !strings.Contains(shown, " 0 added, ") || !strings.Contains(shown, " 0 destroyed") {
		t.Errorf("going back adds or destroys something:\n%s", tail(shown))
	}
	if days := b.retention(t); days != 365 {
		t.Errorf("the log is kept for %d days, want 365 as before", days)
	}
	if now := b.deployments(t); len(now) != 1 || now[0] != running[0] {
		t.Errorf("the service runs %+v, before %+v", now, running)
	}
}

// retention is how many days the API's log is kept.
func (b book) retention(t *testing.T) int32 {
	t.Helper()
	groups, err := cloudwatchlogs.NewFromConfig(b.w.config).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{
		LogGroupNamePrefix: aws.String("/ecs/sensor-backend"),
	})
	must(t, err)
	if len(groups.LogGroups) != 1 {
		t.Fatalf("found %d log groups of the API, want one", len(groups.LogGroups))
	}
	return aws.ToInt32(groups.LogGroups[0].RetentionInDays)
}

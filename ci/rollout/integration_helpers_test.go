//go:build integration

package rollout_test

import (
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
)

const region = "eu-central-1"

// endpoint is the address of the emulated AWS.
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unique makes a name that no other test or run has used.
func unique(prefix string) string { return fmt.Sprintf("%s-%x", prefix, time.Now().UnixNano()) }

// build builds a program of testdata, whose behaviour is baked in.
func build(t *testing.T, directory, variant string) []byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w -X main.variant="+variant, "-o", program, "./testdata/"+directory)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the test's program: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(program)
	must(t, err)
	return binary
}

// network finds one of the default network's subnets without another SDK.
func network(t *testing.T) (vpc, subnet string) {
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
	vpc, subnet = string(regexp.MustCompile(`vpc-[0-9a-f]+`).Find(raw)), string(regexp.MustCompile(`subnet-[0-9a-f]+`).Find(raw))
	if vpc == "" || subnet == "" {
		t.Fatalf("the emulated AWS has no subnet: %s", raw)
	}
	return vpc, subnet
}

// faults makes things go wrong until the test ends. They hold for every test
// that runs meanwhile.
func faults(t *testing.T, body string) {
	t.Helper()
	send := func(ctx context.Context, method, body string) {
		request, err := http.NewRequestWithContext(ctx, method, endpoint(t)+"/_emulator/faults", strings.NewReader(body))
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

// narration keeps what a deployer told.
type narration struct {
	mu    sync.Mutex
	lines []string
}

// env tells the narration.
func (n *narration) env() rollout.Env { return rollout.Env{Progress: n.say} }

func (n *narration) say(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, time.Now().Format("15:04:05.0 ")+line)
}

func (n *narration) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}

func (n *narration) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// shows checks that the texts were told, in this order.
func (n *narration) shows(t *testing.T, texts ...string) {
	t.Helper()
	rest := n.said()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("progress does not show %q in its turn:\n%s", text, n.said())
			return
		}
		rest = after
	}
}

// awaits waits until the text was told.
func (n *narration) awaits(t *testing.T, text string) {
	t.Helper()
	for start := time.Now(); !strings.Contains(n.said(), text); time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("progress does not come to %q:\n%s", text, n.said())
		}
	}
}

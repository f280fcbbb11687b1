//go:build integration

package rollouttest

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

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Region is the region that the tests work in.
const Region = "eu-central-1"

// Endpoint is the address of the emulated AWS.
func Endpoint(t *testing.T) string {
	t.Helper()
	address := strings.TrimSuffix(os.Getenv("EMULATOR_ENDPOINT"), "/")
	if address == "" {
		t.Fatal("EMULATOR_ENDPOINT is not set: these tests need a running emulator, such as http://aws:4566")
	}
	return address
}

// Config reaches the emulated AWS of Endpoint as its administrator.
func Config(t *testing.T) aws.Config {
	t.Helper()
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(Endpoint(t)),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// Must ends the test on an error.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Unique makes a name that no other test or run has used.
func Unique(prefix string) string { return fmt.Sprintf("%s-%x", prefix, time.Now().UnixNano()) }

// Build builds a program of testdata, whose behaviour is baked in.
func Build(t *testing.T, directory, variant string) []byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w -X main.variant="+variant, "-o", program, "./testdata/"+directory)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the test's program: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(program)
	Must(t, err)
	return binary
}

// Network finds one of the default network's subnets without another SDK.
func Network(t *testing.T) (vpc, subnet string) {
	t.Helper()
	body := url.Values{"Action": {"DescribeSubnets"}, "Version": {"2016-11-15"}}.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, Endpoint(t)+"/", strings.NewReader(body))
	Must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+Region+"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	Must(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	Must(t, err)
	vpc, subnet = string(regexp.MustCompile(`vpc-[0-9a-f]+`).Find(raw)), string(regexp.MustCompile(`subnet-[0-9a-f]+`).Find(raw))
	if vpc == "" || subnet == "" {
		t.Fatalf("the emulated AWS has no subnet: %s", raw)
	}
	return vpc, subnet
}

// Faults makes things go wrong until the test ends. They hold for every test
// that runs meanwhile.
func Faults(t *testing.T, body string) {
	t.Helper()
	send := func(ctx context.Context, method, body string) {
		request, err := http.NewRequestWithContext(ctx, method, Endpoint(t)+"/_emulator/faults", strings.NewReader(body))
		Must(t, err)
		response, err := http.DefaultClient.Do(request)
		Must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s faults: %s", method, response.Status)
		}
	}
	send(t.Context(), http.MethodPost, body)
	t.Cleanup(func() { send(context.WithoutCancel(t.Context()), http.MethodDelete, "") })
}

// Narration keeps a deployer's progress lines.
type Narration struct {
	mu    sync.Mutex
	lines []string
}

// Env is one whose progress the Narration keeps.
func (n *Narration) Env() poll.Env { return poll.Env{Progress: n.say} }

func (n *Narration) say(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, time.Now().Format("15:04:05.0 ")+line)
}

// Forget drops the lines so far.
func (n *Narration) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}

// Said is all lines so far, each with its time.
func (n *Narration) Said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// Shows checks that the progress has the texts, in this order.
func (n *Narration) Shows(t *testing.T, texts ...string) {
	t.Helper()
	rest := n.Said()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("progress does not show %q in its turn:\n%s", text, n.Said())
			return
		}
		rest = after
	}
}

// Awaits waits until the progress has the text.
func (n *Narration) Awaits(t *testing.T, text string) {
	t.Helper()
	for start := time.Now(); !strings.Contains(n.Said(), text); time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("progress does not come to %q:\n%s", text, n.Said())
		}
	}
}

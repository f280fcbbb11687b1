//go:build integration

// Package integration drives a running emulator, whose address is in
// EMULATOR_ENDPOINT, as its users do: with the AWS SDK and the AWS CLI.
package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const region = "eu-central-1"

// endpoint is the emulator's address.
func endpoint(t *testing.T) string {
	t.Helper()
	address := strings.TrimSuffix(os.Getenv("EMULATOR_ENDPOINT"), "/")
	if address == "" {
		t.Fatal("EMULATOR_ENDPOINT is not set: these tests need a running emulator, such as http://aws:5000")
	}
	return address
}

func config(t *testing.T) aws.Config {
	t.Helper()
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint(t)),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// unique makes a name that no other run has used.
func unique(prefix string) string { return fmt.Sprintf("%s-%x", prefix, time.Now().UnixNano()) }

// eventually asks until it is true, or fails with what was last seen.
func eventually(t *testing.T, limit time.Duration, what string, ask func() (ok bool, seen any)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, seen := ask()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %v: %s; last seen: %v", limit, what, seen)
		case <-tick.C:
		}
	}
}

// cli runs Debian's AWS CLI against the emulator and gives what it prints.
func cli(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryCLI(t, args...)
	if err != nil {
		t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryCLI(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program := os.Getenv("EMULATOR_AWSCLI")
	if program == "" {
		program = "aws"
	}
	// A test's clean-up uses it too, when the test's context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"--endpoint-url", endpoint(t), "--region", region}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// push pushes an image to a repository and gives its digest.
func push(t *testing.T, repository, tag string, image v1.Image) string {
	t.Helper()
	address, err := url.Parse(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(address.Host+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: "AWS", Password: "token"})
	if err := remote.Write(ref, image, auth, remote.WithContext(t.Context())); err != nil {
		t.Fatalf("pushing %s:%s: %v", repository, tag, err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// setFaults replaces the faults in force, and clears them when the test ends.
func setFaults(t *testing.T, body string) {
	t.Helper()
	send := func(ctx context.Context, method, body string) {
		req, err := http.NewRequestWithContext(ctx, method, endpoint(t)+"/_emulator/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s faults: %d %s %v", method, res.StatusCode, answer, err)
		}
	}
	send(t.Context(), http.MethodPut, body)
	t.Cleanup(func() { send(context.WithoutCancel(t.Context()), http.MethodDelete, "") })
}

// get asks through the load balancer's DNS name, as a Host header.
func get(t *testing.T, dnsName, path string) (status int, body map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint(t)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = dnsName
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(raw, &body)
	return res.StatusCode, body
}

package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// dropping is an ECS that does what it is asked and breaks the connection of each
// operation's first change, before it answers.
type dropping struct {
	mu    sync.Mutex
	calls map[string]int
	// revisions and deployments are how many were made.
	revisions, deployments int
}

func (d *dropping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	d.calls[op]++
	_, _ = io.Copy(io.Discard, r.Body)
	change := false
	switch op {
	case "RegisterTaskDefinition":
		d.revisions++
		change = true
	case "UpdateService":
		d.deployments++
		change = true
	}
	if change && d.calls[op] == 1 {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var body any
	switch op {
	case "DescribeServices":
		body = map[string]any{"services": []any{d.service()}}
	case "UpdateService":
		body = map[string]any{"service": d.service()}
	case "DescribeTaskDefinition", "RegisterTaskDefinition":
		body = map[string]any{"taskDefinition": d.definition()}
	default:
		w.WriteHeader(http.StatusBadRequest)
		body = map[string]any{"__type": "AccessDeniedException"}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (d *dropping) definition() map[string]any {
	image := oldDigest
	if d.revisions > 0 {
		image = newDigest
	}
	return map[string]any{
		"taskDefinitionArn": fmt.Sprintf("%stask-definition/api:%d", prefix, 1+d.revisions), "family": "api", "revision": 1 + d.revisions, "status": "ACTIVE",
		"containerDefinitions": []any{map[string]any{"name": "api", "image": image}},
	}
}

func (d *dropping) service() map[string]any {
	td := fmt.Sprintf("%stask-definition/api:%d", prefix, 1+d.deployments)
	return map[string]any{
		"serviceName": "api", "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "taskDefinition": td,
		"deployments": []any{map[string]any{
			"id": fmt.Sprint("ecs-svc/", 1+d.deployments), "status": "PRIMARY", "taskDefinition": td, "rolloutState": "COMPLETED", "desiredCount": 1, "runningCount": 1,
		}},
	}
}

// TestLostConnections deploys with the SDK's own client, which would send a change
// whose connection broke again by itself: one revision and one deployment are made
// all the same.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	d := &dropping{calls: map[string]int{}}
	server := httptest.NewServer(d)
	defer server.Close()
	client := ecs.New(ecs.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	res, err := Services{ECS: client}.Deploy(t.Context(), Request{Cluster: "c", Service: "api", Container: "api", Image: newDigest})
	if err != nil || res.Outcome != rollout.Completed || d.revisions != 1 || d.deployments != 1 {
		t.Errorf("%d revisions, %d deployments, calls %v: %+v, %v", d.revisions, d.deployments, d.calls, res, err)
	}
}

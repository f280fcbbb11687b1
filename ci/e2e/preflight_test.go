//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// TestPreflight looks at an account that is new, then set up, then with a name taken.
func TestPreflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lines := func(output string, want ...string) {
		t.Helper()
		for _, line := range want {
			if !strings.Contains(output, line) {
				t.Errorf("no %q in:\n%s", line, output)
			}
		}
	}
	empty := w.dagger(t, "preflight", "--github-repository", "owner/name")
	if empty.code == 0 {
		t.Errorf("an empty account is said to be ready:\n%s", empty.stdout)
	}
	lines(empty.stdout+empty.stderr,
		"OK       identity: ",
		"FAILED   identity provider: ",
		"aws iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com",
		"FAILED   service-linked role of ecs.amazonaws.com: ",
		"FAILED   state bucket: ",
		"dagger call setup-backend",
		"OK       names: none of ",
		"SKIPPED  certificate: ",
	)
	lines(w.succeeds(t, "setup-backend"), "service-linked roles: made for ecs.amazonaws.com")
	lines(w.succeeds(t, "preflight"),
		"OK       service-linked role of ecs.amazonaws.com: ",
		"OK       service-linked role of elasticloadbalancing.amazonaws.com: ",
		"OK       state bucket: ",
		"OK       lock table: ",
		"0 FAILED",
	)
	if _, err := ecs.NewFromConfig(w.config).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("sensor-backend-cluster-dev")}); err != nil {
		t.Fatal(err)
	}
	taken := w.dagger(t, "preflight")
	lines(taken.stdout+taken.stderr, "FAILED   names: there already, and not in this environment's state: ECS cluster sensor-backend-cluster-dev")
}

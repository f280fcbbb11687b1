//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// TestDeploy lives one environment's life on one emulated AWS: deployed from
// nothing by the README's commands, again by those after a table was lost, with an
// image that cannot run, and then day two until it is destroyed.
func TestDeploy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := dynamodb.NewFromConfig(w.config)
	const first, again, planned = "dagger call deploy ", "dagger call emulator up", "dagger call $flags plan"
	for block := range readme(t, w) {
		switch {
		case strings.Contains(block.commands, first):
			printed := block.run(t)
			t.Log("from nothing:\n" + tail(printed))
			wantOutcomes(t, printed, map[string]string{
				"test": "passed", "build": "passed", "infra": "passed",
				"lambda": "passed", "ecs": "passed", "smoke": "passed", "notify": "passed",
			})
			for _, line := range []string{"On the emulated AWS", "on the emulated AWS, region us-east-1, environment dev; no account is touched"} {
				if !strings.Contains(printed, line) {
					t.Errorf("the report does not name its target by %q", line)
				}
			}
		case strings.Contains(block.commands, again):
			// What someone deletes behind the pipeline's back, only a run that
			// really happens can bring back.
			w.deleteTable(t, db)
			printed := block.run(t)
			t.Log("again:\n" + tail(printed))
			if _, err := db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(metadataTable)}); err != nil {
				t.Errorf("the second deploy did not run: %v", err)
			}
			if !strings.Contains(printed, "1 added") {
				t.Error("the second deploy does not report the table it made again")
			}
		case strings.Contains(block.commands, planned):
			if printed := block.run(t); !strings.Contains(printed, "0 added, 0 changed, 0 destroyed") {
				t.Errorf("a plan after an apply is not clean:\n%s", tail(printed))
			}
		default:
			block.run(t)
		}
	}

	services := altered(t, "services", map[string]string{
		"cmd/api/main.go":       crashing,
		"cmd/processor/main.go": edited(t, "services/cmd/processor/main.go", `"dev"`, `"with a crash"`),
	})
	broken := w.dagger(t, "--services", services, "deploy", "--stages=build,infra,lambda,ecs")
	if broken.code != 3 {
		t.Fatalf("an image that exits at once was deployed with exit code %d, want 3 for rolled back:\n%s", broken.code, broken.stdout)
	}
	wantOutcomes(t, broken.stderr, map[string]string{"build": "passed", "infra": "passed", "lambda": "passed", "ecs": "failed", "notify": "passed"})
	for _, want := range []string{"rolled back", "cannot run on purpose", "taken back to version"} {
		if !strings.Contains(broken.stderr, want) {
			t.Errorf("the report does not show %q", want)
		}
	}
	t.Log("crashing:\n" + tail(broken.stderr))

	// Whoever uses the API has noticed nothing.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.balancer+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("after the rollback /readyz answers %s", response.Status)
	}

	dayTwo(t, w)
}

// crashing is an API that migrates and cannot serve.
const crashing = `package main

import (
	"log"
	"os"
)

var commit, version string

func main() {
	if len(os.Args) < 2 {
		log.Fatal("cannot run on purpose ", commit, version)
	}
}
`

// readings gives the smoke test the sensor file that READINGS names; without one
// the pipeline generates its own.
func readings() []string {
	if file := os.Getenv("READINGS"); file != "" {
		return []string{"--readings=" + file}
	}
	return nil
}

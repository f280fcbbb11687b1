package target

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The stacks whose names are tested, seen from here.
var stacks = []string{"../../infra", "../../infra/setup"}

// TestNames holds the names to the table that the Terraform configuration's tests
// hold theirs to.
func TestNames(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(stacks[0] + "/tests/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var table map[string]Names
	if err := json.Unmarshal(raw, &table); err != nil || len(table) == 0 {
		t.Fatalf("%d names, %v", len(table), err)
	}
	for who, want := range table {
		part := strings.Split(who, " ")
		if len(part) != 3 {
			t.Fatalf("%q: want PROJECT ENVIRONMENT REGION", who)
		}
		if got := NamesOf(part[0], part[1], part[2]); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", who, got, want)
		}
	}
}

// TestOneTableOfNames: a stack cannot read what lies outside of it, so that each has
// the files itself.
func TestOneTableOfNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"names.tf", "tests/names.json"} {
		var content [2]string
		for i, stack := range stacks {
			raw, err := os.ReadFile(stack + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			content[i] = string(raw)
		}
		if content[0] != content[1] {
			t.Errorf("%s differs between infra and infra/setup: copy one over the other", name)
		}
	}
}

// TestRunbookNames: prod in its home region is called as its runbook calls it.
func TestRunbookNames(t *testing.T) {
	t.Parallel()
	want := Names{
		Environment: "sensor-backend-prod", Everywhere: "sensor-backend-prod-us-east-1",
		Repository: "sensor-backend", Cluster: "sensor-backend-cluster", Service: "sensor-backend-service",
		Family: "sensor-backend", Function: "sensor-data-processor",
		APILogs: "/ecs/sensor-backend", FunctionLogs: "/aws/lambda/sensor-data-processor",
	}
	if got := NamesOf("sensor-backend", "prod", "us-east-1"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestNamesFit: the longest project and environment in the region with the longest
// code keep to what AWS allows. Bucket, load balancer and roles are tested where
// they are named, by the Terraform configuration's tests.
func TestNamesFit(t *testing.T) {
	t.Parallel()
	for _, region := range strings.Fields(regions) {
		for _, environment := range Environments() {
			n := NamesOf(strings.Repeat("p", ProjectLength), environment, region)
			for what, c := range map[string]struct {
				name  string
				limit int
			}{
				"repository": {n.Repository, 256}, "cluster": {n.Cluster, 255}, "service": {n.Service, 255}, "family": {n.Family, 255},
				"function": {n.Function, 64}, "log group": {n.FunctionLogs, 512}, "role": {n.Everywhere + "-execution", 64},
				"load balancer": {n.Environment + "-api", 32},
			} {
				if len(c.name) > c.limit {
					t.Errorf("%s %q has %d characters, AWS allows %d", what, c.name, len(c.name), c.limit)
				}
			}
		}
	}
}

// TestNamesDiffer: no two environments of one project meet, in whatever regions.
func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, region := range strings.Fields(regions) {
		for _, environment := range Environments() {
			who := environment + " in " + region
			n := NamesOf("sensor-backend", environment, region)
			for _, name := range []string{n.Everywhere, n.Repository + " of ECR", n.Cluster, n.Service, n.Family + " of ECS", n.Function, n.APILogs, n.FunctionLogs} {
				if other := seen[name]; other != "" {
					t.Errorf("%s is the name of both %s and %s", name, other, who)
				}
				seen[name] = who
			}
		}
	}
}

func TestCheckProject(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"sensor-backend": true, "ab": true, strings.Repeat("a", ProjectLength): true, strings.Repeat("a", ProjectLength+1): false,
		"a": false, "": false, "Sensor": false, "1sensor": false, "sensor-": false, "sen_sor": false, "sensor\n": false,
	} {
		if err := CheckProject(name); (err == nil) != ok {
			t.Errorf("project %q: %v", name, err)
		} else if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("the error does not name the project: %v", err)
		}
	}
}

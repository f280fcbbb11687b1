package target

import (
	"fmt"
	"regexp"
	"strings"
)

// homeRegion is the region in which prod has the bare names.
const homeRegion = "us-east-1"

// Names is what an environment's resources are called. The Terraform configuration
// knows the same names (infra/names.tf); a table that both are tested on holds them
// together (infra/tests/names.json).
type Names struct {
	// Environment is PROJECT-ENVIRONMENT, which most names of a region begin with.
	Environment string `json:"environment"`
	// Everywhere is PROJECT-ENVIRONMENT-REGION, which begins the names that an account
	// has only once in all its regions: those of roles, policies, dashboard and budget.
	Everywhere string `json:"everywhere"`
	// Repository holds the API's images.
	Repository string `json:"repository"`
	// Cluster and Service are where ECS runs the API; Family is its task definition's.
	Cluster string `json:"cluster"`
	Service string `json:"service"`
	Family  string `json:"family"`
	// Function is the processor's.
	Function string `json:"function"`
	// APILogs and FunctionLogs are the log groups of the two.
	APILogs      string `json:"api_logs"`
	FunctionLogs string `json:"function_logs"`
}

// NamesOf returns the names of a project's environment in a region. Prod in us-east-1
// has the names that its runbook uses; others carry environment and region at the end.
func NamesOf(project, environment, region string) Names {
	suffix := ""
	if environment != "prod" {
		suffix += "-" + environment
	}
	if region != homeRegion {
		suffix += "-" + region
	}
	// The processor is called after what it works for, not after the API.
	function := strings.TrimSuffix(project, "-backend") + "-data-processor" + suffix
	return Names{
		Environment:  project + "-" + environment,
		Everywhere:   project + "-" + environment + "-" + region,
		Repository:   project + suffix,
		Cluster:      project + "-cluster" + suffix,
		Service:      project + "-service" + suffix,
		Family:       project + suffix,
		Function:     function,
		APILogs:      "/ecs/" + project + suffix,
		FunctionLogs: "/aws/lambda/" + function,
	}
}

// ProjectLength is the most characters that a project's name may have: with more the
// name of its load balancer would not fit into AWS's 32.
const ProjectLength = 20

// CheckProject returns an error unless name can begin the names of resources.
func CheckProject(name string) error {
	if len(name) > ProjectLength || !projectForm.MatchString(name) {
		return fmt.Errorf("project %q: give 2 to %d lower-case letters, digits or dashes, a letter first and no dash last", name, ProjectLength)
	}
	return nil
}

var projectForm = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)

package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Counts are how many resources a plan adds, changes and destroys. A replaced
// one is both added and destroyed, as Terraform counts.
type Counts struct{ Add, Change, Destroy int }

// String is the counts as one line.
func (c Counts) String() string {
	return fmt.Sprintf("%d to add, %d to change, %d to destroy", c.Add, c.Change, c.Destroy)
}

// Count counts what the plan does.
func (p Plan) Count() Counts {
	var n Counts
	for _, c := range p.Changes {
		switch c.Action() {
		case None:
		case Create:
			n.Add++
		case Update:
			n.Change++
		case Destroy:
			n.Destroy++
		case Replace:
			n.Add++
			n.Destroy++
		}
	}
	return n
}

// Lines are the plan for a person: counts first, then by name what would be
// destroyed or replaced, then the rest. Of changed resources it names the
// attributes; no value is shown.
func (p Plan) Lines() []string {
	lines := []string{"plan: " + p.Count().String()}
	for _, action := range []Action{Destroy, Replace, Update, Create} {
		for _, c := range p.by(action) {
			line := fmt.Sprintf("  %-8s %s", action, c.Address)
			if action == Update || action == Replace {
				line += " (" + strings.Join(c.Attributes(), ", ") + ")"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// Losses names the resources that hold data and would be destroyed or
// replaced, each with what it is.
func (p Plan) Losses() []string {
	var lost []string
	for _, action := range []Action{Destroy, Replace} {
		for _, c := range p.by(action) {
			if what := held(c.Type); what != "" {
				lost = append(lost, fmt.Sprintf("%s %s (%s)", action, c.Address, what))
			}
		}
	}
	return lost
}

// Stops names the services that would be destroyed or replaced, which ends what
// they run: a service made again starts with the first image ever.
func (p Plan) Stops() []string {
	var stopped []string
	for _, action := range []Action{Destroy, Replace} {
		for _, c := range p.by(action) {
			if c.Type == "aws_ecs_service" {
				stopped = append(stopped, fmt.Sprintf("%s %s", action, c.Address))
			}
		}
	}
	return stopped
}

// Protected names the resources that the plan would destroy and that refuse it: the
// apply would stop half-way, after it destroyed what is not protected.
func (p Plan) Protected() []string {
	var refuse []string
	for _, c := range p.by(Destroy) {
		if protects(c) {
			refuse = append(refuse, c.Address)
		}
	}
	return refuse
}

// protects says whether what is deployed refuses to be destroyed.
func protects(c Change) bool {
	switch c.Type {
	case "aws_lb":
		return c.Change.Before["enable_deletion_protection"] == true
	case "aws_dynamodb_table":
		return c.Change.Before["deletion_protection_enabled"] == true
	case "aws_rds_cluster", "aws_db_instance":
		return c.Change.Before["deletion_protection"] == true
	case "aws_s3_bucket":
		return c.Change.Before["force_destroy"] == false
	case "aws_ecr_repository":
		return c.Change.Before["force_delete"] == false
	}
	return false
}

// held says what a type holds whose destruction loses what people put there;
// empty for one that Terraform can make again as it was.
func held(resourceType string) string {
	switch resourceType {
	case "aws_s3_bucket":
		return "bucket"
	case "aws_dynamodb_table":
		return "table"
	case "aws_redshift_cluster":
		return "warehouse"
	case "aws_db_instance", "aws_rds_cluster":
		return "database"
	case "aws_ecr_repository":
		return "images"
	case "aws_sqs_queue":
		return "queue"
	case "aws_kms_key":
		return "key, and with it whatever is encrypted with it"
	}
	return ""
}

// Different lists what differs between the world and the configuration:
// first what was changed outside Terraform, then what a plan would change.
func (p Plan) Different() []string {
	var lines []string
	planned := map[string]bool{}
	for _, c := range p.Changes {
		planned[c.Address] = c.Action() != None
	}
	for _, c := range p.Drift {
		// What the configuration ignores, deployments may change.
		if c.Action() != None && planned[c.Address] {
			lines = append(lines, fmt.Sprintf("changed outside Terraform: %s (%s)", c.Address, strings.Join(c.Attributes(), ", ")))
		}
	}
	for _, c := range p.Changes {
		if action := c.Action(); action != None {
			lines = append(lines, fmt.Sprintf("apply would %s %s", action, c.Address))
		}
	}
	return lines
}

func (p Plan) by(action Action) []Change {
	var found []Change
	for _, c := range p.Changes {
		if c.Action() == action {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b Change) int { return strings.Compare(a.Address, b.Address) })
	return found
}

package ready

import (
	"math"
	"net/url"
	"slices"
	"strconv"

	"sensor-backend/plancheck/plan"
)

// Needs is what a plan wants of an account.
type Needs struct {
	// OnDemand and Spot are the Fargate vCPUs of all tasks that may run at once,
	// a rollout's included.
	OnDemand, Spot float64
	// Addresses and Networks count elastic IP addresses and VPCs.
	Addresses, Networks int
	// Reserved is the Lambda concurrency that is reserved; 0 for none.
	Reserved int
	// LinkedRoles are the services that act by a role of their own in the account,
	// such as ecs.amazonaws.com.
	LinkedRoles []string
	// Certificate is the ARN of the load balancer's certificate, and Domain the
	// name it has to cover; empty without HTTPS.
	Certificate, Domain string
	// Mails are the mail addresses that get alarms and have to be confirmed, and
	// Topics the names of the topics that may send to them.
	Mails, Topics []string
	// Names are what the plan makes by names that may be taken.
	Names Names
}

// Names are names of an account's resources.
type Names struct {
	Buckets, Clusters, Functions, LogGroups, Repositories, Roles []string
}

// linkedRoles are the services that make their service-linked role when the first
// resource of a type is made, and need the right of the caller for it (IAM User Guide,
// "AWS services that work with IAM").
func linkedRoles() map[string]string {
	return map[string]string{
		"aws_appautoscaling_target": "ecs.application-autoscaling.amazonaws.com",
		"aws_ecs_service":           "ecs.amazonaws.com",
		"aws_lb":                    "elasticloadbalancing.amazonaws.com",
		"aws_rds_cluster":           "rds.amazonaws.com",
		"aws_redshift_cluster":      "redshift.amazonaws.com",
	}
}

// unitsOfACore is how many CPU units a vCPU has (ECS API, TaskDefinition.cpu).
const unitsOfACore = 1024

// NeedsOf reads them from a plan of the whole configuration.
func NeedsOf(p plan.Plan) Needs {
	n := Needs{}
	if address, err := url.Parse(p.Output("api_url")); err == nil && address.Scheme == "https" {
		n.Domain = address.Hostname()
	}
	w := wanted{}
	for _, change := range p.Changes {
		after := change.Change.After
		if change.Mode == "data" || after == nil {
			continue
		}
		name := text(after, "name")
		if service := linkedRoles()[change.Type]; service != "" && !slices.Contains(n.LinkedRoles, service) {
			n.LinkedRoles = append(n.LinkedRoles, service)
		}
		switch change.Type {
		case "aws_eip":
			n.Addresses++
		case "aws_vpc":
			n.Networks++
		case "aws_s3_bucket":
			n.Names.Buckets = append(n.Names.Buckets, text(after, "bucket"))
		case "aws_ecs_cluster":
			n.Names.Clusters = append(n.Names.Clusters, name)
		case "aws_cloudwatch_log_group":
			n.Names.LogGroups = append(n.Names.LogGroups, name)
		case "aws_ecr_repository":
			n.Names.Repositories = append(n.Names.Repositories, name)
		case "aws_iam_role":
			n.Names.Roles = append(n.Names.Roles, name)
		case "aws_lambda_function":
			n.Names.Functions = append(n.Names.Functions, text(after, "function_name"))
			n.Reserved += max(0, int(number(after, "reserved_concurrent_executions")))
		case "aws_lb_listener":
			n.Certificate = max(n.Certificate, text(after, "certificate_arn"))
		case "aws_sns_topic_subscription":
			if text(after, "protocol") == "email" {
				n.Mails = append(n.Mails, text(after, "endpoint"))
			}
		case "aws_sns_topic":
			n.Topics = append(n.Topics, name)
		}
		w.read(change.Type, after)
	}
	n.OnDemand, n.Spot = w.cores()
	slices.Sort(n.LinkedRoles)
	return n
}

// wanted is what a service may grow to.
type wanted struct {
	units, desired, most, percent float64
	base, onDemand, spot          float64
}

func (w *wanted) read(kind string, after map[string]any) {
	switch kind {
	case "aws_ecs_task_definition":
		w.units = max(w.units, number(after, "cpu"))
	case "aws_appautoscaling_target":
		w.most = max(w.most, number(after, "max_capacity"))
	case "aws_ecs_service":
		w.desired, w.percent = number(after, "desired_count"), number(after, "deployment_maximum_percent")
		list, _ := after["capacity_provider_strategy"].([]any)
		for _, one := range list {
			provider, _ := one.(map[string]any)
			if text(provider, "capacity_provider") == "FARGATE_SPOT" {
				w.spot = number(provider, "weight")
				continue
			}
			w.base, w.onDemand = number(provider, "base"), number(provider, "weight")
		}
	}
}

// cores are the vCPUs on demand and on Spot capacity: of as many tasks as autoscaling
// may start, and at least of as many as a rollout runs beside each other.
func (w *wanted) cores() (onDemand, spot float64) {
	tasks := max(w.most, math.Ceil(w.desired*max(w.percent, 100)/100))
	rest := max(0, tasks-w.base)
	share := 0.0
	if sum := w.onDemand + w.spot; sum > 0 {
		share = w.spot / sum
	}
	onSpot := math.Round(rest * share)
	return (tasks - onSpot) * w.units / unitsOfACore, onSpot * w.units / unitsOfACore
}

func text(values map[string]any, name string) string {
	s, _ := values[name].(string)
	return s
}

// number reads a number, or one that Terraform keeps as text.
func number(values map[string]any, name string) float64 {
	switch value := values[name].(type) {
	case float64:
		return value
	case string:
		parsed, err := strconv.ParseFloat(value, 64)
		if err == nil {
			return parsed
		}
	}
	return 0
}

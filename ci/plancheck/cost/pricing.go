package cost

import (
	"fmt"
	"strconv"
	"strings"

	"sensor-backend/plancheck/policy"
)

// world is what a resource's price may depend on besides itself.
type world struct {
	resources []policy.Resource
	usage     Usage
	// usd is a price in the region; spotShare is what Spot costs of on demand.
	usd       func(string) float64
	spotShare float64
}

type pricer func(world, policy.Resource) Item

// pricing returns how a type is priced: nil and true for one that is free.
func pricing(resourceType string) (price pricer, known bool) {
	switch resourceType {
	case "aws_ecs_service":
		return tasks, true
	case "aws_lb":
		return balancer, true
	case "aws_nat_gateway":
		return natGateway, true
	case "aws_vpc_endpoint":
		return endpoint, true
	case "aws_eip":
		return func(w world, _ policy.Resource) Item {
			return Item{Fixed: w.usd("public_ipv4_hour") * hoursPerMonth, Why: "public address"}
		}, true
	case "aws_kms_key":
		return key, true
	case "aws_cloudwatch_metric_alarm":
		return func(w world, _ policy.Resource) Item { return Item{Fixed: w.usd("alarm_month"), Why: "alarm"} }, true
	case "aws_cloudwatch_dashboard":
		return func(w world, _ policy.Resource) Item { return Item{Fixed: w.usd("dashboard_month"), Why: "dashboard"} }, true
	case "aws_s3_bucket_metric":
		return requestMetrics, true
	case "aws_ecs_cluster":
		return insights, true
	case "aws_lambda_function":
		return function, true
	case "aws_dynamodb_table":
		return table, true
	case "aws_s3_bucket":
		return bucket, true
	case "aws_ecr_repository":
		return func(w world, _ policy.Resource) Item {
			return Item{Usage: w.usage.ImageGB * w.usd("ecr_gb_month"), Why: "images stored"}
		}, true
	case "aws_cloudwatch_log_group":
		return logs, true
	case "aws_flow_log":
		return func(w world, _ policy.Resource) Item {
			return Item{Usage: w.usage.FlowLogGB * w.usd("flow_log_gb"), Why: "flow logs written"}
		}, true
	case "aws_sns_topic":
		return func(w world, _ policy.Resource) Item {
			return Item{Usage: w.usage.Files / 1e6 * w.usd("sns_million"), Why: "at most one message a file"}
		}, true
	case "aws_sqs_queue":
		return func(w world, _ policy.Resource) Item {
			return Item{Usage: w.usage.Files / 1e6 * w.usd("sqs_million"), Why: "at most one message a file"}
		}, true
	case "aws_redshift_cluster":
		return warehouse, true
	}
	for _, free := range []string{
		"aws_appautoscaling_", "aws_budgets_", "aws_cloudwatch_", "aws_default_", "aws_ecr_", "aws_ecs_", "aws_iam_",
		"aws_internet_gateway", "aws_kms_alias", "aws_lambda_", "aws_lb_", "aws_redshift_", "aws_route", "aws_s3_bucket_",
		"aws_security_group", "aws_sns_topic_", "aws_subnet", "aws_vpc", "terraform_data",
	} {
		if strings.HasPrefix(resourceType, free) {
			return nil, true
		}
	}
	return nil, false
}

func (w world) first(resourceType string) map[string]any {
	for _, r := range w.resources {
		if r.Type == resourceType {
			return r.Values
		}
	}
	return nil
}

// number reads a value that Terraform writes as a number or as digits; what is
// not known is 0.
func number(value any) float64 {
	switch v := value.(type) {
	case float64:
		return v
	case string:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}

func size(value any) float64 {
	items, _ := value.([]any)
	return float64(len(items))
}

func tasks(w world, r policy.Resource) Item {
	definition := w.first("aws_ecs_task_definition")
	cpu, memory := number(definition["cpu"])/1024, number(definition["memory"])/1024
	kind := "x86"
	if platforms, _ := definition["runtime_platform"].([]any); len(platforms) > 0 {
		if platform, _ := platforms[0].(map[string]any); platform["cpu_architecture"] == "ARM64" {
			kind = "arm"
		}
	}
	one := (cpu*w.usd("fargate_"+kind+"_vcpu_hour") + memory*w.usd("fargate_"+kind+"_gb_hour")) * hoursPerMonth
	count := number(r.Values["desired_count"])
	onDemand, spot := split(count, r.Values["capacity_provider_strategy"])
	return Item{
		Fixed: one * (onDemand + spot*w.spotShare),
		Why:   fmt.Sprintf("%g tasks of %g vCPU and %g GB (%s), %.2g of them on Spot", count, cpu, memory, kind, spot),
	}
}

// split divides tasks into on demand and Spot, as ECS does: the base first,
// the rest by weight.
func split(count float64, strategy any) (onDemand, spot float64) {
	items, _ := strategy.([]any)
	base, weights, spotWeight := 0.0, 0.0, 0.0
	for _, item := range items {
		part, _ := item.(map[string]any)
		weights += number(part["weight"])
		if part["capacity_provider"] == "FARGATE_SPOT" {
			spotWeight = number(part["weight"])
		} else {
			base = number(part["base"])
		}
	}
	rest := max(0, count-base)
	if weights == 0 {
		return count, 0
	}
	spot = rest * spotWeight / weights
	return count - spot, spot
}

func balancer(w world, r policy.Resource) Item {
	addresses := max(2, size(r.Values["subnets"]))
	// An LCU is 25 new connections a second, which short requests use up first.
	lcus := max(1, w.usage.Requests/(hoursPerMonth*3600)/25)
	return Item{
		Fixed: (w.usd("alb_hour") + addresses*w.usd("public_ipv4_hour")) * hoursPerMonth,
		Usage: lcus * w.usd("alb_lcu_hour") * hoursPerMonth,
		Why:   fmt.Sprintf("load balancer with %g public addresses", addresses),
	}
}

func natGateway(w world, _ policy.Resource) Item {
	return Item{Fixed: w.usd("nat_hour") * hoursPerMonth, Usage: w.usage.OutGB * w.usd("nat_gb"), Why: "NAT gateway"}
}

func endpoint(w world, r policy.Resource) Item {
	if r.Values["vpc_endpoint_type"] != "Interface" {
		return Item{Why: "gateway endpoint, free"}
	}
	zones := size(r.Values["subnet_ids"])
	if zones == 0 {
		zones = 2
	}
	return Item{
		Fixed: zones * w.usd("endpoint_hour") * hoursPerMonth, Usage: w.usage.OutGB * w.usd("endpoint_gb") / 4,
		Why: fmt.Sprintf("interface endpoint in %g zones", zones),
	}
}

func key(w world, _ policy.Resource) Item {
	requests := w.usage.Files * 4
	return Item{Fixed: w.usd("kms_key_month"), Usage: requests / 1e4 * w.usd("kms_10k_requests"), Why: "key, and at most four uses a file"}
}

// requestMetrics: S3 reports 16 request metrics for a filter, each priced as a
// custom metric (S3 documentation, "Amazon S3 request metrics in CloudWatch").
func requestMetrics(w world, _ policy.Resource) Item {
	return Item{Fixed: 16 * w.usd("metric_month"), Why: "16 request metrics"}
}

func insights(w world, r policy.Resource) Item {
	settings, _ := r.Values["setting"].([]any)
	for _, s := range settings {
		setting, _ := s.(map[string]any)
		if setting["name"] == "containerInsights" && setting["value"] != "disabled" {
			return Item{Fixed: 20 * w.usd("metric_month"), Why: "about 20 container metrics"}
		}
	}
	return Item{Why: "cluster, free"}
}

func function(w world, r policy.Resource) Item {
	kind := "x86"
	if architectures, _ := r.Values["architectures"].([]any); len(architectures) > 0 && architectures[0] == "arm64" {
		kind = "arm"
	}
	seconds := w.usage.Files * w.usage.FileSeconds * number(r.Values["memory_size"]) / 1024
	return Item{
		Usage: seconds*w.usd("lambda_"+kind+"_gb_second") + w.usage.Files/1e6*w.usd("lambda_million_requests"),
		Why:   "one invocation a file",
	}
}

func table(w world, _ policy.Resource) Item {
	return Item{
		Usage: w.usage.Files*3/1e6*w.usd("dynamodb_million_writes") + w.usage.Files*3/1e6*w.usd("dynamodb_million_reads") +
			w.usage.TableGB*w.usd("dynamodb_gb_month"),
		Why: "three writes and reads a file",
	}
}

func bucket(w world, r policy.Resource) Item {
	if strings.Contains(r.Address, "logs") {
		return Item{Usage: w.usage.FlowLogGB * w.usd("s3_gb_month"), Why: "access logs stored"}
	}
	return Item{
		Usage: w.usage.StoredGB/2*w.usd("s3_gb_month") + w.usage.Files/1e3*(w.usd("s3_1k_puts")+w.usd("s3_1k_gets")),
		Why:   "half of the files stored, one write and read each",
	}
}

func logs(w world, _ policy.Resource) Item {
	return Item{Usage: w.usage.LogGB / 2 * (w.usd("logs_gb") + w.usd("logs_gb_month")), Why: "half of the logs"}
}

func warehouse(w world, r policy.Resource) Item {
	kind, _ := r.Values["node_type"].(string)
	nodes := max(1, number(r.Values["number_of_nodes"]))
	return Item{
		Fixed: nodes * w.usd("redshift_"+kind+"_hour") * hoursPerMonth,
		Usage: w.usage.WarehouseGB * w.usd("redshift_gb_month"),
		Why:   fmt.Sprintf("%g %s", nodes, kind),
	}
}

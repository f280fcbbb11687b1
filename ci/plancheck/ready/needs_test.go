package ready

import (
	"reflect"
	"strings"
	"testing"

	"sensor-backend/plancheck/plan"
)

const planned = `{"format_version":"1.2","output_changes":{"api_url":{"after":"https://sensors.example.com"}},"resource_changes":[
 {"mode":"managed","type":"aws_vpc","change":{"actions":["create"],"after":{}}},
 {"mode":"managed","type":"aws_eip","change":{"actions":["create"],"after":{}}},
 {"mode":"managed","type":"aws_eip","change":{"actions":["create"],"after":{}}},
 {"mode":"data","type":"aws_eip","change":{"actions":["read"],"after":{}}},
 {"mode":"managed","type":"aws_eip","change":{"actions":["delete"],"after":null}},
 {"mode":"managed","type":"aws_s3_bucket","change":{"actions":["create"],"after":{"bucket":"sensor-source-111122223333-eu"}}},
 {"mode":"managed","type":"aws_ecs_cluster","change":{"actions":["create"],"after":{"name":"cluster"}}},
 {"mode":"managed","type":"aws_ecs_task_definition","change":{"actions":["create"],"after":{"cpu":"512"}}},
 {"mode":"managed","type":"aws_ecs_service","change":{"actions":["create"],"after":{"desired_count":2,"deployment_maximum_percent":200,
   "capacity_provider_strategy":[{"capacity_provider":"FARGATE","base":2,"weight":25},{"capacity_provider":"FARGATE_SPOT","weight":75}]}}},
 {"mode":"managed","type":"aws_appautoscaling_target","change":{"actions":["create"],"after":{"max_capacity":12}}},
 {"mode":"managed","type":"aws_lb","change":{"actions":["create"],"after":{"name":"lb"}}},
 {"mode":"managed","type":"aws_lb_listener","change":{"actions":["create"],"after":{"port":80}}},
 {"mode":"managed","type":"aws_lb_listener","change":{"actions":["create"],"after":{"certificate_arn":"arn:aws:acm:x"}}},
 {"mode":"managed","type":"aws_lambda_function","change":{"actions":["create"],"after":{"function_name":"processor","reserved_concurrent_executions":5}}},
 {"mode":"managed","type":"aws_cloudwatch_log_group","change":{"actions":["create"],"after":{"name":"/ecs/api"}}},
 {"mode":"managed","type":"aws_ecr_repository","change":{"actions":["create"],"after":{"name":"api"}}},
 {"mode":"managed","type":"aws_iam_role","change":{"actions":["create"],"after":{"name":"task"}}},
 {"mode":"managed","type":"aws_sns_topic","change":{"actions":["create"],"after":{"name":"alarms"}}},
 {"mode":"managed","type":"aws_sns_topic_subscription","change":{"actions":["create"],"after":{"protocol":"email","endpoint":"a@example.com"}}},
 {"mode":"managed","type":"aws_sns_topic_subscription","change":{"actions":["create"],"after":{"protocol":"lambda","endpoint":"x"}}}]}`

func TestNeedsOf(t *testing.T) {
	t.Parallel()
	p, err := plan.Read(strings.NewReader(planned))
	if err != nil {
		t.Fatal(err)
	}
	// Of 12 tasks 2 and a quarter of the other 10 run on demand, rounded so that 8 may be on Spot.
	want := Needs{
		OnDemand: 2, Spot: 4, Addresses: 2, Networks: 1, Reserved: 5,
		LinkedRoles: []string{"ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"},
		Certificate: "arn:aws:acm:x", Domain: "sensors.example.com", Mails: []string{"a@example.com"}, Topics: []string{"alarms"},
		Names: Names{
			Buckets: []string{"sensor-source-111122223333-eu"}, Clusters: []string{"cluster"}, Functions: []string{"processor"},
			LogGroups: []string{"/ecs/api"}, Repositories: []string{"api"}, Roles: []string{"task"},
		},
	}
	if got := NeedsOf(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestCores looks at the corners of what a service may grow to.
func TestCores(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		w              wanted
		onDemand, spot float64
	}{
		"nothing":              {wanted{}, 0, 0},
		"a rollout beside":     {wanted{units: 1024, desired: 3, most: 4, percent: 200, onDemand: 1}, 6, 0},
		"autoscaling above it": {wanted{units: 256, desired: 1, most: 8, percent: 200, onDemand: 1}, 2, 0},
		"all on Spot but base": {wanted{units: 1024, desired: 1, most: 4, percent: 200, base: 1, spot: 100}, 1, 3},
		"base above the most":  {wanted{units: 1024, desired: 1, most: 2, percent: 100, base: 5, spot: 1}, 2, 0},
		"no strategy":          {wanted{units: 1024, desired: 1, most: 2}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a, b := c.w.cores(); a != c.onDemand || b != c.spot {
				t.Errorf("%g on demand and %g on Spot, want %g and %g", a, b, c.onDemand, c.spot)
			}
		})
	}
}

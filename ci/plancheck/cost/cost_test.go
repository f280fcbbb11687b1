package cost

import (
	"math"
	"strings"
	"testing"

	"sensor-backend/plancheck/policy"
)

func resource(resourceType string, values map[string]any) policy.Resource {
	return policy.Resource{Address: resourceType + ".x", Type: resourceType, Values: values}
}

func prices(t *testing.T) Prices {
	t.Helper()
	p, err := DefaultPrices()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func near(a, b float64) bool { return math.Abs(a-b) < 0.005 }

func TestFixedCosts(t *testing.T) {
	t.Parallel()
	definition := resource("aws_ecs_task_definition", map[string]any{
		"cpu": "256", "memory": "512", "runtime_platform": []any{map[string]any{"cpu_architecture": "X86_64"}},
	})
	strategy := []any{
		map[string]any{"capacity_provider": "FARGATE", "base": 1.0, "weight": 25.0},
		map[string]any{"capacity_provider": "FARGATE_SPOT", "weight": 75.0},
	}
	one := (0.25*0.04048 + 0.5*0.004445) * 730
	tests := []struct {
		name string
		r    policy.Resource
		want float64
	}{
		{"tasks on demand and Spot", resource("aws_ecs_service", map[string]any{"desired_count": 5.0, "capacity_provider_strategy": strategy}), one * (2 + 3*0.32)},
		{"tasks within the base", resource("aws_ecs_service", map[string]any{"desired_count": 1.0, "capacity_provider_strategy": strategy}), one},
		{"tasks without a strategy", resource("aws_ecs_service", map[string]any{"desired_count": 2.0}), 2 * one},
		{"load balancer", resource("aws_lb", map[string]any{"subnets": []any{"a", "b"}}), (0.0225 + 0.01) * 730},
		{"NAT gateway", resource("aws_nat_gateway", nil), 0.045 * 730},
		{"interface endpoint", resource("aws_vpc_endpoint", map[string]any{"vpc_endpoint_type": "Interface", "subnet_ids": []any{"a", "b", "c"}}), 3 * 0.01 * 730},
		{"gateway endpoint", resource("aws_vpc_endpoint", map[string]any{"vpc_endpoint_type": "Gateway"}), 0},
		{"warehouse", resource("aws_redshift_cluster", map[string]any{"node_type": "ra3.large", "number_of_nodes": 2.0}), 2 * 0.543 * 730},
		{"key", resource("aws_kms_key", nil), 1},
		{"cluster with insights", resource("aws_ecs_cluster", map[string]any{"setting": []any{map[string]any{"name": "containerInsights", "value": "enabled"}}}), 6},
		{"cluster without", resource("aws_ecs_cluster", map[string]any{"setting": []any{map[string]any{"name": "containerInsights", "value": "disabled"}}}), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := Of([]policy.Resource{definition, tt.r}, "us-east-1", Usage{}, prices(t))
			if !near(e.Fixed(), tt.want) {
				t.Errorf("got %.3f, want %.3f", e.Fixed(), tt.want)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	function := resource("aws_lambda_function", map[string]any{"memory_size": 256.0, "architectures": []any{"arm64"}})
	e := Of([]policy.Resource{function}, "us-east-1", Usage{Files: 1e6, FileSeconds: 2}, prices(t))
	if want := 1e6*2*0.25*0.0000133334 + 0.20; !near(e.Usage(), want) || e.Fixed() != 0 {
		t.Errorf("got %.3f by usage and %.3f fixed, want %.3f", e.Usage(), e.Fixed(), want)
	}
}

func TestRegionsDiffer(t *testing.T) {
	t.Parallel()
	nat := []policy.Resource{resource("aws_nat_gateway", nil)}
	home := Of(nat, "us-east-1", Usage{}, prices(t)).Total()
	for region, factor := range map[string]float64{"eu-central-1": 1.16, "mars-north-1": unknownRegion} {
		if got := Of(nat, region, Usage{}, prices(t)).Total(); !near(got, home*factor) {
			t.Errorf("%s: got %.2f, want %.2f", region, got, home*factor)
		}
	}
}

func TestTableStatesWhatItAssumes(t *testing.T) {
	t.Parallel()
	e := Of([]policy.Resource{
		resource("aws_nat_gateway", nil), resource("aws_kms_key", nil), resource("aws_quantum_ledger", nil), resource("aws_iam_role", nil),
	}, "eu-central-1", Modest(), prices(t))
	table := e.Table()
	for _, want := range []string{"aws_nat_gateway.x: NAT gateway", "Assumed:", "API requests", "prices of us-east-1, 2026-03-31", "not priced: aws_quantum_ledger\n"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if strings.Index(table, "aws_nat_gateway") > strings.Index(table, "aws_kms_key") {
		t.Error("the dearest must come first")
	}
}

func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	p := prices(t)
	if p.Date == "" || p.Source == "" || p.SpotShare <= 0 || p.Factors[p.Region] != 1 {
		t.Errorf("the table says too little of itself: %+v", p)
	}
	for name, usd := range p.USD {
		if usd <= 0 {
			t.Errorf("%s is %v", name, usd)
		}
	}
}

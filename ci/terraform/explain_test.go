package terraform

import (
	"strings"
	"testing"
)

const locked = `Error message: ConditionalCheckFailedException: The conditional request failed
Lock Info:
  ID:        0f5d6a3e-9b1c-4a53-a1b2-c3d4e5f60718
  Path:      sensor-tfstate-123456789012-eu-central-1/dev/terraform.tfstate
  Operation: OperationTypeApply
  Who:       ci@runner-7
  Version:   1.11.4
  Created:   2026-11-25 02:11:03.182736 +0000 UTC
  Info:      


Terraform acquires a state lock to protect the state from being written
by multiple users at the same time.`

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		d    diagnostic
		want string
	}{
		{"a lock says who and since when", diagnostic{Summary: "Error acquiring the state lock", Detail: locked},
			"the state is locked by ci@runner-7 since 2026-11-25 02:11:03 UTC (apply, lock 0f5d6a3e-9b1c-4a53-a1b2-c3d4e5f60718): wait until that run has ended; if it is gone for good, run unlock --id 0f5d6a3e-9b1c-4a53-a1b2-c3d4e5f60718"},
		{"a lock that cannot be read stays as it is", diagnostic{Summary: "Error acquiring the state lock", Detail: "AccessDenied"},
			"Error acquiring the state lock: AccessDenied"},
		{"a stale plan", diagnostic{Summary: "Saved plan is stale", Detail: "The given plan file can no longer be applied"},
			"the saved plan is stale: the state has changed since it was made; run plan again and apply the new one"},
		{"anything else", diagnostic{Summary: "creating ECS Service", Address: "aws_ecs_service.api"}, "aws_ecs_service.api: creating ECS Service"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := explain(tt.d); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func FuzzLockIn(f *testing.F) {
	f.Add(locked)
	f.Fuzz(func(t *testing.T, detail string) {
		if l, ok := lockIn(detail); ok && strings.ContainsAny(l.id+l.who+l.since, "\n") {
			t.Errorf("more than a line: %+v", l)
		}
	})
}

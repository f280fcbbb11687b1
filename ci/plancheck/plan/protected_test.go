package plan

import "testing"

func TestProtected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, attribute string
		refuses         bool
	}{
		{"aws_lb", "enable_deletion_protection", true},
		{"aws_dynamodb_table", "deletion_protection_enabled", true},
		{"aws_rds_cluster", "deletion_protection", true},
		{"aws_db_instance", "deletion_protection", true},
		{"aws_s3_bucket", "force_destroy", false},
		{"aws_ecr_repository", "force_delete", false},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			for _, value := range []bool{true, false} {
				c := Change{Address: tt.kind + ".x", Mode: "managed", Type: tt.kind}
				c.Change.Actions = []string{"delete"}
				c.Change.Before = map[string]any{tt.attribute: value}
				if got := len((Plan{Changes: []Change{c}}).Protected()) == 1; got != (value == tt.refuses) {
					t.Errorf("%s = %t: protected %t", tt.attribute, value, got)
				}
			}
		})
	}
}

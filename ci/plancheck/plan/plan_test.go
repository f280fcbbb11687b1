package plan

import (
	"slices"
	"strings"
	"testing"
)

const sample = `{"format_version":"1.2","resource_drift":[
 {"address":"aws_sns_topic.alerts","mode":"managed","type":"aws_sns_topic","change":{"actions":["update"],"before":{"display_name":"a"},"after":{"display_name":"b"}}},
 {"address":"aws_lambda_alias.prod","mode":"managed","type":"aws_lambda_alias","change":{"actions":["update"],"before":{"function_version":"1"},"after":{"function_version":"2"}}}],
"resource_changes":[
 {"address":"aws_lambda_alias.prod","mode":"managed","type":"aws_lambda_alias","change":{"actions":["no-op"],"before":{},"after":{}}},
 {"address":"aws_sns_topic.alerts","mode":"managed","type":"aws_sns_topic","change":{"actions":["update"],"before":{"display_name":"b","secret":"hunter2"},"after":{"display_name":"a","secret":"hunter3"}}},
 {"address":"aws_s3_bucket.data","mode":"managed","type":"aws_s3_bucket","change":{"actions":["delete","create"],"before":{"bucket":"a","tags":{}},"after":{"bucket":"b","tags":{}},"after_unknown":{"arn":true}}},
 {"address":"aws_dynamodb_table.metadata","mode":"managed","type":"aws_dynamodb_table","change":{"actions":["delete"],"before":{"name":"m"},"after":null}},
 {"address":"aws_vpc.main","mode":"managed","type":"aws_vpc","change":{"actions":["create"],"before":null,"after":{}}},
 {"address":"aws_eip.nat","mode":"managed","type":"aws_eip","change":{"actions":["delete"],"before":{},"after":null}},
 {"address":"data.aws_region.now","mode":"data","type":"aws_region","change":{"actions":["read"],"before":null,"after":{}}}]}`

func read(t *testing.T, text string) Plan {
	t.Helper()
	p, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLines(t *testing.T) {
	t.Parallel()
	want := []string{
		"plan: 2 to add, 1 to change, 3 to destroy",
		"  destroy  aws_dynamodb_table.metadata",
		"  destroy  aws_eip.nat",
		"  replace  aws_s3_bucket.data (arn, bucket)",
		"  update   aws_sns_topic.alerts (display_name, secret)",
		"  create   aws_vpc.main",
	}
	got := read(t, sample).Lines()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(strings.Join(got, ""), "hunter") {
		t.Error("a value is shown")
	}
}

func TestLosses(t *testing.T) {
	t.Parallel()
	want := []string{"destroy aws_dynamodb_table.metadata (table)", "replace aws_s3_bucket.data (bucket)"}
	if got := read(t, sample).Losses(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryKindOfDataIsGuarded(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"aws_s3_bucket", "aws_dynamodb_table", "aws_redshift_cluster", "aws_db_instance", "aws_rds_cluster",
		"aws_ecr_repository", "aws_sqs_queue", "aws_kms_key",
	} {
		c := Change{Address: kind + ".x", Mode: "managed", Type: kind}
		c.Change.Actions = []string{"create", "delete"}
		if got := (Plan{Changes: []Change{c}}).Losses(); len(got) != 1 {
			t.Errorf("%s: replacing it passes", kind)
		}
	}
}

// What a deployment changes is drift that Terraform ignores: the alias is not
// listed because no change is planned for it.
func TestDifferent(t *testing.T) {
	t.Parallel()
	want := []string{
		"changed outside Terraform: aws_sns_topic.alerts (display_name)",
		"apply would update aws_sns_topic.alerts",
		"apply would replace aws_s3_bucket.data",
		"apply would destroy aws_dynamodb_table.metadata",
		"apply would create aws_vpc.main",
		"apply would destroy aws_eip.nat",
	}
	if got := read(t, sample).Different(); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := read(t, `{"format_version":"1.2"}`).Different(); len(got) != 0 {
		t.Errorf("an empty plan differs: %q", got)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", "", "terraform show -json"},
		{"no plan", `{}`, "no format_version"},
		{"a newer format", `{"format_version":"2.0"}`, "format 2.0"},
		{"no JSON", `{"format_version":`, "read the plan"},
		{"another shape", `{"format_version":"1.2","resource_changes":"hunter2"}`, "resource_changes is not of the expected type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(strings.NewReader(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds a value of the plan: %v", err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		p.Lines()
		p.Different()
		if n := p.Count(); len(p.Losses()) > n.Destroy {
			t.Errorf("%d losses of %d destroyed", len(p.Losses()), n.Destroy)
		}
	})
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func planOf(changes string) string {
	return `{"format_version":"1.2","resource_changes":[` + changes + `]}`
}

const (
	topic     = `{"address":"aws_sns_topic.a","mode":"managed","type":"aws_sns_topic","change":{"actions":["create"],"after":{"kms_master_key_id":null}}}`
	lostTable = `{"address":"aws_dynamodb_table.m","mode":"managed","type":"aws_dynamodb_table","change":{"actions":["delete"],"before":{},"after":null}}`
	replaced  = `{"address":"aws_ecs_service.api","mode":"managed","type":"aws_ecs_service","change":{"actions":["delete","create"],"before":{},"after":{"deployment_circuit_breaker":[{"enable":true,"rollback":true}],"alarms":[{"enable":true,"rollback":true,"alarm_names":["a"]}]}}}`
	guarded   = `{"address":"aws_dynamodb_table.m","mode":"managed","type":"aws_dynamodb_table","change":{"actions":["delete"],"before":{"deletion_protection_enabled":true},"after":null}}`
	kept      = `{"address":"aws_vpc_endpoint.e","mode":"managed","type":"aws_vpc_endpoint","change":{"actions":["no-op"],"before":{},"after":{}}}`
)

func TestCheckAndDrift(t *testing.T) {
	t.Parallel()
	excused := `[{"rule":"topic-own-key","resource":"aws_sns_topic.a","reason":"nothing secret is published here","environments":["dev"]}]`
	tests := []struct {
		name, exceptions, plan string
		args                   []string
		code                   int
		want                   string
	}{
		{"a broken rule is refused", `[]`, planOf(topic), []string{"check"}, exitRefused, "aws_sns_topic.a breaks the rule topic-own-key"},
		{"an exception lets it pass", excused, planOf(topic), []string{"check"}, 0, "policy: 0 broken, 1 excused"},
		{"not in another environment", excused, planOf(topic), []string{"check", "-environment=prod"}, exitRefused, "topic-own-key"},
		{"losing data is refused", `[]`, planOf(lostTable), []string{"check"}, exitRefused, "would lose data: destroy aws_dynamodb_table.m (table)"},
		{"unless it is meant", `[]`, planOf(lostTable), []string{"check", "-lose-data"}, 0, "1 to destroy"},
		{"replacing a service is refused", `[]`, planOf(replaced), []string{"check"}, exitRefused, "would stop what runs: replace aws_ecs_service.api"},
		{"unless that is meant", `[]`, planOf(replaced), []string{"check", "-lose-data"}, 0, "1 to destroy"},
		{"destroying what is protected is refused, meant or not", `[]`, planOf(guarded), []string{"check", "-lose-data"}, exitRefused, "apply with deletion_protection = false first"},
		{"what is not a plan", `[]`, `{}`, []string{"check"}, exitRefused, "no format_version"},
		{"exceptions that cannot be read", `[{`, planOf(kept), []string{"check"}, exitRefused, "read the policy's exceptions"},
		{"the price is told", `[]`, planOf(kept), []string{"check"}, 0, "cost: about"},
		{"and as numbers", `[]`, planOf(kept), []string{"check"}, 0, `{"type":"plan_cost","monthly":`},
		{"no drift", `[]`, planOf(kept), []string{"drift"}, 0, `"lines":null`},
		{"drift", `[]`, planOf(topic), []string{"drift"}, exitDifferent, "apply would create aws_sns_topic.a"},
		{"no command", `[]`, "", nil, exitRefused, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if len(args) > 0 && args[0] == "check" {
				args = append(args, "-exceptions="+file(t, tt.exceptions))
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), args, strings.NewReader(tt.plan), &stdout, &stderr)
			if code != tt.code || !strings.Contains(stdout.String(), tt.want) {
				t.Errorf("code %d, want %d with %q\n%s%s", code, tt.code, tt.want, &stdout, &stderr)
			}
		})
	}
}

func TestLintAndCost(t *testing.T) {
	t.Parallel()
	tested := file(t, `{"type":"test_plan","test_plan":{"resource_changes":[`+topic+`]}}`)
	hidden := file(t, `{"type":"test_plan","test_plan":{"resource_changes":[{"address":"aws_ecs_task_definition.a","mode":"managed","type":"aws_ecs_task_definition","change":{"actions":["create"],"after":{"execution_role_arn":"e","task_role_arn":"t"},"after_unknown":{"container_definitions":true}}}]}}`)
	reason := `"reason":"nothing secret is published here"`
	tests := []struct {
		name, exceptions string
		args             []string
		code             int
		want             string
	}{
		{"a broken rule", `[]`, []string{"lint", "dev=" + tested}, exitRefused, "dev: aws_sns_topic.a breaks the rule topic-own-key"},
		{"an exception for the environment of a region", `[{"rule":"topic-own-key","resource":"aws_sns_topic.a",` + reason + `,"environments":["prod"]}]`,
			[]string{"lint", "prod-us-east-1=" + tested}, 0, "prod-us-east-1: 1 resources, policy: 0 broken, 1 excused"},
		{"an exception that excuses nothing", `[{"rule":"topic-own-key","resource":"aws_sns_topic.*",` + reason + `},{"rule":"ecr-scan","resource":"aws_ecr_repository.gone",` + reason + `}]`,
			[]string{"lint", "dev=" + tested}, exitRefused, "excuses nothing: delete it"},
		{"a document that is not known", `[]`, []string{"lint", "dev=" + hidden}, exitRefused, "dev: aws_ecs_task_definition.a.container_definitions is not known in the plan"},
		{"no plan", `[]`, []string{"lint"}, exitRefused, "NAME=FILE"},
		{"the estimate", `[]`, []string{"cost", "dev=" + tested}, 0, "US dollars a month"},
		{"a file that is not there", `[]`, []string{"cost", "dev=/nowhere"}, exitRefused, "read the plan of dev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if args[0] == "lint" {
				args = append([]string{"lint", "-exceptions=" + file(t, tt.exceptions)}, args[1:]...)
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
			if all := stdout.String() + stderr.String(); code != tt.code || !strings.Contains(all, tt.want) {
				t.Errorf("code %d, want %d with %q\n%s", code, tt.code, tt.want, all)
			}
		})
	}
}
